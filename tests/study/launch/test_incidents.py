"""Incidents under limits, and a blocked user's day: against the records of the same runs."""

from __future__ import annotations

import joblib
import pandas as pd
import pytest

from costsim.errors import SettingError
from costsim.limits import load_limits, parse_limits
from costsim.show.figures import alt_text
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sizes import smaller, smaller_limits
from costsim.study import blocked_day, limit_incidents
from costsim.study.launch.incidents import fitting, incident_week
from costsim.study.launch.month import launch_month

CAPS = parse_limits(
    {
        "name": "caps",
        "user": {"hour_usd": 2.0, "day_usd": 6.0, "by_tier": {"gold": {"day_usd": 9.0}}},
        "feature": {"code_review": {"hour_usd": 400.0}, "no_such": {"day_usd": 1.0}},
    }
)
SIZE = 0.05


@pytest.fixture(scope="module")
def found():
    with joblib.parallel_config(backend="sequential"):
        return limit_incidents(
            CAPS, ["night-script", "prompt-bloat", "feed-silence"], size=SIZE, seed=3
        )


def test_what_an_incident_adds_and_what_is_kept_is_what_the_truth_says(found):
    scenario = smaller(load_scenario("night-script"), SIZE)
    known, unknown = fitting(smaller_limits(CAPS, SIZE), scenario)
    assert known.feature["code_review"].hour_usd == 20.0  # a twentieth of what all share
    assert known.user.hour_usd == CAPS.user.hour_usd
    assert unknown == ("tier gold", "feature no_such")
    week = incident_week(scenario)
    start = pd.Timestamp(scenario.focus.start, tz=scenario.time_zone)
    own = found.runs[found.runs["scenario"] == "night-script"]
    seed = int(own["seed"].iloc[0])
    for variant, limits in (("without limits", None), ("caps", known)):
        # as good as nobody is refused before the week, so that nobody has left by then
        result = simulate(week.scenario, seed=seed, limits=limits)
        calls = result.records.to_pandas(["call_id", "timestamp", "total_cost_nano"])
        truth = result.truth.merge(calls, on="call_id", how="left")
        assert (truth["timestamp"].dropna() >= start).all()
        paid = truth["total_cost_nano"].fillna(0).sum()
        excess = (paid - truth["counterfactual_cost_nano"].sum()) / 1e9
        row = own[(own["variant"] == variant) & (own["seed"] == seed)].iloc[0]
        assert row["incident_usd"] == pytest.approx(excess, abs=1e-6)


def test_the_frame_is_the_mean_of_the_runs(found):
    frame = found.to_frame().set_index("scenario")
    assert frame.index[0] == "night-script"  # kept the most
    assert frame.at["night-script", "kept_share"] > 0.8
    assert frame.at["feed-silence", "adds_usd"] == 0
    assert pd.isna(frame.at["feed-silence", "kept_share"])
    own = found.runs[found.runs["scenario"] == "prompt-bloat"].groupby("variant")["incident_usd"]
    assert frame.at["prompt-bloat", "adds_usd"] == pytest.approx(own.mean()["without limits"])
    assert frame.at["prompt-bloat", "left_usd"] == pytest.approx(own.mean()["caps"])
    assert "keeps at least half of 1 of 2 incidents" in found.headline
    assert "Caps of feature no_such, tier gold are left out" in found.notes[1]
    assert "feed-silence adds nothing that is billed" in alt_text(found.plot())


def test_names_and_numbers_are_checked():
    with pytest.raises(SettingError, match="scenario quiet must have an incident"):
        limit_incidents(CAPS, ["quiet"])
    with pytest.raises(SettingError, match="replicates must be an integer of at least 1; got 0"):
        limit_incidents(CAPS, ["night-script"], replicates=0)
    with pytest.raises(SettingError, match="size must be above 0"):
        limit_incidents(CAPS, ["night-script"], size=0)


@pytest.fixture(scope="module")
def launch():
    return launch_month(smaller(load_scenario("surprise-40k"), SIZE))


def test_a_blocked_users_day_is_that_of_the_records(launch):
    from costsim.study.seeds import study_seeds

    policy = load_limits("flat-caps")
    found = blocked_day(launch, policy, seed=2)
    assert found.feature == "deep_analysis"
    scenario = launch.scenario.first_days(launch.week[1])
    [seed] = study_seeds(2, 15, 1)
    from_ = scenario.calendar.date_of(launch.month[0])
    # limits begin with the month; a run of the same days has nothing used before it
    records = simulate(scenario, seed=seed, limits=policy).records.to_pandas()
    local = records["timestamp"].dt.tz_convert(scenario.time_zone)
    own = records[(records["user_id"] == found.user) & (local.dt.date == found.on)]
    own = own.assign(hour=local[own.index].dt.hour)
    mine = own[own["feature_name"] == found.feature]
    refused = mine[mine["status"] == "denied"]
    assert found.on >= from_
    assert found.frame["refused"].sum() == len(refused) > 0
    pd.testing.assert_series_equal(
        found.frame.set_index("hour")["refused"],
        refused.groupby("hour").size().reindex(range(24), fill_value=0),
        check_names=False, check_dtype=False,
    )  # fmt: skip
    assert found.frame["answered"].sum() == (mine["status"] != "denied").sum()
    assert found.frame["wanted"].sum() == (mine["attempt"] == 1).sum()
    assert found.frame["spent_usd"].iloc[-1] == pytest.approx(own["total_cost_usd"].sum())
    assert found.cap_usd == 5.0
    first = refused["timestamp"].min().tz_convert(scenario.time_zone)
    assert found.first_refused == f"{first:%H:%M}"
    windows = refused["denied_window"].value_counts()
    assert {"input_tokens": "input tokens", "hour": "$1.00 an hour"}[windows.index[0]] in found.why
    assert found.user not in repr(found)  # masked
    assert f"refused {len(refused)}" not in found.headline
    assert "attempts answered" in alt_text(found.plot())


def test_where_nobody_is_blocked_there_is_no_such_day(launch):
    wide = parse_limits({"name": "wide", "user": {"month_usd": 1e6}})
    assert blocked_day(launch, wide) is None
