"""One budget of false alarms for a suite: set on some runs, measured on others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from costsim.detect import (
    AlwaysAlarm,
    FeedSilence,
    FixedThreshold,
    HourOfWeek,
    NeverAlarm,
    NewFeature,
    RandomAlarm,
    Suite,
    load_suite,
    seasonal_cusum,
    seasonal_z_score,
    suite_members,
)
from costsim.errors import SettingError
from costsim.show import figures
from costsim.show.cards import Ribbon
from costsim.simulation import load_scenario, simulate
from costsim.simulation.bin_sampler import sample_bins
from costsim.simulation.settings import Incident
from costsim.study import quiet_runs, tune, tune_records
from costsim.study.calibration import calibrate, calibrate_together
from costsim.study.incident_runs import NEVER, IncidentRuns, IncidentWatch
from costsim.study.seeds import study_seeds
from costsim.study.tuning import Tuning

PAIR = (seasonal_cusum(), seasonal_z_score())


@pytest.fixture(scope="module")
def quiet():
    return quiet_runs(load_scenario("quiet"), study_seeds(4, 1, 30))


def test_alone_a_detector_gets_the_lowest_threshold_that_has_the_rate(quiet):
    for detector in PAIR:
        alone = calibrate(detector, quiet, 1.0)
        assert quiet.false_alarms(alone).per_month <= 1.0
        assert quiet.false_alarms(alone.with_threshold(0.999 * alone.threshold)).per_month > 0.97


def test_the_first_of_all_is_the_earliest_of_each_watch(quiet):
    found = calibrate_together(PAIR, quiet, 1.0)
    alarms, exposure = 0, 0
    for number, watch in enumerate(quiet.watches(found[0])):
        other = quiet.watches(found[1])[number]
        for one, two in zip(watch, other, strict=True):
            over = (one > found[0].threshold) | (two > found[1].threshold)
            at = int(np.argmax(over)) if over.any() else len(over) - 1
            alarms += bool(over.any())
            exposure += at + 1
    rate = quiet.false_alarms(*found)
    assert (rate.alarms, rate.exposure_hours) == (alarms, exposure)
    assert rate.per_month <= 1.0


def test_detectors_that_alarm_together_need_not_share_the_budget_in_halves(quiet):
    found = calibrate_together(PAIR, quiet, 1.0)
    each = [quiet.false_alarms(detector).per_month for detector in found]
    assert each[0] == pytest.approx(each[1], abs=0.1)
    assert 0.5 <= max(each) < 1.0
    same = calibrate_together([PAIR[0], seasonal_cusum()], quiet, 1.0)
    assert quiet.false_alarms(same[0]).per_month == pytest.approx(1.0, abs=0.1)


def test_fresh_runs_have_about_the_rate_that_was_asked_for(quiet):
    found = calibrate_together(PAIR, quiet, 2.0)
    fresh = quiet_runs(load_scenario("quiet"), study_seeds(4, 2, 30))
    low, high = fresh.false_alarms(*found).interval(0.999)
    assert low < 2.0 < high * 1.1


@pytest.fixture(scope="module")
def tuned():
    return tune("surprise-40k", calibration_runs=20, replicates=40, seed=2)


def test_a_tuning_has_a_curve_a_suite_and_says_what_it_buys(tuned, tmp_path):
    curve = tuned.to_frame()
    assert curve["wanted"].is_monotonic_increasing
    assert ((curve["low"] <= curve["measured"]) & (curve["measured"] <= curve["high"])).all()
    assert curve["measured"].is_monotonic_increasing
    assert (curve["early"].diff().dropna() >= 0).all()  # more sensitive, more before the start
    row = tuned.chosen
    assert row["wanted"] == 1.0
    assert 0.5 < row["measured"] < 1.8
    # on other seeds than the README's: the story's incident is caught at once
    assert row["caught_within_4h"] >= row["caught_within_4h_low"] > 0.85
    assert row["burned_median_usd"] < 150
    assert tuned.members["first"].between(0, 1).all()
    assert tuned.members["first"].sum() > 0.5
    path = tuned.suite.write(tmp_path / "mine.toml")
    assert load_suite(path) == tuned.suite
    assert "false alarms a month on fresh runs" in repr(tuned)
    assert tuned._repr_html_().count("<table") == 2
    text = figures.alt_text(tuned.plot())
    assert "median by measured false alarms" in text


def test_delays_and_dollars_are_those_of_the_first_member_to_alarm(tuned, surprise):
    """Run by run from the detectors' own first alarms."""
    watch, spend = IncidentWatch.of(surprise), sample_bins(surprise, study_seeds(2, 3, 40))
    burned, caught = [], 0
    hours, week = spend.hour_of_week[: watch.end], watch.end
    alarms = []
    for detector in tuned.suite.detectors:
        values = spend.channel(detector.channel)[:, :week]
        layers = [values] if values.ndim == 2 else list(np.moveaxis(values, 2, 0))
        each = [d.first_alarm(layer, hours, watch.start) for layer in layers for d in [detector]]
        each = np.where(np.array(each) < 0, 10**6, each).min(axis=0)
        alarms.append(np.where(each == 10**6, -1, each).tolist())
    for run, hours in enumerate(zip(*alarms, strict=True)):
        first = min((hour for hour in hours if hour >= 0), default=None)
        if first is not None and first < watch.onset:
            continue  # early
        caught += first is not None
        end = watch.end if first is None else first + 1
        burned.append(spend.excess[run, watch.onset : end].sum())
    assert tuned.chosen["missed"] == 1 - caught / len(burned)
    assert tuned.chosen["burned_mean_usd"] == pytest.approx(np.mean(burned))
    left_out = tuned.chosen["early"] + tuned.chosen["false_before_launch"]
    assert left_out == pytest.approx(1 - len(burned) / 40)


