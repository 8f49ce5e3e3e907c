"""Random small products, limits and reactions, and what both engines make of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np

from costsim.limits import parse_limits
from costsim.simulation import parse_scenario
from costsim.simulation.admission import Attempts
from costsim.simulation.closed_run import Feed
from costsim.simulation.demand import Demand
from costsim.simulation.loop import Act, Loop
from costsim.simulation.loop_tables import tables_of
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

MODELS = ["gpt-4-turbo", "gpt-4o", "gpt-3.5-turbo", "claude-3-haiku"]
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]
STARTS = ["2024-03-09", "2024-03-30", "2024-10-05", "2024-10-26", "2024-11-02", "2024-02-29"]


def case(number: int) -> dict[str, Any]:
    """A product, limits and acts, made from a number: the same on every machine."""
    rng = np.random.default_rng([20241109, number])

    def pick(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    def maybe(share: float) -> bool:
        return bool(rng.random() < share)

    users = int(rng.integers(1, 9))
    names = ["chat", "deep", "draft"][: int(rng.integers(1, 4))]
    start, days = pick(*STARTS), int(rng.integers(1, 4))
    zone = pick(*ZONES)
    features: dict[str, Any] = {}
    for index, name in enumerate(names):
        size = pick(300, 3000, 30_000)
        law = pick(
            {"median": size, "log_sd": pick(0.0, 0.5, 1.0), "max": 100_000},
            {"median": size, "log_sd": pick(0.0, 0.5, 1.0), "max": 100_000},
            {"quantiles": [[0, 5], [0.5, size], [1, 60_000]], "between_users_share": 0.4},
            {
                "mixture": [
                    {"weight": 0.5, "median": size, "log_sd": 0.4},
                    {"weight": 0.5, "median": 90, "log_sd": 0.2},
                ],
                "max": 100_000,
            },
        )
        features[name] = {
            "model": pick(*MODELS),
            "provider": None,
            "profile": "flat",
            "calls_per_week": float(rng.integers(20, 250)),
            "input_tokens": law,
            "output_tokens": {"median": 300, "log_sd": 0.6}
            | ({"max": pick(400, 2000, 8000)} if maybe(0.7) else {}),
            "sessions": {"mean_calls": pick(1, 3, 12), "think_seconds": pick(0.001, 1, 40)},
            "errors": {"rate": pick(0, 0, 0.1, 0.6), "billed": pick("nothing", "input", "all")},
            "cache": {"share": pick(0, 0.5), "hit_rate": pick(0.5, 1)},
            "reaction": pick("gives_up", "script", "human", "own", "hammer"),
            "first_token_ms": pick(5, 400, 60_000),
            "output_tokens_per_second": pick(5, 60, 2000),
        }
        features[name]["provider"] = (
            "anthropic" if features[name]["model"].startswith("claude") else "openai"
        )
        if index and maybe(0.6):
            features[name]["cheaper"] = names[index - 1]
        if maybe(0.4):
            features[name]["cohorts"] = {"few": {"users": 1, "calls_per_day": pick(5, 150)}}
        if maybe(0.2):
            features[name]["passes"] = pick(2, 5)
    own = {
        "max_retries": int(rng.integers(0, 5)),
        "retry_share": pick(0.3, 1.0),
        "base_seconds": pick(0.0, 0.5, 600),
        "cap_seconds": pick(0, 30, 7200),
        "honour_retry_after": maybe(0.5),
        "retries_errors": maybe(0.7),
        "come_back_at_reset": 0.3,
        "come_back_within_minutes": pick(0, 1, 600),
        "move_to_cheaper": 0.3,
        "leave": pick(0, 0.1),
    } | ({"patience_seconds": pick(0, 100, 5000)} if maybe(0.5) else {})
    scenario: dict[str, Any] = {
        "name": f"case-{number}",
        "start": start,
        "days": days,
        "time_zone": zone,
        "monthly_budget_usd": 100,
        "price_book": "list-2024",
        "population": {
            "users": users,
            "tiers": [{"name": "free", "share": 0.5}, {"name": "pro", "share": 0.5}],
        },
        "profiles": {"flat": {"hours": [1] * 24}},
        "features": features,
        "reactions": {"own": own, "hammer": {"max_retries": 8, "base_seconds": 0}},
    }
    if maybe(0.4):
        scenario["provider_limits"] = {
            p: {"calls_per_minute": pick(1, 3, 50)}
            | ({"tokens_per_minute": pick(2000, 90_000)} if maybe(0.5) else {})
            for p in {f["provider"] for f in features.values()}
        }
    if maybe(0.3):
        changes = {"input_tokens_scale": pick(0.5, 3), "error_rate": pick(0.2, 0.9)}
        scenario["incidents"] = {
            "i": {
                "feature": pick(*names, "all"),
                "cause": "tokens",
                "starts": f"{start}T07:30:00",
                "effect": changes | ({"calls_scale": pick(0.5, 4)} if maybe(0.5) else {}),
            }
        }
    if maybe(0.3):
        change = {"at": f"{start}T09:12:00", "model": features[names[0]]["model"], "input": 17.5}
        scenario["price_changes"] = [change]
    acts = []
    if maybe(0.4):
        kind = pick("kill", "downgrade", "limit")
        acts.append([int(rng.integers(1, 80_000)) * 1_000_000, kind, int(rng.integers(len(names)))])
    return {
        "number": number,
        "seed": int(rng.integers(2**40)),
        "scenario": scenario,
        "limits": _limits(rng, pick, maybe, names, zone) if maybe(0.85) else None,
        "acts": acts,
    }


def _limits(rng: Any, pick: Any, maybe: Any, names: list[str], zone: str) -> dict[str, Any]:
    def caps(scale: float) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for window, size in (("hour", 1), ("day", 4), ("month", 9)):
            if maybe(0.35):
                found[f"{window}_usd"] = round(float(rng.exponential(0.4 * scale * size)) + 1e-6, 9)
            if maybe(0.2):
                found[f"{window}_calls"] = int(rng.integers(1, 8 * int(scale) * size))
            if maybe(0.15):
                found[f"{window}_tokens"] = int(rng.integers(500, 40_000 * int(scale) * size))
        if maybe(0.3):
            found["open_calls"] = int(rng.integers(1, 4))
        return found

    checks = maybe(0.3)
    limits: dict[str, Any] = {
        "name": "random",
        "time_zone": pick(zone, *ZONES),
        "accounting": "check" if checks else "reserve",
        "lease_seconds": pick(1, 20, 600),
        "request": {"max_output_tokens": pick(200, 4096)}
        | ({"max_input_tokens": pick(1000, 20_000)} if maybe(0.3) else {}),
        "user": caps(1),
        "tier": {"free": caps(3)} if maybe(0.4) else {},
        "organisation": caps(6),
        "enforce_organisation": maybe(0.8),
    }
    if not checks and maybe(0.3):
        limits["request"]["hold_output_tokens"] = pick(1, 60, 200)
    if checks and maybe(0.6):
        limits["recording_delay_seconds"] = pick(1, 90, 5000)
    if maybe(0.3):
        limits["user"]["by_tier"] = {"pro": caps(4)}
    if maybe(0.3):
        limits["user"]["by_user"] = {"user-0000": caps(2)}
    if maybe(0.5):
        limits["feature"] = {
            pick(*names): caps(3) | {"downgrade_to": [pick(*MODELS), pick(*MODELS)]}
        }
    if maybe(0.5):
        limits["organisation"]["month_usd"] = pick(0.5, 5, 50)
        limits["organisation"]["alert_at"] = [0.1, 0.5, 1.0]
        _climb(limits, maybe, names)
    if maybe(0.25):
        limits["burst"] = {"minute_calls": pick(1, 6, 60), "at_once": pick(1, 2, 9)}
        if maybe(0.3):
            limits["burst"]["by_tier"] = {"pro": {"minute_calls": 20}}
    return limits


def _climb(limits: dict[str, Any], maybe: Any, names: list[str]) -> None:
    """A ladder, with what its levels need."""
    features = limits.setdefault("feature", {})
    ladder = [{"at": 0.05, "do": "warn"}] if maybe(0.5) else []
    routed = [name for name, caps in features.items() if caps.get("downgrade_to")]
    if routed and maybe(0.8):
        ladder.append({"at": 0.1, "do": "downgrade", "features": routed})
    if maybe(0.5):
        ladder.append({"at": 0.2, "do": "shut", "features": names[-1:]})
    if maybe(0.4):
        features.setdefault(names[0], {})["critical"] = False
        ladder.append({"at": 0.5, "do": "shut"})
    if maybe(0.4):
        ladder.append({"at": 0.6, "do": "deny"})
    limits["organisation"]["ladder"] = ladder


def attempts_of(case: dict[str, Any], engine: Any) -> tuple[list[Attempts], list[Any], Any]:
    """Attempts of each day by one engine, the world's events, and the tables."""
    scenario = parse_scenario(case["scenario"])
    policy = parse_limits(case["limits"]) if case["limits"] else None
    downgrades = [(n, m) for n in scenario.features for m in MODELS]
    recorder = Recorder(Demand(play(scenario, case["seed"]), case["seed"]), tuple(downgrades))
    tables = tables_of(recorder)
    acts = []
    for at, kind, feature in case["acts"]:
        name = tables.features[feature]
        current = scenario.features[name].model
        other = next(m for m in MODELS if m != current)
        route = tables.downgrade_route(feature, other) if kind == "downgrade" else -1
        later = parse_limits({"name": "later", "user": {"hour_usd": 0.3}})
        acts.append(Act(at, kind, feature, route, later if kind == "limit" else None))
    loop = Loop(tables, policy, acts, engine)
    found = []
    with ThreadPoolExecutor(1) as pool:
        for day, intents, _ in Feed(recorder, tables, pool, both=False):
            found.append(loop.day(intents, scenario.calendar.day_range_us(day)[1]))
    return found, loop.events, tables


def difference(case: dict[str, Any]) -> str:
    """What the engines disagree on first; empty when they are identical."""
    batch, heard, _ = attempts_of(case, "batch")
    event, told, _ = attempts_of(case, "event")
    for day, (one, two) in enumerate(zip(batch, event, strict=True)):
        if len(one) != len(two):
            return f"day {day}: {len(one)} attempts by the kernel, {len(two)} by SimPy"
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(two, field.name)
            if not np.array_equal(a, b):
                at = int(np.flatnonzero(a != b)[0])
                return f"day {day}: {field.name} of attempt {at} is {a[at]} and {b[at]}"
    if heard != told:
        return f"events are {heard} and {told}"
    return ""
