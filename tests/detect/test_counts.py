"""Count charts against scipy's likelihoods and brute force; excess dollars against pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from costsim.detect import (
    CUSUM,
    CountCusum,
    CountGLR,
    ExcessDollars,
    TrailingMean,
    first_crossings,
)
from costsim.errors import SettingError

BASE = TrailingMean(window_hours=96, min_hours=24, guard_hours=6)
HOURS = np.arange(300) % 168


@pytest.fixture
def calls():
    rng = np.random.default_rng(3)
    counts = rng.negative_binomial(5, 5 / (5 + 12.0), 300).astype(float)
    counts[240:] = rng.negative_binomial(5, 5 / (5 + 24.0), 60)
    counts[rng.random(300) < 0.05] = np.nan
    return counts


def means(counts):
    state = BASE.begin(1)
    return [float(state.step(np.array([c]), 0).expected_usd[0]) for c in counts]


@pytest.mark.parametrize("dispersion", [0.0, 0.2])
def test_count_cusum_adds_log_likelihood_ratios(calls, dispersion):
    from scipy.stats import nbinom, poisson

    def likelihood(x, m):
        if dispersion == 0:
            return poisson.logpmf(x, m)
        return nbinom.logpmf(x, 1 / dispersion, 1 / (1 + dispersion * m))

    got = CountCusum(BASE, ratio=1.7, dispersion=dispersion).statistic(calls, HOURS, 40)
    total = 0.0
    for t, (x, m) in enumerate(zip(calls, means(calls), strict=True)):
        if t < 40 or math.isnan(x):
            assert math.isnan(got[t])
            continue
        total = max(0.0, total + likelihood(x, 1.7 * m) - likelihood(x, m))
        assert got[t] == pytest.approx(total, rel=1e-8, abs=1e-9)
    assert got[-1] > 5.0


def test_count_glr_is_the_largest_over_all_beginnings(calls):
    from scipy.stats import poisson

    got = CountGLR(BASE, window=10, dispersion=0.0).statistic(calls, HOURS, 40)
    past: list[tuple[float, float]] = []
    for t, (x, m) in enumerate(zip(calls, means(calls), strict=True)):
        if t < 40 or math.isnan(x):
            assert math.isnan(got[t])
            continue
        past.append((x, m))
        best = 0.0
        for n in range(1, min(10, len(past)) + 1):
            counts, expected = np.array(past[-n:]).T
            factor = max(1.0, counts.sum() / expected.sum())
            ratio = poisson.logpmf(counts, factor * expected) - poisson.logpmf(counts, expected)
            best = max(best, float(ratio.sum()))
        assert got[t] == pytest.approx(best, rel=1e-8, abs=1e-9)


def test_poisson_limits_lie_on_clustered_counts_and_dispersion_mends_it():
    """At the same threshold, negative binomial counts alarm far more often than Poisson ones."""
    rng = np.random.default_rng(5)
    r, mean, bins, n = 5.0, 20.0, 600, 40
    counts = rng.negative_binomial(r, r / (r + mean), (n, bins)).astype(float)
    base = TrailingMean(window_hours=336, min_hours=100)
    for make in (CountCusum, CountGLR):
        hasty = make(base, dispersion=0.0).first_alarm(counts, np.arange(bins) % 168, 200)
        calm = make(base, dispersion=1 / r).first_alarm(counts, np.arange(bins) % 168, 200)
        assert (hasty >= 0).mean() > 0.9
        assert (calm >= 0).mean() < 0.5


def test_quasi_likelihood_weighs_an_hour_by_its_share_of_poisson_variance():
    calls = np.full(60, 20.0)
    calls[59] = 60.0
    got = CountGLR(TrailingMean(), dispersion=0.2).statistic(calls, np.arange(60), 59)[-1]
    # Variance 20 + 0.2 * 400 = 100 is five times Poisson's.
    assert got == pytest.approx((60 * math.log(3) - 40) / 5, rel=1e-12)


def test_excess_dollars_are_a_rolling_sum(calls):
    got = ExcessDollars(BASE, hours=6).statistic(calls, HOURS, 40)
    excess = pd.Series(calls - np.array(means(calls)))
    excess[:40] = 0.0
    wanted = excess.fillna(0.0).rolling(6, min_periods=1).sum().to_numpy()
    wanted = np.where(np.isnan(calls) | (np.arange(300) < 40), np.nan, wanted)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


def test_excess_dollars_alarm_anew_once_they_have_added_up_anew():
    index = pd.date_range("2024-07-01", periods=120, freq="h", tz="UTC")
    usd = pd.Series(10.0, index=index)
    usd.iloc[100:108] = 40.0  # $30 above each hour: over $50 each second hour
    detector = ExcessDollars(TrailingMean(guard_hours=24), usd=50.0)
    alarms = detector.alarms(usd)
    assert [int(t) for t in (alarms.frame["time"] - index[0]) / pd.Timedelta("1h")] == [
        101,
        103,
        105,
        107,
    ]
    assert alarms.frame["expected_usd"].tolist() == [10.0] * 4


def test_nothing_expected_yet_is_nothing_judged():
    for detector in (CountCusum(BASE), CountGLR(BASE), ExcessDollars(BASE)):
        statistic = detector.statistic(np.full(40, 5.0), HOURS[:40])
        assert np.isnan(statistic[:30]).all()
        assert np.isfinite(statistic[30:]).all()
        assert first_crossings(statistic, detector.threshold).tolist() == [[-1]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CountCusum(CUSUM()), "baseline must be a Baseline"),
        (lambda: CountCusum(BASE, ratio=1.0), "ratio must be above 1 and finite; got 1.0"),
        (lambda: CountCusum(BASE, dispersion=-0.1), "dispersion must be at least 0"),
        (lambda: CountCusum(BASE, h=0.0), "h must be above 0; got 0.0"),
        (lambda: CountCusum(BASE, least_calls=0.0), "least_calls must be at least"),
        (lambda: CountGLR(BASE, window=0), "window must be at least 1; got 0"),
        (lambda: CountGLR(BASE, dispersion=math.inf), "dispersion must be at least 0"),
        (lambda: CountGLR(BASE, limit=-1.0), "limit must be above 0; got -1.0"),
        (lambda: ExcessDollars(ExcessDollars(BASE)), "baseline must be a Baseline"),
        (lambda: ExcessDollars(BASE, usd=0.0), "usd must be above 0; got 0.0"),
        (lambda: ExcessDollars(BASE, hours=0), "hours must be at least 1; got 0"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
