"""The first files: read by what reads such files, their arithmetic, each line explained."""

from __future__ import annotations

import itertools
import math
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim import load_scenario, load_suite
from costsim.detect.suite import parse_suite
from costsim.errors import SettingError
from costsim.limits import load_limits, parse_limits
from costsim.study import load_gate, parse_gate
from costsim.study.beginning.detectors import suite_text
from costsim.study.beginning.kit import CONTENTS, first_files, write_first_files
from costsim.study.beginning.plan import USERS_PER_USD, Plan
from costsim.study.beginning.texts import gate_text, limits_text

TIERS = ("free", "pro plus", "enterprise")


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 9_007_199), st.integers(0, 6), st.none() | st.integers(1, 10**6))
def test_amounts_are_the_stated_shares_of_any_budget(budget, count, users):
    plan = Plan(budget, tuple(f"tier {n}" for n in range(count)), users=users)
    people = users or max(20, round(0.15 * budget))
    share = min(15 / people, 0.25)
    policy = parse_limits(tomllib.loads(limits_text(plan)))
    everything, user = policy.organisation, policy.user

    def about(share, of=budget):
        return pytest.approx(share * of, rel=1e-3)

    assert everything.month_usd == budget
    assert everything.day_usd == about(0.1)
    assert everything.hour_usd == about(0.03)
    assert user.month_usd == about(share)
    assert user.day_usd == about(0.25, user.month_usd)
    assert user.hour_usd == about(0.5, user.day_usd)
    for n in range(count):
        caps = user.by_tier[f"tier {n}"]
        assert caps.month_usd == about(min(share * 2**n, 1))
        assert caps.hour_usd == about(0.125, caps.month_usd)
        assert all(value >= 1 for value in caps.stated.values())
    wanted = parse_gate(tomllib.loads(gate_text(plan))).requirements
    gate = {line.key: line.bound for line in wanted}
    assert gate["month_spend_p95_usd"] == budget
    assert gate["worst_user_p95_usd"] == about(min(share * 2 ** max(count - 1, 0), 1))
    assert len(gate) == 4 + (count > 0)


@pytest.mark.parametrize("budget", [1, 10_000, 9_000_000])
def test_the_suite_is_the_bundled_one_with_scaled_dollars_and_claims_no_calibration(budget):
    suite = parse_suite(tomllib.loads(suite_text(Plan(budget))))
    guard, new_feature, new_user, *rest = suite.detectors
    assert new_feature.usd_per_hour == pytest.approx(0.02 * budget / 30, rel=1e-3)
    assert new_user.usd_per_hour == Plan(budget).user_caps[""]["hour_usd"]
    assert guard.usd_per_hour == pytest.approx(0.015 * budget, rel=1e-3)
    assert suite.false_alarms_per_month is None
    scale = budget / load_scenario("quiet").monthly_budget_usd
    for ours, theirs in zip(rest, load_suite("default").detectors, strict=True):
        assert (ours.name, ours.threshold) == (theirs.name, theirs.threshold)
        assert getattr(ours, "gate_usd", 0) == pytest.approx(
            getattr(theirs, "gate_usd", 0) * scale, rel=1e-3
        )


@pytest.mark.parametrize(
    ("budget", "tiers", "zone"),
    [(10_000, (), "UTC"), (250, TIERS, "Europe/Berlin"), (400_000, ("all",), "Asia/Tokyo")],
)
def test_written_files_are_read_by_name_and_the_traffic_costs_about_the_budget(
    tmp_path, monkeypatch, budget, tiers, zone
):
    monkeypatch.chdir(tmp_path)
    written = write_first_files(Plan(budget, tiers, zone), "deep/folder")
    assert [path.name for path in written] == list(CONTENTS)
    limits, gate, suite, traffic, workflow = written
    scenario, policy = load_scenario(traffic), load_limits(limits)
    assert scenario.monthly_budget_usd == budget
    assert policy.time_zone == scenario.time_zone == zone
    assert scenario.population.users == max(20, round(0.15 * budget))
    assert 0.85 * budget < scenario.expected().total_usd < budget
    named = {tier.name for tier in scenario.population.tiers}
    policy.check_names(tiers=named, features=set(scenario.features))
    assert named == set(tiers) or not tiers
    assert load_gate(gate).requirements
    assert load_suite(suite).detectors
    job = yaml.safe_load(workflow.read_text())
    [run] = job["jobs"].values()
    assert "deep/folder" in {step.get("working-directory") for step in run["steps"]}
    assert job[True]["pull_request"]["paths"] == ["deep/folder/*.toml"]  # YAML 1.1 reads "on" so
    assert {path.name for path in (tmp_path / "deep/folder").iterdir()} == set(CONTENTS)


def test_users_a_dollar_are_those_of_the_scenario_that_says_so():
    like = load_scenario("startup-10k")
    assert like.population.users / like.monthly_budget_usd == USERS_PER_USD


def test_every_key_of_the_suite_is_explained():
    text = suite_text(Plan(10_000))
    explained = {
        key
        for line in text.splitlines()
        if line.startswith("#   ") and "costsim" not in line
        for key in line[4:].split("  ")[0].replace(",", " ").split()
    }

    def keys(table):
        for key, value in table.items():
            yield key
            if isinstance(value, dict):
                yield from keys(value)

    used = {key for one in tomllib.loads(text)["detectors"] for key in keys(one)}
    assert used <= explained


@pytest.mark.parametrize("name", ["limits.toml", "gate.toml", "launch.toml"])
def test_every_setting_has_its_reason_above_it(name):
    lines = first_files(Plan(10_000, TIERS))[name].splitlines()
    table = ""
    for before, line in itertools.pairwise(["", *lines]):
        table = line if line.startswith("[") else table
        each_tier = ".enterprise]" in table or "by_tier" in table  # explained above the table
        if " = " in line and not line.startswith(("#", "  {")) and not each_tier:
            assert before.startswith("# "), line


def test_nothing_is_overwritten_and_nothing_is_left_of_a_failure(tmp_path, monkeypatch):
    (tmp_path / "gate.toml").write_text("mine")
    with pytest.raises(SettingError, match=r"gate\.toml is there already; nothing was written"):
        write_first_files(Plan(100), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gate.toml"]
    assert (tmp_path / "gate.toml").read_text() == "mine"
    with pytest.raises(SettingError, match="must be a folder"):
        write_first_files(Plan(100), tmp_path / "gate.toml")
    from costsim.study.beginning import kit

    whole = kit.write_whole

    def full(path, text):
        if path.name == "launch.toml":
            raise OSError(28, "No space left on device")
        return whole(path, text)

    monkeypatch.setattr(kit, "write_whole", full)
    with pytest.raises(SettingError, match="nothing was written: No space left"):
        write_first_files(Plan(100), tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize(
    ("budget", "tiers", "zone", "words"),
    [
        (0.5, (), "UTC", r"from \$1 to \$9,007,199; got 0.5"),
        (-10_000, (), "UTC", "got -10000"),
        (math.nan, (), "UTC", "got nan"),
        (math.inf, (), "UTC", "got inf"),
        (1e7, (), "UTC", "got 10000000.0"),
        (100, ("a", "a"), "UTC", "at most 6, each once; got a, a"),
        (100, tuple("abcdefg"), "UTC", "at most 6"),
        (100, ("a", ""), "UTC", "tier must have 1 to 512 characters"),
        (100, (), "Berlin", "must be an IANA name"),
    ],
)
def test_bad_input_is_one_clear_line(budget, tiers, zone, words):
    with pytest.raises(SettingError, match=words):
        Plan(budget, tiers, zone)
