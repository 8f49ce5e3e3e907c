"""The same call twice is one call; the same id with other content is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.records.importers.values.faults import true

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]

# What a source says of a call; a later import may supply other names for it.
CONTENT = ("timestamp", "input_tokens", "output_tokens", "status", "response_model",
           "billed_cost_nano")  # fmt: skip
CONFLICT = "call_id must be of one call; {} is there already with other content"


def repeats(table: pa.Table) -> tuple[Bools, Bools]:
    """Rows that repeat an earlier row of the table, and those of them that contradict it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> twice = pa.table({"call_id": ["a", "b", "a", "b"], "input_tokens": [1, 2, 1, 3]})
    >>> [mask.tolist() for mask in repeats(twice)]
    [[False, False, True, True], [False, False, False, True]]
    """
    encoded = table["call_id"].combine_chunks().dictionary_encode()
    again = np.zeros(len(table), bool)
    if len(encoded.dictionary) == len(table):
        return again, again.copy()
    codes = encoded.indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    rows = np.arange(len(table))
    again = first[codes] != rows
    contradicts = np.zeros(len(table), bool)
    mine, theirs = rows[again], first[codes][again]
    contradicts[again] = _differ(table.take(mine), table.take(theirs))
    return again, contradicts


def already_there(table: pa.Table, folder: Path, files: Sequence[str]) -> tuple[Bools, Bools]:
    """Rows whose id is in the dataset, and those of them that contradict what is there."""
    import duckdb
    import pyarrow as pa

    there = np.zeros(len(table), bool)
    if not files:
        return there, there.copy()
    ids = table["call_id"].combine_chunks()
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("mine", pa.table({"call_id": ids}))
        named = ", ".join(CONTENT)
        before: pa.Table = connection.sql(
            f"SELECT call_id, {named} FROM read_parquet($1, hive_partitioning=false) "
            "WHERE call_id IN (SELECT call_id FROM mine)",
            params=[[str(folder / file) for file in files]],
        ).to_arrow_table()
    if not len(before):
        return there, there.copy()
    import pyarrow.compute as pc

    place = pc.index_in(ids, value_set=before["call_id"].combine_chunks())
    there = true(place.is_valid())
    contradicts = np.zeros(len(table), bool)
    theirs = before.take(place.drop_null())
    contradicts[there] = _differ(table.filter(pa.array(there)), theirs)
    return there, contradicts


def _differ(mine: pa.Table, theirs: pa.Table) -> Bools:
    """Rows in which a content column has another value; unknown equals unknown."""
    differ = np.zeros(len(mine), bool)
    for name in CONTENT:
        a, b = (_plain(table, name) for table in (mine, theirs))
        if a is None and b is None:
            continue
        for left, right in ((a, b), (b, a)):
            known = np.zeros(len(mine), bool) if left is None else true(left.is_valid())
            other = np.zeros(len(mine), bool) if right is None else true(right.is_valid())
            differ |= known & ~other
        if a is not None and b is not None:
            import pyarrow.compute as pc

            differ |= true(pc.not_equal(a, b.cast(a.type)))
    return differ


def _plain(table: pa.Table, name: str) -> Any:
    import pyarrow as pa

    if name not in table.column_names:
        return None
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return column


def any_given(table: pa.Table, prefixes: Sequence[str]) -> bool:
    """Whether any row has an id of its provider; ids made from content cannot meet others."""
    import pyarrow.compute as pc

    ids = table["call_id"].combine_chunks()
    made = np.zeros(len(table), bool)
    for prefix in prefixes:
        made |= true(pc.starts_with(ids, prefix + "-"))
    return not made.all()
