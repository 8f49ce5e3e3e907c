"""Growth from week to week that does not go away."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.baselines.moments import RollingMoments
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import HOURS_IN_WEEK, FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector


@dataclass(frozen=True)
class SustainedGrowth(SteppedDetector):
    """Alarm when seven days cost more than 1 + `growth` times the seven before, days on end.

    Parameters
    ----------
    growth : float
        Week-over-week growth, above 0; 0.25 is 25%.
    days : int
        The growth must have stood above it at every hour of so many days, at least 1.
    least_usd : float
        Weeks below so many dollars count as no growth, above 0; it also is the least that the
        week before counts as.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads; by default each feature's own, and it alarms when any of them
        grows.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Each series is judged by itself, so growth of a small feature is heard under a large one. At
    each hour the dollars of the last 168 hours are divided by those of the 168 before, over
    the hours that are known in both weeks; half of them must be. The statistic is the least
    growth of the last 24 `days` hours, so it needs 14 days and `days` more of history, and a
    single dear hour raises it only after `days` days, by that hour's share of a week. A feature's
    history begins with its first call: one launched later is judged on from ten and a half days
    after, and `days` more.

    What fails: it is slow by design, a trend of 10% a week with `growth` = 0.25 is never seen,
    and after a step the growth is gone again a week later. A week of holidays makes the next
    one look like growth, and so does a launch that is still being taken up. Of many small features
    the noisiest sets the threshold of all: `least_usd` leaves them out.

    References
    ----------
    Western Electric, Statistical Quality Control Handbook (1956): several in a row past a nearer
    limit, instead of one past a far one.

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.full(4 * 168, 10.0)
    >>> usd[504:] = 20.0                       # the fourth week costs twice as much
    >>> rule = SustainedGrowth(growth=0.25, days=3)
    >>> rule.first_alarm(usd, np.arange(4 * 168) % 168).tolist()   # 42 h to +25%, then 3 days
    [617]
    """

    growth: float = 0.25
    days: int = 3
    least_usd: float = 20.0
    name: str = "sustained growth"
    channel: str = "feature"

    def __post_init__(self) -> None:
        positive("growth", self.growth)
        at_least("days", self.days, 1)
        positive("least_usd", self.least_usd)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """The growth."""
        return self.growth

    def with_threshold(self, threshold: float) -> SustainedGrowth:
        """Give the same rule with another growth."""
        return replace(self, growth=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms when seven days are more than "
            f"{self.growth:.3g} above the seven before, {self.days} days on end"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _GrowthState:
        """Start with no history."""
        return _GrowthState(self, n_series, width)


class _GrowthState:
    def __init__(self, rule: SustainedGrowth, n_series: int, width: BinWidth) -> None:
        self._bins_in_week = HOURS_IN_WEEK * width.per_hour
        self._least = rule.least_usd / (HOURS_IN_WEEK * width.rate)  # of a mean bin
        self._week = np.full((self._bins_in_week, n_series), np.nan)
        self._now = RollingMoments(self._bins_in_week, n_series)
        self._before = RollingMoments(self._bins_in_week, n_series)
        self._growths = np.full((24 * rule.days * width.per_hour, n_series), np.nan)
        self._bins = 0

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        slot = self._bins % self._bins_in_week
        before = self._week[slot].copy()
        self._week[slot] = values
        both = ~np.isnan(values) & ~np.isnan(before)
        self._now.push(np.where(both, values, np.nan))
        self._before.push(np.where(both, before, np.nan))
        self._growths[self._bins % len(self._growths)] = self._growth()
        self._bins += 1
        return before, self._growths.min(axis=0)

    def _growth(self) -> FloatArray:
        # Means, not running sums: nothing is ever subtracted, so zeros stay zeros.
        count, now, _ = self._now.read()
        _, before, _ = self._before.read()
        growth = now / np.maximum(before, self._least) - 1.0
        growth = np.where(now >= self._least, growth, np.minimum(growth, 0.0))
        full = (self._bins + 1 >= 2 * self._bins_in_week) & (count >= self._bins_in_week / 2)
        return np.where(full, growth, np.nan)

    def restart(self) -> None:
        """Weeks stand as they are: there is nothing to forget."""
