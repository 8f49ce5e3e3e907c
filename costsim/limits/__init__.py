"""What may be spent: policies as files, the integer decision, and the ledger that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.limits.accounts import Alert, Scopes
from costsim.limits.answers import Denied, Granted, Observed
from costsim.limits.controls import Control, Target
from costsim.limits.ledger import MemoryLedger
from costsim.limits.policy import Policy, limit_names, load_limits, parse_limits

if TYPE_CHECKING:
    from costsim.limits.redis_ledger import AsyncRedisLedger, RedisLedger

__all__ = [
    "Alert",
    "AsyncRedisLedger",
    "Control",
    "Denied",
    "Granted",
    "MemoryLedger",
    "Observed",
    "Policy",
    "RedisLedger",
    "Scopes",
    "Target",
    "limit_names",
    "load_limits",
    "parse_limits",
]


def __getattr__(name: str) -> Any:
    """Ledgers on Redis load asyncio and hashing, which few need."""
    if name in ("AsyncRedisLedger", "RedisLedger"):
        from costsim.limits import redis_ledger

        return getattr(redis_ledger, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
