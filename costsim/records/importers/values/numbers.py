"""Counts, dollars and durations from foreign numbers, each with its unit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import UnknownNameError
from costsim.records.importers.values.faults import Faults, true
from costsim.records.importers.values.words import text

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

MOST = 2**31 - 1
MONEY = {"usd": 1e9, "cents": 1e7, "microusd": 1e3, "nano": 1.0}
SPANS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ns": 1e-6, "min": 6e4}
_MOST_NANO = 9e18


_GROUPED = r"^[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"
_DOLLAR = r"^(US)?\$ ?(\d|\.\d)"


def count(column: Any, faults: Faults, name: str, notes: Counter[str] | None = None) -> pa.Array:
    """Whole numbers from 0 to 2,147,483,647, as int64; ``12.0`` is 12.

    Thousands separators are accepted where `notes` takes the word of it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = _integers(_plain(column, name, notes), faults, name)
    if len(whole) > whole.null_count:
        low, high = (pc.min_max(whole)[end].as_py() for end in ("min", "max"))
        if low < 0:
            faults.add(true(pc.less(whole, 0)), f"{name} must not be negative; got {{}}", whole)
        if high > MOST:
            faults.add(
                true(pc.greater(whole, MOST)), f"{name} must be below 2**31; got {{}}", whole
            )
        if low < 0 or high > MOST:
            fits = pc.and_(pc.greater_equal(whole, 0), pc.less_equal(whole, MOST))
            return pc.if_else(fits, whole, pa.scalar(None, pa.int64()))
    return whole


def _plain(column: Any, name: str, notes: Counter[str] | None, *, dollars: bool = False) -> Any:
    """Text without thousands separators and, for `dollars`, without a leading ``$`` or ``US$``.

    In money a comma may be a decimal one: where any value of the column has one that divides no
    thousands, commas are left, and refused, in all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    numeric = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    if notes is None or numeric:
        return column
    if pa.types.is_binary(kind) or pa.types.is_string(kind):  # at a glance, as most have none
        seen = (pc.any(pc.match_substring(column, sign)).as_py() for sign in (",", "$"))
        if not any(seen):
            return column
    words = text(column, Faults(len(column)), name)
    signed = true(pc.match_substring_regex(words, _DOLLAR)) & dollars
    commas = true(pc.match_substring(words, ","))
    if not (signed.any() or commas.any()):
        return column
    bare = pc.replace_substring_regex(words, r"^(US)?\$ ?", "")
    bare = pc.if_else(pa.array(signed), bare, words)
    grouped = true(pc.match_substring_regex(bare, _GROUPED))
    if dollars and (commas & ~grouped).any():
        grouped[:] = False
    bare = pc.if_else(pa.array(grouped), pc.replace_substring(bare, ",", ""), bare)
    changed = grouped | (signed & ~commas)
    for what, rows in (("a leading $", signed & changed), ("thousands separators", grouped)):
        if rows.any():
            notes[f"{name}: {what} left out"] += int(rows.sum())
    return pc.if_else(pa.array(changed), bare, words) if changed.any() else column


def _integers(column: Any, faults: Faults, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind):
        return column.cast(pa.int64(), safe=False)
    if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        words = text(column, faults, name)
        try:
            return words.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
        column, kind = _doubles(words, faults, f"{name} must be a whole number; got {{}}"), None
    values = column.cast(pa.float64())
    exact = true(pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**53)))
    bad = true(values.is_valid()) & ~exact
    if bad.any():
        faults.add(bad, f"{name} must be a whole number; got {{}}", values)
    safe = pc.if_else(pa.array(~bad), values, pa.scalar(None, pa.float64()))
    return safe.cast(pa.int64())


def _doubles(words: Any, faults: Faults, wanted: str) -> Any:
    """Text as numbers; what is none refuses its row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values = words.cast(pa.float64())
    except pa.ArrowInvalid:
        fits = pc.match_substring_regex(words, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")
        faults.add(true(pc.invert(fits)), wanted, words)
        signless = pc.utf8_ltrim(words, "+")
        values = pc.if_else(fits, signless, pa.scalar(None, pa.string())).cast(pa.float64())
    endless = true(pc.invert(pc.is_finite(values)))
    if endless.any():
        faults.add(endless, wanted, words)
        values = pc.if_else(pa.array(~endless), values, pa.scalar(None, pa.float64()))
    return values


def scaled(column: Any, factor: float, faults: Faults, name: str) -> Any:
    """Numbers times a unit's factor as float64, not negative."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = f"{name} must be a number; got {{}}"
    kind = column.type
    if pa.types.is_duration(kind):
        values = pc.divide(column.cast(pa.duration("ns")).cast(pa.int64()).cast(pa.float64()), 1e6)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False)
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    else:
        values = _doubles(text(column, faults, name), faults, wanted)
    below = true(pc.less(values, 0))
    if below.any():
        faults.add(below, f"{name} must not be negative; got {{}}", values)
    return values if factor == 1.0 else pc.multiply(values, factor)


def nano(
    column: Any, unit: str, faults: Faults, name: str, notes: Counter[str] | None = None
) -> pa.Array:
    """Dollars as whole nano-dollars, to the nearest.

    ``$1,234.50`` is accepted where `notes` takes the word of it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = _plain(column, name, notes, dollars=unit == "usd")
    values = scaled(plain, MONEY[unit], faults, name)
    huge = true(pc.greater(values, _MOST_NANO))
    if huge.any():
        faults.add(huge, f"{name} must be below 9 billion dollars; got {{}}", column)
        values = pc.if_else(pa.array(~huge), values, pa.scalar(None, pa.float64()))
    return pc.round(values).cast(pa.int64())


def unit_of(name: str, given: str, allowed: dict[str, float]) -> str:
    """A unit by its name.

    Raises
    ------
    UnknownNameError
        Another unit, such as a currency that is not the dollar.
    """
    unit = given.lower()
    if unit not in allowed:
        raise UnknownNameError(f"unit of {name}", given, allowed)
    return unit


def filled(array: Any) -> NDArray[np.int64]:
    """Counts with 0 for unknown ones, to add up."""
    return np.asarray(array.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
