"""Rows in order of time, cut into the days of a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def by_time(table: pa.Table) -> pa.Table:
    """The table sorted by time; calls of one instant keep their order."""
    import pyarrow as pa

    times = table["timestamp"].cast(pa.int64()).to_numpy()
    if (times[1:] >= times[:-1]).all():
        return table
    return table.take(np.argsort(times, kind="stable"))


def days(table: pa.Table, time_zone: str) -> Iterator[tuple[str, pa.Table]]:
    """Days of a sorted table that have rows, as (ISO date, rows).

    Examples
    --------
    >>> import pyarrow as pa
    >>> evening = pa.array([1723236300_000000, 1723240800_000000]).cast(pa.timestamp("us", "UTC"))
    >>> [(day, len(rows)) for day, rows in days(pa.table({"timestamp": evening}), "Europe/Berlin")]
    [('2024-08-09', 1), ('2024-08-10', 1)]
    """
    import pyarrow as pa

    times = table["timestamp"].cast(pa.int64()).to_numpy()
    place = ZoneInfo(time_zone)
    start = 0
    while start < len(times):
        day = (_EPOCH + timedelta(microseconds=int(times[start]))).astimezone(place).date()
        end = int(np.searchsorted(times, _midnight_us(day + timedelta(days=1), place)))
        end = max(end, start + 1)
        yield day.isoformat(), table.slice(start, end - start)
        start = end


def _midnight_us(day: date, place: ZoneInfo) -> int:
    midnight = datetime.combine(day, time(), place).astimezone(UTC)
    return (midnight - _EPOCH) // timedelta(microseconds=1)
