"""Foreign logs become records: one file a format, one registry, one way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.records.importers.registry import Column, Importer, importer, importers, register

if TYPE_CHECKING:
    from costsim.records.importing import import_records
    from costsim.records.receipt import Receipt

__all__ = ["Column", "Importer", "Receipt", "import_records", "importer", "importers", "register"]


def __getattr__(name: str) -> Any:
    # importing.py stands on this package, so its names are looked up when asked for
    if name == "import_records":
        from costsim.records.importing import import_records

        return import_records
    if name == "Receipt":
        from costsim.records.receipt import Receipt

        return Receipt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
