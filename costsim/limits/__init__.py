"""What may be spent: policies as files, the integer decision, and the ledger that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.limits.accounts import Alert, Scopes
from costsim.limits.answers import Denied, Granted, Month, Observed
from costsim.limits.controls import Control, Target
from costsim.limits.ledger import MemoryLedger
from costsim.limits.policy import Policy, limit_names, load_limits, parse_limits

if TYPE_CHECKING:
    from costsim.limits.budget_guard import (
        AsyncGlobalBudgetGuard,
        BudgetState,
        GlobalBudgetGuard,
    )
    from costsim.limits.model_router import ModelRouter, Routed
    from costsim.limits.redis_ledger import AsyncRedisLedger, RedisLedger

_HOMES = {
    "AsyncGlobalBudgetGuard": "budget_guard",
    "AsyncRedisLedger": "redis_ledger",
    "BudgetState": "budget_guard",
    "GlobalBudgetGuard": "budget_guard",
    "ModelRouter": "model_router",
    "RedisLedger": "redis_ledger",
    "Routed": "model_router",
}

__all__ = [
    "Alert",
    "AsyncGlobalBudgetGuard",
    "AsyncRedisLedger",
    "BudgetState",
    "Control",
    "Denied",
    "GlobalBudgetGuard",
    "Granted",
    "MemoryLedger",
    "ModelRouter",
    "Month",
    "Observed",
    "Policy",
    "RedisLedger",
    "Routed",
    "Scopes",
    "Target",
    "limit_names",
    "load_limits",
    "parse_limits",
]


def __getattr__(name: str) -> Any:
    """What loads asyncio, hashing or prices, which few need."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"costsim.limits.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
