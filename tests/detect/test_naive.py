"""The story's detector against the story's own lines, and how soon it goes blind."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from costsim.detect import NaiveZScore, blind_after, largest_z, naive_z_score
from costsim.detect.naive import rolling_maximum
from costsim.errors import SettingError


def sketch(hourly, sensitivity):
    """The story's lines: mean and deviation of the whole window, every hour above is flagged."""
    if len(hourly) < 24:
        return set()
    mean_cost = hourly.mean()
    std_cost = hourly.std()
    if std_cost == 0:
        return set()
    z_scores = (hourly - mean_cost) / std_cost
    return set(z_scores[z_scores > sensitivity].index)


def surfaced(series, start, window, limit):
    """Re-run the sketch each hour; hours at which a new flag appears at or after `start`."""
    known, result = set(), []
    for t in range(len(series)):
        flags = sketch(series.iloc[max(0, t + 1 - window) : t + 1], limit)
        flags = {time for time in flags if time >= series.index[start]}
        if t >= start and flags - known:
            result.append(series.index[t])
        known = flags
    return result


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("window", "limit"), [(72, 3.0), (336, 2.5), (24, 2.0)])
def test_alarms_are_what_newly_surfaces_in_the_sketch(seed, window, limit):
    rng = np.random.default_rng(seed)
    usd = rng.lognormal(3, 0.8, 500)
    usd[400:430] += rng.choice([0.0, 60.0, 300.0])
    index = pd.date_range("2024-07-12", periods=500, freq="h", tz="UTC")
    series = pd.Series(usd, index=index)
    detector = naive_z_score(limit=limit, window_hours=window)
    wanted = surfaced(series, 200, window, limit)
    assert wanted  # else there is nothing to compare
    alarms = detector.alarms(series, start=index[200])
    # Neighbouring hours are one episode.
    opening = [time for time in wanted if time - pd.Timedelta("1h") not in wanted]
    assert alarms.frame["time"].tolist() == opening
    first = detector.first_alarm(usd, np.arange(500) % 168, start=200)[0]
    assert index[first] == wanted[0]


def test_statistic_is_the_largest_z_of_the_monitored_hours():
    rng = np.random.default_rng(1)
    usd = rng.lognormal(3, 1, (2, 120))
    statistic = NaiveZScore(window_hours=48).statistic(usd, np.arange(120), start=30)
    assert np.isnan(statistic[:, :30]).all()
    for series, path in zip(usd, statistic, strict=True):
        for t in range(30, 120):
            window = series[max(0, t - 47) : t + 1]
            counted = series[max(30, t - 47) : t + 1]
            wanted = (counted.max() - window.mean()) / window.std(ddof=1)
            assert path[t] == pytest.approx(wanted, rel=1e-9)


def test_an_hour_known_before_monitoring_is_no_alarm():
    usd = np.ones(400)
    usd[300] = 500.0
    assert NaiveZScore().first_alarm(usd, np.arange(400) % 168, start=301).tolist() == [-1]
    assert NaiveZScore().first_alarm(usd, np.arange(400) % 168, start=300).tolist() == [300]


def test_under_a_day_or_without_scatter_there_is_nothing():
    hours = np.arange(23)
    assert NaiveZScore().first_alarm([1.0] * 22 + [1e6], hours).tolist() == [-1]
    assert NaiveZScore(limit=1e-9).first_alarm([7.3] * 400, np.arange(400) % 168).tolist() == [-1]
    assert NaiveZScore().first_alarm([1.0] * 23 + [1e6], np.arange(24)).tolist() == [23]


@pytest.mark.parametrize("n", [24, 72, 168, 336])
def test_no_z_in_its_own_window_exceeds_the_limit_of_shiffler(n):
    usd = np.zeros(n)
    usd[-1] = 1e9
    z = NaiveZScore(window_hours=n).statistic(usd, np.arange(n) % 168)[-1]
    assert z == pytest.approx((n - 1) / math.sqrt(n), rel=1e-12)
    assert largest_z(n) == pytest.approx((n - 1) / math.sqrt(n), rel=1e-12)
    ordinary = np.random.default_rng(n).lognormal(0, 2, (50, n))
    highest = NaiveZScore(window_hours=n).statistic(ordinary, np.arange(n) % 168)
    assert np.nanmax(highest) < (n - 1) / math.sqrt(n)


@pytest.mark.parametrize(("window", "hours"), [(24, 2), (72, 7), (168, 16), (336, 33)])
def test_it_goes_blind_however_much_is_spent(window, hours):
    assert blind_after(window, 3.0) == hours
    usd = np.ones(2 * window)
    usd[window:] = 1e6
    z = NaiveZScore(window_hours=window).statistic(usd, np.arange(2 * window) % 168, start=window)
    seen = np.flatnonzero(z > 3.0) - window
    assert seen.tolist() == list(range(hours))
    for m in (1, hours, hours + 1):
        assert z[window + m - 1] == pytest.approx(largest_z(window, m), rel=1e-9)


def test_blind_at_once_when_the_limit_is_out_of_reach():
    assert blind_after(10, 3.0) == 0
    # (n - m)/m (n - 1)/n is exactly 1 = limit^2 at n = 2, m = 1 times 1/2; at the limit is blind.
    assert blind_after(4, 1.5) == 0
    assert largest_z(4, 1) == 1.5


def test_rolling_maximum_is_the_pandas_one():
    rows = np.random.default_rng(2).normal(size=(101, 3))
    for window in (1, 2, 7, 100, 101, 500):
        wanted = pd.DataFrame(rows).rolling(window, min_periods=1).max().to_numpy()
        np.testing.assert_array_equal(rolling_maximum(rows, window), wanted)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NaiveZScore(limit=0.0), "limit must be above 0; got 0.0"),
        (lambda: NaiveZScore(window_hours=12), "window_hours must be at least 24; got 12"),
        (lambda: NaiveZScore(channel="all"), "channel must be one of 'total'"),
        (lambda: largest_z(1), "window_hours must be at least 2; got 1"),
        (lambda: largest_z(5, 5), "incident_hours must be from 1 to 4; got 5"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
