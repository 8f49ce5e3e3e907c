"""Scenarios of every kind that the sampler must draw, and the same bins counted from calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play


def incident(**effect):
    """Eleven in the morning of the first day to the afternoon of the second, off the hour."""
    return {
        "i": {
            "feature": "chat",
            "cause": "tokens",
            "starts": "2024-03-01T10:20:00",
            "ends": "2024-03-02T15:40:00",
            "effect": effect,
        }
    }


MEMBERS = {
    "users": 30,
    "calls_per_day": 40,
    "first_use": {"days": [0.5, 0.5], "launch_day_hours": [14, 20]},
    "sessions": {"mean_calls": 2, "think_seconds": 200},
}
AT_ONCE = {key: value for key, value in MEMBERS.items() if key != "first_use"}
CHEAP_CACHE = [{"at": "2024-02-28T00:00:00", "model": "gpt-4o", "cache_read": 1.0}]
LAUNCH = {
    "deep": {
        "model": "gpt-4-32k",
        "profile": "office",
        "launch": "2024-03-01T14:00:00",
        "input_tokens": {"median": 20_000, "log_sd": 0.4},
        "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2048},
        "cohorts": {
            "power": MEMBERS | {"users": 6, "activity_log_sd": 0.5, "sessions": {}},
            "casual": MEMBERS | {"users": 20, "calls_per_day": 3, "sessions": {}},
        },
    }
}
NO_LAW = {"mean": None, "log_sd": None}
NO_NOISE = {"hour_sigma": 0.0, "day_sigma": 0.0}
KINDS = {
    "ordinary": {},
    "calm": {"noise": NO_NOISE},  # the luck of sessions alone
    "calm, tokens": {"noise": NO_NOISE, "incidents": incident(output_tokens_scale=3.0)},
    "launch": {
        "features": LAUNCH,
        "incidents": {"i": {"feature": "deep", "cause": "volume", "starts": "2024-03-02T07:00:00"}},
    },
    "tokens": {"incidents": incident(input_tokens_scale=2.0, output_tokens_scale=3.0)},
    "cache": {
        "price_changes": CHEAP_CACHE,
        "features": {"chat": {"cache": {"share": 0.8, "hit_rate": 0.7}}},
        "incidents": incident(cache_share=0.0),
    },
    "model": {"incidents": incident(model="gpt-4-turbo")},
    "fewer calls": {"incidents": incident(calls_scale=0.4)},
    "more calls": {"incidents": incident(calls_scale=3.0)},
    "growing calls": {"incidents": incident(calls_growth_per_day=1.0)},
    "silence": {"incidents": incident(silent=True)},
    "cohort that an incident brings": {
        "features": {"chat": {"cohorts": {"c": AT_ONCE}}},
        "incidents": {"i": incident()["i"] | {"cohort": "c"}},
    },
    "effect on a cohort": {
        "features": {
            "chat": {
                "truncated_rate": 0.2,
                "cohorts": {"c": AT_ONCE | {"output_tokens": {"median": 300, "log_sd": 0.5}}},
            }
        },
        "incidents": incident(output_tokens_scale=2.0),
    },
    "large cohort": {
        "features": {
            "chat": {
                "passes": 2,
                "launch": "2024-03-01T14:00:00",
                "cohorts": {"c": MEMBERS | {"calls_per_day": 700, "activity_log_sd": 0.5}},
            }
        }
    },
    "mixture and quantiles": {
        "features": {
            "chat": {
                "input_tokens": NO_LAW
                | {
                    "mixture": [
                        {"weight": 0.7, "median": 400, "log_sd": 0.6},
                        {"weight": 0.3, "mean": 6000, "log_sd": 0.5},
                    ],
                    "between_users_log_sd": 0.4,
                    "max": 8192,
                },
                "output_tokens": NO_LAW
                | {
                    "quantiles": [[0, 3], [0.25, 90], [0.5, 300], [0.97, 2047.4], [1, 2048]],
                    "between_users_share": 0.5,
                    "max": 2048,
                },
            }
        },
        "incidents": incident(input_tokens_scale=2.0, output_tokens_scale=0.5),
    },
    "surge": {
        "surges": {
            "s": {
                "starts": "2024-03-01T09:30:00",
                "ends": "2024-03-02T12:00:00",
                "calls_scale": 2.5,
            }
        }
    },
    "growth and churn": {"population": {"growth_per_week": 0.2, "churn_per_month": 0.9}},
    "clock change, other zone": {
        "start": "2024-11-02",
        "time_zone": "America/New_York",
        "profiles": {"office": {"time_zone": "Europe/Berlin"}},
        "holidays": [{"day": "2024-11-03", "calls_scale": 0.5}],
    },
    "price change": {
        "price_changes": [{"at": "2024-03-02T07:30:00", "model": "gpt-4o", "input": 20.0}]
    },
    "price by length": {
        "price_book": "current",
        "features": {
            "chat": {
                "model": "gemini-1.5-pro",
                "input_tokens": {"mean": 90_000, "log_sd": 0.9, "between_users_log_sd": 0.5},
            },
            "batch": {"model": "gpt-4o-mini"},
        },
        "incidents": incident(input_tokens_scale=1.5),
    },
}


def made(small, kind):
    """The small product of one kind."""
    scenario = small(**KINDS[kind])
    assert scenario.population.users == 50
    return scenario


@dataclass
class Called:
    """Arrays as in a cube, of (runs, bins, features), and (runs, bins, all users)."""

    usd: np.ndarray
    calls: np.ndarray
    excess_usd: np.ndarray
    unseen_usd: np.ndarray
    everyone_usd: np.ndarray


def called(scenario, seeds, minutes=60):
    """Every call of some runs, added up by bin."""
    width = minutes * 60_000_000
    bins, names = scenario.calendar.hours * 60 // minutes, list(scenario.features)
    usd, calls, excess, unseen = np.zeros((4, len(seeds), bins, len(names)))
    everyone = np.zeros((len(seeds), bins, scenario.population.users))
    for run, seed in enumerate(seeds):
        demand = Demand(play(scenario, seed), seed)
        recorder = Recorder(demand)
        for day in range(scenario.days):
            for group in demand.day(day):
                at, feature = group.time_us // width, names.index(group.feature)
                group = group.where(at < bins)
                at = at[at < bins]
                variant = group.variant
                paid = recorder.cost(group)[1] / 1e9 * (not variant.absent)
                plain = paid if variant.incident is None else np.zeros(len(group))
                if group.before is not None:
                    plain = recorder.cost(group.before)[1] / 1e9
                seen = not (variant.silent or variant.absent)
                np.add.at(usd[run, :, feature], at, paid * seen)
                np.add.at(calls[run, :, feature], at, seen)
                np.add.at(excess[run, :, feature], at, paid - plain)
                np.add.at(unseen[run, :, feature], at, paid * (not seen))
                np.add.at(everyone[run], (at, group.user), paid * seen)
    return Called(usd, calls, excess, unseen, everyone)
