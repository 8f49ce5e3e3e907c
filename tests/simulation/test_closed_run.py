"""Runs under limits: the same records by any engine and any workers, people who act, truth."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from costsim.errors import SettingError
from costsim.limits import load_limits, parse_limits
from costsim.records.dataset import read_records
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sizes import smaller

LOOSE = parse_limits(
    {"name": "loose", "user": {"hour_usd": 9000}, "request": {"max_output_tokens": 200_000}}
)
TIGHT = parse_limits({"name": "tight", "user": {"hour_usd": 0.05, "day_usd": 0.2}})
DEAR = {"features": {"chat": {"calls_per_week": 70_000}}}


def digests(folder):
    files = sorted(p for p in Path(folder).rglob("*.parquet") if p.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def agents():
    """Two days with cohorts, sessions and cached prompts, of a quarter of the calls."""
    return smaller(load_scenario("agent-loop"), 0.25).first_days(2)


def test_the_three_ways_of_making_a_record_agree(agents):
    """No limits; limits that never bind, by the kernel; every call a SimPy process."""
    plain = simulate(agents, seed=7).records.to_pandas()
    loose = simulate(agents, seed=7, limits=LOOSE).records.to_pandas()
    pd.testing.assert_frame_equal(plain, loose)
    one = simulate(agents.first_days(1), seed=7).records.to_pandas()
    event = simulate(agents.first_days(1), seed=7, engine="event").records.to_pandas()
    pd.testing.assert_frame_equal(one, event)


@pytest.mark.parametrize("limits", [None, TIGHT], ids=["open", "tight"])
def test_both_engines_write_the_same_records_truth_and_decisions(small, limits):
    scenario = small(
        features={"chat": {"errors": {"rate": 0.1, "billed": "all"}, "reaction": "human",
                           "cheaper": "batch"}},
        incidents={"i": {"feature": "batch", "cause": "tokens", "starts": "2024-03-02T08:00:00",
                         "effect": {"input_tokens_scale": 3, "calls_scale": 2}}},
    )  # fmt: skip
    batch, event = (simulate(scenario, seed=3, limits=limits, engine=e) for e in ("batch", "event"))
    pd.testing.assert_frame_equal(batch.records.to_pandas(), event.records.to_pandas())
    pd.testing.assert_frame_equal(batch.truth, event.truth)
    assert batch.records.manifest.decisions == event.records.manifest.decisions
    assert batch.events == event.events
    assert bool(batch.records.manifest.decisions) == (limits is not None)


def test_the_same_bytes_for_any_workers_under_limits(small, tmp_path):
    scenario = small(days=4, **DEAR, incidents={"i": {
        "feature": "chat", "cause": "errors", "starts": "2024-03-02T08:00:00",
        "effect": {"error_rate": 0.5}}})  # fmt: skip
    found = []
    for workers in (1, 2, 5):
        simulate(scenario, seed=11, out=tmp_path / str(workers), workers=workers, limits=TIGHT)
        found.append(digests(tmp_path / str(workers)))
    assert len(found[0]) == 5
    assert found[0] == found[1] == found[2]


def test_nobody_spends_more_than_the_caps(small):
    scenario = small(**DEAR)
    rows = simulate(scenario, seed=1, limits=TIGHT).records.to_pandas()
    rows["hour"] = rows["timestamp"].dt.floor("h")
    spent = rows.groupby(["user_id", "hour"])["total_cost_usd"].sum()
    assert 0.04 < spent.max() <= 0.05
    by_day = rows.groupby(["user_id", rows["timestamp"].dt.date])["total_cost_usd"].sum()
    assert 0.15 < by_day.max() <= 0.2
    denied = rows[rows["status"] == "denied"]
    assert set(denied["denied_scope"]) == {"user"}
    assert set(denied["denied_window"]) == {"hour", "day"}
    assert (denied["total_cost_usd"] == 0).all()
    assert denied["input_tokens"].isna().all()


def test_decisions_add_up_to_the_records(small):
    result = simulate(small(**DEAR), seed=1, limits=TIGHT)
    decisions = result.decisions
    rows = result.records.to_pandas(["status", "feature_name"])
    assert decisions["attempts"].sum() == len(rows)
    refused = decisions[decisions["decision"] == "deny"].groupby("feature_name")["attempts"].sum()
    told = rows[rows["status"] == "denied"].groupby("feature_name").size()
    assert refused.to_dict() == told.to_dict()


def test_retries_name_the_try_before_them(small):
    errors = {"errors": {"rate": 0.5}, "reaction": "script"}
    rows = simulate(small(days=1, features={"chat": errors}), seed=2).records.to_pandas()
    again = rows[rows["attempt"] > 1]
    assert len(again) > 300
    before = rows.set_index("call_id").loc[again["retry_of"]]
    assert (before["attempt"].to_numpy() == again["attempt"].to_numpy() - 1).all()
    assert (before["timestamp"].to_numpy() < again["timestamp"].to_numpy()).all()
    assert (before["status"] == "error").all()
    assert rows["call_id"].is_unique


def test_a_kill_switch_ends_the_spend_of_a_feature_after_the_reaction_time():
    """A script nobody could miss: alarm within the hour, and 90 minutes later it is off."""
    scenario = load_scenario("night-script")
    people = {
        "detectors": ["fixed_threshold"],
        "thresholds": {"fixed_threshold": 100},
        "ingestion_lag_minutes": 5,
        "reaction_minutes": 90,
        "action": "kill",
        "starts": "2024-08-09T20:00:00",
    }
    features = {"code_review": scenario.features["code_review"]}
    small = scenario.model_copy(update={"features": features})
    data = small.model_dump(mode="json", exclude_none=True) | {"operations": people}
    from costsim.simulation import parse_scenario

    watched = parse_scenario(data)
    result = simulate(watched, seed=3)
    told = result.timeline.set_index("kind")["time"]
    zone = "America/New_York"
    assert told["alarm of fixed threshold"] == pd.Timestamp("2024-08-10 02:05", tz=zone)
    killed = told["kill"]
    assert killed == pd.Timestamp("2024-08-10 03:35", tz=zone)
    rows = result.records.between("2024-08-09").to_pandas(["timestamp", "status"])
    after = rows[rows["timestamp"] >= killed]
    assert len(after) > 1000
    assert (after["status"] == "denied").all()
    assert (rows.loc[rows["timestamp"] < killed, "status"] == "ok").all()


def test_a_budget_alert_calls_people_at_the_moment_it_is_crossed(small):
    limits = parse_limits(
        {"name": "b", "organisation": {"month_usd": 40, "alert_at": [0.5, 0.9]},
         "enforce_organisation": False}
    )  # fmt: skip
    people = {"detectors": ["budget_alert"], "reaction_minutes": 30, "action": "downgrade",
              "model": "gpt-3.5-turbo", "feature": "chat"}  # fmt: skip
    result = simulate(small(**DEAR, operations=people), seed=1, limits=limits)
    told = result.timeline.set_index("kind")["time"]
    alert = told["budget alert 50%"]
    rows = result.records.to_pandas()
    ended = rows["timestamp"] + pd.to_timedelta(rows["latency_ms"].astype(float), unit="ms")
    order = ended.argsort()
    paid = rows["total_cost_usd"].to_numpy()[order].cumsum()
    crossed = ended.iloc[order].iloc[int(np.searchsorted(paid, 20.0))]
    assert abs(crossed - alert) < pd.Timedelta("1ms")
    assert told["downgrade"] - alert == pd.Timedelta(minutes=30)
    chat = rows[rows["feature_name"] == "chat"].set_index("timestamp")
    later = chat.index >= told["downgrade"]
    assert set(chat.loc[later, "model"]) == {"gpt-3.5-turbo"}
    assert set(chat.loc[later, "downgraded_from"]) == {"gpt-4o"}
    assert set(chat.loc[~later, "model"]) == {"gpt-4o"}


def test_the_truth_under_limits_is_the_difference_of_two_whole_runs(small):
    incident = {"feature": "chat", "cause": "volume", "starts": "2024-03-01T12:00:00",
                "ends": "2024-03-02T20:00:00", "effect": {"calls_scale": 3}}  # fmt: skip
    scenario = small(**DEAR, incidents={"i": incident})
    pair = [simulate(s, seed=5, limits=TIGHT) for s in (scenario, scenario.without_incidents())]
    with_it, without = (
        r.records.to_pandas(["call_id", "total_cost_nano"]).set_index("call_id")["total_cost_nano"]
        for r in pair
    )
    truth = pair[0].truth.set_index("call_id")["counterfactual_cost_nano"]
    assert truth.index.is_unique
    every = with_it.index.union(without.index).difference(truth.index)
    assert with_it.reindex(every).fillna(0).equals(without.reindex(every).fillna(0))
    paid = with_it.reindex(truth.index).fillna(0).sum()
    assert paid - truth.sum() == with_it.sum() - without.sum() != 0
    assert (truth > 0).sum() > 10  # calls that the incident's own spend kept others from making


def test_limits_that_name_what_the_product_has_not_are_refused(small, tmp_path):
    for limits, words in (
        ({"tier": {"gold": {"day_usd": 1}}}, r"tier\.gold must name one of \['free'\]"),
        ({"user": {"by_tier": {"gold": {"day_usd": 1}}}}, r"user\.by_tier\.gold"),
        ({"feature": {"cht": {"day_usd": 1}}}, r"feature\.cht must name one of"),
    ):
        policy = parse_limits({"name": "mine"} | limits)
        with pytest.raises(SettingError, match=words):
            simulate(small(), limits=policy, out=tmp_path / "run")
    with pytest.raises(SettingError, match="engine must be one of 'batch', 'event'"):
        simulate(small(), engine="fast")
    assert not (tmp_path / "run").exists()


def test_the_account_s_limiter_on_the_forty_thousand_dollar_feature():
    """Looked first and recorded afterwards, $1 an hour and $5 a day leave a prototype's $2.4k."""
    scenario = load_scenario("surprise-40k")
    settings = scenario.features["deep_analysis"].model_copy(update={"reaction": "gives_up"})
    only = {"deep_analysis": settings}
    feature = scenario.model_copy(update={"features": only})
    sketch = load_limits("flat-caps").model_copy(update={"accounting": "check"})
    columns = ["status", "attempt", "user_id", "total_cost_usd"]
    rows = simulate(feature, seed=7, limits=sketch).records.to_pandas(columns)
    first = rows[rows["attempt"] == 1]
    assert (first["status"] == "ok").mean() == pytest.approx(0.14, abs=0.03)
    blocked = rows[rows["status"] == "denied"]["user_id"].nunique()
    assert blocked / rows["user_id"].nunique() == pytest.approx(0.91, abs=0.04)
    assert rows["total_cost_usd"].sum() == pytest.approx(2400, rel=0.15)
    held = simulate(feature, seed=7, limits="flat-caps").records.to_pandas(columns)
    assert held["total_cost_usd"].sum() < 100  # hardly any of its calls costs less than $1


