"""The week with a suite on duty: the arithmetic against the records, and the closed loop."""

from __future__ import annotations

import pandas as pd
import pytest

import costsim
from costsim.detect import (
    CUSUM,
    Detector,
    FeedSilence,
    FixedThreshold,
    HourOfWeek,
    Suite,
    seasonal_z_score,
    suite_members,
)
from costsim.report import SuiteReplay, replay_suite
from costsim.simulation import SimulationResult, load_scenario
from costsim.simulation.sizes import smaller
from costsim.study.duty import TOGETHER
from tests.simulated import simulated

FEATURES = Detector(HourOfWeek(), CUSUM(h=2.0), name="features", channel="feature")
THEIRS = tuple(d for d in suite_members() if d.name not in ("feed silence", "seasonal z-score"))
"""The default suite's, so that every channel of it is heard in the closed loop."""
SUITE = Suite(
    "many",
    (seasonal_z_score(), FEATURES, FeedSilence(HourOfWeek()), FixedThreshold(2.0), *THEIRS),
    2.0,
    "a test",
)


@pytest.fixture(scope="module")
def week() -> SimulationResult:
    """A tenth of the product: what is asked here is alike at any size."""
    return simulated(smaller(load_scenario("surprise-40k"), 0.1), seed=7)


@pytest.fixture(scope="module")
def manned(week) -> SuiteReplay:
    duty = costsim.study.on_duty(week.scenario, SUITE, replicates=12, calibration_runs=3, seed=2)
    return replay_suite(week.records, duty)


def test_dollars_at_the_act_are_the_features_calls_until_then(manned: SuiteReplay) -> None:
    columns = ["timestamp", "feature_name", "total_cost_usd"]
    onset = manned.replay.incident["starts"]
    rows = manned.replay.records.between(onset).to_pandas(columns)
    calls = rows[rows["feature_name"] == "deep_analysis"].set_index("timestamp")["total_cost_usd"]
    for row in manned.acted.dropna(subset=["alarm"]).to_dict("records"):
        assert row["alarm_usd"] == pytest.approx(calls[calls.index < row["alarm"]].sum())
        whole = calls[calls.index < row["alarm"] + pd.Timedelta(hours=8)].sum()
        assert row["night_usd"] == pytest.approx(whole)
        within = calls[calls.index < row["alarm"].ceil("h") + pd.Timedelta(hours=1)].sum()
        assert row["alarm_usd"] <= row["day_usd"] <= within
        assert row["acted_usd"] == row["day_usd" if row["by"] == "day" else "night_usd"]
        assert row["saved_usd"] == pytest.approx(calls.sum() - row["acted_usd"])
        assert row["week_usd"] == pytest.approx(manned.replay.period.usd - row["saved_usd"])
    silent = manned.acted.set_index("detector").loc["feed silence"]
    assert silent["saved_usd"] == 0
    assert silent["by"] is None or silent["by"] != silent["by"]


def test_all_together_are_the_first_of_them_and_early_alarms_are_told(manned: SuiteReplay) -> None:
    rows = manned.acted.set_index("detector")
    assert rows.loc[TOGETHER, "alarm"] == rows["alarm"].min()
    early = manned.replay.alarms.set_index("detector").query("early")["time"]
    assert len(early)  # $2 of a feature's hour: on Friday evening
    for name, time in early.items():
        assert rows.loc[name, "early"] == time
    assert rows.loc[TOGETHER, "early"] == early.min()
    assert (rows["alarm"].dropna() > manned.replay.incident["starts"]).all()


def test_what_detectors_of_each_feature_saw_is_the_largest_of_theirs(manned: SuiteReplay) -> None:
    seen = manned.replay.watching(before=0, hours=5)["features"]
    records = manned.replay.records
    start = pd.Timestamp("2024-08-09", tz="America/New_York")
    found = SUITE.scan(records, start=start.tz_convert("UTC")).alarms
    first = found[found["detector"] == "features"]["time"].min()
    onset = manned.replay.incident["starts"]
    before = first < onset or first >= onset + pd.Timedelta(hours=5)
    assert before or seen[int((first - onset) / pd.Timedelta(hours=1))] > 1


