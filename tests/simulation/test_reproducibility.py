"""The same scenario, seed and version: the same bytes; and the hash knows what a scenario means."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

import costsim
from costsim.limits import parse_limits
from costsim.paths import package_version
from costsim.simulation import load_scenario, parse_scenario, simulate

LIMITS = parse_limits(
    {
        "name": "watched",
        "user": {"hour_usd": 0.6, "open_calls": 3},
        "feature": {"chat": {"day_usd": 40, "downgrade_to": ["gpt-3.5-turbo"]}},
        "organisation": {"month_usd": 90, "alert_at": [0.3, 0.6]},
        "enforce_organisation": False,
    }
)
WATCHED = {
    "days": 4,
    "features": {
        "chat": {"provider": "openai", "calls_per_week": 40_000, "reaction": "human",
                 "cheaper": "batch", "errors": {"rate": 0.05, "billed": "all"}},
        "batch": {"reaction": "script"},
    },
    "provider_limits": {"openai": {"calls_per_minute": 20}},
    "incidents": {
        "more": {"feature": "chat", "cause": "volume", "starts": "2024-03-02T08:00:00",
                 "ends": "2024-03-03T20:00:00", "effect": {"calls_scale": 4}},
        "errors": {"feature": "batch", "cause": "errors", "starts": "2024-03-03T08:00:00",
                   "effect": {"error_rate": 0.5}},
    },
    "operations": {"detectors": ["budget_alert", "fixed_threshold"],
                   "thresholds": {"fixed_threshold": 1.5}, "reaction_minutes": 45,
                   "action": "downgrade", "model": "gpt-3.5-turbo", "most_actions": 2},
}  # fmt: skip


def digests(folder):
    """Of every file, the manifest's too."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def watched(small):
    """A product that is limited, watched and acted on while things go wrong."""
    return small(**WATCHED)


def test_people_limits_and_incidents_leave_the_same_bytes_for_any_workers(watched, tmp_path):
    found = {}
    for workers in (1, 2, 7):
        result = simulate(
            watched, seed=13, limits=LIMITS, out=tmp_path / str(workers), workers=workers
        )
        found[workers] = digests(tmp_path / str(workers))
    assert found[1] == found[2] == found[7]
    assert len(found[1]) == 6  # four days, the truth, the manifest
    kinds = set(result.timeline["kind"])
    assert {"alarm of fixed threshold", "downgrade", "budget alert 30%"} <= kinds
    decisions = set(result.decisions["decision"])
    assert decisions == {"allow", "deny", "downgrade", "throttle"}
    assert len(result.truth) > 1000


def test_another_process_with_other_hashes_leaves_the_same_bytes(tmp_path):
    """Sets and dicts of strings have another order there."""
    code = (
        "import sys, costsim\n"
        "scenario = costsim.load_scenario('night-script').first_days(2)\n"
        "costsim.simulate(scenario, seed=3, limits='per-tier', out=sys.argv[1], workers=3)\n"
    )
    for salt in ("1", "77"):
        command = [sys.executable, "-c", code, str(tmp_path / salt)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": salt})
    scenario = load_scenario("night-script").first_days(2)
    simulate(scenario, seed=3, limits="per-tier", out=tmp_path / "here", workers=1)
    assert digests(tmp_path / "1") == digests(tmp_path / "77") == digests(tmp_path / "here")


def test_the_manifest_says_what_would_make_the_run_again(watched, tmp_path):
    simulate(watched, seed=13, limits=LIMITS, out=tmp_path / "run")
    manifest = costsim.read_records(tmp_path / "run").manifest
    assert manifest.seed == 13
    assert manifest.scenario == "small"
    assert manifest.scenario_hash == watched.hash
    assert manifest.costsim_version == package_version()
    assert manifest.limits == "watched"


# Words that nothing is computed from: changing them makes no other run.
WORDS = {("Scenario", "title"), ("Scenario", "account")}


def other(value):
    """A value of the same kind that is not this one; None where there is no telling."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + " "
    if isinstance(value, tuple):
        return (*value[:-1], other(value[-1]))
    return [*value, *value[:1]] if value else None  # one more of what is there


def changes(model, path=()):
    """Copies of a settings model with one thing changed, with the class and key that changed."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        for where, changed in changed_values(value, (*path, name)):
            place = where or (type(model).__name__, name)
            yield place, model.model_copy(update={name: changed})


def changed_values(value, path):
    if isinstance(value, BaseModel):
        yield from changes(value, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield None, {k: v for k, v in value.items() if k != key}
            for where, changed in changed_values(item, path):
                yield where, value | {key: changed}
    elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
        yield None, value[1:]
        for where, changed in changes(value[0], path):
            yield where, [changed, *value[1:]]
    elif isinstance(value, str | int | float | list | tuple):
        if (changed := other(value)) is not None:
            yield None, changed
    elif hasattr(value, "replace") and hasattr(value, "year"):
        yield None, value.replace(year=value.year + 1)


@pytest.mark.parametrize(
    "name",
    ["surprise-40k", "quiet-2026", "startup-10k", "retry-storm", "free-tier-abuse",
     "benign-launch", "dst-week", "agent-loop", "model-swap"],
)  # fmt: skip
def test_every_change_of_meaning_changes_the_hash(name):
    scenario = load_scenario(name)
    seen = 0
    for place, changed in changes(scenario):
        assert (changed.hash == scenario.hash) == (place in WORDS), place
        seen += 1
    assert seen > 100
    for word in ("title", "account"):
        assert scenario.model_copy(update={word: "other"}).hash == scenario.hash


def test_what_is_said_with_a_default_means_the_same(small_data):
    base = parse_scenario(small_data).hash
    small_data["noise"] = {"hour_sigma": 0.15}
    small_data["features"]["chat"]["passes"] = 1
    small_data["days"] = 3.0
    assert parse_scenario(small_data).hash == base
