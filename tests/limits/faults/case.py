"""A fault as a case: what the story's limiter does, what must hold, and what was measured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import redis

from costsim.limits import Policy, RedisLedger, Scopes, parse_limits
from tests.limits.servers import Server

USD = 10**9
ANN, BOB = Scopes("ann"), Scopes("bob")
QUARTER = [("m", USD // 4)]


class Row(NamedTuple):
    """A line of the table; `holds` is the verdict."""

    fault: str
    sketch: str
    must: str
    measured: str
    holds: bool


Case = Callable[[str], Row]
"""A function of a server's binary."""


def policy(**keys: Any) -> Policy:
    return parse_limits({"name": "faults", "user": {"hour_usd": 1, "day_usd": 5}} | keys)


def begun(server: Server, limits: Policy | None = None, **keys: Any) -> RedisLedger:
    """A ledger on an empty server."""
    ledger = RedisLedger(limits or policy(), server.client(), **keys)
    ledger.rebuild(None)
    return ledger


def hour(ledger: RedisLedger, who: Scopes = ANN) -> tuple[float, float]:
    """Settled and held dollars of this hour."""
    settled, held, _ = ledger.usage(who)["user", "hour_usd"]
    return settled / USD, held / USD


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    with contextlib.suppress(redis.RedisError):
        answer = work()
        return time.perf_counter() - begin, answer
    return time.perf_counter() - begin, None


@contextlib.contextmanager
def away_from_the_hours_end() -> Iterator[None]:
    """Wait out the last seconds of an hour: what follows is about one window."""
    left = 3600 - time.time() % 3600
    if left < 20:
        time.sleep(left + 0.1)
    yield
