"""Moments of calls and of requests, against calls drawn one by one and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.prices import load_price_book
from costsim.simulation.distributions import Tokens
from costsim.simulation.effects import scaled
from costsim.simulation.pieces import Terms
from costsim.simulation.routes import Route
from costsim.simulation.sampling.attempts import outcomes_of
from costsim.simulation.sampling.call_moments import (
    POWERS,
    CallLaw,
    Prices,
    call_moments,
    tokens_of_calls,
)
from costsim.simulation.settings import Reaction

FLAT = Prices((), (2e-6,), (1e-6,), (1e-5,))
LEVELS = Prices((1500,), (2e-6, 4e-6), (1e-6, 2e-6), (1e-5, 1.5e-5))
PLAIN = Terms(Route("m"), (), (), 0.5, 0.0, 1.0, False)
LAW = CallLaw(
    Tokens(mean=1200, log_sd=0.9, between_users_log_sd=0.5, max=20_000),
    Tokens(mean=250, log_sd=0.8, between_users_log_sd=0.3, max=400),
    0.7,
    0.1,
)


def usd(rng, terms, prices, tokens_in, tokens_out, hit):
    for factor in terms.scale_in:
        tokens_in = scaled(tokens_in, factor, LAW.input_tokens)
    for factor in terms.scale_out:
        tokens_out = scaled(tokens_out, factor, LAW.output_tokens)
    level = sum((tokens_in > bound).astype(int) for bound in prices.above)
    inner, cached, outer = (np.array(rates)[level] for rates in prices[1:])
    read = np.where(hit, np.floor(tokens_in * terms.cache_share), 0)
    return (tokens_in - read) * inner + read * cached, tokens_out * outer


@pytest.mark.parametrize("prices", [FLAT, LEVELS], ids=["flat", "by length"])
@pytest.mark.parametrize("away", [-0.8, 0.0, 1.1])
def test_moments_are_those_of_calls_drawn_one_by_one(prices, away):
    """A million calls of one user, plain and changed; z-tests at 4.5."""
    count = 1_000_000
    rng = np.random.default_rng(5)
    terms = PLAIN._replace(scale_in=(1.5, 1.2), scale_out=(2.0,), cache_share=0.1)
    medians = [np.full(count, law.log_median + away, np.float32) for law in LAW[:2]]
    tokens_in = LAW.input_tokens.sample(rng, medians[0])
    tokens_out = LAW.output_tokens.sample(rng, medians[1])
    tokens_out[rng.random(count) < LAW.truncated_rate] = LAW.output_tokens.max
    hit = rng.random(count) < LAW.hit_rate
    here, there = (usd(rng, each, prices, tokens_in, tokens_out, hit) for each in (terms, PLAIN))
    table = call_moments(LAW, terms, prices, PLAIN, prices)
    found = table.of_users(*(np.array([m[0]], float) for m in medians))
    for (inner, outer), moments in zip((here, there), found[:2], strict=True):
        for (i, j), moment in zip(POWERS, moments, strict=True):
            close(inner**i * outer**j, moment)
    pairs = ((0, 0), (0, 1), (1, 0), (1, 1))
    for (one, two), moment in zip(pairs, found[2], strict=True):
        close(here[one] * there[two], moment)


def close(values, moment):
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - float(moment[0])) < 4.5 * error + 2e-4 * values.mean()


@pytest.mark.parametrize("sd", [0.3, 1.0, 1.3])
def test_without_a_cap_the_moments_are_in_closed_form(sd):
    law = Tokens(median=50_000, log_sd=sd)
    tokens, weights = tokens_of_calls(law, np.array([law.log_median]))
    for n in (1, 2, 3):
        wanted = 50_000.0**n * np.exp((n * sd) ** 2 / 2)
        assert (tokens**n @ weights)[0] == pytest.approx(wanted, rel=1e-4)


def test_users_between_the_points_of_the_grid_are_as_near_as_those_on_them():
    """To the noise that rounding of some hundred tokens leaves between nodes."""
    table = call_moments(LAW, PLAIN, FLAT, None, FLAT)
    users = LAW.input_tokens.log_median + np.linspace(-2, 2, 1001)
    found = table.of_users(users, users * 0 + LAW.output_tokens.log_median)[0]
    tokens, weights = tokens_of_calls(LAW.input_tokens, users)
    read = np.floor(tokens * PLAIN.cache_share)
    for n, moment in zip((1, 2, 3), found[:3], strict=True):
        costs = ((tokens * 2e-6, 0.3), (tokens * 2e-6 - read * 1e-6, 0.7))
        wanted = sum(share * cost**n for cost, share in costs) @ weights
        np.testing.assert_allclose(moment, wanted, rtol=1e-3)


@pytest.mark.parametrize("billed", ["nothing", "input", "all"])
@pytest.mark.parametrize(("rate", "plain"), [(0.6, 0.1), (0.1, 0.6), (0.4, 0.4), (0.0, 0.0)])
def test_outcomes_are_those_of_coins_tossed_one_by_one(billed, rate, plain):
    """Two worlds with the same coins; half of a million calls are made in one of them."""
    count, reaction = 500_000, Reaction(max_retries=3, retry_share=0.8, retries_errors=True)
    rng = np.random.default_rng(6)
    coins = rng.random((2, 4, count))
    worlds = []
    for error_rate in (rate, plain):
        inner, outer, tries = np.zeros((3, count))
        going = np.ones(count, bool)
        for error, again in zip(*coins, strict=True):
            fails = error < error_rate
            inner += going & ~(fails & (billed == "nothing"))
            outer += going & ~(fails & (billed != "all"))
            tries += going
            going &= fails & (again < reaction.retry_share)
        worlds.append((inner, outer, tries))
    made = rng.random(count) < 0.5
    terms = PLAIN._replace(error_rate=rate, made=0.5)
    found = outcomes_of(terms, PLAIN._replace(error_rate=plain), billed, reaction)
    assert sum(found.share) == pytest.approx(1)
    drawn = [column * made for column in worlds[0]] + list(worlds[1][:2])
    for powers in [(1,), (0, 1), (0, 0, 1), (2, 1), (1, 0, 1), (1, 0, 0, 1), (0, 1, 0, 0, 1)]:
        values = np.prod([c**p for c, p in zip(drawn, powers, strict=False)], axis=0)
        error = values.std() / np.sqrt(count)
        assert abs(values.mean() - found.mean(*powers)) < 4.5 * error + 1e-12, powers


def test_prices_by_length_are_in_the_bundled_book():
    """The kinds of the cube's tests have one; else "price by length" would test nothing."""
    from datetime import UTC, datetime

    unit = load_price_book("current").unit("gemini-1.5-pro", at=datetime(2024, 3, 1, tzinfo=UTC))
    assert unit.long_input
