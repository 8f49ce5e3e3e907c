"""Opening a foreign file by its kind."""

from __future__ import annotations

from costsim.records.importers.reading.chunk import Rows
from costsim.records.importers.reading.csv_rows import open_csv
from costsim.records.importers.reading.json_rows import open_json, open_jsonl
from costsim.records.importers.reading.parquet_rows import open_parquet
from costsim.records.importers.reading.sources import SourceFile

_OPENERS = {"csv": open_csv, "json": open_json, "jsonl": open_jsonl, "parquet": open_parquet}


def open_rows(source: SourceFile) -> Rows:
    """A file, ready to be read.

    Raises
    ------
    DataError
        It is not what its content seemed to say.
    """
    return _OPENERS[source.kind](source)
