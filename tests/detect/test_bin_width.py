"""Bins of 5, 15 and 30 minutes: hours stay hours, rates stay rates, and alarms are known sooner."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.detect import (
    CUSUM,
    EWMA,
    CountCusum,
    CountGLR,
    Detector,
    ExcessDollars,
    ExponentialSmoothing,
    FeedSilence,
    FixedThreshold,
    Guarded,
    HourOfWeek,
    IncludingWindow,
    LiteLLMRule,
    NaiveZScore,
    NegativeBinomialGLM,
    NewFeature,
    NewUser,
    RandomAlarm,
    SeasonalTrend,
    Shewhart,
    SmoothedHourOfWeek,
    SustainedGrowth,
    TrailingMean,
    UserShare,
    WeekOverWeek,
    hour_of_week,
    presets,
)
from costsim.detect.bin_width import BinWidth, HourClock
from costsim.detect.hours import regular_bins
from costsim.errors import DataError, SettingError

ZONE = "Europe/Berlin"
FINE = pytest.mark.parametrize("minutes", [5, 15, 30])
QUICK = HourOfWeek(min_scale_hours=24, guard_hours=6)


def weeks_of(hours, seed=1, sigma=0.2):
    """Dollars an hour with a daily rhythm, from a Monday on."""
    rng = np.random.default_rng(seed)
    rhythm = 40 + 30 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    return rhythm * rng.lognormal(0, sigma, hours)


def split(hourly, minutes):
    """The same dollars in even bins."""
    per_hour = 60 // minutes
    return np.repeat(np.asarray(hourly) / per_hour, per_hour)


def readings(baseline, values, hours, minutes, **width):
    state = baseline.begin(1, BinWidth(minutes, **width))
    found = [state.step(np.array([v]), int(h)) for v, h in zip(values, hours, strict=True)]
    return np.array([[float(r.expected_usd[0]), float(r.z[0])] for r in found]).T


@FINE
@pytest.mark.parametrize(
    "baseline",
    [
        HourOfWeek(),
        HourOfWeek(weeks=3, min_weeks=1, winsor=math.inf, scale_hours=100, refit_hours=7),
        SmoothedHourOfWeek(),
        SeasonalTrend(weeks=3, min_weeks=3, refit_hours=84),
        ExponentialSmoothing(weeks=2, refit_hours=168),
    ],
    ids=lambda b: type(b).__name__,
)
def test_even_bins_are_judged_as_their_hours(baseline, minutes):
    """Medians, mean levels and absolute residuals of values that come n times are the same."""
    hourly = weeks_of(4 * 168)
    hourly[200:230] = math.nan
    hourly[600:606] *= 5
    hours, per_hour = np.arange(len(hourly)) % 168, 60 // minutes
    expected, z = readings(baseline, hourly, hours, 60)
    fine, fine_z = readings(baseline, split(hourly, minutes), hours.repeat(per_hour), minutes)
    assert np.isfinite(z[600:]).all()
    near = 1e-4 if hasattr(baseline, "forecast") else 1e-8  # optimisers stop a little elsewhere
    np.testing.assert_allclose(fine * per_hour, expected.repeat(per_hour), rtol=near)
    np.testing.assert_allclose(fine_z, z.repeat(per_hour), rtol=near, atol=10 * near)


@FINE
@pytest.mark.parametrize(
    "baseline",
    [
        HourOfWeek(),
        SmoothedHourOfWeek(refit_hours=7),
        SeasonalTrend(weeks=3, min_weeks=2, refit_hours=150),
    ],
    ids=lambda b: type(b).__name__,
)
def test_a_guard_holds_hours_back_and_a_freeze_lasts_days_whatever_the_bin(baseline, minutes):
    """Even bins are judged as their hours before, in and after a freeze that never thaws."""
    hourly = weeks_of(8 * 168, sigma=0.01)  # too calm to add anything up
    onset = 4 * 168 + 13
    hourly[onset:] *= 30.0  # freezes with its first bin
    hourly[300:310] = math.nan
    hours, per_hour = np.arange(len(hourly)) % 168, 60 // minutes
    guarded = Guarded(baseline, guard_hours=31, freeze_days=16)
    expected, z = readings(guarded, hourly, hours, 60)
    fine, fine_z = readings(guarded, split(hourly, minutes), hours.repeat(per_hour), minutes)
    near = 1e-4 if hasattr(baseline, "forecast") else 1e-8
    np.testing.assert_allclose(fine * per_hour, expected.repeat(per_hour), rtol=near)
    np.testing.assert_allclose(fine_z, z.repeat(per_hour), rtol=near, atol=1e-4)
    assert (fine_z[onset * per_hour : (onset + 16 * 24) * per_hour] > 11).all()
    assert not (fine_z[(onset + 16 * 24) * per_hour :] > 1).any()
    assert np.isfinite(fine_z[-12 * per_hour :]).all()


@FINE
def test_a_guard_that_never_closes_changes_nothing_of_uneven_bins(minutes):
    """Through a change of clocks within the hour, and hours that begin with half of their bins."""
    index = pd.date_range("2024-03-11 00:30", periods=5 * 168 * 60 // minutes,
                          freq=f"{minutes}min", tz="UTC")  # fmt: skip
    hours = hour_of_week(index, "Australia/Lord_Howe").tolist()
    values = np.random.default_rng(3).lognormal(2, 1, len(index))
    values[500:600] = math.nan
    for baseline in (HourOfWeek(), TrailingMean(), SmoothedHourOfWeek()):
        one = readings(baseline, values, hours, minutes)
        two = readings(Guarded(baseline, guard_hours=0, h=math.inf), values, hours, minutes)
        np.testing.assert_array_equal(one, two)
    late = readings(Guarded(TrailingMean(), guard_hours=30, h=math.inf), values, hours, minutes)
    np.testing.assert_array_equal(
        late, readings(TrailingMean(guard_hours=30), values, hours, minutes)
    )


@FINE
@pytest.mark.parametrize("make", [TrailingMean, IncludingWindow])
def test_windows_of_hours_hold_as_many_hours(make, minutes):
    """Mean of the window, and its scatter with the n - 1 of n times as many bins."""
    hourly, per_hour = weeks_of(500), 60 // minutes
    hours = np.arange(500) % 168
    window = make(window_hours=72, min_hours=24)
    expected, z = readings(window, hourly, hours, 60)
    fine, fine_z = readings(window, split(hourly, minutes), hours.repeat(per_hour), minutes)
    # where all bins of the window are of the same hours as in the hourly reading
    at = slice(0, None, per_hour) if make is TrailingMean else slice(per_hour - 1, None, per_hour)
    assert np.isfinite(expected[24:]).all()
    np.testing.assert_allclose(fine[at] * per_hour, expected, rtol=1e-9)
    n = 72
    wider = math.sqrt((n * per_hour - 1) / (n * per_hour) * n / (n - 1))
    np.testing.assert_allclose(fine_z[at][n:], z[n:] * wider, rtol=1e-9)


@FINE
@pytest.mark.parametrize(
    "rule",
    [
        FixedThreshold(50.0),
        UserShare(1_000.0),
        WeekOverWeek(least_usd=30.0),
        LiteLLMRule(least_usd=300.0, channel="total"),
        LiteLLMRule(),
        SustainedGrowth(least_usd=5_000.0),
        FeedSilence(QUICK, usd_per_call=0.5),
        ExcessDollars(QUICK, hours=6),
        NewUser(),
        NewFeature(days=40, absent_days=0),
        NewFeature(days=25, absent_days=0, day_hours=30.0, channel="unit_cost"),
        Detector(QUICK, Shewhart(), gate_ratio=1.3, gate_usd=40.0, gate_hours=3),
        Detector(QUICK, Shewhart(), "", "unit_cost", gate_ratio=1.3, gate_usd=40.0, gate_hours=3),
        FixedThreshold(50.0, channel="unit_cost"),
        WeekOverWeek(least_usd=30.0, channel="unit_cost"),
        LiteLLMRule(least_usd=300.0, channel="unit_cost"),
        SustainedGrowth(least_usd=5_000.0, channel="unit_cost"),
        ExcessDollars(QUICK, hours=6, channel="unit_cost"),
        Detector(QUICK, Shewhart(), channel="unit_cost"),
        Detector(TrailingMean(48, 6, min_scale_share=9, min_scale_usd=9), Shewhart()),
        Detector(TrailingMean(48, 6, min_scale_share=0, min_scale_usd=900), Shewhart()),
    ],
    ids=lambda rule: f"{rule.name}, {rule.channel}",
)
def test_at_the_end_of_even_hours_rules_say_what_they_say_of_hours(rule, minutes):
    """Dollars an hour are rates; prices of calls are the same whatever the bin."""
    hourly = weeks_of(4 * 168, sigma=0.4)
    hourly[620:640] *= 3
    hourly[645:655] = 0.0
    hours, per_hour = np.arange(len(hourly)) % 168, 60 // minutes
    adds_up = rule.channel not in ("unit_cost", "user_rise")
    values = split(hourly, minutes) if adds_up else hourly.repeat(per_hour)
    wanted = rule.statistic(hourly, hours, 400)
    found = rule.statistic(values, hours.repeat(per_hour), 400 * per_hour, minutes)
    at_end = found[per_hour - 1 :: per_hour]
    if isinstance(rule, Detector) and isinstance(rule.baseline, TrailingMean):
        at_end = found[::per_hour]  # later bins have those of their own hour behind them
    if isinstance(rule, SustainedGrowth):  # the least of more weeks: some end within an hour
        assert (at_end[450:] <= wanted[450:] + 1e-9).all()
        assert (at_end[450:] >= wanted[450:] - 0.03).all()
    else:
        np.testing.assert_allclose(at_end, wanted, rtol=1e-7, atol=1e-9)
    assert np.isfinite(wanted[450:]).all()
    assert np.ptp(wanted[450:]) > 0


def by_definition(values, hours, per_hour, weeks, min_weeks):
    """Expected dollars of `HourOfWeek` without winsor, from lists of whole hours."""
    level, past, groups, expected = np.log(values * per_hour + 1.0), {}, [], []
    for t, hour in enumerate(hours):
        if not groups or hours[groups[-1][0]] != hour or len(groups[-1]) == per_hour:
            groups.append([])
        groups[-1].append(t)
    for group in groups:
        kept = past.setdefault(hours[group[0]], [])
        known = [level[group_][~np.isnan(level[group_])] for group_ in kept]
        known = [each for each in known if len(each)][-weeks:]
        place = np.median(np.concatenate(known)) if len(known) >= min_weeks else math.nan
        expected += [max(math.exp(place) - 1, 0) / per_hour] * len(group)
        kept.append(group)
    return np.array(expected)


@settings(max_examples=8, deadline=None)
@given(
    minutes=st.sampled_from([15, 30, 60]),
    begin=st.sampled_from(["2024-10-14", "2024-03-18", "2024-10-14 01:30", "2024-06-03 00:30"]),
    seed=st.integers(0, 100),
)
def test_hour_of_week_is_its_definition_also_where_clocks_change(minutes, begin, seed):
    begin = pd.Timestamp(begin, tz=ZONE)
    begin = begin.floor("h") if minutes == 60 else begin
    index = pd.date_range(begin.tz_convert("UTC"), periods=24 * 24 * 60 // minutes,
                          freq=f"{minutes}min")  # fmt: skip
    rng = np.random.default_rng(seed)
    values = rng.lognormal(2, 1, len(index))
    values[rng.random(len(index)) < 0.2] = math.nan
    hours = hour_of_week(index, ZONE).tolist()
    baseline = HourOfWeek(weeks=2, min_weeks=2, winsor=math.inf)
    expected, _ = readings(baseline, values, hours, minutes)
    wanted = by_definition(values, hours, 60 // minutes, 2, 2)
    np.testing.assert_allclose(expected, wanted, rtol=1e-9)
    assert np.isfinite(wanted[-24:]).mean() > 0.7


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize("zone", [ZONE, "America/New_York", "Asia/Kolkata"])
def test_the_clock_begins_an_hour_where_the_clock_on_the_wall_does(minutes, zone):
    """Through a year of both changes; wall minutes are 0 just there."""
    start = pd.Timestamp("2024-01-01", tz=zone).tz_convert("UTC")
    end = pd.Timestamp("2024-12-31", tz="UTC")
    index = pd.date_range(start, end, freq=f"{minutes}min")
    clock = HourClock(BinWidth(minutes))
    begins = [clock.begins(hour) for hour in hour_of_week(index, zone).tolist()]
    wall = index.tz_convert(ZoneInfo(zone)).minute
    np.testing.assert_array_equal(begins, wall == 0)


def step_at(minutes, hours=5 * 168, begin=4 * 168 + 34):
    """Noise-free weeks of bins, with $60/h more from a quarter past ten on a Tuesday."""
    index = pd.date_range("2024-07-01", periods=hours * 12, freq="5min", tz="UTC")
    usd = pd.Series(np.where(index.hour < 8, 10.0, 80.0) / 12, index=index)
    usd[index >= index[begin * 12] + pd.Timedelta("15min")] += 600.0 / 12
    return usd.resample(f"{minutes}min").sum(), index[begin * 12]


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize(
    "detector",
    [
        *(make() for make in presets().values()),
        FixedThreshold(150.0, channel="total"),
        UserShare(15_000.0, channel="total"),
        WeekOverWeek(),
        Detector(SmoothedHourOfWeek(), CUSUM(k=1.0, h=5.0), name="smoothed"),
        Detector(HourOfWeek(), EWMA(lam=0.5), name="EWMA"),
    ],
    ids=lambda d: d.name,
)
def test_a_step_is_known_at_the_end_of_the_bin_it_begins_in(detector, minutes):
    """At 10:15; so after 15 minutes in bins of 15, and after 45 in hours."""
    usd, ten = step_at(minutes)
    alarms = detector.alarms(usd, start=usd.index[0] + pd.Timedelta(hours=4 * 168),
                             quiet_hours=200, bin_minutes=minutes)  # fmt: skip
    known = {5: 20, 15: 30, 30: 30, 60: 60}[minutes]
    assert alarms.first.known_at == ten + pd.Timedelta(minutes=known)
    assert alarms.first.known_at - alarms.first.time == pd.Timedelta(minutes=minutes)
    assert len(alarms) == 1
    what = "the hour" if minutes == 60 else f"the {minutes} minutes"
    assert f"in {what} from" in alarms.first.words()
    assert "in 840 hours" in repr(alarms)


def test_a_baseline_does_not_learn_from_the_hour_that_is_running():
    """The bins of a burst are all held against the weeks before."""
    values = np.repeat(10.0, 3 * 168 * 12)
    hours = (np.arange(len(values)) // 12) % 168
    values[-12:] = [500.0 * 2**n for n in range(12)]
    expected, _ = readings(HourOfWeek(weeks=2, winsor=math.inf), values, hours, 5)
    np.testing.assert_allclose(expected[-12:], 10.0)


@pytest.mark.parametrize("minutes", [15, 60])
def test_counts_of_bins_have_their_own_mean_and_variance(minutes):
    """Negative binomial counts with the dispersion of the bins: z has about unit scatter."""
    per_hour = 60 // minutes
    rng = np.random.default_rng(3)
    hours = (np.arange(5 * 168 * per_hour) // per_hour) % 168
    mean = np.exp(3 + np.sin(hours / 24 * 2 * np.pi)) / per_hour
    counts = rng.negative_binomial(5, 5 / (5 + mean)).astype(float)
    expected, z = readings(NegativeBinomialGLM(refit_hours=168), counts, hours, minutes)
    last = slice(4 * 168 * per_hour, None)
    assert abs(np.log(expected[last] / mean[last])).mean() < 0.1
    assert z[last].std() == pytest.approx(1.0, abs=0.15)


def test_counts_are_summed_whatever_the_bin():
    """The log-likelihood ratio of Poisson calls adds up over bins to that of the hour."""
    rng = np.random.default_rng(5)
    fine = np.concatenate([np.full(200 * 4, 5.0), rng.poisson(9.0, 40 * 4)])
    hours = np.arange(240) % 168
    base = TrailingMean(window_hours=100, guard_hours=100)
    args = {"dispersion": 0.0}
    for kind, more in ((CountCusum, {}), (CountGLR, {"window": 10_000})):
        detector = kind(base, **args, **more)
        hourly = detector.statistic(fine.reshape(-1, 4).sum(axis=1), hours, 200)
        found = detector.statistic(fine, hours.repeat(4), 800, 15)[3::4]
        rising = slice(205, None)  # well above 0, where no bin sets the sum back
        np.testing.assert_allclose(found[rising], hourly[rising], rtol=0.02)


def test_random_alarms_come_as_often_in_bins_of_any_width():
    values = np.random.default_rng(6).lognormal(size=12_000)
    hours = np.zeros(len(values), int)
    dummy = RandomAlarm(rate=0.02)
    for minutes in (5, 15, 60):
        statistic = dummy.statistic(values, hours, 0, minutes)
        a_bin = 0.02 * minutes / 60
        spread = math.sqrt(a_bin / len(values))
        assert (statistic > dummy.threshold).mean() == pytest.approx(a_bin, abs=5 * spread)


def test_the_naive_window_is_as_long_in_hours():
    """Blind once the incident fills its window: after 33 hours of a window of 336, at any bin."""
    hourly = np.ones(700)
    hourly[400:] = 50.0
    hours = np.arange(700) % 168
    for minutes in (30, 60):
        per_hour = 60 // minutes
        path = NaiveZScore().statistic(split(hourly, minutes), hours.repeat(per_hour),
                                       400 * per_hour, minutes)  # fmt: skip
        above = np.flatnonzero(path > 3.0)
        assert above[0] == 400 * per_hour
        assert (above[-1] + 1) / per_hour == pytest.approx(433, abs=1)


@pytest.mark.parametrize("minutes", [7, 0, 120, "15", 15.0, None, True])
def test_other_bins_are_refused_in_one_line(minutes):
    usd = pd.Series(1.0, pd.date_range("2024-07-01", periods=3, freq="15min", tz="UTC"))
    words = r"bin_minutes must be one of \[5, 15, 30, 60\]; got"
    with pytest.raises(SettingError, match=words):
        FixedThreshold().alarms(usd, bin_minutes=minutes)
    with pytest.raises(SettingError, match=words):
        FixedThreshold().stream(bin_minutes=minutes)
    with pytest.raises(SettingError, match=words):
        FixedThreshold().statistic([1.0], [0], bin_minutes=minutes)


def every(freq, periods=8, start="2024-07-01"):
    return pd.Series(1.0, pd.date_range(start, periods=periods, freq=freq, tz="UTC"))


@pytest.mark.parametrize(
    ("series", "minutes", "words"),
    [
        (every("15min"), 60, "whole hours"),
        (every("5min"), 15, "a multiple of 15 minutes apart; got 2024-07-01 00:05"),
        (every("15min", start="2024-07-01 00:05"), 15, "got 2024-07-01 00:05"),
        (every("1min"), 5, "a multiple of 5 minutes apart; got 2024-07-01 00:01"),
        (every("h"), 15, "60 minutes or more apart: bin_minutes=60 reads it"),
        (every("15min"), 5, "15 minutes or more apart: bin_minutes=15 reads it"),
    ],
)
def test_a_series_of_other_bins_is_refused_in_one_line(series, minutes, words):
    with pytest.raises(DataError, match=words) as raised:
        regular_bins(series, minutes)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("start", ["2024-07-01", "2024-07-01 00:30", "2024-07-01 00:45"])
def test_gaps_of_a_regular_series_are_filled_with_the_unknown(start):
    series = every("15min", 20, start).drop(index=[pd.Timestamp(start, tz="UTC").floor("15min")
                                            + pd.Timedelta("45min")])  # fmt: skip
    found = regular_bins(series, 15)
    assert len(found) == 20
    assert found.isna().sum() == 1
    assert math.isnan(found.iloc[3])


def test_a_stream_wants_the_start_of_a_bin():
    live = FixedThreshold(20.0).stream(bin_minutes=15)
    with pytest.raises(DataError, match="time must be a whole 15 minutes"):
        live.update("2024-08-09T14:05Z", 1.0)
    assert live.update("2024-08-09T14:15Z", 4.9) is None
    alarm = live.update("2024-08-09T14:45Z", 5.1)
    assert (alarm.known_at, alarm.statistic) == (pd.Timestamp("2024-08-09T15:00Z"), 20.4)
    assert live.alarms().spend["usd"].isna().tolist() == [False, True, False]
    with pytest.raises(DataError, match="time must be a whole 15 minutes"):
        live.update("2024-08-09T15:05Z", 1.0)


def test_quiet_hours_are_hours():
    values = np.ones(60)
    values[[4, 20]] = 30.0  # 15 bins of 15 minutes lie between, 3 3/4 hours
    usd = pd.Series(values, pd.date_range("2024-07-01", periods=60, freq="15min", tz="UTC"))
    rule = FixedThreshold(100.0)
    counts = [len(rule.alarms(usd, quiet_hours=q, bin_minutes=15)) for q in (0, 3, 4)]
    assert counts == [2, 2, 1]
