"""What every exported detector keeps, found by itself: a new one is tested once it is exported."""

from __future__ import annotations

import dataclasses
import inspect
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim import detect
from costsim.detect import (
    CUSUM,
    EWMA,
    Detector,
    HourOfWeek,
    IncludingWindow,
    SeriesDetector,
    TrailingMean,
)
from costsim.detect.series_detector import CHANNELS
from costsim.detect.stepped import SteppedDetector
from costsim.errors import SettingError

QUICK = HourOfWeek(min_scale_hours=24, guard_hours=6)
# Settings for exported classes that cannot be made without any.
NEEDED = {
    "Detector": (QUICK, CUSUM(k=0.5, head_start_share=0.5)),
    "UserShare": (1_800.0,),
    "CountCusum": (QUICK,),
    "CountGLR": (QUICK,),
    "ExcessDollars": (QUICK,),
    "FeedSilence": (QUICK,),
}
# Those that know nothing do not know what an ordinary hour is either.
DUMMIES = {"RandomAlarm", "AlwaysAlarm", "NeverAlarm"}
# What one dear hour is not the matter of.
NO_SPIKES = {*DUMMIES, "SustainedGrowth", "FeedSilence", "NewFeature"}
# What a burst of some hours is not the matter of; and the one random alarm falls elsewhere.
NO_BURSTS = {"NeverAlarm", "RandomAlarm", "SustainedGrowth", "NewFeature"}
LONG_DAYS = 24  # from which on every baseline that needs two weeks expects something
ZONE = "Europe/Berlin"


def exported():
    """Each preset, each exported detector class, and joints that are not among them."""
    found = {name: make() for name, make in detect.presets().items()}
    for name in detect.__all__:
        thing = getattr(detect, name)
        if inspect.isclass(thing) and dataclasses.is_dataclass(thing) and hasattr(thing, "run"):
            default = thing(*NEEDED.get(name, ()))
            if default not in found.values():
                found[name] = default
        elif inspect.isfunction(thing) and name.endswith(("z_score", "cusum", "ewma")):
            assert name in found, f"{name} is exported but is no preset"
    found["short EWMA"] = Detector(
        detect.TrailingMean(window_hours=24, min_hours=4, guard_hours=3), EWMA(lam=0.3, c=2.0)
    )
    found["newest in window"] = Detector(IncludingWindow(48, 6), CUSUM(k=0.2, h=2.0, clip=4.0))
    gate = {"gate_ratio": 1.2, "gate_usd": 5.0, "gate_hours": 3}
    found["gated"] = Detector(QUICK, CUSUM(k=0.5), name="gated", **gate)
    return found | joints()


def joints():
    """Each exported baseline under a quick chart, and each exported chart on a quick baseline."""
    found = {}
    for name in detect.__all__:
        thing = getattr(detect, name)
        if not (inspect.isclass(thing) and dataclasses.is_dataclass(thing)):
            continue
        if hasattr(thing, "path"):
            found[f"chart {name}"] = Detector(TrailingMean(48, 6), thing())
        elif hasattr(thing, "begin") and not hasattr(thing, "run"):
            # Once in two days, because the tests go through many short series.
            slow = {"refit_hours": 48} if hasattr(thing, "refit_hours") else {}
            found[f"baseline {name}"] = Detector(thing(**slow), CUSUM(k=0.5))
    return found


DETECTORS = exported()
every = pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS.keys())


def all_but(detectors):
    """Parametrise with all but some."""
    kept = {name: made for name, made in DETECTORS.items() if name not in detectors}
    return pytest.mark.parametrize("detector", kept.values(), ids=kept.keys())


def test_the_contract_covers_what_it_should():
    classes = {*NEEDED, *NO_SPIKES, "FixedThreshold", "LiteLLMRule", "NewUser", "WeekOverWeek"}
    charts = {"chart CUSUM", "chart CusumBank", "chart EWMA", "chart GLR", "chart Shewhart"}
    plain = {"HourOfWeek", "SmoothedHourOfWeek", "TrailingMean", "IncludingWindow", "Guarded"}
    refitted = {
        "SeasonalTrend",
        "MultiSeasonalTrend",
        "ExponentialSmoothing",
        "NegativeBinomialGLM",
    }
    baselines = {f"baseline {name}" for name in plain | refitted}
    assert {"naive_z_score", "seasonal_cusum"} | classes | charts | baselines <= set(DETECTORS)


