"""The hours that a log covers, in the local calendar of a scenario that would cover them too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from costsim.errors import DataError
from costsim.simulation.calendar import Calendar, calendar_of
from costsim.simulation.fitting.traffic import Hours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.records.dataset import Records

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """Start and end of the log in seconds since 1970, and its local days."""

    start: float
    end: float
    calendar: Calendar

    @property
    def days(self) -> float:
        return (self.end - self.start) / 86_400

    @property
    def covered(self) -> Floats:
        """Share of each hour of the calendar that the log covers."""
        begin = self.calendar.origin_us / 1e6 + 3600.0 * np.arange(self.calendar.hours)
        share = (np.minimum(begin + 3600, self.end) - np.maximum(begin, self.start)) / 3600
        return np.asarray(share.clip(0, 1))

    def hours(self, seconds: Floats) -> Hours:
        """Calls of each hour."""
        at = ((seconds - self.calendar.origin_us / 1e6) // 3600).astype(np.int64)
        inside = (at >= 0) & (at < self.calendar.hours)
        counts = np.bincount(at[inside], minlength=self.calendar.hours).astype(float)
        covered = self.covered
        keep = covered > 0
        whole = Hours(counts, covered, self.calendar.hour_of_week, self.calendar.day_of_hour)
        return whole.where(keep)


def span_of(records: Records, seconds: Floats) -> Span:
    """Span of the records: what a simulation states, else from the first call to the last.

    Raises
    ------
    DataError
        Less than a minute.
    """
    stated = records.period if records.simulated else None
    low, high = (
        (stated[0].timestamp(), stated[1].timestamp())
        if stated
        else (float(seconds[0]), float(seconds[-1]))
    )
    if high - low < 60:
        raise DataError(f"a fit needs calls over at least a minute; got {high - low:.0f} s")
    zone = ZoneInfo(records.time_zone)
    first, last = (datetime.fromtimestamp(t, UTC).astimezone(zone) for t in (low, high - 1e-3))
    days = (last.date() - first.date()).days + 1
    return Span(low, high, calendar_of(first.date(), days, records.time_zone))
