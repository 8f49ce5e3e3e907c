"""An hour of the dearest feature over a fixed number of dollars."""

from __future__ import annotations

from dataclasses import dataclass, replace

from costsim.detect.charts.base import positive
from costsim.detect.rules.base import Rule
from costsim.detect.series_detector import checked_channel


@dataclass(frozen=True)
class FixedThreshold(Rule):
    """Alarm when dollars are spent at more than a fixed number an hour.

    Parameters
    ----------
    usd_per_hour : float
        Dollars, above 0.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Whose dollars: all, the hour's dearest user's, or feature's. By default the feature's: a
        new feature has no baseline, but dollars it has from its first hour.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    A bin shorter than an hour is held against it at its rate: $6 in 15 minutes are $24 an hour.
    So it is known sooner, and a burst of minutes alarms that an hour would average away:
    calibrate for the bin.

    What fails: one limit serves every feature and every hour. A product that grows passes it each
    day; what stays below it, at night or for weeks, is never told, whatever it adds up to.

    References
    ----------
    Montgomery, Introduction to Statistical Quality Control: limits that are not of the
    process's own scatter say nothing of whether it has changed.

    Examples
    --------
    >>> rule = FixedThreshold(usd_per_hour=20.0)
    >>> rule.first_alarm([3.0, 19.0, 27.0], hour_of_week=[0, 1, 2]).tolist()
    [2]
    >>> rule.first_alarm([3.0, 4.9, 6.0], hour_of_week=[0, 0, 0], bin_minutes=15).tolist()
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
