"""Instants from foreign times: ISO text, epoch numbers, or a declared pattern."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import DataError, SettingError
from costsim.records.importers.values.faults import Faults, shown, true
from costsim.records.importers.values.words import text
from costsim.show.text import plain

if TYPE_CHECKING:
    import pyarrow as pa

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_S, _LAST_S = 946_684_800, 4_102_444_800  # 2000 and 2100: outside, a unit was misread
_AGREED = 0.75  # of the first values; the rest is refused row by row
_ZONED = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True)
class TimeFormat:
    """How one column writes times.

    Parameters
    ----------
    unit : str
        ``iso``, an epoch unit ``s ms us ns``, or a strptime pattern.
    inferred : bool
        Told from the values; a declared one is not questioned.
    """

    unit: str
    inferred: bool = False

    def __str__(self) -> str:
        if self.unit in _PER_SECOND:
            return f"epoch {self.unit}" + (", told from the size of the values" * self.inferred)
        return "ISO 8601" if self.unit == "iso" else self.unit


def declared(unit: str, name: str) -> TimeFormat:
    """A format that the user named.

    Raises
    ------
    SettingError
        It is none.
    """
    if unit in ("iso", *_PER_SECOND) or "%" in unit:
        return TimeFormat(unit)
    raise SettingError(
        f"unit of {name} must be iso, s, ms, us, ns or a pattern such as %d/%m/%Y %H:%M; "
        f"got {unit!r}"
    )


def detect(column: Any, name: str) -> TimeFormat:
    """How a column writes times, by its first values.

    Raises
    ------
    DataError
        Numbers of no or of several epoch units.

    Examples
    --------
    >>> import pyarrow as pa
    >>> detect(pa.array(["1723190400123", "1723190400456"]), "timestamp").unit
    'ms'
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return TimeFormat("iso")
    words = text(column[:1000], Faults(min(len(column), 1000)), name).drop_null()
    numbers = [_number(word) for word in words.to_pylist()]
    known = [number for number in numbers if number is not None]
    if not known or len(known) * 2 < len(numbers):
        return TimeFormat("iso")
    units = Counter(_unit(number) for number in known)
    unit, most = units.most_common(1)[0]
    if unit is None or most < _AGREED * len(known):
        raise DataError(
            f"{name} must hold epoch seconds, ms, us or ns of 2000 to 2100 throughout; its first "
            f"is {shown(words[0])}: declare its unit"
        )
    return TimeFormat(unit, inferred=True)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _unit(number: float) -> str | None:
    for unit, per_second in _PER_SECOND.items():
        if _FIRST_S <= number / per_second < _LAST_S:
            return unit
    return None


