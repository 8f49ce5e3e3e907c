"""Calendar windows: minutes, hours, days and months of a time zone, as instants.

An hour begins when the local clock shows a full hour, so the hour that a clock change repeats is
two windows, and a day of a change has 23 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from costsim.limits.core import DAY, HOUR, MINUTE, MONTH

PERIODS: Final = ("minute", "hour", "day", "month", "open")
"""Names of the periods, by their number in the decision core."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def instant_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (moment - _EPOCH) // _US


def window_at(period: int, at_us: int, zone: ZoneInfo) -> tuple[int, int]:
    """Start and end, in microseconds since 1970, of the window that holds an instant.

    Examples
    --------
    >>> new_york = ZoneInfo("America/New_York")
    >>> at = instant_us(datetime(2024, 11, 3, 12, tzinfo=UTC))
    >>> start, end = window_at(DAY, at, new_york)
    >>> (end - start) / 3.6e9
    25.0
    """
    moment = _EPOCH + at_us * _US
    local = moment.astimezone(zone)
    if period in (MINUTE, HOUR):
        within = timedelta(
            minutes=local.minute if period == HOUR else 0,
            seconds=local.second,
            microseconds=local.microsecond,
        )
        start = moment - within  # offsets are whole minutes, and change on whole ones
        return instant_us(start), instant_us(start) + (3600 if period == HOUR else 60) * 1_000_000
    if period == DAY:
        first, after = local.date(), local.date() + timedelta(days=1)
    elif period == MONTH:
        first = local.date().replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    else:
        raise ValueError(f"period must be one of {PERIODS[:4]}; got {period!r}")
    start_us, end_us = (
        instant_us(datetime.combine(day, time(), tzinfo=zone).astimezone(UTC))
        for day in (first, after)
    )
    return start_us, end_us


@lru_cache(maxsize=64)  # a search asks for the same stretch for each of its limits
def window_edges(period: int, start_us: int, end_us: int, zone: ZoneInfo) -> tuple[int, ...]:
    """Ends of all windows of a stretch of time, rising; the last lies at or after `end_us`."""
    edges = []
    at = start_us
    while at < end_us:
        at = window_at(period, at, zone)[1]
        edges.append(at)
    return tuple(edges)
