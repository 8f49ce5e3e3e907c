"""The burst guard: how fast one user may call, whatever the calls cost.

A token bucket, kept as one integer a user: the generic cell rate algorithm (GCRA, ITU-T I.371). A
rolling window would have to remember the time of each call, and a fixed minute lets two minutes'
calls through at its edge; this does neither, and says to the microsecond when to ask again.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Self

from pydantic import model_validator

from costsim.limits.file_model import BY_NAME, Count, FileModel

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
CAP = "minute_calls"
WINDOW = "minute"


class BurstRate(FileModel):
    """How fast one user may call."""

    minute_calls: Count
    """Calls a minute, in the long run."""
    at_once: Count | None = None
    """Calls that may come at once after a pause; a minute's calls by default."""

    @model_validator(mode="after")
    def _refills(self) -> Self:
        if self.minute_calls > MINUTE_US:
            raise ValueError(f"minute_calls must be at most {MINUTE_US}")
        rate = rate_of(self)
        if rate.tolerance_us > DAY_US:
            raise ValueError(
                f"at_once must refill within a day: at {self.minute_calls} a minute, at most "
                f"{1 + DAY_US // rate.interval_us}"
            )
        return self


class BurstGuard(BurstRate):
    """The rate of every user, with others for the users of a tier or for one user."""

    by_tier: Annotated[dict[str, BurstRate], BY_NAME] = {}
    """What a tier's users have instead."""
    by_user: Annotated[dict[str, BurstRate], BY_NAME] = {}
    """What one user has instead; before the tier's."""


class Rate(NamedTuple):
    """Microseconds from call to call, and how far ahead of that pace a user may be."""

    interval_us: int
    tolerance_us: int


def rate_of(burst: BurstRate, share: float = 1.0) -> Rate:
    """A rate in whole microseconds, rounded to the slower side.

    Parameters
    ----------
    share : float
        The part that counts here, of one of several processes.

    Examples
    --------
    >>> rate_of(BurstRate(minute_calls=30, at_once=5))
    Rate(interval_us=2000000, tolerance_us=8000000)
    """
    at_once = burst.minute_calls if burst.at_once is None else burst.at_once
    interval = math.ceil(MINUTE_US / (burst.minute_calls * share))
    return Rate(interval, (max(1, math.floor(at_once * share)) - 1) * interval)


def rate_for(guard: BurstGuard, user: str, tier: str | None) -> BurstRate:
    """The rate of one user."""
    return guard.by_user.get(user) or guard.by_tier.get(tier or "") or guard


class Bursts:
    """When each user's calls would be at pace again; who is at pace is not remembered.

    Parameters
    ----------
    guard : BurstGuard
    share : float
        The part of the rates that counts here.
    """

    def __init__(self, guard: BurstGuard, share: float = 1.0) -> None:
        self._guard = guard
        self._share = share
        self._ahead: dict[str, int] = {}
        self._known: dict[tuple[str, str | None], Rate] = {}
        self._most = 1024

    def admits_at(self, user: str, tier: str | None) -> int:
        """First moment at which the user may call; not later than now where there is room."""
        return self._ahead.get(user, 0) - self._rate(user, tier).tolerance_us

    def take(self, user: str, tier: str | None, now: int) -> None:
        """Count a call of a user who has room; one without room is not counted."""
        if self.admits_at(user, tier) > now:
            return
        if len(self._ahead) >= self._most:
            self._ahead = {name: at for name, at in self._ahead.items() if at > now}
            self._most = max(1024, 2 * len(self._ahead))
        interval = self._rate(user, tier).interval_us
        self._ahead[user] = max(self._ahead.get(user, 0), now) + interval

    def _rate(self, user: str, tier: str | None) -> Rate:
        rate = self._known.get((user, tier))
        if rate is None:
            if len(self._known) >= 65_536:
                self._known.clear()
            rate = self._known[user, tier] = rate_of(rate_for(self._guard, user, tier), self._share)
        return rate
