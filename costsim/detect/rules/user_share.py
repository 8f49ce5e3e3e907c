"""One user over a share of everyone's daily budget in an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from costsim.detect.charts.base import positive
from costsim.detect.rules.base import Rule
from costsim.detect.series_detector import checked_channel
from costsim.errors import SettingError


@dataclass(frozen=True)
class UserShare(Rule):
    """Alarm when one user spends more than a share of the daily budget in an hour.

    Parameters
    ----------
    daily_budget_usd : float
        Dollars a day for everyone, above 0 and finite.
    share : float
        Share of it, above 0; 0.01 is 1%.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Whose dollars; the hour's dearest user's by default.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    A bin shorter than an hour is held against it at its rate: 1% of the budget in 15
    minutes are 4% an hour.
    The user is then the dearest one of those minutes, and a burst of minutes alarms that an
    hour would average away: calibrate for the bin.

    What fails: ten users who each spend half as much, or one behind ten accounts, are not seen; a
    large customer passes it each day in order; and a budget that is out of date sets a limit that
    is.

    References
    ----------
    Cormode and Muthukrishnan, What's hot and what's not: tracking most frequent items dynamically,
    ACM Transactions on Database Systems 30 (2005): those above a share of the whole.

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

    def unit_usd(self) -> float:
        """Dollars an hour that the statistic is measured in: the daily budget."""
        return self.daily_budget_usd
