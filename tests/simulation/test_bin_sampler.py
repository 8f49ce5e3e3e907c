"""Hourly dollars drawn directly against the calls themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from costsim.errors import SettingError
from costsim.simulation import hourly_excess, simulate
from costsim.simulation.bin_sampler import sample_bins
from costsim.spend import channels
from tests.simulation.sampling.cases import called as count_calls

SEEDS = range(96)
INCIDENT = {
    "features": {
        "deep": {
            "model": "gpt-4-32k",
            "profile": "office",
            "launch": "2024-03-02T14:00:00",
            "input_tokens": {"median": 20_000, "log_sd": 0.4},
            "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2048},
            "cohorts": {
                "c": {
                    "users": 8,
                    "calls_per_day": 30,
                    "first_use": {"days": [0.5, 0.5], "launch_day_hours": [14, 20]},
                }
            },
        }
    },
    "incidents": {"i": {"feature": "deep", "cause": "volume", "starts": "2024-03-03T00:00:00"}},
}


@pytest.fixture(scope="module")
def scenario(small):
    busy = {"calls_per_week": 120_000}
    return small(
        population={"users": 200},
        features=INCIDENT["features"] | {"chat": busy, "batch": busy},
        incidents=INCIDENT["incidents"],
    )


@pytest.fixture(scope="module")
def drawn(scenario):
    return sample_bins(scenario, SEEDS)


@pytest.fixture(scope="module")
def called(scenario):
    """The same channels from the calls."""
    return channels_of(scenario, SEEDS)


def channels_of(scenario, seeds, minutes=60):
    found = count_calls(scenario, seeds, minutes)
    return {
        "total": found.usd.sum(axis=2),
        "top_user": found.everyone_usd.max(axis=2),
        "top_feature": found.usd.max(axis=2),
        "excess": found.excess_usd.sum(axis=2),
    }


def test_the_channels_are_those_of_records(scenario, called):
    records = simulate(scenario, seed=5).records
    heard = channels(records)
    for name in ("total", "top_user", "top_feature"):
        np.testing.assert_allclose(called[name][5], heard[name].to_numpy(), rtol=1e-9)
    excess = hourly_excess(records).set_index("time")["excess_nano"]
    excess = excess.reindex(heard.total.index, fill_value=0)
    np.testing.assert_allclose(called["excess"][5], excess / 1e9, rtol=1e-9, atol=1e-12)


def test_what_an_incident_adds_is_the_same_in_the_mean_seed_by_seed(drawn, called):
    """Members, their activity and first uses are those of the seed; t-test at 1e-4."""
    one, two = drawn.excess.sum(axis=1), called["excess"].sum(axis=1)
    difference = one - two
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) < 4 * error
    assert np.corrcoef(one, two)[0, 1] > 0.7
    assert error < 0.03 * two.mean()  # else the test could not fail


def test_without_the_incident_the_total_is_the_same_in_the_mean_seed_by_seed(drawn, called):
    """Given a seed both have the same users, noise and expectation: a paired comparison."""
    one = (drawn.total - drawn.excess).sum(axis=1)
    two = (called["total"] - called["excess"]).sum(axis=1)
    difference = one - two
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) < 3.5 * error
    assert np.corrcoef(one, two)[0, 1] > 0.9
    assert error < 0.02 * two.mean()  # else the test could not fail


@pytest.mark.parametrize("name", ["total", "top_user", "top_feature"])
def test_each_channel_has_the_same_distribution(drawn, called, name):
    """By hour of the day, over all runs and days, before the launch."""
    p_values, ratios, spreads = [], [], []
    for hour in range(7, 23):
        at = [hour, 24 + hour] if hour < 14 else [hour]
        one, two = drawn.channel(name)[:, at].ravel(), called[name][:, at].ravel()
        p_values.append(ks_2samp(one, two).pvalue)
        ratios.append(np.log(one.mean() / two.mean()))
        spreads.append(np.log(one.std() / two.std()))
    assert min(p_values) > 0.05 / len(p_values) / 5
    assert np.median(p_values) > 0.1
    assert abs(np.mean(spreads)) < 0.1
    assert abs(np.mean(ratios)) < 0.06 if name == "top_user" else abs(np.mean(ratios)) < 0.02


@pytest.mark.parametrize("name", ["total", "top_user", "top_feature"])
def test_quantiles_over_all_busy_hours_agree(drawn, called, name):
    busy = np.r_[9:18, 33:38]
    one, two = drawn.channel(name)[:, busy].ravel(), called[name][:, busy].ravel()
    for q in (0.1, 0.5, 0.9, 0.99):
        tolerance = 0.15 if q == 0.99 else 0.08
        assert np.quantile(one, q) == pytest.approx(np.quantile(two, q), rel=tolerance)


@pytest.fixture(scope="module")
def quarters(scenario):
    """The channels of 48 runs in bins of 15 minutes, drawn and counted from calls."""
    seeds = range(48)
    return sample_bins(scenario, seeds, bin_minutes=15), channels_of(scenario, seeds, 15)


def test_quarters_are_those_of_records(scenario, quarters):
    heard = channels(simulate(scenario, seed=5).records, 15)
    for name in ("total", "top_user", "top_feature"):
        np.testing.assert_allclose(quarters[1][name][5], heard[name].to_numpy(), rtol=1e-9)


def test_quarters_have_the_same_mean_seed_by_seed(quarters):
    drawn, called = quarters
    for name in ("total", "excess"):
        one, two = drawn.channel(name).sum(axis=1), called[name].sum(axis=1)
        difference = one - two
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert abs(difference.mean()) < 4 * error
        assert error < 0.05 * two.mean()  # else the test could not fail


@pytest.mark.parametrize("name", ["total", "top_user", "top_feature"])
def test_quarters_have_the_same_distribution(quarters, name):
    """By hour of the day before the launch, and what neighbours within an hour have in common."""
    drawn, called = quarters
    p_values, spreads, together = [], [], []
    for hour in range(7, 23):
        at = np.arange(4 * hour, 4 * hour + 4)
        one, two = drawn.channel(name)[:, at], called[name][:, at]
        p_values.append(ks_2samp(one.ravel(), two.ravel()).pvalue)
        spreads.append(np.log(one.std() / two.std()))
        together.append(
            [np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1] for x in (one, two)]
        )
    assert min(p_values) > 0.05 / len(p_values) / 5
    assert np.median(p_values) > 0.1
    assert abs(np.mean(spreads)) < 0.1
    mine, theirs = np.mean(together, axis=0)
    assert mine == pytest.approx(theirs, abs=0.08)


def test_bins_within_an_hour_have_its_hour_of_the_week(quarters):
    drawn = quarters[0]
    assert drawn.total.shape == (48, 72 * 4)
    assert (drawn.bin_minutes, drawn.per_hour) == (15, 4)
    assert drawn.hour_of_week.tolist() == [(96 + b // 4) % 168 for b in range(72 * 4)]
    assert drawn.each["unit_cost"].shape == (48, 72 * 4, 3)


def test_other_bins_are_refused(scenario):
    with pytest.raises(SettingError, match=r"bin_minutes must be one of \[5, 15, 30, 60\]; got 20"):
        sample_bins(scenario, [1], bin_minutes=20)


def test_a_run_depends_on_its_own_seed_alone(scenario, drawn):
    alone = sample_bins(scenario, [17], workers=1)
    for name in ("total", "top_user", "top_feature", "excess"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(drawn, name)[17])


def test_hours_are_local_hours_of_the_week(scenario, drawn):
    assert drawn.total.shape == (len(SEEDS), 72)
    assert drawn.hour_of_week.tolist() == [(96 + h) % 168 for h in range(72)]


def test_a_feature_with_a_cohort_and_no_launch_is_counted_once(small):
    cohort = {"users": 5, "calls_per_day": 20}
    chat = {"calls_per_week": 14_000, "cohorts": {"c": cohort}}
    made = small(features={"chat": chat, "batch": {"calls_per_week": 1}})
    spend = sample_bins(made, range(40))
    wanted = made.expected().total_usd
    total = spend.total.sum(axis=1)
    assert abs(total.mean() - wanted) < 3.5 * total.std(ddof=1) / np.sqrt(40)


def test_an_incident_of_ordinary_traffic_is_its_own_excess(small):
    made = small(
        incidents={"i": {"feature": "batch", "cause": "volume", "starts": "2024-03-02T00:00:00"}}
    )
    spend = sample_bins(made, range(3))
    assert (spend.excess > 0).mean() > 0.9
    assert (spend.excess <= spend.total + 1e-12).all()


def test_no_seeds_are_refused(scenario):
    with pytest.raises(SettingError, match="seeds must not be empty"):
        sample_bins(scenario, [])
