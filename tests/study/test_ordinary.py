"""Ordinary life: planned launches and campaigns in it, and nothing of what goes wrong."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import poisson

from costsim.errors import SettingError
from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import BinnedSpend, sample_bins
from costsim.simulation.loading import scenario_names
from costsim.study import OrdinaryLife, quiet_runs

BARE = OrdinaryLife(launches_per_month=0, surges_per_month=0)
BUSY = OrdinaryLife(launches_per_month=3, surges_per_month=3, lives=4)


@pytest.mark.parametrize("name", scenario_names())
def test_what_an_incident_added_is_no_part_of_ordinary_life(name):
    """A script that calls every night would be learnt as ordinary otherwise."""
    scenario = load_scenario(name)
    lived = BARE.scenario(scenario, days=28, key=1)
    assert not lived.incidents
    caused = {i.cohort for i in scenario.incidents.values() if i.cohort}
    assert not caused & {c for f in lived.features.values() for c in f.cohorts}
    assert all(f.launch is None for f in lived.features.values())


def test_events_come_as_often_as_said():
    scenario, months, keys = load_scenario("quiet"), 4, range(60)
    launches = surges = 0
    for key in keys:
        lived = BUSY.scenario(scenario, days=30 * months, key=key)
        launches += sum(f.launch is not None for f in lived.features.values())
        surges += len(lived.surges)
    for count in (launches, surges):
        low, high = poisson.interval(0.999, 3 * months * len(keys))
        assert low <= count <= high


def test_a_launch_comes_to_its_share_of_the_bill_and_a_campaign_ends():
    scenario = load_scenario("quiet")
    weekly = scenario.expected().week_usd
    shares = []
    for key in range(8):
        lived = BUSY.scenario(scenario, days=120, key=key)
        table = lived.model_copy(update={"surges": {}}).expected()
        for name, feature in lived.features.items():
            if feature.launch is None or (feature.launch.date() - lived.start).days > 75:
                continue
            # from the sixth week on all who will try it have
            days = [d for d in table.days["date"].unique() if (d - feature.launch.date()).days > 35]
            days = days[: len(days) // 7 * 7]  # weekends are calmer
            late = table.days[(table.days["feature_name"] == name) & table.days["date"].isin(days)]
            shares.append(late["usd"].sum() / len(days) * 7 / weekly)
        for surge in lived.surges.values():
            assert 1.2 <= surge.calls_scale <= 1.8
            assert 14 / 24 < (surge.ends - surge.starts) / timedelta(days=1) <= 3
    assert len(shares) > 20
    assert min(shares) > 0.0099
    assert max(shares) < 0.0625
    assert max(shares) > 3 * min(shares)


def test_lives_differ_and_each_run_depends_on_its_own_seed_and_life():
    scenario = load_scenario("quiet")
    found = quiet_runs(scenario, range(8), training=14, life=BUSY)
    again = quiet_runs(scenario, range(8), training=14, life=BUSY, workers=1)
    np.testing.assert_array_equal(found.spend.total, again.spend.total)
    assert found.spend.total.shape[0] == 8
    assert found.ordinary_features == 5
    width = found.spend.each["feature"].shape[2]
    assert width > 5
    # life k has the seeds k, k + 4; its runs are those of its own scenario
    lived = BUSY.scenario(scenario, days=14 + 112, key=1)
    alone = sample_bins(lived, [1, 5])
    np.testing.assert_array_equal(alone.total, found.spend.total[2:4])
    padded = found.spend.each["feature"][2:4, :, len(lived.features) :]
    assert np.isnan(padded).all()


def test_launches_and_campaigns_make_detectors_of_them_dearer():
    from costsim.detect import FixedThreshold

    scenario = load_scenario("quiet")
    rule = FixedThreshold(channel="total")
    calm, busy = (
        quiet_runs(scenario, range(24), training=14, life=life).paths(rule) for life in (BARE, BUSY)
    )
    assert busy.threshold(1.0) > 1.05 * calm.threshold(1.0)


def test_joined_runs_are_over_the_same_hours():
    ones = np.ones((2, 3))
    part = BinnedSpend(ones, ones, ones, 0 * ones, np.arange(3), {"calls": ones})
    both = BinnedSpend.joined([part, part])
    assert both.total.shape == both.channel("calls").shape == (4, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"launches_per_month": -1}, "launches_per_month must be from 0 to 30; got -1"),
        ({"surges_per_month": float("nan")}, "surges_per_month must be from 0 to 30; got nan"),
        ({"lives": 0}, "lives must be an integer of at least 1; got 0"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        OrdinaryLife(**settings)
