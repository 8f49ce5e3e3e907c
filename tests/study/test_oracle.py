"""The limit line: the exact CUSUM where theory has one, and a benchmark elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.detect import CUSUM, FixedThreshold, UserShare, seasonal_z_score
from costsim.detect.run_length import lorden_limit
from costsim.study import compare_detectors
from costsim.study.oracle import Limit, Oracle

WEEK = np.arange(4000) % 168
HOUR = np.ones(168)


def iid(shift, phi=0.0, h=5.0):
    return Oracle("total", 3 * HOUR, 0.2 * HOUR, phi, shift * HOUR, h)


def dollars(z):
    return np.exp(3 + 0.2 * z) - 1


def test_on_independent_bins_it_is_the_cusum_of_the_textbook():
    z = np.random.default_rng(1).normal(size=(5, 600))
    for shift in (0.5, 1.0, 2.0):
        mine = iid(shift).statistic(dollars(z), WEEK[:600])
        chart = CUSUM(k=shift / 2, h=5.0, head_start_share=0.0)
        np.testing.assert_allclose(mine, shift * chart.path(z.T.copy()).T, atol=1e-6)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_its_delay_is_the_least_that_can_be_promised(shift):
    limit = lorden_limit(720, shift)
    z = np.random.default_rng(2).normal(size=(4000, 120)) + shift
    paths = iid(shift).statistic(dollars(z), WEEK[:120])
    first = (paths > shift * limit.h).argmax(axis=1) + 1
    assert first.mean() == pytest.approx(limit.limit, abs=4 * first.std() / 4000**0.5)


def test_what_the_bin_before_tells_is_taken_out():
    """By the joint normal density of every possible change point, written out."""
    phi, shift, bins = 0.6, 1.5, 7
    z = np.random.default_rng(3).normal(size=bins) + 0.5
    covariance = phi ** np.abs(np.subtract.outer(np.arange(bins), np.arange(bins)))
    inverse = np.linalg.inv(covariance)

    def log_density(x, mean):
        return -0.5 * (x - mean) @ inverse @ (x - mean)

    best = 0.0
    for change in range(bins):
        mean = np.where(np.arange(bins) >= change, shift, 0.0)
        best = max(best, log_density(z, mean) - log_density(z, 0 * mean))
    found = iid(shift, phi).statistic(dollars(z), WEEK[:bins])
    assert found[-1] == pytest.approx(best, abs=1e-6)


def test_a_change_at_the_very_first_bin_is_weighed_with_its_whole_scatter():
    for value in (0.2, 1.0, 3.0):
        found = iid(1.5, phi=0.6).statistic(dollars(np.array([value])), WEEK[:1])
        assert found[0] == pytest.approx(max(0.0, 1.5 * (value - 0.75)))


def test_one_bin_at_a_time_it_says_the_same():
    z = np.random.default_rng(4).normal(size=60)
    oracle = iid(1.0, phi=0.4)
    run, paths = oracle.run(), oracle.statistic(dollars(z), WEEK[:60], 10)
    for at, usd in enumerate(dollars(z)):
        statistic = run.step(float(usd), int(WEEK[at]), at >= 10)[1]
        assert statistic == pytest.approx(paths[at], nan_ok=True)


def test_gaps_are_passed_over():
    z = np.full(6, 1.0)
    usd = dollars(z)
    usd[3] = np.nan
    found = iid(1.0).statistic(usd, WEEK[:6])
    assert np.isnan(found[3])
    assert found[4] == pytest.approx(found[2] + 0.5)


def test_the_limit_of_a_scenario_is_in_words_and_below_the_detectors():
    quick = (UserShare(55_000 / 30), seasonal_z_score(), FixedThreshold())
    found = compare_detectors("night-script", quick, replicates=24, calibration_runs=20, seed=1)
    limit = found.limit
    assert limit.detectable
    rows = found.summary.query("setting == 'calibrated' and kept_runs > 12")
    assert limit.delay_median_h <= rows["delay_median_h"].min()
    assert limit.words().count(". ") == 1  # two sentences
    assert f"${limit.burned_median_usd:,.0f}" in limit.words()


def test_what_cannot_be_found_is_said():
    oracle = iid(1.0)
    words = Limit(oracle, 3.0, 10.0, 0.4, 2.0).words()
    assert "40% of the runs" in words
    assert not Limit(oracle, 3.0, 10.0, 0.998, 2.0).detectable
