"""Token counts against scipy, numeric integration and large samples."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import kstest, lognorm, multivariate_normal, norm

from costsim.simulation.distributions import Tokens

CASES = [
    Tokens(median=38_000, log_sd=0.35, max=128_000),
    Tokens(median=1450, log_sd=0.4, max=2048),
    Tokens(mean=1200, log_sd=0.9, between_users_log_sd=0.5, max=128_000),
    Tokens(mean=300, log_sd=0.6),
    Tokens(median=400, log_sd=1.5, between_users_log_sd=1.5, max=500),
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
    room=st.one_of(st.none(), st.floats(1, 100)),
)
def test_the_expected_tokens_are_the_integral_for_any_settings(median, log_sd, room):
    cap = None if room is None else ceil(median * room)
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
    tokens = Tokens(median=700, log_sd=0, max=700)
    rng = np.random.default_rng(1)
    assert tokens.expected == pytest.approx(700)
    assert set(tokens.sample(rng, tokens.user_log_median(rng, 9))) == {700}
    assert (tokens.share_at_least(700), tokens.share_at_least(701)) == (1.0, 0.0)


def moments(tokens, log_medians):
    """E[X ** n] for n = 1, 2, 3 of users with these log medians, by the law's own quadrature."""
    values, weights = tokens.quadrature(log_medians)
    return [values**n @ weights for n in (1, 2, 3)]


