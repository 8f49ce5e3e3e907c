"""The live side: watching records as they come in, and telling people once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.tracking.alerts import Alert, courier, deliver
    from costsim.tracking.budget import BudgetNews, budget_news
    from costsim.tracking.memory import Memory, Told, remembered
    from costsim.tracking.watch import Watch, watch_records

_HOMES = {
    "Alert": "alerts",
    "BudgetNews": "budget",
    "Memory": "memory",
    "Told": "memory",
    "Watch": "watch",
    "budget_news": "budget",
    "courier": "alerts",
    "deliver": "alerts",
    "remembered": "memory",
    "watch_records": "watch",
}

__all__ = [
    "Alert",
    "BudgetNews",
    "Memory",
    "Told",
    "Watch",
    "budget_news",
    "courier",
    "deliver",
    "remembered",
    "watch_records",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'costsim.tracking' has no attribute {name!r}")
    return getattr(import_module(f"costsim.tracking.{_HOMES[name]}"), name)