def instants(
    column: Any,
    form: TimeFormat,
    naive_zone: str,
    faults: Faults,
    name: str,
    *,
    ours: str = "",
    zoneless: set[str] | None = None,
) -> pa.Array:
    """Instants in UTC to the microsecond.

    Parameters
    ----------
    column : arrow array
        Text, numbers, or typed times.
    form : TimeFormat
    naive_zone : str
        IANA zone of times that carry none. An hour that comes twice is read as its first pass.
    faults : Faults
        Gets what is no time, and times outside 2000 to 2100.
    name : str
        For the reasons.
    ours : str
        Field that a map names, so that a reason can say how to declare a pattern.
    zoneless : set of str, optional
        Gets the name where times carry no zone.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def placed(local: Any) -> Any:
        if zoneless is not None and local.null_count < len(local):
            zoneless.add(name)
        return _placed(local, naive_zone, faults, name)

    kind = column.type
    utc = pa.timestamp("us", tz="UTC")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        local = column if pa.types.is_timestamp(kind) else column.cast(pa.timestamp("us"))
        if local.type.tz is None:
            found = placed(local.cast(pa.timestamp("us"), safe=False))
        else:
            found = local.cast(utc, safe=False)
    elif form.unit in _PER_SECOND:
        found = _from_epoch(column, _PER_SECOND[form.unit], faults, name)
    else:
        words = text(column, faults, name)
        if form.unit == "iso":
            found = _from_iso(words, placed, faults, name, ours)
        else:
            local = pc.strptime(words, format=form.unit, unit="us", error_is_null=True)
            lost = true(pc.and_(words.is_valid(), local.is_null()))
            faults.add(lost, f"{name} must look like {form.unit}; got {{}}", words)
            found = placed(local)
    micros = found.cast(pa.int64())
    outside = true(
        pc.or_(pc.less(micros, _FIRST_S * 10**6), pc.greater_equal(micros, _LAST_S * 10**6))
    )
    if outside.any():
        faults.add(outside, f"{name} must lie between 2000 and 2100; got {{}}", column)
    return found.cast(utc)


def _from_epoch(column: Any, per_second: int, faults: Faults, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    from costsim.records.importers.values.numbers import scaled

    whole = column
    if not pa.types.is_integer(column.type):
        whole = None if pa.types.is_floating(column.type) else text(column, faults, name)
        try:
            whole = None if whole is None else whole.cast(pa.int64())
        except pa.ArrowInvalid:
            whole = None
    if whole is not None:  # exact: nanoseconds do not fit a float
        whole = whole.cast(pa.int64())
        if per_second > 10**6:
            micros = pc.divide(whole, per_second // 10**6)
        else:
            inside = pc.less(pc.abs(whole), _LAST_S * per_second)
            faults.add(
                true(pc.invert(inside)), f"{name} must lie between 2000 and 2100; got {{}}", whole
            )
            whole = pc.if_else(inside, whole, pa.scalar(None, pa.int64()))
            micros = pc.multiply(whole, 10**6 // per_second)
    else:
        values = scaled(column, 10**6 / per_second, faults, name)
        inside = pc.less(values, float(_LAST_S * 10**6))
        faults.add(
            true(pc.invert(inside)), f"{name} must lie between 2000 and 2100; got {{}}", column
        )
        values = pc.if_else(inside, values, pa.scalar(None, pa.float64()))
        micros = pc.round(values).cast(pa.int64())
    return micros.cast(pa.timestamp("us", tz="UTC"))


def _from_iso(
    words: Any, placed: Callable[[Any], Any], faults: Faults, name: str, ours: str
) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    naive, aware = pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")
    utc = pa.timestamp("us", tz="UTC")
    try:
        return placed(_micros(words.cast(naive)))
    except pa.ArrowInvalid:
        pass
    words = pc.replace_substring_regex(words, r" ?(UTC|GMT)$", "Z")
    try:
        return words.cast(aware).cast(utc, safe=False)
    except pa.ArrowInvalid:
        pass
    zoned = pc.match_substring_regex(words, _ZONED)
    nothing = pa.scalar(None, pa.string())
    with_zone = _each(pc.if_else(zoned, words, nothing), aware).cast(utc, safe=False)
    without = _micros(_each(pc.if_else(zoned, nothing, words), naive))
    found = pc.coalesce(with_zone, placed(without))
    bad = true(pc.and_(words.is_valid(), found.is_null()))
    wanted = f"{name} must be an ISO 8601 time such as 2024-08-09T14:00:00Z; got {{}}"
    faults.add(bad, wanted + (_way_out(name, ours) if ours else ""), words)
    return found


def _way_out(name: str, ours: str) -> str:
    """How a map declares another pattern: two lines of TOML, which can be copied as they stand."""
    quoted = json.dumps(plain(name, 60), ensure_ascii=False)
    return (
        f"; declare its pattern in a TOML map (--map times.toml) of the lines "
        f'columns.{ours} = {quoted} and units.{ours} = "%d.%m.%Y %H:%M"'
    )


def _micros(times: Any) -> Any:
    import pyarrow as pa

    return times.cast(pa.timestamp("us"), safe=False)


def _each(words: Any, kind: Any) -> Any:
    """Cast one by one: what cannot be read is null."""
    import pyarrow as pa

    try:
        return words.cast(kind)
    except pa.ArrowInvalid:
        pass
    distinct = words.dictionary_encode()
    values = []
    for word in distinct.dictionary:
        try:
            values.append(word.cast(kind))
        except pa.ArrowInvalid:
            values.append(pa.scalar(None, kind))
    known = pa.array([v.value for v in values], pa.int64()).cast(kind)
    return known.take(distinct.indices)


def _placed(local: Any, zone: str, faults: Faults, name: str) -> Any:
    """Wall-clock times of a zone as instants; times that a clock change skips are refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    utc = pa.timestamp("us", tz="UTC")
    if zone == "UTC":
        return local.cast(utc)
    early = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    back = pc.local_timestamp(early)
    skipped = np.asarray(true(pc.not_equal(back, local)))
    if skipped.any():
        faults.add(skipped, f"{name} must exist in {zone}; got {{}}", local)
    return early.cast(utc)
