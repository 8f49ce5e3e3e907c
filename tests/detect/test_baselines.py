"""Baselines against second implementations in pandas, and what they promise about incidents."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.detect import (
    HourOfWeek,
    IncludingWindow,
    SmoothedHourOfWeek,
    TrailingMean,
    hour_of_week,
)
from costsim.detect.baselines.base import read_by_steps
from costsim.detect.baselines.median import known_median
from costsim.detect.baselines.moments import RollingMoments
from costsim.errors import SettingError


def read(baseline, values, hours=None):
    """Expected dollars and z of one series."""
    hours = np.arange(len(values)) % 168 if hours is None else hours
    state = baseline.begin(1)
    readings = [state.step(np.array([v]), int(h)) for v, h in zip(values, hours, strict=True)]
    return (
        np.array([reading.expected_usd[0] for reading in readings]),
        np.array([reading.z[0] for reading in readings]),
    )


@pytest.fixture
def gappy():
    rng = np.random.default_rng(1)
    values = rng.lognormal(3, 0.6, 900)
    values[rng.random(900) < 0.1] = np.nan
    return values


def test_trailing_mean_is_the_rolling_mean_before(gappy):
    expected, z = read(TrailingMean(window_hours=100, min_hours=30), gappy)
    before = pd.Series(gappy).shift(1).rolling(100, min_periods=30)
    np.testing.assert_allclose(expected, before.mean(), rtol=1e-12)
    np.testing.assert_allclose(z, (gappy - before.mean()) / before.std(), rtol=1e-9)


def test_trailing_guard_leaves_the_newest_hours_out(gappy):
    expected, _ = read(TrailingMean(window_hours=50, min_hours=20, guard_hours=24), gappy)
    before = pd.Series(gappy).shift(25).rolling(50, min_periods=20)
    np.testing.assert_allclose(expected, before.mean(), rtol=1e-12)


def test_including_window_is_the_rolling_mean_with_the_bin_in_it(gappy):
    expected, z = read(IncludingWindow(window_hours=100, min_hours=30), gappy)
    window = pd.Series(gappy).rolling(100, min_periods=30)
    np.testing.assert_allclose(expected, window.mean(), rtol=1e-12)
    np.testing.assert_allclose(z, (gappy - window.mean()) / window.std(), rtol=1e-9)


def test_a_window_of_equal_values_has_no_scatter_whatever_has_left_it():
    moments = RollingMoments(7, 1)
    for value in [1e9, 3e8] + [0.1] * 7:
        moments.push(np.array([value]))
    count, mean, scatter = moments.read()
    assert (count[0], mean[0], scatter[0]) == (7.0, 0.1, 0.0)


@given(
    st.lists(st.one_of(st.just(math.nan), st.floats(0, 1e6)), max_size=60),
    st.integers(2, 20),
)
def test_rolling_moments_are_those_of_the_window(values, window):
    moments = RollingMoments(window, 1)
    for i, value in enumerate(values):
        moments.push(np.array([value]))
        known = [v for v in values[max(0, i + 1 - window) : i + 1] if not math.isnan(v)]
        count, mean, scatter = (float(part[0]) for part in moments.read())
        assert count == len(known)
        if known:
            assert mean == pytest.approx(math.fsum(known) / len(known), rel=1e-12)
        if len(known) > 1:
            assert scatter == pytest.approx(np.std(known, ddof=1), rel=1e-9, abs=1e-6)
        else:
            assert math.isnan(scatter)


def slow_hour_of_week(values, hours, settings):
    """The definition, written with lists, without regard to speed."""
    past = {hour: [] for hour in range(168)}
    residuals = []
    scatter = math.nan
    expected, z = [], []
    for t, (value, hour) in enumerate(zip(values, hours, strict=True)):
        if t % settings.refit_hours == 0:
            usable = residuals[: len(residuals) - settings.guard_hours or None]
            usable = usable if len(residuals) > settings.guard_hours else []
            newest = np.array(usable[-settings.scale_hours :], dtype=float)
            newest = np.abs(newest[~np.isnan(newest)])
            if len(newest) >= settings.min_scale_hours:
                scatter = max(1.4826 * float(np.median(newest)), settings.min_scale)
        seen = past[hour][-settings.weeks :]
        place = float(np.median(seen)) if len(seen) >= settings.min_weeks else math.nan
        level = math.log(value + settings.offset_usd)
        expected.append(math.exp(place) - settings.offset_usd)
        z.append((level - place) / scatter)
        residuals.append(level - place)
        if not math.isnan(level):
            reach = settings.winsor * scatter
            if not math.isnan(place) and not math.isnan(scatter):
                level = min(max(level, place - reach), place + reach)
            past[hour].append(level)
    return np.array(expected), np.array(z)


@pytest.mark.parametrize(
    "settings",
    [
        HourOfWeek(),
        HourOfWeek(weeks=3, min_weeks=1, offset_usd=0.2, scale_hours=200, refit_hours=7),
        HourOfWeek(guard_hours=0, refit_hours=1, winsor=1.0, min_scale_hours=24),
    ],
)
def test_hour_of_week_is_its_definition(settings):
    rng = np.random.default_rng(4)
    index = pd.date_range("2024-02-01", periods=7 * 168, freq="h", tz="UTC")  # clocks change
    hours = hour_of_week(index, "Europe/Berlin")
    values = (30 + 20 * np.sin(hours / 24 * 2 * np.pi)) * rng.lognormal(0, 0.2, len(index))
    values[rng.random(len(index)) < 0.05] = np.nan
    values[800:820] *= 8
    expected, z = read(settings, values, hours)
    slow_expected, slow_z = slow_hour_of_week(values, hours, settings)
    np.testing.assert_allclose(expected, slow_expected, rtol=1e-9)
    np.testing.assert_allclose(z, slow_z, rtol=1e-9, atol=1e-12)
    assert np.isfinite(z).mean() > 0.4


def test_hour_of_week_follows_local_clocks_through_a_change():
    """A product used at nine in the morning is so in summer time too."""
    index = pd.date_range("2024-03-01", periods=6 * 168, freq="h", tz="UTC")
    local = index.tz_convert("Europe/Berlin")
    values = np.where(local.hour == 9, 90.0, 10.0)
    expected, z = read(HourOfWeek(), values, hour_of_week(index, "Europe/Berlin"))
    after = (local >= "2024-04-01") & ~np.isnan(z)
    assert after.sum() > 24
    np.testing.assert_allclose(expected[after], values[after], rtol=1e-12)
    np.testing.assert_allclose(z[after], 0.0, atol=1e-12)


def test_a_daily_rhythm_blinds_the_trailing_mean_at_night():
    """Amplitude 80%: z = 3 needs 13.5 times the usual at the trough and 1.5 at the peak."""
    t = np.arange(24 * 28)
    values = 100 * (1 + 0.8 * np.sin(2 * np.pi * t / 24))
    window = pd.Series(values[-336:])
    assert window.std() / window.mean() == pytest.approx(0.57, abs=0.005)
    for usual, factor in ((20.0, 13.5), (180.0, 1.5)):
        for times, above in ((factor * 1.02, True), (factor * 0.98, False)):
            _, z = read(TrailingMean(), [*values, usual * times])
            assert (z[-1] > 3.0) == above


def test_hour_of_week_is_not_blinded_by_the_incident_it_watches():
    """A week at five times the usual: still far above on its last day, and next week as before."""
    rng = np.random.default_rng(6)
    values = 50 * rng.lognormal(0, 0.15, 6 * 168)
    values[4 * 168 : 5 * 168] *= 5
    expected, z = read(HourOfWeek(), values)
    last_day = slice(5 * 168 - 24, 5 * 168)
    assert (z[last_day] > 4).all()
    _, blind = read(TrailingMean(), values)
    assert (blind[last_day] < 3).all()
    # The week after is judged by four ordinary weeks and one wild one.
    assert np.median(expected[5 * 168 :]) == pytest.approx(50, rel=0.15)
    # The mean of the two weeks before has swallowed it by then.
    swallowed, _ = read(TrailingMean(), values)
    assert swallowed[5 * 168] > 130


def test_one_bad_week_moves_a_short_history_little():
    rng = np.random.default_rng(7)
    values = 50 * rng.lognormal(0, 0.1, 4 * 168)
    values[2 * 168 + 100 : 3 * 168] *= 20
    kept, _ = read(HourOfWeek(min_scale_hours=24, weeks=2), values)
    raw, _ = read(HourOfWeek(min_scale_hours=24, weeks=2, winsor=math.inf), values)
    after = slice(3 * 168 + 100, 4 * 168)
    assert np.median(kept[after]) < 1.6 * 50
    assert np.median(raw[after]) > 4 * 50


@pytest.mark.parametrize(
    "baseline", [TrailingMean(), IncludingWindow(), HourOfWeek()], ids=lambda b: type(b).__name__
)
@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_constants_are_never_unusual(baseline, level):
    _, z = read(baseline, np.full(600, level))
    assert np.all(np.isnan(z) | (np.abs(z) < 1e-9))


def test_floors_keep_a_cent_more_than_a_constant_from_being_endless():
    _, z = read(TrailingMean(), [*[10.0] * 100, 10.05])
    assert z[-1] == pytest.approx(0.5)
    _, z = read(HourOfWeek(), [*[9.0] * 500, 10.0])
    assert z[-1] == pytest.approx(math.log(11 / 10) / 0.05)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TrailingMean(window_hours=24), "window_hours must be at least 48; got 24"),
        (lambda: TrailingMean(min_hours=1), "min_hours must be at least 2; got 1"),
        (lambda: TrailingMean(guard_hours=-1), "guard_hours must be at least 0; got -1"),
        (lambda: TrailingMean(min_scale_usd=0.0), "min_scale_usd must be at least"),
        (lambda: IncludingWindow(window_hours=3), "window_hours must be at least 24; got 3"),
        (lambda: HourOfWeek(weeks=1), "weeks must be at least 2; got 1"),
        (lambda: HourOfWeek(offset_usd=0.0), "offset_usd must be at least"),
        (lambda: HourOfWeek(scale_hours=12), "scale_hours must be at least 48; got 12"),
        (lambda: HourOfWeek(winsor=math.nan), "winsor must be at least"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()


def test_slack_lets_a_day_come_an_hour_late():
    rng = np.random.default_rng(3)
    day = np.array([20.0] * 8 + [40, 80, 120] + [150.0] * 6 + [120, 80, 60, 40, 30, 20, 20])
    values = np.tile(day, 42) * rng.lognormal(0, 0.1, 1008)
    plain, z = read(HourOfWeek(winsor=math.inf), values)
    slack, less = read(HourOfWeek(winsor=math.inf, slack_hours=2), values)
    level = np.log(values + 1)
    own, near = level - np.log(plain + 1), level - np.log(slack + 1)
    np.testing.assert_allclose(less * own, z * near, atol=1e-9)  # of one scatter
    # by another way: the bin itself, between its own hour and the dearest of five
    level = level.reshape(-1, 168)
    for week in (2, 3, 5):
        usual = np.median(level[:week], axis=0)
        for hour in range(2, 166):
            dearest = usual[hour - 2 : hour + 3].max()
            want = max(min(level[week, hour], dearest), usual[hour])
            assert slack[week * 168 + hour] == pytest.approx(np.exp(want) - 1, rel=1e-9)
    late = np.concatenate([values[:840], np.roll(values[840:], 1)])
    expected = read(HourOfWeek(slack_hours=1), late)[0]
    assert (late[841:] / expected[841:]).max() < 1.4
    assert (late[841:] / plain[841:]).max() > 1.8


def test_slack_is_a_number_of_hours_below_a_day():
    with pytest.raises(SettingError, match="slack_hours must be from 0 to 12; got 13"):
        HourOfWeek(slack_hours=13)


@pytest.mark.parametrize("series", [1, 200])  # few and many: medians by a sort and by a network
@pytest.mark.parametrize(
    "baseline",
    [
        HourOfWeek(),
        HourOfWeek(slack_hours=1),
        HourOfWeek(slack_hours=3, refit_hours=7, weeks=3, winsor=math.inf),
        SmoothedHourOfWeek(),
    ],
)
def test_a_day_at_once_reads_as_hour_by_hour_also_where_clocks_change(baseline, series):
    rng = np.random.default_rng(5)
    values = rng.lognormal(2, 0.6, (168 * 5, series))
    values[rng.random(values.shape) < 0.05] = np.nan
    hours = np.arange(len(values)) % 168
    hours[400:500] = (hours[400:500] + 1) % 168  # one hour left out, and later one twice
    state = baseline.begin(series)
    for one, other in zip(
        state.read(values, hours.tolist()),
        read_by_steps(baseline.begin(series), values, hours.tolist()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@given(st.integers(1, 17), st.integers(0, 2**32 - 1))
def test_medians_of_many_short_rows_are_those_of_numpy(width, seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(150, width)), 1)
    values[rng.random(values.shape) < 0.4] = np.nan
    count = (~np.isnan(values)).sum(axis=1)
    found = known_median(values, count, np.arange(150))
    for row, middle in zip(values, found, strict=True):
        known = row[~np.isnan(row)]
        assert middle == np.median(known) if len(known) else np.isnan(middle)
