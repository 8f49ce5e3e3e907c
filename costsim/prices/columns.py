"""Plain columns of any frame, as Arrow arrays and NumPy integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Integers:
    """Whole numbers with gaps: values (0 where missing) and a mask; no mask when complete."""

    values: NDArray[np.int64]
    present: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class Words:
    """Text as codes: 0 is missing, code i is the (i-1)-th level; no codes when all are alike."""

    levels: tuple[str | None, ...]
    codes: NDArray[np.int32] | None


def pick(frame: Any, name: str) -> Any | None:
    """Return one column of a mapping, pandas or Polars frame or Arrow table; None if absent."""
    if isinstance(frame, Mapping):
        return frame.get(name)
    names = getattr(frame, "column_names", None)
    if names is None:
        names = getattr(frame, "columns", None)
    if names is None:
        raise DataError(
            "calls must be a mapping of columns, a pandas frame or an Arrow table; "
            f"got {type(frame).__name__}"
        )
    return frame[name] if name in names else None


def integers(column: Any, name: str) -> Integers:
    """Read a column of token counts.

    Raises
    ------
    DataError
        Not numbers, or not whole ones.
    """
    import numpy as np
    import pyarrow as pa

    array = _arrow(column, name)
    if pa.types.is_null(array.type):
        zeros = np.zeros(len(array), dtype=np.int64)
        return Integers(zeros, np.zeros(len(array), dtype=np.bool_))
    try:
        array = array.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{name} must be whole numbers; got {error}") from None
    except pa.ArrowNotImplementedError:
        raise DataError(f"{name} must be whole numbers; got {array.type}") from None
    if not array.null_count:
        return Integers(array.to_numpy(zero_copy_only=False), None)
    present = array.is_valid().to_numpy(zero_copy_only=False)
    return Integers(array.fill_null(0).to_numpy(zero_copy_only=False), present)


def words(column: Any, name: str) -> Words:
    """Read a column of names; one string stands for the whole column.

    Raises
    ------
    DataError
        Not text.
    """
    import numpy as np
    import pyarrow as pa

    if column is None or isinstance(column, str):
        return Words((_clean(column),), None)
    array = _arrow(column, name)
    if pa.types.is_null(array.type):
        return Words((None,), None)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    assert isinstance(array, pa.DictionaryArray)
    levels = array.dictionary.to_pylist()
    if any(level is not None and not isinstance(level, str) for level in levels):
        raise DataError(f"{name} must be text; got {array.type.value_type}")
    if len(levels) == 1 and not array.null_count:
        return Words((_clean(levels[0]),), None)
    codes = array.indices.cast(pa.int32())
    values = codes.fill_null(-1) if codes.null_count else codes
    shifted = values.to_numpy(zero_copy_only=False) + np.int32(1)
    return Words((None, *(_clean(level) for level in levels)), shifted)


def instants(column: Any) -> Integers:
    """Read timestamps as microseconds since 1970 UTC; NumPy's own are taken as UTC.

    Raises
    ------
    DataError
        Not times, or times without a time zone in a format that could carry one.
    """
    import numpy as np
    import pyarrow as pa

    array = _arrow(column, "timestamp")
    if pa.types.is_null(array.type):
        return integers(array, "timestamp")
    if not pa.types.is_timestamp(array.type):
        raise DataError(f"timestamp must be UTC times; got {array.type}")
    if array.type.tz is None and not isinstance(column, np.ndarray):
        raise DataError("timestamp must have a time zone (UTC); got times without one")
    in_us = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    return integers(in_us.cast(pa.int64()), "timestamp")


def _arrow(column: Any, name: str) -> pa.Array[Any]:
    import pyarrow as pa

    try:
        array = column.to_arrow() if hasattr(column, "to_arrow") else column
        if not isinstance(array, pa.Array | pa.ChunkedArray):
            array = pa.array(array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise DataError(f"{name} must be a column of one type; got {error}") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _clean(text: str | None) -> str | None:
    return (text.strip() or None) if text else None
