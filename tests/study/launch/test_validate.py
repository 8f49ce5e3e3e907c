"""Limits validated: every number again from the records of whole runs, by other means."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

import joblib
import numpy as np
import pandas as pd
import pytest

from costsim.errors import SettingError, UnknownNameError
from costsim.limits import parse_limits
from costsim.simulation import load_scenario, simulate
from costsim.study import parse_gate, validate_limits
from costsim.study.launch.month import launch_month
from costsim.study.launch.runs import OPEN
from costsim.study.launch.statistics import ALIKE
from costsim.study.launch.words import user_caps_usd

CAPS = parse_limits(
    {
        "name": "caps",
        "accounting": "reserve",
        "request": {"max_input_tokens": 20_000, "max_output_tokens": 1000},
        "user": {"hour_usd": 0.08, "day_usd": 0.3, "month_usd": 2.5, "open_calls": 3},
        "feature": {"batch": {"hour_usd": 0.006, "downgrade_to": ["gpt-4o-mini"]}},
    }
)
CHANGES = {
    "price_book": "current",
    "population": {
        "users": 40,
        "tiers": [{"name": "free", "share": 0.75}, {"name": "pro", "share": 0.25}],
    },
    "features": {
        "chat": {"calls_per_week": 1_500, "reaction": "human"},
        "batch": {"calls_per_week": 500, "reaction": "script", "errors": {"rate": 0.03}},
        "deep": {
            "model": "gpt-4o",
            "profile": "flat",
            "launch": "2024-03-05T09:00:00",
            "input_tokens": {"median": 12_000, "log_sd": 0.5, "max": 100_000},
            "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2000},
            "cohorts": {"power": {"users": 5, "calls_per_day": 10}},
        },
    },
    "incidents": {
        "run": {"feature": "deep", "cause": "volume", "starts": "2024-03-06T00:00:00"},
    },
}


@pytest.fixture(scope="module")
def product(small):
    return small(days=7, **CHANGES)


@pytest.fixture(scope="module")
def found(product):
    with joblib.parallel_config(backend="sequential"):
        return validate_limits(product, CAPS, replicates=3, seed=5)


@pytest.fixture(scope="module")
def by_records(found):
    """The same months as call records, by seed and variant."""
    scenario = found.month.scenario
    runs = {}
    for seed in found.runs["seed"].unique():
        for name, limits in ((OPEN, None), ("caps", CAPS)):
            result = simulate(scenario, seed=int(seed), limits=limits)
            runs[int(seed), name] = (result, result.records.to_pandas())
    return runs


def rows(found, by_records):
    for row in found.runs.to_dict("records"):
        yield row, *by_records[row["seed"], row["variant"]]


def test_dollars_are_those_of_the_records(found, by_records):
    budget = found.month.scenario.monthly_budget_usd
    for row, _, records in rows(found, by_records):
        assert row["month_usd"] == pytest.approx(records["total_cost_usd"].sum(), abs=1e-6)
        week = records[records["timestamp"] < "2024-03-08"]  # seven days from a Friday in UTC
        assert row["week_usd"] == pytest.approx(week["total_cost_usd"].sum(), abs=1e-6)
        by_user = records.groupby("user_id", observed=True)["total_cost_usd"].sum()
        assert row["worst_user_usd"] == pytest.approx(by_user.max(), abs=1e-6)
        assert row["over_budget"] == (row["month_usd"] > budget)


def test_who_was_denied_is_what_the_records_say(found, by_records):
    for row, result, records in rows(found, by_records):
        denied = records[records["status"] == "denied"]
        meant = by_records[row["seed"], OPEN][1]  # without limits every intended call is made
        assert row["denied"] == len(denied)
        assert row["retries"] == (records["attempt"] > 1).sum()
        active, blocked = set(meant["user_id"]), set(denied["user_id"])
        assert row["active_users"] == len(active)
        assert row["blocked_share"] == pytest.approx(len(blocked & active) / len(active))
        ordinary = active - set(meant.loc[meant["feature_name"] == "deep", "user_id"])
        assert row["ordinary_blocked_share"] == pytest.approx(
            len(blocked & ordinary) / len(ordinary)
        )
        tier = meant.drop_duplicates("user_id").set_index("user_id")["user_tier"]
        pro = {user for user in ordinary if tier[user] == "pro"}
        assert row["tier.pro.ordinary_blocked_share"] == pytest.approx(
            len(blocked & pro) / len(pro)
        )
        for feature in ("chat", "batch", "deep"):
            of, users = (
                frame[frame["feature_name"] == feature]["user_id"] for frame in (denied, meant)
            )
            share = len(set(of)) / users.nunique()
            assert row[f"feature.{feature}.blocked_share"] == pytest.approx(share)
            assert row[f"feature.{feature}.denied"] == len(of)
            assert row[f"feature.{feature}.users"] == users.nunique()
            own = records[records["feature_name"] == feature]
            assert row[f"feature.{feature}.made"] == (own["status"] != "denied").sum()
        decisions = result.decisions
        down = decisions[decisions["decision"] == "downgrade"]["attempts"].sum()
        assert row["downgraded"] == down
        assert row["hold_denied"] == decisions[decisions["by_holds"].astype(bool)]["attempts"].sum()
    assert found.mean_of("denied") > 100 < found.mean_of("downgraded")
    assert found.mean_of("hold_denied") > 0 < found.mean_of("retries")


def test_what_refused_is_what_the_records_say(found, by_records):
    refused = {}
    for row, _, records in rows(found, by_records):
        denied = records[records["status"] == "denied"]
        for key, count in (
            denied.groupby(["denied_scope", "denied_window"], observed=True).size().items()
        ):
            if count:
                refused[key] = refused.get(key, 0) + count
                assert row[f"refused_by.{'.'.join(key)}"] == count
    told = found.refusals()
    assert {(s, w): round(n * 3) for s, w, n, _ in told.itertuples(index=False)} == refused
    assert {"user", "feature", "request"} <= set(told["scope"])


def test_incident_dollars_are_those_of_the_truth(found, by_records):
    for row, result, _ in rows(found, by_records):
        nano = result.records.to_pandas(["call_id", "total_cost_nano"])
        truth = result.truth.merge(nano, on="call_id", how="left")
        paid = truth["total_cost_nano"].fillna(0).sum()
        excess = (paid - truth["counterfactual_cost_nano"].sum()) / 1e9
        assert row["incident_usd"] == pytest.approx(excess, abs=1e-6)
    first = found.runs.groupby("seed")["incident_usd"].agg(["first", "last"])
    limited = found.runs[found.runs["variant"] == "caps"].set_index("seed")
    kept = (first["first"] - first["last"]).to_numpy()
    assert limited["incident_avoided_usd"].to_numpy() == pytest.approx(kept)
    assert (kept > 0).all()


def test_a_month_within_a_longer_run_takes_what_runs_over_midnight(small):
    changes = {"sessions": {"mean_calls": 6, "think_seconds": 3000}}
    before = small(start="2024-02-26", days=8, features={"chat": changes})
    with joblib.parallel_config(backend="sequential"):
        told = validate_limits(before, CAPS_CHAT, replicates=2, seed=1)
    assert told.month.month == (4, 35)
    assert told.month.days == (1, 35)
    row = told.runs.iloc[0]
    records = simulate(told.month.scenario, seed=int(row["seed"])).records
    usd = records.to_pandas(["timestamp", "total_cost_usd"])
    march = usd[usd["timestamp"] >= "2024-03-01"]["total_cost_usd"].sum()
    week = usd[(usd["timestamp"] >= "2024-02-27") & (usd["timestamp"] < "2024-03-05")]
    assert row["month_usd"] == pytest.approx(march, abs=1e-6)
    assert row["week_usd"] == pytest.approx(week["total_cost_usd"].sum(), abs=1e-6)


CAPS_CHAT = parse_limits({"name": "chat", "user": {"month_usd": 5.0}})


def test_where_it_runs_changes_no_number(product, found):
    with joblib.parallel_config(n_jobs=2):
        other = validate_limits(product, CAPS, replicates=3, seed=5)
    pd.testing.assert_frame_equal(other.runs, found.runs, check_exact=True)


def test_the_months_of_scenarios():
    scenario = load_scenario("surprise-40k")
    whole = launch_month(scenario.model_copy(update={"days": 60}))
    assert whole.words == "August 2024"
    assert whole.month == (20, 51)
    late = scenario.model_copy(update={"start": date(2024, 8, 8), "days": 10})
    part = launch_month(late)
    assert part.month == (0, 24)
    assert part.words.startswith("24 of the 31 days of August 2024")
    assert part.scenario.days == 24
    assert late.days == 10


def test_caps_times_users_by_tier():
    policy = parse_limits({"name": "t", "user": {"day_usd": 1, "by_tier": {"pro": {"day_usd": 4}}}})
    scenario = load_scenario("surprise-40k")  # 70% free, 26% pro, 4% enterprise of 5,000
    assert user_caps_usd(policy, scenario) == (31 * (3700 * 1 + 1300 * 4), None, "day in 31 days")
    assert user_caps_usd(parse_limits({"name": "none"}), scenario) is None


def test_a_gate_is_judged_line_by_line(product):
    gate = parse_gate(
        {
            "month_spend_mean_usd": "<= 1e6",
            "blocked_share": "<= 0",
            "month_spend_p99_usd": "<= 1e6",
            "incident_avoided_share": ">= 0.1",
            "feature": {"deep": {"blocked_share": "> 0.5"}},
        },
        source="gate.toml",
    )
    with joblib.parallel_config(backend="sequential"):
        judged = validate_limits(product, CAPS, gate, replicates=2, seed=5)
    verdicts = {line.requirement.key: line.verdict for line in judged.lines}
    assert verdicts["month_spend_mean_usd"] == "PASS"
    # everybody was blocked in both runs: two that are alike tell nothing of a third
    assert verdicts["blocked_share"] == "UNDECIDED"
    assert next(line.runs for line in judged.lines if line.verdict == "UNDECIDED") == ALIKE
    assert verdicts["month_spend_p99_usd"] == "UNDECIDED"
    assert judged.verdict == "FAIL"
    assert judged.exit_code == 1
    suite = ElementTree.fromstring(judged.junit())
    route = "feature.batch.route.gpt-4o-mini.evaluated"
    wanted = [wanted.key for wanted in gate.requirements]
    assert [case.get("name") for case in suite] == [*wanted, route]
    assert verdicts[route] == "FAIL"
    assert int(suite.get("failures")) == sum(v == "FAIL" for v in verdicts.values())
    assert len(suite.findall(".//error")) == sum(v == "UNDECIDED" for v in verdicts.values())
    table = judged.markdown().splitlines()
    assert table[0].startswith("### FAIL: caps would block")
    assert sum(line.startswith("| ✖ FAIL") for line in table) == int(suite.get("failures"))


def test_a_result_shows_itself(found):
    from costsim.show.figures import alt_text

    frame = found.to_frame()
    row = frame[(frame["measure"] == "month_usd") & (frame["statistic"] == "mean")].iloc[0]
    values = found.runs.loc[found.runs["variant"] == "caps", "month_usd"]
    assert row["with"] == pytest.approx(values.mean())
    assert row["with_low"] < row["with"] < row["with_high"]
    assert "next: .to_frame()" in repr(found)
    assert "SIMULATED" in found._repr_html_()
    ax = found.plot()
    assert len(ax.child_axes) == 2
    assert "feature deep" in alt_text(ax)
    denied = found.denied()
    assert denied.to_numpy().sum() == pytest.approx(found.mean_of("denied"))
    assert np.all(found.blocked()["blocked_share"].between(0, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"replicates": 1}, "replicates must be an integer of at least 2; got 1"),
        ({"seed": -1}, "seed must be an integer of at least 0; got -1"),
        ({"limits": "flat"}, "limits must be one of"),
        ({"gate": "no-such.toml"}, "gate file does not exist: no-such.toml"),
        ({"gate": parse_gate({"tier": {"gold": {"ordinary_blocked_share": "< 0.1"}}})},
         "gate: tier must be one of 'free', 'pro'; got 'gold'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_before_anything_runs(product, change, said):
    with pytest.raises(SettingError) as caught:
        validate_limits(product, **({"limits": CAPS} | change))
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_an_incident_is_needed_where_one_is_asked_for(small):
    gate = parse_gate({"incident_avoided_share": ">= 0.5"})
    with pytest.raises(SettingError, match="needs an incident; small has none"):
        validate_limits(small(), CAPS_CHAT, gate)
    with pytest.raises(UnknownNameError, match="did you mean 'chat'"):
        validate_limits(
            small(), CAPS_CHAT, parse_gate({"feature": {"chta": {"blocked_share": "<= 0.1"}}})
        )
