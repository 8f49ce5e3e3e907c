"""Gamma laws with given cumulants, counts and amounts with given moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew

from costsim.simulation.sampling.compound import (
    amounts_given,
    counts_of,
    gamma_of,
    translated_gamma,
)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(rate=st.floats(3, 500), log_sd=st.floats(0.2, 1.0), seed=st.integers(0, 10**6))
def test_translated_gamma_sums_have_the_cumulants_of_compound_poisson_ones(rate, log_sd, seed):
    """Means, variances and skewness of a compound Poisson sum of lognormal jumps."""
    jump = [np.exp(n * n * log_sd**2 / 2) for n in (1, 2, 3)]
    count = 200_000
    sums = translated_gamma(np.random.default_rng(seed), np.full(count, rate), jump)
    mean, variance, third = (rate * moment for moment in jump)
    sd = np.sqrt(variance)
    assert sums.min() >= 0
    cut = (mean - 4 * sd) < 0  # below zero there is nothing: small rates lose a little
    loose = 0.05 if cut else 0
    assert abs(sums.mean() - mean) < 5 * sd / np.sqrt(count) + loose * sd
    assert sums.std() == pytest.approx(sd, rel=0.03 + loose)
    if not cut:
        assert skew(sums) == pytest.approx(third / sd**3, rel=0.1, abs=0.05)


def test_no_rate_and_no_price_give_nothing():
    rng = np.random.default_rng(1)
    assert translated_gamma(rng, np.zeros(5), [1.0, 2.0, 6.0]).tolist() == [0.0] * 5
    assert translated_gamma(rng, np.ones(5), [0.0, 0.0, 0.0]).tolist() == [0.0] * 5


@pytest.mark.parametrize(
    ("mean", "variance", "third"),
    [(5.0, 1.0, 0.2), (5.0, 1.0, -0.5), (1.0, 4.0, 40.0), (1.0, 4.0, 0.0), (2.0, 0.0, 0.0)],
)
def test_mean_and_variance_hold_whatever_the_third_cumulant(mean, variance, third):
    count = 400_000
    full = (np.full(count, value) for value in (mean, variance, third))
    found = gamma_of(np.random.default_rng(2), *full)
    assert found.min() >= 0
    assert found.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / count) + 1e-5)
    assert found.std() == pytest.approx(np.sqrt(variance), rel=0.02, abs=1e-4)


@pytest.mark.parametrize(
    ("mean", "variance"),
    [(0.3, 0.9), (4.0, 20.0), (4.0, 4.0), (4.0, 3.5), (4.0, 1.0), (0.4, 0.3), (3.0, 0.0), (0, 0)],
)
def test_counts_are_as_dispersed_as_asked(mean, variance):
    count = 400_000
    found = counts_of(
        np.random.default_rng(3), np.full(count, float(mean)), np.full(count, float(variance))
    )
    assert found.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / count))
    chance = max(1 - variance / mean, 0) if mean else 0.0
    assert variance * 0.97 <= found.var() <= variance * 1.03 + chance**2 / 4


@pytest.mark.parametrize(("mean", "variance"), [(2.0, 3.0), (-2.0, 3.0), (2.0, 0.0), (0.0, 1.0)])
def test_amounts_have_their_mean_and_variance(mean, variance):
    count = 400_000
    found = amounts_given(np.random.default_rng(4), np.full(count, mean), np.full(count, variance))
    assert found.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / count) + 1e-12)
    assert found.var() == pytest.approx(variance, rel=0.03, abs=1e-12)
    assert (found >= 0).all() or mean <= 0
