"""Names, flags and outcomes from foreign text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.records.importers.values.faults import Faults, true

if TYPE_CHECKING:
    import pyarrow as pa

# How tools write "nothing". The name "Null" is somebody's, so case matters.
NOTHING = ("", "\\N", "NULL", "null", "None", "nan", "NaN", "<NA>")
_FLAGS = {
    **dict.fromkeys(("true", "t", "1", "yes", "y", "1.0"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n", "0.0"), False),
}
_OUTCOMES = {
    "ok": ("ok", "success", "succeeded", "successful", "completed", "complete", "done", "finished"),
    "error": ("error", "failure", "failed", "fail", "exception", "timeout", "timed_out"),
    "aborted": ("aborted", "abort", "cancelled", "canceled", "interrupted", "disconnected"),
    "denied": ("denied", "blocked", "refused", "rejected", "rate_limited", "throttled"),
}
OUTCOMES = {word: ours for ours, words in _OUTCOMES.items() for word in words}
_TIERS = {
    **{name: name for name in ("default", "batch", "flex", "priority")},
    **dict.fromkeys(("standard", "auto", "on_demand"), "default"),
}
_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_TYPE = re.compile(
    r"(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Timeout|Warning|Exceeded|Denied)\b|[1-5]\d\d\b"
)


def text(column: Any, faults: Faults, name: str) -> pa.Array:
    """Trimmed text; what means nothing is null. Bytes that are not UTF-8 refuse their row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        array = _decoded(array, faults, name)
    if not pa.types.is_string(array.type):
        array = array.cast(pa.string())
    array = pc.utf8_trim_whitespace(array)
    nothing = pc.is_in(array, value_set=pa.array(NOTHING))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), array)


def _decoded(array: Any, faults: Faults, name: str) -> Any:
    import pyarrow as pa

    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        pass
    values: list[str | None] = []
    bad = np.zeros(len(array), bool)
    for row, value in enumerate(array.to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            bad[row] = True
            values.append(None)
    faults.add(bad, f"{name} must be UTF-8 text")
    return pa.array(values, pa.string())


def flag(column: Any, faults: Faults, name: str) -> pa.Array:
    """True or False from how tools write it."""
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        return column
    words = text(column, faults, name)
    return _looked_up(words, _FLAGS, pa.bool_(), faults, f"{name} must be true or false; got {{}}")


def outcome(column: Any, faults: Faults, name: str = "status") -> pa.Array:
    """ok, error, aborted or denied from words or HTTP codes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.replace_substring_regex(text(column, faults, name), r"\.0$", "")
    table = {**OUTCOMES, **{str(code): "ok" for code in range(200, 300)}}
    table |= {str(code): "error" for code in range(400, 600)} | {"429": "denied", "499": "aborted"}
    wanted = "status must be an outcome such as 'success', 'failure' or an HTTP code; got {}"
    return _looked_up(words, table, pa.string(), faults, wanted)


def tier(column: Any, faults: Faults, name: str = "service_tier") -> pa.Array:
    """The service tier in the record's words."""
    import pyarrow as pa

    wanted = f"{name} must be one of {', '.join(sorted(_TIERS))}; got {{}}"
    return _looked_up(text(column, faults, name), _TIERS, pa.string(), faults, wanted)


def _looked_up(words: Any, table: dict[str, Any], kind: Any, faults: Faults, wanted: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(words)
    place = pc.index_in(lower, value_set=pa.array(list(table), pa.string()))
    bad = true(pc.and_(words.is_valid(), place.is_null()))
    if bad.any():
        faults.add(bad, wanted, words)
    return pa.array(list(table.values()), kind).take(place)


def names(column: Any, faults: Faults, name: str) -> pa.Array:
    """Lists of labels from JSON lists, or from text divided by commas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from costsim.records.importers.values.json_values import lists

    kind = pa.list_(pa.string())
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return column.cast(kind)
    words = text(column, faults, name)
    written = pc.starts_with(words, "[")
    found = lists(words).combine_chunks().cast(kind)
    split = pc.split_pattern_regex(words, r"\s*,\s*").cast(kind)
    return pc.if_else(pc.fill_null(written, False), found, split)


def error_code(column: Any, faults: Faults, name: str = "error") -> pa.Array:
    """Type or code of an error; its text may quote a prompt, and is not kept.

    Examples
    --------
    >>> import pyarrow as pa
    >>> error_code(pa.array(["RateLimitError: too many", "it broke", "429"]), Faults(3)).to_pylist()
    ['RateLimitError', 'unnamed', '429']
    """
    import pyarrow as pa

    array = text(column, faults, name).dictionary_encode()
    codes = [_code(value) for value in array.dictionary.to_pylist()]
    return pa.array(codes, pa.string()).take(array.indices)


def _code(message: str) -> str:
    if _CODE.fullmatch(message):
        return message
    found = _TYPE.match(message)
    return found.group() if found else "unnamed"