def test_what_no_threshold_changes_comes_back_as_it_is(quiet):
    for detector in (AlwaysAlarm(), NeverAlarm(), FeedSilence(HourOfWeek())):
        assert calibrate(detector, quiet, 1.0) == detector
    assert quiet.false_alarms(AlwaysAlarm()).per_month == 720
    assert quiet.false_alarms(NeverAlarm()).alarms == 0
    random = calibrate(RandomAlarm(0.5), quiet, 1.0)
    assert random.rate == pytest.approx(1 / 720, rel=0.4)


def test_a_scenario_without_an_incident_is_calibrated_and_not_judged():
    found = tune("quiet", PAIR, calibration_runs=8, false_alarms_per_month=2.0)
    assert found.curve["burned_median_usd"].isna().all()
    assert "caught" not in found.words()
    assert "no incident to judge by" in figures.alt_text(found.plot())


def test_rates_that_so_few_runs_cannot_show_are_left_out_or_refused():
    found = tune("quiet", PAIR, calibration_runs=4, false_alarms_per_month=1.0)
    assert found.curve["wanted"].min() == 1.0  # fifteen months: not a quarter of an alarm
    with pytest.raises(SettingError, match="at least 10 expected false alarms"):
        tune("quiet", PAIR, calibration_runs=1, false_alarms_per_month=1.0)
    with pytest.raises(SettingError, match="replicates must be an integer of at least 10; got 3"):
        tune("quiet", PAIR, replicates=3)


def test_records_are_fitted_and_a_short_history_is_said(small):
    records = simulate(small(days=16), seed=3).records
    found = tune_records(records, calibration_runs=6, false_alarms_per_month=3.0, name="mine",
                         detectors=[*PAIR, FixedThreshold()])  # fmt: skip
    assert isinstance(found.suite, Suite)
    assert found.suite.name == "mine"
    assert any("16 days of records: too short" in line for line in found.warnings)
    assert found.suite.detectors[-1].threshold != FixedThreshold().threshold


