"""What a new user may cost while there is no history."""

from __future__ import annotations

from dataclasses import dataclass, replace

from costsim.detect.charts.base import positive
from costsim.detect.rules.base import Rule
from costsim.detect.series_detector import checked_channel


@dataclass(frozen=True)
class NewUser(Rule):
    """Alarm when a user in the first 7 days costs more than `usd_per_hour`.

    Parameters
    ----------
    usd_per_hour : float
        Dollars that a new user may cost in an hour, above 0.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads: `new_user`, the dearest user of the hour of those first seen less
        than 7 days ago, unknown in the first 7 days of the records.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    A stolen key, a script, a trial account that is resold: each is a user whom nobody has seen,
    and the dearest user of the hour may be another. The amount is to be what a good new user
    costs in a busy hour, some times over.

    What fails: many new users who cost a little each are none; who waits a week is not new; a
    product that gives every session a name of its own has new users only, and there the rule is
    one on the dearest session.

    References
    ----------
    OWASP, Top 10 for LLM applications (2025), LLM10: unbounded consumption.

    Examples
    --------
    >>> NewUser(usd_per_hour=5.0).first_alarm([0.2, 0.0, 7.5], hour_of_week=[0, 1, 2]).tolist()
    [2]
    """

    usd_per_hour: float = 5.0
    name: str = "new user"
    channel: str = "new_user"

    def __post_init__(self) -> None:
        positive("usd_per_hour", self.usd_per_hour)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Dollars an hour."""
        return self.usd_per_hour

    def with_threshold(self, threshold: float) -> NewUser:
        """Give the same rule with another amount."""
        return replace(self, usd_per_hour=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: alarms above ${self.usd_per_hour:,.2f} in an hour of "
            "a user first seen less than 7 days ago"
        )