@pytest.mark.parametrize("limits", [None, TIGHT], ids=["open", "tight"])
def test_a_stopped_run_leaves_its_whole_days(small, tmp_path, limits):
    """As Ctrl-C does it: in the middle of the third day's work."""
    days = []

    def stop(_):
        days.append(1)
        if len(days) == 3:
            raise KeyboardInterrupt

    scenario, out = small(days=9), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt, match=r"the first \d of 9 days are kept in"):
        simulate(scenario, seed=4, out=out, workers=1, limits=limits, progress=stop)
    kept = read_records(out)
    whole = simulate(scenario, seed=4, limits=limits, workers=1).records
    assert 2 <= len(kept.manifest.files) < 9
    assert kept.manifest.files == whole.manifest.files[: len(kept.manifest.files)]
    simulate(scenario, seed=4, out=out, workers=1, limits=limits)
    days.clear()
    with pytest.raises(KeyboardInterrupt):  # what was committed before stays
        simulate(scenario, seed=5, out=out, workers=1, limits=limits, progress=stop)
    assert read_records(out).manifest.files == whole.manifest.files


def test_a_suite_on_duty_hears_what_the_same_suite_finds_in_the_records(tmp_path):
    """Its channels of a series a feature included; after the act the incident costs nothing."""
    from costsim.detect import CUSUM, Detector, HourOfWeek, Shewhart, Suite
    from costsim.simulation import parse_scenario

    scenario = smaller(load_scenario("night-script"), 0.2)
    features = {n: scenario.features[n] for n in ("code_review", "support_chat")}
    alone = scenario.model_copy(update={"features": features})
    begin = pd.Timestamp("2024-08-09 20:00", tz="America/New_York")
    plain = simulate(alone, seed=3)
    rows = plain.records.between(begin).to_pandas(["call_id", "timestamp", "total_cost_nano"])
    paid = plain.truth.merge(rows, on="call_id")
    for detector in (
        Detector(HourOfWeek(), CUSUM(h=40.0), name="features", channel="feature"),
        Detector(HourOfWeek(), Shewhart(limit=4.0), name="cost", channel="unit_cost"),
        Detector(HourOfWeek(), CUSUM(h=40.0), name="calls", channel="calls"),
    ):
        suite = Suite("one", (detector,))
        file = suite.write(tmp_path / f"{detector.name}.toml")
        people = {"suite": str(file), "ingestion_lag_minutes": 0, "reaction_minutes": 40,
                  "action": "kill", "feature": "code_review",
                  "starts": "2024-08-09T20:00:00"}  # fmt: skip
        data = alone.model_dump(mode="json", exclude_none=True) | {"operations": people}
        result = simulate(parse_scenario(data), seed=3)
        # the hour whose records are in when watching begins is the one before
        found = suite.scan(plain.records, start=begin - pd.Timedelta(hours=1)).alarms
        told = result.timeline.set_index("kind")["time"]
        assert told[f"alarm of {detector.name}"] == found["known_at"].iloc[0]
        acted = found["known_at"].iloc[0] + pd.Timedelta(minutes=40)
        assert told["kill"] == acted
        mine = result.records.between(acted).to_pandas(["feature_name", "status"])
        assert set(mine.loc[mine["feature_name"] == "code_review", "status"]) == {"denied"}
        until = paid[paid["time"] < acted]
        expected = (until["total_cost_nano"] - until["counterfactual_cost_nano"]).sum()
        got = result.records.between(begin, acted).to_pandas(["call_id", "total_cost_nano"])
        burned = result.truth.merge(got, on="call_id")
        assert expected > 10e9
        assert (burned["total_cost_nano"] - burned["counterfactual_cost_nano"]).sum() == expected


def test_a_suite_on_duty_that_is_not_there_is_refused(small):
    with pytest.raises(SettingError, match=r"operations.suite: suite must be one of 'default'"):
        small(operations={"suite": "nope"})
    with pytest.raises(SettingError, match="action 'kill' needs detectors or suite"):
        small(operations={"action": "kill"})
