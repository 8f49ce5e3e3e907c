"""All amounts of the first files, each from the month's budget by one stated share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from costsim.errors import SettingError
from costsim.limits.checking import checked_id
from costsim.limits.policy import LARGEST_NANO

SMALLEST_USD: Final = 1.0
MOST_TIERS: Final = 6
DAY_SHARE: Final = 0.10
"""Of the month's budget, in one day: three times the mean day, which is a thirtieth."""
HOUR_SHARE: Final = 0.03
"""Of the month's budget, in one hour: the whole of a mean day."""
ALARM_SHARE: Final = 0.015
"""Of the month's budget, in one hour: half of what would be refused."""
USER_TIMES: Final = 15
"""How many times the mean user's part of the budget one user may take."""
MOST_USER_SHARE: Final = 0.25
"""Of the month's budget, for one user of few."""
USERS_PER_USD: Final = 0.15
"""Users of a monthly dollar, where nobody says how many: those of the scenario startup-10k."""
FEWEST_USERS: Final = 20
TIER_STEP: Final = 2
"""How many times the caps of the tier before."""
USER_DAY_SHARE: Final = 0.25
"""Of a user's month, in one day."""
USER_HOUR_SHARE: Final = 0.5
"""Of a user's day, in one hour."""
ALERT_AT: Final = (0.7, 0.9, 1.0)
"""Shares of the month's budget at which people are told."""


@dataclass(frozen=True)
class Plan:
    """What the first files are made from.

    Parameters
    ----------
    monthly_budget_usd : float
        From $1 to $9,007,199.
    tiers : tuple of str
        From the least worth to the most, at most 6; none for users who are all alike.
    time_zone : str
        IANA zone of days and months.
    users : int, optional
        How many users a month has; by default 0.15 a dollar, at least 20.

    Raises
    ------
    SettingError
        What is not allowed.

    Examples
    --------
    >>> plan = Plan(10_000, ("free", "pro"))
    >>> plan.day_usd, plan.user_caps["pro"]["month_usd"]
    (1000.0, 200.0)
    """

    monthly_budget_usd: float
    tiers: tuple[str, ...] = ()
    time_zone: str = "UTC"
    users: int | None = None

    def __post_init__(self) -> None:
        most = LARGEST_NANO / 1e9
        budget = self.monthly_budget_usd
        if not (math.isfinite(budget) and SMALLEST_USD <= budget <= most):
            raise SettingError(
                f"monthly budget must be from ${SMALLEST_USD:,.0f} to ${most:,.0f}; got {budget!r}"
            )
        names = tuple(checked_id(name, "tier") for name in self.tiers)
        if len(set(names)) < len(names) or len(names) > MOST_TIERS:
            raise SettingError(
                f"tiers must be at most {MOST_TIERS}, each once; got {', '.join(self.tiers)}"
            )
        if self.users is not None and not 1 <= self.users <= 10**9:
            raise SettingError(f"users must be from 1 to a billion; got {self.users}")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise SettingError(
                f"time zone must be an IANA name such as 'Europe/Berlin'; got {self.time_zone!r}"
            ) from None

    @property
    def people(self) -> int:
        """How many users the amounts are made for."""
        if self.users is not None:
            return self.users
        return max(FEWEST_USERS, round(self.monthly_budget_usd * USERS_PER_USD))

    @property
    def user_share(self) -> float:
        """Of the month's budget, for one user of the first tier."""
        return min(USER_TIMES / self.people, MOST_USER_SHARE)

    def part(self, share: float) -> float:
        """So much of the budget, to four digits."""
        return rounded(self.monthly_budget_usd * share)

    @property
    def day_usd(self) -> float:
        """What may be spent in a day."""
        return self.part(DAY_SHARE)

    @property
    def hour_usd(self) -> float:
        """What may be spent in an hour."""
        return self.part(HOUR_SHARE)

    @property
    def alarm_usd(self) -> float:
        """An hour's spend that people hear of."""
        return self.part(ALARM_SHARE)

    @property
    def user_caps(self) -> Mapping[str, Mapping[str, float]]:
        """Caps of a user by tier; under "" those of a user of no tier, which are the first's."""
        found = {}
        for step, name in enumerate(self.tiers or ("",)):
            month = self.part(min(self.user_share * TIER_STEP**step, 1.0))
            day = rounded(month * USER_DAY_SHARE)
            hour = rounded(day * USER_HOUR_SHARE)
            found[name] = {"hour_usd": hour, "day_usd": day, "month_usd": month}
        return {"": next(iter(found.values()))} | found

    @property
    def dearest_user_usd(self) -> float:
        """What one user may take in a month at most."""
        return max(caps["month_usd"] for caps in self.user_caps.values())


def rounded(usd: float) -> float:
    """An amount to four digits, as a person would write it.

    Examples
    --------
    >>> rounded(123.456), rounded(0.000512345)
    (123.5, 0.0005123)
    """
    return float(f"{usd:.4g}")