@pytest.mark.parametrize("tokens", CASES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_quadrature_of_a_call_gives_integrals_of_the_capped_density(tokens, n):
    sd = np.sqrt(tokens.log_sd**2 - tokens.between_users_log_sd**2)
    for median in (100.0, 900.0, 60_000.0):
        found = moments(tokens, np.array([np.log(median)]))[n - 1][0]
        cap = tokens.max or np.inf
        if sd == 0:
            assert found == pytest.approx(min(median, cap) ** n)
            continue
        assert found == pytest.approx(integral(median, sd, cap, n), rel=2e-4)


MIXTURES = [
    Tokens(
        mixture=[
            {"weight": 0.7, "median": 400, "log_sd": 0.6},
            {"weight": 0.3, "mean": 6000, "log_sd": 0.5},
        ],
        between_users_log_sd=0.4,
        max=8192,
    ),
    Tokens(
        mixture=[
            {"weight": 0.2, "median": 50, "log_sd": 1.2},
            {"weight": 0.5, "median": 900, "log_sd": 0.4},
            {"weight": 0.3, "median": 4000, "log_sd": 0.8},
        ]
    ),
]
POINTS = [(0, 3), (0.05, 60), (0.25, 500), (0.5, 1469), (0.9, 5187), (0.97, 7436.6), (1, 7437)]
GRIDS = [
    Tokens(quantiles=POINTS),
    Tokens(quantiles=POINTS, between_users_share=0.6),
    Tokens(quantiles=POINTS, between_users_share=0.3, max=6000),
    Tokens(quantiles=[(0, 1), (0.5, 20), (0.99, 5000), (1, 200_000)], between_users_share=0.9),
]


def share_below(tokens, value):
    """The marginal distribution function before the cap, from the settings alone."""
    if tokens.mixture:
        return sum(
            part.weight
            * lognorm(
                part.log_sd, scale=part.median or part.mean * np.exp(-(part.log_sd**2) / 2)
            ).cdf(value)
            for part in tokens.mixture
        )
    p, at = zip(*tokens.quantiles, strict=True)
    return np.interp(np.log(value), np.log(at), p)


def marginal_moment(tokens, power):
    """E[min(X, max) ** power] as the integral of the tail, in logs."""
    top = np.log(tokens.max or (tokens.quantiles[-1][1] if tokens.quantiles else 1e9))
    at = np.linspace(-20, top, 400_001)
    tail = 1 - share_below(tokens, np.exp(at))
    return np.trapezoid(power * np.exp(power * at) * tail, at)


@pytest.mark.parametrize("tokens", MIXTURES + GRIDS)
def test_mixtures_and_grids_have_the_mean_and_tail_that_they_state(tokens):
    assert tokens.expected == pytest.approx(marginal_moment(tokens, 1), rel=1e-5)
    for at in (40, 700, 1469, 5187, 7000):
        assert tokens.share_at_least(at) == pytest.approx(1 - share_below(tokens, at), abs=1e-12)
    assert share_below(tokens, np.exp(tokens.log_median)) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("tokens", MIXTURES + GRIDS)
def test_what_is_stated_is_the_law_of_all_users_together(tokens):
    """Every call by another user: independent draws of the marginal, whatever users differ by."""
    rng = np.random.default_rng(21)
    drawn = tokens.sample(rng, tokens.user_log_median(rng, 300_000)).astype(float)
    for q in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        value = np.quantile(drawn, q, method="inverted_cdf")
        if tokens.max and value >= tokens.max:
            assert share_below(tokens, tokens.max - 0.5) < q + 0.01
            continue
        low, high = share_below(tokens, value - 0.5), share_below(tokens, value + 0.5)
        error = 4 * np.sqrt(q * (1 - q) / len(drawn))
        assert low - error <= q <= high + error
    error = drawn.std() / np.sqrt(len(drawn))
    assert abs(drawn.mean() - tokens.expected) < 4 * error + 0.05


@pytest.mark.parametrize("tokens", MIXTURES + GRIDS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_moments_of_users_average_to_those_of_the_marginal(tokens, n):
    rng = np.random.default_rng(3)
    medians = tokens.user_log_median(rng, 4_000)
    found = moments(tokens, medians)[n - 1]
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - marginal_moment(tokens, n)) < 4 * error + 5e-4 * found.mean()


@pytest.mark.parametrize("tokens", [MIXTURES[0], GRIDS[1], GRIDS[2], GRIDS[3]])
def test_moments_of_one_user_are_those_of_the_user_s_calls(tokens):
    rng = np.random.default_rng(4)
    for own in tokens.user_log_median(rng, 4):
        drawn = tokens.sample(rng, np.full(200_000, own)).astype(float)
        for n, moment in enumerate(moments(tokens, np.array([own])), start=1):
            error = (drawn**n).std() / np.sqrt(len(drawn))
            assert abs((drawn**n).mean() - moment[0]) < 4.5 * error + 2e-4 * moment[0] + 0.1
        middle = min(np.exp(own), tokens.max or np.inf)
        assert abs(np.median(drawn) - middle) < 0.5 + 0.03 * middle  # whole tokens


def test_two_calls_of_a_user_are_as_alike_as_the_copula_says():
    tokens = GRIDS[1]
    rng = np.random.default_rng(12)
    medians = tokens.user_log_median(rng, 200_000)
    middle = [1469, 500]
    one, two = tokens.sample(rng, medians), tokens.sample(rng, medians)
    found = ((one <= middle[0]) & (two <= middle[1])).mean()
    z = [norm.ppf(share_below(tokens, at + 0.5)) for at in middle]
    wanted = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).cdf(z)
    assert abs(found - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / len(one))


@pytest.mark.parametrize("tokens", [CASES[2], MIXTURES[0], GRIDS[1], GRIDS[3]])
def test_scores_are_the_inverse_of_log_medians(tokens):
    scores = np.linspace(-3, 3, 61)
    assert tokens.users_differ
    assert tokens.scores(tokens.log_medians(scores)) == pytest.approx(scores, abs=1e-6)


