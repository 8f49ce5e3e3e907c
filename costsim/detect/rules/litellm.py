"""LiteLLM's rule: today against the mean of the last seven days."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector

# The mean of a series without any spend: the ratio stays a number.
_CENT = 0.01


@dataclass(frozen=True)
class LiteLLMRule(SteppedDetector):
    """Alarm when today has cost more than `ratio` times the mean day of the last seven.

    Parameters
    ----------
    ratio : float
        Today so far over the mean day, above 0.
    least_usd : float
        Days below so many dollars never alarm (statistic 0), above 0.
    days : int
        Days before today that the mean is taken of, at least 1.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, feature, unit_cost, tier, calls}
        Which series it reads; by default what the dearest user of each bin spent in it.

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

    A gateway keeps the rule for each user. Here it reads one series, the `top_user` channel: today
    and the days before are sums over bins of what the dearest user of each spent, whoever that
    was, so ten users who are dearest in turn add up to one day. Today therefore reaches
    `least_usd` no later than any one user does, and the mean is no less than anyone's: a user of
    $3 a day who spends $30 is not seen beside others who are dearest at $50 a day. No channel has
    a series a user: thousands of them for one rule would cost studies and a suite on duty more
    memory than all others together. Of records, run it on every user's own series, which
    :func:`costsim.spend.hourly` has: :meth:`first_alarm` takes a row a user.

    What fails: by the afternoon most of a bad day is spent before three ordinary days are used
    up; weekends lower the mean; each day of an incident raises it.

    References
    ----------
    LiteLLM, Performance alerts, https://docs.litellm.ai/docs/proxy/alerts/performance

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.ones(8 * 24)                     # $24 a day
    >>> usd[-24:] = 10.0                          # the eighth: $72 are passed in its 8th hour
    >>> LiteLLMRule().first_alarm(usd, np.arange(8 * 24) % 168).tolist()
    [175]

    A row a user, as of ``hourly(records, by="user")``: the second spends three dollars a day, and
    thirty on the eighth.

    >>> users = np.stack([np.full(8 * 24, 50 / 24), np.full(8 * 24, 3 / 24)])
    >>> users[1, -24:] = 30 / 24
    >>> LiteLLMRule().first_alarm(users, np.arange(8 * 24) % 168).tolist()
    [-1, 175]
    >>> LiteLLMRule().first_alarm(users.max(axis=0), np.arange(8 * 24) % 168).tolist()
    [-1]
    """

    ratio: float = 3.0
    least_usd: float = 10.0
    days: int = 7
    name: str = "LiteLLM rule"
    channel: str = "top_user"

    def __post_init__(self) -> None:
        positive("ratio", self.ratio)
        positive("least_usd", self.least_usd)
        at_least("days", self.days, 1)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """The ratio."""
        return self.ratio

    def with_threshold(self, threshold: float) -> LiteLLMRule:
        """Give the same rule with another ratio."""
        return replace(self, ratio=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms when today is above {self.ratio:g} times the "
            f"mean of the last {self.days} days, from ${self.least_usd:,.2f} a day"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _DayState:
        """Start with no history."""
        return _DayState(self, n_series, width)


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
        ratio = self._today / np.maximum(mean, _CENT)
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
