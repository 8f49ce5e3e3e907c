"""A suite on duty: the earliest of its detectors, and dollars at the act, by plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.detect import FeedSilence, HourOfWeek, Suite, UserShare, seasonal_cusum
from costsim.errors import SettingError
from costsim.show import figures
from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import sample_bins
from costsim.study import compare_detectors, on_duty
from costsim.study.duty import TOGETHER, by_hour, gone
from costsim.study.incident_runs import IncidentWatch
from costsim.study.seeds import study_seeds

SUITE = Suite(
    "three", (seasonal_cusum(), UserShare(daily_budget_usd=1800.0), FeedSilence(HourOfWeek()))
)


@pytest.fixture(scope="module")
def found():
    return on_duty("surprise-40k", SUITE, replicates=12, calibration_runs=4, seed=5,
                   day_hours=0.5, night_hours=7.25)  # fmt: skip


def test_dollars_at_the_act_are_those_of_a_plain_loop(found):
    scenario = load_scenario("surprise-40k")
    watch = IncidentWatch.of(scenario)
    spend = sample_bins(scenario, study_seeds(5, 3, 12))
    rows = found.runs[found.runs["detector"] == TOGETHER].set_index("run")
    for run in range(12):
        hours = []
        for detector in SUITE.detectors:
            values = spend.channel(detector.channel)[run, : watch.end]
            path = detector.statistic(values, spend.hour_of_week[: watch.end], watch.onset)
            over = [h for h in range(watch.onset, watch.end) if path[h] > detector.threshold]
            hours += over[:1]
        alarm = min(hours) + 1
        assert rows.loc[run, "alarm_h"] == alarm - watch.onset
        for name, wait in (("alarm_usd", 0.0), ("day_usd", 0.5), ("night_usd", 7.25)):
            whole, part = divmod(alarm + wait, 1)
            dollars = spend.excess[run, watch.onset : int(whole)].sum()
            dollars += part * spend.excess[run, int(whole)]
            assert rows.loc[run, name] == pytest.approx(dollars)
        by_day = 8 <= (spend.hour_of_week[alarm] % 24) < 20
        acted = rows.loc[run, "day_usd" if by_day else "night_usd"]
        assert rows.loc[run, "acted_usd"] == acted


def test_what_never_alarms_burns_all_and_the_suite_is_never_later_than_its_parts(found):
    runs = found.runs.set_index(["detector", "run"])
    silent = runs.loc["feed silence"]
    assert silent["alarm_h"].isna().all()
    assert (silent["acted_usd"] == silent["left_alone_usd"]).all()
    first = runs["alarm_h"].fillna(np.inf).unstack(0)
    assert (first[TOGETHER] == first.drop(columns=TOGETHER).min(axis=1)).all()


def test_each_detector_alone_is_as_the_comparison_of_detectors_counts_it(found):
    other = compare_detectors(
        "surprise-40k", SUITE.detectors, replicates=12, calibration_runs=4, seed=5
    )
    for detector in SUITE.detectors:
        mine, its = found.comparison.row(detector.name), other.row(detector.name, "nominal")
        for name in ("false_alarms_per_month", "delay_median_h", "burned_mean_usd", "early"):
            assert mine[name] == pytest.approx(its[name], nan_ok=True), (detector.name, name)
    assert found.comparison.best.name in {d.name for d in SUITE.detectors}


def test_it_shows_itself(found):
    ax = found.plot()
    alt = figures.alt_text(ax)
    assert "all together: $" in alt
    assert "if nobody acts" in alt
    assert "all together" in found._repr_html_()
    assert found.to_frame()["acted_usd"].is_monotonic_increasing


def test_reactions_by_the_hour_and_dollars_within_one():
    assert by_hour({"day": 1, "night": 2}) == [120.0] * 8 + [60.0] * 12 + [120.0] * 4
    burned = np.cumsum(np.arange(6.0))[None]
    assert gone(burned, np.array([2.5]))[0] == pytest.approx((3 + 6) / 2)
    assert gone(burned, np.array([99.0]))[0] == 15


def test_bad_numbers_are_refused():
    for bad, line in (
        ({"replicates": 9}, "replicates must be at least 10; got 9"),
        ({"night_hours": -1}, "night_hours must be at least 0; got -1"),
        ({"day_hours": float("nan")}, "day_hours must be at least 0; got nan"),
    ):
        with pytest.raises(SettingError, match=line):
            on_duty("surprise-40k", SUITE, **bad)


def test_campaigns_that_a_suite_was_told_of_are_taken_out_of_what_it_hears():
    """Everybody calls five times as much, from the day before the incident on."""
    from dataclasses import replace
    from datetime import datetime

    from costsim.spend import Planned

    plan = Planned(datetime(2024, 8, 11), datetime(2024, 8, 15), 5.0)
    plain = load_scenario("surprise-40k")
    surge = {"starts": plan.starts, "ends": plan.ends, "calls_scale": plan.calls_scale}
    loud = plain.model_validate(plain.model_dump() | {"surges": {"sale": surge}})
    alone = Suite("one", (seasonal_cusum(),))
    settings = {"replicates": 10, "calibration_runs": 1, "seed": 6}
    before = {}
    for name, suite in (("untold", alone), ("told", replace(alone, planned=(plan,)))):
        found = on_duty(loud, suite, **settings).comparison
        rows = found.runs[found.runs["detector"] == TOGETHER]
        before[name] = (rows["early"] | rows["false"]).mean()
    # the campaign rings before the incident unless somebody told of it
    assert before["untold"] == 1
    assert before["told"] < 0.5
    own = replace(plan, features=("chat",))
    with pytest.raises(SettingError, match="only campaigns of all features"):
        on_duty(loud, replace(alone, planned=(own,)), **settings)