def test_the_first_card_says_where_the_claim_fails(manned: SuiteReplay) -> None:
    card = manned.card()
    runs = manned.duty.comparison.runs
    together = runs[runs["detector"] == TOGETHER]
    share = (together["since_launch_h"] <= 4).mean()
    assert share < 0.9
    assert card.title.startswith("“Within 4 hours” fails from the launch")
    assert card.level == "warn"
    assert "feed silence" in next(line for line in card.lines if line.startswith("Alone it fails"))
    assert "2 false alarms a month promised by the suite" in card.lines[-1]
    assert "12 other runs" in card.lines[0]


@pytest.mark.slow
def test_the_closed_loop_pays_what_the_arithmetic_says(manned: SuiteReplay) -> None:
    """But for the half hour, which the arithmetic takes as evenly spent; and people leave."""
    found = manned.closed_loop()
    row = manned.acted.set_index("detector").loc[TOGETHER]
    assert found["alarm_at"] == row["alarm"]
    assert found["acted_at"] == row["alarm"] + pd.Timedelta(minutes=30)
    columns = ["timestamp", "feature_name", "total_cost_usd"]
    calls = manned.replay.records.between(manned.replay.incident["starts"], found["acted_at"])
    rows = calls.to_pandas(columns)
    mine = rows.loc[rows["feature_name"] == "deep_analysis", "total_cost_usd"].sum()
    assert found["burned_usd"] == pytest.approx(mine, abs=1e-6)
    assert found["burned_usd"] == pytest.approx(found["expected_usd"], rel=0.3)
    assert found["lost_usd"] > 0
    assert found["calls_lost"] > 0


def test_it_draws_one_row_a_detector(manned: SuiteReplay) -> None:
    ax = manned.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == manned.acted["detector"].tolist()
    assert "SIMULATED surprise-40k, seed 7" in repr(manned.replay.card())


@pytest.mark.slow
def test_a_suite_of_15_minutes_is_replayed_in_quarters(week) -> None:
    """What it saw, when it spoke and what was gone by then are those of its own bins."""
    quarter = Suite(
        "quarter",
        (FixedThreshold(3.0), seasonal_z_score()),
        bin_minutes=15,
    )
    duty = costsim.study.on_duty(week.scenario, quarter, replicates=10, calibration_runs=1, seed=2)
    manned = replay_suite(week.records, duty)
    replay = manned.replay
    start = pd.Timestamp("2024-08-09", tz="America/New_York")
    first = quarter.scan(week.records, start=start).first().set_index("detector")
    got = replay.alarms.set_index("detector")["time"]
    assert (got == first["known_at"].reindex(got.index)).all()
    assert (got.dt.minute % 60 != 0).any()  # not all on an hour
    seen = replay.watching(before=1, hours=2)
    assert seen["hour"].tolist()[:5] == [f"Mon 06:{m:02d}" for m in (0, 15, 30, 45)] + ["Mon 07:00"]
    columns = ["timestamp", "feature_name", "total_cost_usd"]
    onset = replay.incident["starts"]
    rows = week.records.between(onset).to_pandas(columns)
    calls = rows[rows["feature_name"] == "deep_analysis"].set_index("timestamp")["total_cost_usd"]
    assert seen["burned_usd"].iloc[4] == pytest.approx(
        calls[calls.index < onset + pd.Timedelta(minutes=15)].sum()
    )
    for row in manned.acted.dropna(subset=["alarm"]).to_dict("records"):
        assert row["alarm_usd"] == pytest.approx(calls[calls.index < row["alarm"]].sum())
        acted = calls[calls.index < row["alarm"] + pd.Timedelta(minutes=30)].sum()
        assert row["day_usd"] == pytest.approx(acted)
