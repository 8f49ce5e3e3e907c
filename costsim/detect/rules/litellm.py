"""LiteLLM's rule: a user's today against the mean of the user's last seven days."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector
from costsim.errors import SettingError
from costsim.spend.user_rise import CENT, RISE_DAYS, RISE_USD


@dataclass(frozen=True)
class LiteLLMRule(SteppedDetector):
    """Alarm when a user's today has cost more than `ratio` times the user's mean day.

    Parameters
    ----------
    ratio : float
        Today so far over the mean day, above 0.
    least_usd : float
        Days below so many dollars never alarm (statistic 0), above 0. On `user_rise` it is 10.
    days : int
        Days before today that the mean is taken of, at least 1. On `user_rise` they are 7.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads. By default `user_rise`: in each bin, the largest ratio of a user's
        today to the user's own last seven days, see :func:`costsim.spend.user_rise.user_rise`. On
        a series of dollars the rule is that of the series' own days.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Days are local days, midnight to midnight. Today is what has been seen of it up to the judged
    bin, where a rule that runs once a day on finished days speaks up to a day later. The mean
    is over those of the last `days` days of which at least one hour is known, the first day
    counting as it is even if the series begins at noon; nothing is judged before the first
    midnight. Unknown hours count as no dollars.

    On `user_rise` every user is held against the user's own days, and the alarm names who it
    was. A user has risen in the bins in which the user spends; in studies without calls the users
    are those who are watched one by one.

    What fails: by the afternoon most of a bad day is spent before three ordinary days are used
    up; weekends lower the mean; each day of an incident raises it.

    References
    ----------
    LiteLLM, Performance alerts, https://docs.litellm.ai/docs/proxy/alerts/performance

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.spend.user_rise import user_rise
    >>> usd = np.stack([np.full(8 * 24, 50 / 24), np.full(8 * 24, 3 / 24)], axis=1)
    >>> usd[-24:, 1] = 30 / 24                    # who spends $3 a day spends $30 on the eighth
    >>> rise, who = user_rise(usd, np.arange(8 * 24) // 24)
    >>> at = int(LiteLLMRule().first_alarm(rise, np.arange(8 * 24) % 168)[0])
    >>> at, int(who[at])
    (175, 1)

    On dollars, such as those of the dearest user of each bin, nobody is seen beside $50 a day:

    >>> dearest = LiteLLMRule(channel="top_user")
    >>> dearest.first_alarm(usd.max(axis=1), np.arange(8 * 24) % 168).tolist()
    [-1]
    """

    ratio: float = 3.0
    least_usd: float = 10.0
    days: int = 7
    name: str = "LiteLLM rule"
    channel: str = "user_rise"

    def __post_init__(self) -> None:
        positive("ratio", self.ratio)
        positive("least_usd", self.least_usd)
        at_least("days", self.days, 1)
        checked_channel(self.channel)
        fixed = (RISE_USD, RISE_DAYS)
        if self.channel == "user_rise" and (self.least_usd, self.days) != fixed:
            raise SettingError(
                f"least_usd and days are {fixed[0]:g} and {fixed[1]} on the channel user_rise, "
                f"which is made of them; got {self.least_usd!r} and {self.days!r}: on top_user or "
                "another series of dollars they are yours"
            )

    @property
    def threshold(self) -> float:
        """The ratio."""
        return self.ratio

    def with_threshold(self, threshold: float) -> LiteLLMRule:
        """Give the same rule with another ratio."""
        return replace(self, ratio=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        whose = "a user's today" if self.channel == "user_rise" else "today"
        return (
            f"{self.name} on {self.channel}: alarms when {whose} is above {self.ratio:g} times the "
            f"mean of the last {self.days} days, from ${self.least_usd:,.2f} a day"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _DayState | _RiseState:
        """Start with no history."""
        if self.channel == "user_rise":
            return _RiseState()
        return _DayState(self, n_series, width)


class _RiseState:
    """The series is the ratio already."""

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        return np.ones_like(values), values

    def restart(self) -> None:
        """There is nothing to forget."""


class _DayState:
    def __init__(self, rule: LiteLLMRule, n_series: int, width: BinWidth) -> None:
        self._width = width
        self._least = rule.least_usd
        self._days = np.full((rule.days, n_series), np.nan)
        self._today = np.full(n_series, np.nan)
        self._day = -1
        self._turns = 0

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        day = hour_of_week // 24
        if day != self._day:
            self._turn(day)
        unknown = np.isnan(values)
        values = values * self._width.hour_share
        seen = np.where(np.isnan(self._today), 0.0, self._today) + np.where(unknown, 0.0, values)
        self._today = np.where(unknown & np.isnan(self._today), np.nan, seen)
        mean = self._mean()
        ratio = self._today / np.maximum(mean, CENT)
        enough = (self._today >= self._least) | np.isnan(ratio)
        return mean / (24.0 * self._width.rate), np.where(enough, ratio, 0.0)

    def _turn(self, day: int) -> None:
        if self._day >= 0:
            self._days[self._turns % len(self._days)] = self._today
            self._turns += 1
        self._today = np.full_like(self._today, np.nan)
        self._day = day

    def _mean(self) -> FloatArray:
        total = np.zeros_like(self._today)
        count = np.zeros_like(self._today)
        for row in self._days:
            known = ~np.isnan(row)
            total += np.where(known, row, 0.0)
            count += known
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)

    def restart(self) -> None:
        """Today stands as it is: there is nothing to forget."""