def test_a_mixture_s_users_differ_by_a_lognormal_factor():
    tokens = MIXTURES[0]
    rng = np.random.default_rng(13)
    medians = tokens.user_log_median(rng, 20_000)
    assert kstest((medians - medians.mean()) / 0.4, "norm").pvalue > 1e-3
    uncapped = tokens.model_copy(update={"max": None})
    logs = np.log([uncapped.sample(rng, medians) for _ in range(10)])
    within = np.sqrt(logs.var(axis=0, ddof=1).mean())
    parts = tokens.mixture
    mus = [np.log(part.median or part.mean) - (part.log_sd**2 / 2 if part.mean else 0)
           for part in parts]  # fmt: skip
    mean = sum(part.weight * mu for part, mu in zip(parts, mus, strict=True))
    whole = sum(
        part.weight * (part.log_sd**2 + (mu - mean) ** 2)
        for part, mu in zip(parts, mus, strict=True)
    )
    assert logs.var() == pytest.approx(whole, rel=0.02)
    assert within == pytest.approx(np.sqrt(whole - 0.4**2), rel=0.02)


def test_laws_are_frozen_compared_and_hashed_by_what_they_state():
    again = Tokens.model_validate(GRIDS[1].model_dump())
    assert again == GRIDS[1]
    assert hash(again) == hash(GRIDS[1])
    assert again != GRIDS[0]
    capped = GRIDS[0].model_copy(update={"max": 1500})
    assert capped.expected < GRIDS[0].expected


GRID = {"quantiles": [[0, 1], [1, 9]]}
TWO = [{"weight": 0.5, "median": 10, "log_sd": 1}, {"weight": 0.5, "median": 90, "log_sd": 1}]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"log_sd": 1}, "give exactly one law.*got none"),
        ({"mean": 1, "median": 1, "log_sd": 1}, "exactly one of mean and median; got both"),
        ({"mean": -1, "log_sd": 1}, "greater than 0"),
        ({"mean": 1}, "log_sd goes with median or mean.*got none"),
        ({"mean": 1, "log_sd": 1, "between_users_log_sd": 2}, "must not exceed log_sd, 1; got 2"),
        ({"mean": float("nan"), "log_sd": 1}, "finite"),
        ({"mean": 1, "log_sd": 1, "max": 0}, "greater than or equal to 1"),
        ({"median": 700, "log_sd": 1, "max": 500}, "at least the median, 700; got 500"),
        ({"mixture": TWO, "max": 20}, "max must be at least the median, 30; got 20"),
        ({**GRID, "max": 2}, "max must be at least the median, 3; got 2"),
        ({**GRID, "median": 3, "log_sd": 1}, "got median or mean and quantiles"),
        ({**GRID, "log_sd": 1}, "got log_sd with quantiles"),
        ({**GRID, "mixture": TWO}, "got mixture and quantiles"),
        ({**GRID, "between_users_log_sd": 0.5}, "is between_users_share with quantiles"),
        ({"median": 3, "log_sd": 1, "between_users_share": 0.5}, "goes with quantiles"),
        ({"mixture": TWO[:1]}, "at least 2 components; got 1"),
        ({"mixture": [*TWO, TWO[0]]}, "weights must sum to 1; they sum to 1.5"),
        ({"mixture": [{"weight": 1, "log_sd": 1}]}, "exactly one of mean and median; got neither"),
        ({"mixture": TWO, "between_users_log_sd": 1.5}, "must not exceed log_sd, 1; got 1.5"),
        ({"quantiles": [[0, 1]]}, "at least 2 points; got 1"),
        ({"quantiles": [[0.1, 1], [1, 9]]}, "from p 0 to p 1; got 0.1 to 1"),
        ({"quantiles": [[0, 0], [1, 9]]}, "tokens above 0 and at most.*got 0 to 9"),
        ({"quantiles": [[0, 1], [0.5, 1], [1, 9]]}, r"must rise.*got \[0.0, 1.0\] before \[0.5"),
        ({"quantiles": [[0, 1], [0.5, 4], [0.5, 5], [1, 9]]}, "must rise in p and in tokens"),
        ({**GRID, "cap": 5}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(ValidationError, match=words):
        Tokens(**wrong)
