"""Any table of calls, by a column map that is given, guessed, or not needed."""

from __future__ import annotations

from costsim.records.importers.registry import Importer, register

GENERIC = register(
    Importer(
        name="generic",
        about="any CSV, JSON, JSON Lines or Parquet of calls, with a column map",
        any_columns=True,
    )
)
