"""What several rooms test on: one whole run of the $40k week, and a small product."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from costsim.simulation import Scenario, SimulationResult, load_scenario, parse_scenario
from tests.simulated import simulated

_OFFICE = [0.1, 0.1, 0, 0, 0, 0.1, 0.2, 0.5, 1, 1.5, 1.8, 1.8]
_OFFICE += [1.5, 1.7, 1.9, 1.8, 1.7, 1.4, 1, 0.7, 0.6, 0.4, 0.3, 0.2]
_SMALL: dict[str, Any] = {
    "name": "small",
    "start": "2024-03-01",  # a Friday
    "days": 3,
    "time_zone": "UTC",
    "monthly_budget_usd": 1000,
    "price_book": "list-2024",
    "population": {"users": 50, "tiers": [{"name": "free", "share": 1.0}]},
    "profiles": {"flat": {"hours": [1] * 24}, "office": {"hours": _OFFICE}},
    "features": {
        "chat": {
            "model": "gpt-4o",
            "profile": "office",
            "calls_per_week": 14_000,
            "sessions": {"mean_calls": 3, "think_seconds": 60},
            "input_tokens": {"mean": 1200, "log_sd": 0.9, "between_users_log_sd": 0.5},
            "output_tokens": {"mean": 250, "log_sd": 0.8, "max": 400},
        },
        "batch": {
            "model": "gpt-3.5-turbo",
            "profile": "flat",
            "calls_per_week": 7_000,
            "input_tokens": {"median": 2000, "log_sd": 0.5, "max": 16_385},
            "output_tokens": {"median": 300, "log_sd": 0.5},
        },
    },
}


@pytest.fixture(scope="session")
def surprise() -> Scenario:
    return load_scenario("surprise-40k")


@pytest.fixture(scope="session")
def surprise_run(surprise: Scenario) -> SimulationResult:
    """Seed 7, all five weeks: 3.8 million calls."""
    return simulated(surprise, seed=7)


@pytest.fixture(scope="session")
def small() -> Callable[..., Scenario]:
    """Make a small product; changes are merged table by table, None takes an entry out."""

    def make(**changes: Any) -> Scenario:
        data = copy.deepcopy(_SMALL)
        _merge(data, changes)
        return parse_scenario(data)

    return make


@pytest.fixture
def small_data() -> dict[str, Any]:
    """The small product as a TOML file would give it."""
    return copy.deepcopy(_SMALL)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            del base[key]
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value