@st.composite
def spend(draw, longest=60):
    """Hourly dollars after a quiet history: constants, zeros, gaps, single rows, one spike."""
    history = draw(st.sampled_from([0, 1, 23, 30, 430]))
    level = draw(st.sampled_from([0.0, 0.1, 40.0]))
    noise = draw(st.sampled_from([0.0, 0.0, 0.3]))
    seed = draw(st.integers(0, 5))
    values = level * np.random.default_rng(seed).lognormal(0, noise, history) if noise else None
    values = np.full(history, level) if values is None else values
    value = st.one_of(st.just(math.nan), st.just(level), st.just(0.0), st.floats(0, 5e3))
    tail = draw(st.lists(value, min_size=0 if history else 1, max_size=longest))
    values = np.concatenate([values, tail])
    spike = draw(st.one_of(st.none(), st.integers(0, len(values) - 1)))
    if spike is not None:
        values[spike] += 500.0
    begin = draw(st.datetimes(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-01")))
    index = pd.date_range(
        begin.replace(minute=0, second=0, microsecond=0), periods=len(values), freq="h", tz="UTC"
    )
    start = draw(st.integers(0, len(values)))
    return pd.Series(values, index=index), start


@every
@settings(max_examples=6, deadline=None)
@given(case=spend(), quiet=st.sampled_from([0, 3]))
def test_point_by_point_is_as_at_once(detector, case, quiet):
    series, start = case
    since = None if start == 0 else series.index[0] + pd.Timedelta(hours=start)
    batch = detector.alarms(series, start=since, time_zone=ZONE, quiet_hours=quiet)
    live = detector.stream(time_zone=ZONE, start=since, quiet_hours=quiet)
    raised = []
    for i, (time, value) in enumerate(series.items()):
        # Hours left out are the same as hours that are unknown.
        if math.isnan(value) and 0 < i < len(series) - 1:
            continue
        alarm = live.update(time, value)
        if alarm is not None:
            assert alarm.time == time
            raised.append(alarm)
    pd.testing.assert_frame_equal(live.alarms().frame, batch.frame, check_exact=True)
    assert [dataclasses.astuple(a)[:3] for a in raised] == [
        dataclasses.astuple(a)[:3] for a in batch
    ]


def quarters(begin, days=17):
    """A rhythm in bins of 15 minutes from the middle of an hour on, gaps, a burst and silence."""
    index = pd.date_range(begin, periods=days * 96, freq="15min")
    rng = np.random.default_rng(7)
    values = (30 + 20 * np.sin(np.arange(len(index)) / 96 * 2 * np.pi)) / 4
    values = np.round(values * rng.lognormal(0, 0.2, len(index)), 3)
    values[rng.random(len(index)) < 0.03] = math.nan
    values[-200:-190] *= 20
    values[-100:-60] = 0.0
    return pd.Series(values, index=index)


def long_days(detector):
    """Days from which on a detector expects something; those that fit three weeks need another."""
    baseline = getattr(detector, "baseline", None)
    fits_three = hasattr(baseline, "refit_hours") and baseline.min_weeks > 2
    return LONG_DAYS + 7 * fits_three


def assert_live_is_as_at_once(detector, series, start):
    """Quarters taken one by one give the alarms of all at once, which come back."""
    since = series.index[start]
    batch = detector.alarms(series, since, ZONE, quiet_hours=3, bin_minutes=15)
    live = detector.stream(ZONE, since, quiet_hours=3, bin_minutes=15)
    for time, value in series.items():
        if not math.isnan(value) or time in (series.index[0], series.index[-1]):
            live.update(time, value)
    pd.testing.assert_frame_equal(live.alarms().frame, batch.frame, check_exact=True)
    assert (batch.frame["known_at"] - batch.frame["time"] == pd.Timedelta("15min")).all()
    return batch


@every
def test_quarters_over_the_lost_hour_of_spring_are_at_once_as_one_by_one(detector):
    series = quarters(pd.Timestamp("2024-03-09 09:45Z"), long_days(detector))
    batch = assert_live_is_as_at_once(detector, series, len(series) - 300)
    assert (len(batch) == 0) == (type(detector).__name__ in NO_BURSTS)


@every
def test_quarters_over_the_hour_of_autumn_that_comes_twice_are_too(detector):
    """An alarm is known when its bin ends, is the first of the many, and knows no future."""
    series = quarters(pd.Timestamp("2024-10-05 09:15Z"), long_days(detector))
    start = len(series) - 300
    batch = assert_live_is_as_at_once(detector, series, start)
    hours = detect.hour_of_week(pd.DatetimeIndex(series.index), ZONE)
    values = np.stack([series.to_numpy(), series.to_numpy()[::-1]])
    first = detector.first_alarm(values, hours, start, bin_minutes=15)[0]
    assert first == (-1 if batch.first is None else series.index.get_loc(batch.first.time))
    later = series.copy()
    later.iloc[-50:] = 999.0
    both = detector.statistic(np.stack([series, later]), hours, start, 15)[:, :-50]
    np.testing.assert_array_equal(*both)


@every
@settings(max_examples=6, deadline=None)
@given(case=spend())
def test_the_first_alarm_of_many_series_is_the_first_of_one(detector, case):
    series, start = case
    hours = detect.hour_of_week(pd.DatetimeIndex(series.index), ZONE)
    since = series.index[0] + pd.Timedelta(hours=start)
    alarms = detector.alarms(series, start=since, time_zone=ZONE)
    statistic = detector.statistic(series.to_numpy(), hours, start)
    assert statistic.shape == series.shape
    first = detector.first_alarm(series.to_numpy(), hours, start).tolist()
    if alarms.first is None:
        assert first == [-1]
    else:
        at = (alarms.first.time - series.index[0]) // pd.Timedelta(hours=1)
        assert first == [at]
        assert alarms.first.statistic == pytest.approx(statistic[at], rel=1e-9)
        assert alarms.first.known_at == alarms.first.time + pd.Timedelta(hours=1)


@every
@settings(max_examples=6, deadline=None)
@given(case=spend(), cut=st.floats(0, 1), future=st.floats(0, 1e4), data=st.data())
def test_changing_the_future_changes_nothing_earlier(detector, case, cut, future, data):
    series, start = case
    hours = detect.hour_of_week(pd.DatetimeIndex(series.index), ZONE)
    values = series.to_numpy()
    now = int(cut * len(values))
    begin = min(start, now)
    other = values.copy()
    other[now:] = data.draw(st.sampled_from([future, 0.0, math.nan]))
    whole = detector.statistic(values, hours, begin)[:now]
    np.testing.assert_array_equal(detector.statistic(other, hours, begin)[:now], whole)
    np.testing.assert_array_equal(detector.statistic(values[:now], hours[:now], begin), whole)
    # And alarms already raised stay.
    known = detector.alarms(series.iloc[:now], time_zone=ZONE).frame
    later = detector.alarms(series, time_zone=ZONE).frame
    assert later["time"].tolist()[: len(known)] == known["time"].tolist()


@all_but(DUMMIES)
def test_constants_zeros_gaps_and_single_rows_never_alarm(detector):
    hours = np.arange(800) % 168
    quiet = min(1.0, 0.5 * getattr(detector, "daily_budget_usd", 100.0) * 0.01)
    rows = np.array([np.zeros(800), np.full(800, quiet), np.full(800, math.nan)])
    rows = np.vstack([rows, np.where(np.arange(800) % 7 == 3, math.nan, quiet)])
    assert detector.first_alarm(rows, hours, 0).tolist() == [-1] * 4
    assert detector.first_alarm([0.0], [5]).tolist() == [-1]
    assert detector.first_alarm(np.empty((3, 0)), []).tolist() == [-1] * 3


@all_but(NO_SPIKES)
def test_one_spike_in_quiet_noise_is_seen_in_its_hour(detector):
    hours = np.arange(800) % 168
    values = 2.0 * np.random.default_rng(0).lognormal(0, 0.05, 800)
    values[777] = 4_000.0
    start = 770
    # Sums of several hours may still rise a little afterwards.
    assert np.nanargmax(np.diff(detector.statistic(values, hours, start))) == 776
    assert detector.first_alarm(values, hours, start).tolist() == [777]


@every
def test_many_series_are_each_as_alone(detector):
    hours = np.arange(600) % 168
    values = np.random.default_rng(3).lognormal(1, 0.4, (4, 600))
    values[1, 100:130] = values[2, :450] = values[3, ::7] = math.nan
    values[3, 550:560] = 0.0
    many = detector.statistic(values, hours, 400)
    assert many.shape == values.shape
    for row, series in zip(many, values, strict=True):
        one = detector.statistic(series, hours, 400)
        np.testing.assert_allclose(row, one, rtol=1e-9, atol=1e-9)


@all_but({"naive_z_score"})  # it tells only of what is new, which is equal at the first alarm
def test_one_step_at_a_time_gives_the_numbers_of_the_batch(detector):
    """Up to the first alarm, after which a run begins again."""
    hours = np.arange(600) % 168
    values = np.random.default_rng(4).lognormal(1, 0.4, 600)
    values[::11] = math.nan
    values[580:590] = 0.0
    batch = detector.statistic(values, hours, 450)
    run = detector.run()
    steps = zip(values.tolist(), hours.tolist(), strict=True)
    live = [run.step(value, hour, i >= 450)[1] for i, (value, hour) in enumerate(steps)]
    np.testing.assert_allclose(live, batch, rtol=1e-9, atol=1e-9)


@every
def test_a_gap_has_no_statistic_and_nothing_before_start_has(detector):
    hours = np.arange(800) % 168
    values = np.random.default_rng(1).lognormal(1, 0.2, (3, 800))
    values[:, 750:760] = math.nan
    statistic = detector.statistic(values, hours, 700)
    assert np.isnan(statistic[:, :700]).all()
    assert np.isnan(statistic[:, 750:760]).all()
    # Infinite is known too: that is how the dummy that always alarms does it.
    assert not np.isnan(statistic[:, 700:750]).any()
    assert not np.isnan(statistic[:, 760:]).any()


@every
def test_thresholds_move_and_nothing_else_does(detector):
    hours = np.arange(800) % 168
    values = np.random.default_rng(2).lognormal(1, 0.5, (3, 800))
    other = detector.with_threshold(2.5 * detector.threshold)
    assert other.threshold == 2.5 * detector.threshold
    assert (other.name, other.channel, type(other)) == (
        detector.name,
        detector.channel,
        type(detector),
    )
    np.testing.assert_array_equal(
        other.statistic(values, hours, 500), detector.statistic(values, hours, 500)
    )
    with pytest.raises(SettingError, match="must be above 0"):
        detector.with_threshold(0.0)


@every
def test_it_is_a_frozen_series_detector_that_can_say_what_it_does(detector):
    assert isinstance(detector, SeriesDetector)
    assert "\n" not in detector.describe()
    assert detector.name in detector.describe()
    assert detector.channel in CHANNELS
    with pytest.raises(dataclasses.FrozenInstanceError):
        detector.name = "other"


STEPPED = {name: made for name, made in DETECTORS.items() if isinstance(made, SteppedDetector)}


@pytest.mark.parametrize("detector", STEPPED.values(), ids=STEPPED.keys())
def test_a_watch_after_others_is_one_begun_anew(detector):
    """Where several watches are gone through in one pass, an earlier one leaves nothing behind."""
    series = quarters(pd.Timestamp("2024-10-12 09:15Z")).to_numpy()
    values = np.stack([series, series[::-1]])
    hours = detect.hour_of_week(
        pd.date_range("2024-10-12 09:15Z", periods=len(series), freq="15min"), ZONE
    )
    starts = [len(series) - 400, len(series) - 195, len(series) - 80]
    found = detector.watches(values, hours, starts, 15)
    for start, end in zip(starts, [*starts[1:], len(series)], strict=True):
        anew = detector.statistic(values[:, :end], hours[:end], start, 15)
        np.testing.assert_array_equal(found[:, start:end], anew[:, start:])


def _documented():
    """Exported classes of settings: detectors, rules, baselines and charts."""
    things = {name: getattr(detect, name) for name in detect.__all__}
    return [
        name
        for name, thing in things.items()
        if inspect.isclass(thing)
        and dataclasses.is_dataclass(thing)
        and (hasattr(thing, "first_alarm_for") or hasattr(thing, "begin"))
    ]


@pytest.mark.parametrize("name", _documented())
def test_it_says_where_it_comes_from_and_detectors_when_they_fail(name: str) -> None:
    thing = getattr(detect, name)
    said = inspect.getdoc(thing) or ""
    assert "\nReferences\n----------\n" in said
    assert "\nExamples\n--------\n" in said
    if hasattr(thing, "first_alarm_for") and name not in {*DUMMIES, "Detector"}:
        assert "What fails: " in said
