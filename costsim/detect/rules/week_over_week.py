"""This hour against the same hour a week ago."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.bin_width import HOURLY, BinWidth, HourClock
from costsim.detect.charts.base import positive
from costsim.detect.hours import HOURS_IN_WEEK, FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector


@dataclass(frozen=True)
class WeekOverWeek(SteppedDetector):
    """Alarm when an hour costs more than `ratio` times the same hour a week ago.

    Parameters
    ----------
    ratio : float
        This hour over that one, above 0; 2 is twice as much.
    least_usd : float
        Hours (bins, at their rate) below so many dollars never alarm (statistic 0), above 0. It
        also is the least that the week before counts as, so that a first dollar is not
        infinitely many times nothing.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    A week ago is the last time that the local clock showed this hour of the week. Where it goes
    back an hour comes twice and the second is compared with the first. Nothing is judged where
    that hour was unknown.

    Bins shorter than an hour are compared with the mean bin of that hour, at its rate: the
    luck of a week ago is then that of an hour, and only today's is that of minutes.

    What fails: one noisy hour is compared with another, so the ratio scatters sqrt(2) times as
    much as an hour does; a holiday a week ago alarms today; an incident that lasts is compared
    with itself after a week and goes unseen; growth below `ratio` a week is never seen.

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition (2021), section
    5.2: the seasonal naive method.

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.full(2 * 168, 10.0)
    >>> usd[300] = 25.0
    >>> rule = WeekOverWeek(ratio=2.0, least_usd=5.0)
    >>> rule.first_alarm(usd, np.arange(2 * 168) % 168).tolist()
    [300]
    """

    ratio: float = 2.0
    least_usd: float = 5.0
    name: str = "week over week"
    channel: str = "total"

    def __post_init__(self) -> None:
        positive("ratio", self.ratio)
        positive("least_usd", self.least_usd)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """The ratio."""
        return self.ratio

    def with_threshold(self, threshold: float) -> WeekOverWeek:
        """Give the same rule with another ratio."""
        return replace(self, ratio=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms above {self.ratio:g} times the same hour a "
            f"week ago, from ${self.least_usd:,.2f} in an hour"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _WeekState:
        """Start with no history."""
        return _WeekState(self, n_series, width)


class _WeekState:
    def __init__(self, rule: WeekOverWeek, n_series: int, width: BinWidth) -> None:
        self._least = rule.least_usd / width.rate
        self._clock = HourClock(width)
        self._before = np.full((HOURS_IN_WEEK, n_series), np.nan)  # mean bin of the last such hour
        self._expected = np.full(n_series, np.nan)
        self._sum, self._known = np.zeros((2, n_series))

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        if self._clock.begins(hour_of_week):
            self._expected = self._before[hour_of_week].copy()
            self._sum, self._known = np.zeros((2, len(values)))
        known = ~np.isnan(values)
        self._sum += np.where(known, values, 0.0)
        self._known += known
        mean = np.where(self._known > 0, self._sum / np.maximum(self._known, 1.0), np.nan)
        self._before[hour_of_week] = mean
        ratio = values / np.maximum(self._expected, self._least)
        enough = (values >= self._least) | np.isnan(ratio)
        return self._expected, np.where(enough, ratio, 0.0)

    def restart(self) -> None:
        """There is nothing to forget."""
