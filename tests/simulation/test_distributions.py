"""Token counts against numeric integration of the capped lognormal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import lognorm

from costsim.simulation.distributions import Tokens

CASES = [
    Tokens(median=38_000, log_sd=0.35, max=128_000),
    Tokens(median=1450, log_sd=0.4, max=2048),
    Tokens(mean=1200, log_sd=0.9, between_users_log_sd=0.5, max=128_000),
    Tokens(mean=300, log_sd=0.6),
    Tokens(median=500, log_sd=1.5, between_users_log_sd=1.5, max=400),
]


def law(tokens):
    """The uncapped lognormal, from the settings alone."""
    median = tokens.median or tokens.mean * np.exp(-(tokens.log_sd**2) / 2)
    return lognorm(tokens.log_sd, scale=median)


def integral(median, sd, cap, power=1):
    """E[min(median * exp(sd Z), cap) ** power] by the trapezium rule."""
    z = np.linspace(-12, 20, 100_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.trapezoid(np.minimum(median * np.exp(sd * z), cap) ** power * density, z)


def capped_mean(tokens):
    return integral(law(tokens).median(), tokens.log_sd, tokens.max or np.inf)


@pytest.mark.parametrize("tokens", CASES)
def test_the_expected_tokens_are_the_integral(tokens):
    assert tokens.expected == pytest.approx(capped_mean(tokens), rel=1e-6)
    for at in (100, 1000, 50_000):
        assert tokens.share_at_least(at) == pytest.approx(law(tokens).sf(at), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    median=st.floats(1, 1e5),
    log_sd=st.floats(0.05, 2.5),
    cap=st.one_of(st.none(), st.integers(1, 10**6)),
)
def test_the_expected_tokens_are_the_integral_for_any_settings(median, log_sd, cap):
    tokens = Tokens(median=median, log_sd=log_sd, max=cap)
    assert tokens.expected == pytest.approx(capped_mean(tokens), rel=1e-4)


@pytest.mark.parametrize("tokens", CASES)
def test_sampled_tokens_have_that_mean_cap_and_spread(tokens):
    rng = np.random.default_rng(5)
    users, calls = 4000, 50
    medians = tokens.user_log_median(rng, users)
    drawn = np.stack([tokens.sample(rng, medians) for _ in range(calls)], axis=1)
    means = drawn.mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(users)
    assert abs(means.mean() - tokens.expected) < 4 * error + 0.01  # rounding to whole tokens
    assert drawn.min() >= 1
    if tokens.max:
        assert drawn.max() <= tokens.max
        share = law(tokens).sf(tokens.max - 0.5)
        found = (drawn == tokens.max).mean(axis=1)
        assert abs(found.mean() - share) < 4 * found.std(ddof=1) / np.sqrt(users) + 1e-7


def test_users_differ_by_their_part_of_the_spread_and_calls_by_the_rest():
    tokens = Tokens(median=1e6, log_sd=1.0, between_users_log_sd=0.6)
    rng = np.random.default_rng(6)
    medians = tokens.user_log_median(rng, 20_000)
    assert medians.std() == pytest.approx(0.6, rel=0.02)
    assert medians.mean() == pytest.approx(np.log(1e6), abs=4 * 0.6 / np.sqrt(20_000))
    logs = np.log([tokens.sample(rng, medians) for _ in range(8)])
    assert (logs - medians).std() == pytest.approx(0.8, rel=0.02)
    assert logs.std() == pytest.approx(1.0, rel=0.02)


def test_without_spread_every_call_is_the_median():
    tokens = Tokens(median=700, log_sd=0, max=500)
    rng = np.random.default_rng(1)
    assert tokens.expected == 500
    assert set(tokens.sample(rng, tokens.user_log_median(rng, 9))) == {500}
    assert (tokens.share_at_least(700), tokens.share_at_least(701)) == (1.0, 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_sd": 1},
        {"mean": 1, "median": 1, "log_sd": 1},
        {"mean": -1, "log_sd": 1},
        {"mean": 1, "log_sd": 1, "between_users_log_sd": 2},
        {"mean": float("nan"), "log_sd": 1},
        {"mean": 1, "log_sd": 1, "max": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        Tokens(**wrong)
