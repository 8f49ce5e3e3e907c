"""Rules: alarms by a fixed amount, with no baseline to learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray, checked_hours, checked_start, time_rows
from costsim.detect.series_detector import SeriesDetectorBase, checked_channel
from costsim.errors import SettingError


class _Rule(SeriesDetectorBase):
    """A statistic that is the bin's dollars divided by a constant."""

    def _unit_usd(self) -> float:
        return 1.0

    def statistic(self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0) -> FloatArray:
        """Dollars of each bin in the rule's unit; see `SeriesDetector`."""
        rows = time_rows(values)
        checked_hours(hour_of_week, len(rows))
        result = rows / self._unit_usd()
        result[: checked_start(start, len(rows))] = np.nan
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def run(self) -> _RuleRun:
        """Start on one series."""
        return _RuleRun(self._unit_usd())


class _RuleRun:
    def __init__(self, unit_usd: float) -> None:
        self._unit_usd = unit_usd

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        return float("nan"), dollars / self._unit_usd if monitored else float("nan")

    def restart(self) -> None:
        """There is nothing to forget."""


@dataclass(frozen=True)
class FixedThreshold(_Rule):
    """Alarm when an hour costs more than a fixed number of dollars.

    Parameters
    ----------
    usd_per_hour : float
        Dollars, above 0.
    name : str
        How tables and alarms call it.
    channel : {"total", "top_user", "top_feature"}
        Whose dollars: all, the hour's dearest user's, or feature's. By default the feature's: a
        new feature has no baseline, but dollars it has from its first hour.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Examples
    --------
    >>> rule = FixedThreshold(usd_per_hour=20.0)
    >>> rule.first_alarm([3.0, 19.0, 27.0], hour_of_week=[0, 1, 2]).tolist()
    [2]
    """

    usd_per_hour: float = 20.0
    name: str = "fixed threshold"
    channel: str = "top_feature"

    def __post_init__(self) -> None:
        positive("usd_per_hour", self.usd_per_hour)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Dollars an hour."""
        return self.usd_per_hour

    def with_threshold(self, threshold: float) -> FixedThreshold:
        """Give the same rule with another amount."""
        return replace(self, usd_per_hour=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return f"{self.name} on {self.channel}: alarms above ${self.usd_per_hour:,.2f} in an hour"


@dataclass(frozen=True)
class UserShare(_Rule):
    """Alarm when one user spends more than a share of the daily budget in an hour.

    Parameters
    ----------
    daily_budget_usd : float
        Dollars a day for everyone, above 0 and finite.
    share : float
        Share of it, above 0; 0.01 is 1%.
    name : str
        How tables and alarms call it.
    channel : {"total", "top_user", "top_feature"}
        Whose dollars; the hour's dearest user's by default.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Examples
    --------
    >>> rule = UserShare(daily_budget_usd=1_800.0)
    >>> rule.first_alarm([3.0, 17.0, 25.0], hour_of_week=[0, 1, 2]).tolist()
    [2]
    """

    daily_budget_usd: float
    share: float = 0.01
    name: str = "user share"
    channel: str = "top_user"

    def __post_init__(self) -> None:
        positive("share", self.share)
        if not 0 < self.daily_budget_usd < inf:
            raise SettingError(
                f"daily_budget_usd must be above 0 and finite; got {self.daily_budget_usd!r}"
            )
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Share of the daily budget."""
        return self.share

    def with_threshold(self, threshold: float) -> UserShare:
        """Give the same rule with another share."""
        return replace(self, share=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms above {self.share:.3g} of the daily budget of "
            f"${self.daily_budget_usd:,.2f} in an hour"
        )

    def _unit_usd(self) -> float:
        return self.daily_budget_usd
