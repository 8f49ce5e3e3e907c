"""Hours of a run: elapsed microseconds on one side, local wall clock on the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOUR_US = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Calendar:
    """Local days `start` to `start + days`, as hours since local midnight of `start`.

    Days of a clock change have 23 or 25 hours; the hour that repeats has the same hour of week
    twice. Zones whose offset changes by less than an hour are shown to the hour.
    """

    start: date
    days: int
    time_zone: str

    @cached_property
    def origin(self) -> datetime:
        """Start of the run in UTC."""
        return self.to_utc(datetime.combine(self.start, time()))

    @cached_property
    def origin_us(self) -> int:
        """Start of the run in microseconds since 1970."""
        return int((self.origin - EPOCH) / timedelta(microseconds=1))

    @cached_property
    def day_starts(self) -> NDArray[np.int64]:
        """First hour of each local day, shape ``(days + 1,)``; the last is the end of the run."""
        midnights = (
            self.to_utc(datetime.combine(self.start + timedelta(days=d), time()))
            for d in range(self.days + 1)
        )
        return np.array([round((m - self.origin) / timedelta(hours=1)) for m in midnights])

    @property
    def hours(self) -> int:
        return int(self.day_starts[-1])

    @cached_property
    def hour_of_week(self) -> NDArray[np.int64]:
        """Local hour of week of each hour, Monday 00 = 0, shape ``(hours,)``."""
        return self.hour_of_week_in(self.time_zone)

    def hour_of_week_in(self, time_zone: str) -> NDArray[np.int64]:
        """Hour of week that clocks of a zone show at the start of each hour; ``(hours,)``."""
        return _hour_of_week(self.origin, self.hours, time_zone)

    @cached_property
    def day_of_hour(self) -> NDArray[np.int64]:
        """Local day index of each hour, shape ``(hours,)``."""
        return np.repeat(np.arange(self.days), np.diff(self.day_starts))

    def to_utc(self, local: datetime) -> datetime:
        """UTC time of a local wall-clock time; aware times are converted."""
        aware = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(self.time_zone))
        return aware.astimezone(UTC)

    def elapsed_us(self, local: datetime) -> int:
        """Microseconds from the start of the run to a local wall-clock time."""
        return (self.to_utc(local) - self.origin) // timedelta(microseconds=1)

    def overlap(self, start: datetime | None, end: datetime | None) -> NDArray[np.float64]:
        """Share of each hour that lies between two local times; ``(hours,)``."""
        hours = np.arange(self.hours)
        low = 0.0 if start is None else self.elapsed_us(start) / HOUR_US
        high = float(self.hours) if end is None else self.elapsed_us(end) / HOUR_US
        return np.asarray(np.clip(np.minimum(hours + 1, high) - np.maximum(hours, low), 0, 1))

    def day_range_us(self, day: int) -> tuple[int, int]:
        """Start and end of a local day in elapsed microseconds."""
        return int(self.day_starts[day]) * HOUR_US, int(self.day_starts[day + 1]) * HOUR_US

    def date_of(self, day: int) -> date:
        return self.start + timedelta(days=day)


@cache
def _hour_of_week(origin: datetime, hours: int, time_zone: str) -> NDArray[np.int64]:
    zone = ZoneInfo(time_zone)
    local = [(origin + timedelta(hours=h)).astimezone(zone) for h in range(hours)]
    found = np.array([t.weekday() * 24 + t.hour for t in local], dtype=np.int64)
    found.setflags(write=False)
    return found


@cache
def calendar_of(start: date, days: int, time_zone: str) -> Calendar:
    """The calendar of these settings; made once, because its hours are looked up in the zone."""
    return Calendar(start, days, time_zone)
