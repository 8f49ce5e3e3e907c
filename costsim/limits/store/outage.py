"""While the store is away: a breaker that stops asking, and what is to be delivered afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from costsim.limits.request import Request


class Breaker:
    """Closed while the store answers; after a failure one question a cooldown probes it.

    Parameters
    ----------
    cooldown_seconds : float
    monotonic : callable
        Seconds that only rise.

    Examples
    --------
    >>> now = [0.0]
    >>> breaker = Breaker(1.0, monotonic=lambda: now[0])
    >>> breaker.trip()
    >>> breaker.allows()
    False
    >>> now[0] = 1.0
    >>> breaker.allows(), breaker.allows()
    (True, False)
    >>> breaker.reset()
    >>> breaker.allows()
    True
    """

    def __init__(self, cooldown_seconds: float, monotonic: Callable[[], float]) -> None:
        self.cooldown_seconds = cooldown_seconds
        self._monotonic = monotonic
        self._again_at: float | None = None

    def allows(self) -> bool:
        """Whether to ask the store; after the cooldown, True for one and False for the others."""
        if self._again_at is None:
            return True
        now = self._monotonic()
        if now < self._again_at:
            return False
        self._again_at = now + self.cooldown_seconds
        return True

    def trip(self) -> None:
        """The store did not answer."""
        self._again_at = self._monotonic() + self.cooldown_seconds

    def reset(self) -> None:
        """It answered."""
        self._again_at = None

    @property
    def open(self) -> bool:
        """Whether the store is taken to be away."""
        return self._again_at is not None


class Known(NamedTuple):
    """A call that this process was granted, kept until it is resolved or long over."""

    request: Request
    candidate: int
    at_us: int
    local: bool


class Entry(NamedTuple):
    """Something to tell the store: settle, release, or cancel (nobody was told of the grant)."""

    verb: str
    call_id: str
    nano: int = 0
    tokens: int | None = None
    known: Known | None = None
    attempt: bytes = b""