def test_a_new_feature_that_leaks_is_seen_in_an_hour_and_a_planned_launch_is_left_alone():
    planned = load_scenario("benign-launch")
    leak = {
        "feature": "meeting_notes",
        "cause": "model",
        "starts": "2024-08-12T10:00:00",
        "effect": {"model": "gpt-4-32k", "input_tokens_scale": 2.0},
    }
    leaking = planned.model_copy(update={"incidents": {"leak": Incident(**leak)}})
    daily = planned.monthly_budget_usd / 30
    [rule] = [d for d in suite_members(daily) if isinstance(d, NewFeature)]
    assert not any(isinstance(d, NewFeature) for d in suite_members())
    watch = IncidentWatch.of(leaking)
    calm, spend = (
        IncidentRuns.at([watch] * 12, sample_bins(scenario, range(12)))
        for scenario in (planned, leaking)
    )
    assert (calm.first(rule) == NEVER).all()
    assert (spend.first(rule) == watch.onset).all()
    # the calibrated sum of the total takes the better part of a day
    assert np.median(spend.first(seasonal_cusum(h=13.6))) >= watch.onset + 6


def test_the_slider_saves_the_suite_of_its_notch(tmp_path):
    found = tune("quiet", PAIR, calibration_runs=8, false_alarms_per_month=2, notches=(0.5, 1, 2))
    notches = found.slider(tmp_path / "mine.toml")
    assert notches.rates == [1.0, 2.0, 4.0]
    assert "4 false alarms a month" in notches.save(4.0)
    saved = load_suite(tmp_path / "mine.toml")
    assert saved == found.suites[4.0]
    assert saved.detectors[0].threshold < found.suite.detectors[0].threshold
    with pytest.raises(SettingError, match="notches must be above 0, rise, and hold 1"):
        tune("quiet", PAIR, notches=(2, 3))
    with pytest.raises(SettingError, match="seed must be an integer of at least 0; got -1"):
        tune("quiet", PAIR, seed=-1)


def test_alarms_before_the_incident_are_said_beside_what_they_are_left_out_of():
    row = {"wanted": 1.0, "measured": 0.9, "low": 0.8, "high": 1.0, "caught_within_4h": 1.0,
           "caught_within_4h_low": 0.5, "burned_median_usd": 14.0, "early": 0.85,
           "false_before_launch": 0.025}  # fmt: skip
    suite = Suite("s", PAIR, 1.0, "", 60)
    said = Tuning(suite, pd.DataFrame([row]), pd.DataFrame(), 0, Ribbon("SIMULATED", "x")).words()
    assert said.endswith("in the 88% of runs that are left out an alarm came before it")
    nan = float("nan")
    gone = row | {"caught_within_4h": nan, "burned_median_usd": nan, "early": 1.0,
                  "false_before_launch": 0.0}  # fmt: skip
    all_ = Tuning(suite, pd.DataFrame([gone]), pd.DataFrame(), 0, Ribbon("SIMULATED", "x"))
    assert all_.judged
    assert all_.words().endswith("wanted; in all runs an alarm came before it")


def test_a_history_s_own_weeks_are_ordinary_life_too(small):
    records = simulate(small(days=30), seed=3).records
    options = {"calibration_runs": 6, "false_alarms_per_month": 3.0, "detectors": PAIR}
    found = tune_records(records, ordinary="history", name="mine", **options)
    assert found.suite.calibrated_on == "6 runs made of 3 weeks of own records, seed 0"
    assert str(found.ribbon).startswith("SIMULATED")  # so are the records
    assert not found.judged
    # 21 days of 30 are 0.7 months; ten alarms at 3 a month take 3.33 months
    assert any(
        "3 weeks of history are 0.7 months" in line and "15 weeks would show it" in line
        for line in found.warnings
    )
    assert 0 < found.chosen["measured"] < 9
    start = datetime(2024, 3, 6, tzinfo=UTC)
    fewer = tune_records(
        records, ordinary="history", leave_out=[(start, start + timedelta(days=1))], **options
    )
    assert "2 weeks of own records" in fewer.suite.calibrated_on
    with pytest.raises(SettingError, match="ordinary must be 'fitted' or 'history'; got 'mine'"):
        tune_records(records, ordinary="mine")
    with pytest.raises(SettingError, match="leave_out needs ordinary='history'"):
        tune_records(records, leave_out=[(start, start)])
