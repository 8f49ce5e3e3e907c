"""What a new feature may cost while it has no history."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.baselines.moments import RollingMoments
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector

_DAY = 24


@dataclass(frozen=True)
class NewFeature(SteppedDetector):
    """Alarm when a feature in its first days costs more than `usd_per_hour`.

    Parameters
    ----------
    usd_per_hour : float
        Dollars that a new feature may cost in an hour, above 0.
    days : int
        It is new for so many days from its first call, at least 1; after them it never alarms.
    day_hours : float
        In any 24 hours it may cost no more than so many hours at the limit, above 0: a feature
        that costs two thirds of the limit all day and all night is news too.
    least_usd : float
        Below so many dollars an hour it never alarms (statistic 0), at least 0: what a calibration
        on smaller launches does not go under.
    absent_days : int
        The records must have gone on without it for so many days before its first call, at least
        0: where a log begins everything is seen for the first time.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads: `feature`, or `tier` for a new one. The series must be unknown
        (NaN) before the first call.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    What learns is silent on a new feature for two or three weeks, and a launch that goes wrong
    does so on its first day. The statistic is the larger of the hour's dollars (a shorter bin's,
    at its rate) and those of the last 24 hours over `day_hours`; 0 for a feature that is not new.

    A live stream begins where it is told of its first hour: to know that a feature is new it must
    be told of the `absent_days` before, with NaN (the first of them is enough, because hours left
    out are unknown).

    What fails: it cannot tell a launch that goes well from one that goes wrong; the limit is to
    be the cost that the launch was planned at, some times over. Set on ordinary life without
    launches it has no false alarms at any limit, so such a calibration leaves it as it is; set on
    one with a few planned launches, it is as low as those allow, and any larger one is news: so
    hold it to `least_usd`. A feature under a new name is new; one
    that was switched off and comes back is not.

    References
    ----------
    FinOps Foundation, Anomaly management, https://www.finops.org/framework/capabilities/anomaly-management/

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.full(20 * 24, np.nan)                       # ten days without it
    >>> usd[240:] = 4.0
    >>> usd[250] = usd[470] = 30.0                           # on its first day, and on its tenth
    >>> rule = NewFeature(usd_per_hour=20.0, days=7)
    >>> np.flatnonzero(rule.statistic(usd, np.arange(480) % 168) > rule.threshold).tolist()
    [250]
    """

    usd_per_hour: float = 20.0
    days: int = 7
    day_hours: float = 12.0
    absent_days: int = 7
    least_usd: float = 0.0
    name: str = "new feature"
    channel: str = "feature"

    def __post_init__(self) -> None:
        positive("usd_per_hour", self.usd_per_hour)
        at_least("days", self.days, 1)
        positive("day_hours", self.day_hours)
        at_least("absent_days", self.absent_days, 0)
        at_least("least_usd", self.least_usd, 0.0)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Dollars an hour."""
        return self.usd_per_hour

    def with_threshold(self, threshold: float) -> NewFeature:
        """Give the same rule with another amount; that of a day moves with it."""
        return replace(self, usd_per_hour=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms above ${self.usd_per_hour:,.2f} in an hour or "
            f"${self.day_hours * self.usd_per_hour:,.2f} in 24 in its first {self.days} days"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _NewState:
        """Start with no history."""
        return _NewState(self, n_series, width)


class _NewState:
    def __init__(self, rule: NewFeature, n_series: int, width: BinWidth) -> None:
        day = _DAY * width.per_hour
        self._days, self._absent_days = rule.days * day, rule.absent_days * day
        self._rate, self._hours = width.rate, width.hour_share / rule.day_hours
        self._least = rule.least_usd
        self._absent = np.zeros(n_series, dtype=np.int64)
        self._age = np.zeros(n_series, dtype=np.int64)  # bins since the first call, that included
        self._newest = RollingMoments(day, n_series)

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        unknown = np.isnan(values)
        there = (self._age > 0) | ~unknown
        self._age += there
        self._absent += ~there
        self._newest.push(values)
        count, mean, _ = self._newest.read()
        new = (self._age <= self._days) & (self._absent >= self._absent_days)
        cost = np.maximum(values * self._rate, count * mean * self._hours)
        news = new & (cost >= self._least)
        return np.full_like(values, np.nan), np.where(news | unknown, cost, 0.0)

    def restart(self) -> None:
        """What it has cost stands: there is nothing to forget."""
