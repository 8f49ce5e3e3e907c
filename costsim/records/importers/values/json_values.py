"""Values inside JSON text, taken column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray


def are_objects(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts are JSON objects.

    Examples
    --------
    >>> are_objects(['{"a": 1}', "[1]", '{"a": 1']).tolist()
    [True, False, False]
    """
    if not texts:
        return np.zeros(0, bool)
    query = "CASE WHEN json_valid(t) THEN json_type(t) = 'OBJECT' ELSE false END AS c0"
    column = _ask({"t": _strings(texts)}, query)["c0"]
    return np.asarray(column.to_numpy(), bool)


def take(column: Any, paths: Mapping[str, tuple[str, ...]]) -> dict[str, pa.ChunkedArray]:
    """Values at each path as text; null where the text is no JSON or has nothing there.

    Parameters
    ----------
    column : arrow array of JSON texts
    paths : mapping of str to tuple of str
        Wanted name to the keys that lead to the value. Objects and lists come as JSON text.

    Examples
    --------
    >>> take(['{"a": {"b": 3}}', "no json"], {"x": ("a", "b")})["x"].to_pylist()
    ['3', None]
    """
    if not paths:
        return {}
    listed = ", ".join(_quoted(path) for path in paths.values())
    valid = "CASE WHEN json_valid(t) THEN t END"
    inner = f"json_extract_string({valid}, [{listed}]) AS v"
    picked = ", ".join(f"v[{i + 1}] AS c{i}" for i in range(len(paths)))
    table = _ask({"t": _strings(column)}, picked, f"SELECT {inner} FROM given")
    return {name: table[f"c{i}"] for i, name in enumerate(paths)}


def lists(column: Any) -> pa.ChunkedArray:
    """Lists of texts from JSON lists; null where there is none, or an empty one.

    Examples
    --------
    >>> lists(['["a", "b"]', "[]", None]).to_pylist()
    [['a', 'b'], None, None]
    """
    query = (
        "CASE WHEN json_valid(t) AND json_type(t) = 'ARRAY' AND json_array_length(t) > 0 "
        "THEN json_extract_string(t, '$[*]') END AS c0"
    )
    return _ask({"t": _strings(column)}, query)["c0"]


def _quoted(path: tuple[str, ...]) -> str:
    keys = "".join('."' + key.replace('"', '\\"') + '"' for key in path)
    return "'$" + keys.replace("'", "''") + "'"


def _strings(column: Any) -> Any:
    import pyarrow as pa

    return column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)


def _ask(columns: Mapping[str, Any], wanted: str, inner: str = "SELECT * FROM given") -> pa.Table:
    import pyarrow as pa

    cursor = _connection().cursor()
    cursor.register("given", pa.table(dict(columns)))
    try:
        found: pa.Table = cursor.sql(f"SELECT {wanted} FROM ({inner})").to_arrow_table()
        return found
    finally:
        cursor.unregister("given")
        cursor.close()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:")
