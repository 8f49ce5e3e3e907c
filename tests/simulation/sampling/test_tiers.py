"""Dollars by tier, drawn directly, against the same counted from calls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from costsim.simulation import simulate
from costsim.simulation.bin_sampler import sample_bins
from costsim.simulation.population import Users
from costsim.simulation.sampling.cube import sample_cube
from costsim.spend import channels
from tests.simulation.sampling.cases import AT_ONCE, LAUNCH, called, incident

SEEDS = range(60)
SHARES = {"free": 0.7, "pro": 0.25, "big": 0.05}
TIERS = [{"name": name, "share": share} for name, share in SHARES.items()]
KINDS = {
    "ordinary": {},
    "churn": {"population": {"churn_per_month": 0.9, "growth_per_week": 0.2}},
    "launch": {"features": LAUNCH},
    "silence": {"incidents": incident(silent=True)},
    "cohort": {"features": {"chat": {"cohorts": {"c": AT_ONCE | {"calls_per_day": 900}}}}},
}


def scenario_of(small, kind):
    changes = dict(KINDS[kind])
    people = {"users": 200, "tiers": TIERS} | changes.pop("population", {})
    return small(population=people, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_tiers_are_those_of_the_calls(small, kind):
    scenario = scenario_of(small, kind)
    # few are watched, so that most dollars are the crowd's
    drawn = sample_cube(scenario, SEEDS, top_users=8).tier_usd
    everyone = called(scenario, SEEDS).everyone_usd
    wanted = np.zeros_like(drawn)
    for run, seed in enumerate(SEEDS):
        tier = Users(scenario.population, seed).tier
        for t in range(3):
            wanted[run, :, t] = everyone[run][:, tier == t].sum(axis=1)
    for t in range(3):
        one, two = drawn[:, :, t].sum(axis=1), wanted[:, :, t].sum(axis=1)
        difference = one - two
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert abs(difference.mean()) < 4 * error
        # whose tier is dear in a run is the run's own
        assert np.corrcoef(one, two)[0, 1] > 0.8
        busy = wanted[:, :, t].mean(axis=0) > 0.5 * wanted[:, :, t].mean()
        spread = drawn[:, busy, t].std(axis=0).mean() / wanted[:, busy, t].std(axis=0).mean()
        assert 0.8 < spread < 1.25
        hours = np.flatnonzero(busy)[::5]
        p = [ks_2samp(drawn[:, h, t], wanted[:, h, t]).pvalue for h in hours]
        assert min(p) > 0.05 / len(p) / 15


def test_tiers_add_up_to_the_total_and_take_no_number_from_others(small):
    scenario = scenario_of(small, "cohort")
    cube = sample_cube(scenario, range(5))
    np.testing.assert_allclose(cube.tier_usd.sum(axis=2), cube.total_usd, rtol=1e-5, atol=1e-6)
    one_tier = scenario_of(small, "cohort").model_copy(
        update={"population": scenario.population.model_copy(update={"tiers": []})}
    )
    other = sample_cube(one_tier, range(5))
    np.testing.assert_array_equal(cube.usd, other.usd)
    np.testing.assert_allclose(other.tier_usd[:, :, 0], other.total_usd, rtol=1e-5, atol=1e-6)


def test_the_tier_channel_is_that_of_records(small):
    scenario = scenario_of(small, "ordinary")
    heard = channels(simulate(scenario, seed=3).records).each("tier")
    spend = sample_bins(scenario, [3])
    drawn = spend.channel("tier")
    assert drawn.shape == (1, 72, 3)
    for t, tier in enumerate(TIERS):
        theirs = heard[tier["name"]]
        assert np.nansum(drawn[0, :, t]) == pytest.approx(theirs.sum(), rel=0.3)
    assert np.isnan(sample_bins(small(population={"tiers": []}), [3]).channel("tier")).all()


@pytest.mark.parametrize("minutes", [60, 15])
def test_a_new_user_is_a_watched_one_first_seen_after_a_week(small, minutes):
    late = {"calls_per_day": 60, "users": 4, "starts": "2024-03-12T10:00:00"}
    scenario = small(
        days=21,
        population={"users": 5_000, "activity": {"law": "zipf", "exponent": 3.0}},
        features={"chat": {"cohorts": {"late": late}}},
    )
    spend = sample_bins(scenario, range(4), bin_minutes=minutes).channel("new_user")
    spend = spend.reshape(4, 21 * 24, -1).max(axis=2)  # NaN in an hour makes it NaN
    assert np.isnan(spend[:, : 7 * 24]).all()
    assert not np.isnan(spend[:, 7 * 24 :]).any()
    hour = 11 * 24 + 10
    # of 5,000 of whom two make nearly all calls, the cohort's members are new
    assert (spend[:, 8 * 24 : hour] < 0.05).all()
    assert (spend[:, hour : hour + 48].max(axis=1) > 0.05).all()
    assert (spend[:, hour + 8 * 24 :] < 0.05).all()
