"""The closed form against many runs, where launches, clocks and sessions make it hard."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

FEATURE = {"profile": "office", "calls_per_week": 40_000, "sessions": {"mean_calls": 2}}
COHORT = {"users": 45, "calls_per_day": 60, "activity_log_sd": 0.3}
FIRST = {"days": [0.3, 0.5, 0.2], "launch_day_hours": [14, 20]}


def sums(scenario, seed):
    """Calls and dollars by (day, cohort) of `chat`, drawn."""
    demand = Demand(play(scenario, seed), seed)
    recorder = Recorder(demand)
    cohorts = ["traffic", *scenario.features["chat"].cohorts]
    found = {(day, cohort): (0, 0.0) for day in range(scenario.days) for cohort in cohorts}
    for day in range(scenario.days):
        for calls in demand.day(day, only=["chat"]):
            usd = recorder.cost(calls)[1].sum() / 1e9
            found[day, calls.cohort] = (len(calls), usd)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"features": {"chat": FEATURE}},
        {"features": {"chat": FEATURE | {"launch": "2024-03-02T09:40:00"}}},
        {
            "features": {
                "chat": FEATURE
                | {
                    "launch": "2024-03-01T14:00:00",
                    "cohorts": {
                        "new": COHORT | {"first_use": FIRST},
                        "old": COHORT | {"users": 5},
                    },
                }
            }
        },
        {
            "features": {  # users who came before the run began are there from its first hour
                "chat": FEATURE
                | {
                    "launch": "2024-02-28T12:00:00",
                    "cohorts": {"new": COHORT | {"first_use": {"days": [0.1, 0.2, 0.3, 0.4]}}},
                }
            }
        },
        {
            "start": "2024-11-02",
            "time_zone": "America/New_York",
            "features": {
                "chat": FEATURE
                | {
                    "passes": 3,
                    "launch": "2024-11-02T14:00:00",
                    "cohorts": {"new": COHORT | {"first_use": FIRST}},
                }
            },
        },
    ],
    ids=["traffic", "launch at 9:40", "adoption", "launched before", "clocks and passes"],
)
def test_many_runs_agree_by_day_and_cohort(small, changes):
    scenario = small(**changes)
    table = scenario.expected().days
    table = table[table["feature_name"] == "chat"]
    runs = [sums(scenario, seed) for seed in range(120)]
    for row in table.itertuples():
        key = ((row.date - scenario.start).days, row.cohort)
        for index, wanted in ((0, row.calls), (1, row.usd)):
            values = np.array([run[key][index] for run in runs])
            error = values.std(ddof=1) / np.sqrt(len(values))
            assert abs(values.mean() - wanted) <= 3.7 * error + 1e-9 * wanted, (key, index)


def test_sums_over_days_and_the_frame_of_the_week(surprise):
    expected = surprise.expected()
    week = expected.to_frame()
    assert expected.week_usd == pytest.approx(week["usd"].sum())
    history = expected.between(surprise.start, 28)
    assert expected.total_usd == pytest.approx(history["usd"].sum() + week["usd"].sum())
    four_weeks = history.groupby("feature_name")["usd"].sum() / 4
    usual = week[week["cohort"] == "traffic"].set_index("feature_name")["usd"]
    np.testing.assert_allclose(four_weeks[usual.index], usual, rtol=1e-9)
    assert four_weeks["deep_analysis"] == 0
    np.testing.assert_allclose(week["usd_per_call"], week["usd"] / week["calls"])
    assert "surprise-40k" in repr(expected)
    assert "<table" in expected._repr_html_()
