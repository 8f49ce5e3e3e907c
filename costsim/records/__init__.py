"""What one LLM call is, how records are kept, and how foreign logs become records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.records.dataset import Records, read_records
from costsim.records.schema import FIELDS, Field, check_frame

if TYPE_CHECKING:
    from costsim.records.importing import import_records

__all__ = ["FIELDS", "Field", "Records", "check_frame", "import_records", "read_records"]


def __getattr__(name: str) -> Any:
    if name == "import_records":
        from costsim.records.importing import import_records

        return import_records
    raise AttributeError(f"module 'costsim.records' has no attribute {name!r}")
