"""Who calls: weights, the alias table, tiers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from costsim.simulation.population import Users, alias_table
from costsim.simulation.settings import Population


def represented(accept, other):
    """Probability of each index that an alias table stands for, by its definition."""
    count = len(accept)
    chance = accept / count
    np.add.at(chance, other, (1 - accept) / count)
    return chance


@given(arrays(float, st.integers(1, 300), elements=st.floats(1e-6, 1e6)))
def test_an_alias_table_stands_for_its_weights_exactly(raw):
    weights = raw / raw.sum()
    accept, other = alias_table(weights)
    assert (accept >= 0).all()
    assert (accept <= 1 + 1e-12).all()
    np.testing.assert_allclose(represented(accept, other), weights, atol=1e-12)


def users_of(seed=1, **settings):
    return Users(Population(**settings), seed)


def test_activity_is_zipf_in_random_order():
    users = users_of(users=5000, activity={"law": "zipf", "exponent": 0.8})
    ranks = np.arange(1, 5001) ** -0.8
    np.testing.assert_allclose(np.sort(users.weights)[::-1], ranks / ranks.sum(), rtol=1e-12)
    assert not (np.diff(users.weights) <= 0).all()
    other = users_of(users=5000, seed=2)
    assert users.weights.argmax() != other.weights.argmax()


def test_activity_can_be_lognormal():
    weights = users_of(users=50_000, activity={"law": "lognormal", "log_sd": 1.2}).weights
    assert weights.sum() == pytest.approx(1)
    assert np.log(weights).std() == pytest.approx(1.2, rel=0.02)


def test_users_are_drawn_by_their_weights():
    users = users_of(users=400)
    drawn = np.bincount(users.draw(np.random.default_rng(3), 200_000), minlength=400)
    wanted = users.weights * 200_000
    statistic = ((drawn - wanted) ** 2 / wanted).sum()
    assert 0.001 < chi2.sf(statistic, 399) < 0.999


def test_tiers_have_their_shares_and_nothing_to_do_with_activity():
    tiers = [{"name": n, "share": s} for n, s in (("free", 0.7), ("pro", 0.26), ("big", 0.04))]
    users = users_of(users=5000, tiers=tiers)
    assert np.bincount(users.tier).tolist() == [3500, 1300, 200]
    pro = users.weights[users.tier == 1].sum()
    assert pro == pytest.approx(0.26, abs=0.05)
    assert set(users_of(users=10).tier) == {0}


def test_names_are_distinct_and_sort_like_indices():
    names = users_of(users=12_000).names
    assert len(set(names)) == 12_000
    assert sorted(names) == names
