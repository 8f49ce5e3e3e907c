"""Rows of Parquet files: typed columns, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from costsim.errors import DataError
from costsim.records.importers.reading.chunk import Chunk, Rows, same_lines
from costsim.records.importers.reading.sources import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 262_144


def open_parquet(source: SourceFile) -> Rows:
    """A Parquet file; fields of structs go by dotted names.

    Raises
    ------
    DataError
        It is cut short or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.path)
        empty = _flat(file.schema_arrow.empty_table())
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{source.name} is cut short or no Parquet file: {error}") from error

    def chunks(wanted: Sequence[str]) -> Iterator[Chunk]:
        tops = {name.split(".")[0] for name in wanted} | set(wanted)
        tops &= set(file.schema_arrow.names)
        done = 0
        try:
            for batch in file.iter_batches(_ROWS, columns=sorted(tops)):
                table = _flat(pa.Table.from_batches([batch]))
                yield Chunk(table, np.arange(done + 1, done + len(table) + 1, dtype=np.int64))
                done += len(table)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{source.name} is damaged after row {done:,}: {error}") from error

    return Rows(tuple(empty.column_names), chunks, same_lines)


def _flat(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table
