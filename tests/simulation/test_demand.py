"""Intended calls: counts, hours, sessions, and that no draw depends on another's."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, geom

from costsim.errors import SettingError
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.demand import Demand
from costsim.simulation.world import play

STILL = {"hour_sigma": 0, "day_sigma": 0}
ONE = {"mean_calls": 1}


def demand_of(scenario, seed=1):
    return Demand(play(scenario, seed), seed)


def all_calls(scenario, seed=1, only=None):
    demand = demand_of(scenario, seed)
    return [calls for day in range(scenario.days) for calls in demand.day(day, only=only)]


def same(one, two):
    assert (one.feature, one.cohort, one.day) == (two.feature, two.cohort, two.day)
    for name in ("time_us", "user", "session", "input_tokens", "output_tokens", "index"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def plausible(counts, wanted):
    """Counts are Poisson with these means: dispersion and fit at once."""
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    assert 0.001 < chi2.sf(statistic, len(counts)) < 0.999


def test_hourly_counts_are_poisson_with_the_profile_s_rate(small):
    scenario = small(days=14, noise=STILL, features={"chat": {"sessions": ONE}})
    times = np.concatenate([c.time_us for c in all_calls(scenario, only=["chat"])])
    counts = np.bincount(times // HOUR_US, minlength=14 * 24)
    office = np.array(scenario.profiles["office"].hours)
    wanted = np.tile(14_000 / 7 * office / office.sum(), 14)
    assert (counts[wanted == 0] == 0).all()
    plausible(counts[wanted > 0], wanted[wanted > 0])


def test_noise_makes_counts_more_than_poisson(small):
    scenario = small(days=14, noise={"hour_sigma": 0.5}, features={"batch": {"passes": 1}})
    times = np.concatenate([c.time_us for c in all_calls(scenario, only=["batch"])])
    counts = np.bincount(times // HOUR_US, minlength=14 * 24)
    assert counts.var() / counts.mean() > 3
    noise = demand_of(scenario).noise
    plausible(counts, 7_000 / 168 * noise)


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("America/New_York", "2024-11-02", 25),
        ("America/New_York", "2024-03-09", 23),
        ("Asia/Kolkata", "2024-03-09", 24),
    ],
)
def test_the_profile_follows_local_clocks(small, zone, start, hours):
    scenario = small(
        days=3,
        start=start,
        time_zone=zone,
        noise=STILL,
        features={"chat": {"sessions": ONE, "calls_per_week": 200_000}},
    )
    calls = all_calls(scenario, only=["chat"])
    office = np.array(scenario.profiles["office"].hours)
    origin = scenario.calendar.origin
    by_hour = np.bincount(
        np.concatenate([c.time_us for c in calls]) // HOUR_US, minlength=48 + hours
    )
    assert len(by_hour) == 48 + hours
    local = [
        (origin + timedelta(hours=h)).astimezone(ZoneInfo(zone)).hour for h in range(len(by_hour))
    ]
    wanted = 200_000 / 7 * office[local] / office.sum()
    assert (by_hour[wanted == 0] == 0).all()
    plausible(by_hour[wanted > 0], wanted[wanted > 0])


def test_days_of_the_week_have_their_weights(small):
    days = {"fri": 2.0, "sat": 0.0, "sun": 0.5}  # the others 1
    scenario = small(days=7, noise=STILL, profiles={"flat": {"days": days}})
    counts = [len(c) for c in all_calls(scenario, only=["batch"])]
    weights = np.array([2.0, 0.5, 1, 1, 1, 1])  # Friday on; Saturday has no call at all
    assert len(counts) == 6
    plausible(np.array(counts), 7_000 * weights / weights.sum())


def test_users_call_by_their_weights_and_keep_their_own_size(small):
    scenario = small(days=7, noise=STILL, features={"chat": {"sessions": ONE}})
    demand = demand_of(scenario)
    calls = [c for day in range(7) for c in demand.day(day, only=["chat"])]
    user = np.concatenate([c.user for c in calls])
    tokens = np.concatenate([c.input_tokens for c in calls])
    wanted = len(user) * demand.world.users.weights
    plausible(np.bincount(user, minlength=50), wanted)
    medians = demand.log_medians["chat"][0]
    within = np.log(tokens) - medians[user]
    assert within.std() == pytest.approx(np.sqrt(0.9**2 - 0.5**2), rel=0.03)
    means = np.bincount(user, np.log(tokens), 50) / np.bincount(user, minlength=50)
    assert np.corrcoef(means, medians)[0, 1] > 0.95


def test_sessions_have_a_geometric_number_of_calls_of_one_user(small):
    scenario = small(days=7, noise=STILL, features={"chat": {"sessions": {"mean_calls": 4}}})
    sizes = []
    for calls in all_calls(scenario, only=["chat"]):
        count = np.bincount(calls.session)
        sizes.append(count)
        first = np.cumsum(count) - count
        np.testing.assert_array_equal(calls.user, np.repeat(calls.user[first], count))
    size = np.concatenate(sizes)
    assert abs(size.mean() - 4) < 4 * size.std() / np.sqrt(len(size))
    found = np.bincount(np.minimum(size, 15), minlength=16)[1:]
    law = geom(1 / 4)
    wanted = np.append(law.pmf(np.arange(1, 15)), law.sf(14)) * len(size)
    assert chi2.sf(((found - wanted) ** 2 / wanted).sum(), 14) > 0.001
    # sessions are fewer, so that calls are as many as asked for
    error = 4 * np.sqrt(size.size * (size.var() + size.mean() ** 2))
    assert abs(size.sum() - 14_000) < error


def test_think_times_are_exponential(small):
    settings = {"mean_calls": 5, "think_seconds": 90}
    scenario = small(days=7, features={"chat": {"sessions": settings}})
    gaps = []
    for calls in all_calls(scenario, only=["chat"]):
        gap, inside = np.diff(calls.time_us), np.diff(calls.session) == 0
        gaps.append(gap[inside] / 1e6)
    gap = np.concatenate(gaps)
    assert gap.min() >= 0
    assert gap.mean() == pytest.approx(90, rel=5 / np.sqrt(len(gap)))
    assert np.median(gap) == pytest.approx(90 * np.log(2), rel=8 / np.sqrt(len(gap)))


def test_a_cohort_calls_as_often_as_it_says_and_its_members_differ(small):
    cohort = {"users": 30, "calls_per_day": 40, "activity_log_sd": 0.5}
    scenario = small(days=10, features={"chat": {"calls_per_week": None, "cohorts": {"p": cohort}}})
    demand = demand_of(scenario)
    calls = [c for day in range(10) for c in demand.day(day, only=["chat"])]
    members = demand.world.members["chat", "p"]
    assert len(set(members.user)) == 30
    sessions = np.zeros(30)
    for day in calls:
        starts = np.unique(day.session, return_index=True)[1]
        sessions += [(day.user[starts] == user).sum() for user in members.user]
    plausible(sessions, 10 * 40 / 3 * members.effect)


def test_the_effects_of_members_have_mean_one(surprise):
    effects = np.concatenate(
        [play(surprise, s).members["deep_analysis", "power"].effect for s in range(20)]
    )
    assert abs(effects.mean() - 1) < 3.5 * effects.std() / np.sqrt(len(effects))
    assert np.log(effects).std() == pytest.approx(0.5, rel=0.1)


def test_traffic_begins_at_the_launch_and_not_before(small):
    launch = datetime(2024, 3, 2, 10, 40)
    scenario = small(noise=STILL, features={"batch": {"launch": launch.isoformat()}})
    times = np.concatenate([c.time_us for c in all_calls(scenario, only=["batch"])])
    at = scenario.calendar.elapsed_us(launch)
    assert at <= times.min() < at + HOUR_US // 6
    live = (scenario.calendar.hours * HOUR_US - at) / HOUR_US
    assert abs(len(times) - 7_000 / 168 * live) < 4 * np.sqrt(len(times))
    first = (times < at + HOUR_US // 3).sum()  # the rest of the hour of the launch has its calls
    assert abs(first - 7_000 / 168 / 3) < 4 * np.sqrt(7_000 / 168 / 3)


NEW = {
    "model": "gpt-4-turbo",
    "profile": "flat",
    "input_tokens": {"median": 10, "log_sd": 1},
    "output_tokens": {"median": 10, "log_sd": 1},
}


@settings(max_examples=25, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters=["\x1f"]), min_size=1, max_size=9),
    weekly=st.floats(1, 5000),
    users=st.integers(1, 50),
    seed=st.integers(0, 2**63 - 1),
    first=st.booleans(),
)
def test_another_feature_changes_no_call_of_the_others(small, name, weekly, users, seed, first):
    before = small(days=1)
    if name in before.features:
        return
    more = small(
        days=1,
        features={
            name: NEW
            | {
                "calls_per_week": weekly,
                "cohorts": {"c": {"users": users, "calls_per_day": 1}},
                "launch": "2024-03-01T05:00:00",
            }
        },
    )
    if first:
        order = {name: more.features[name]} | more.features
        more = more.model_copy(update={"features": order})
    with_it = [c for c in all_calls(more, seed) if c.feature != name]
    for one, two in zip(all_calls(before, seed), with_it, strict=True):
        same(one, two)


def test_ordinary_calls_are_the_same_without_launches(surprise):
    ordinary = surprise.without_launches()
    assert set(surprise.features) - set(ordinary.features) == {"deep_analysis"}
    assert ordinary.incidents == {}
    one, two = demand_of(surprise), demand_of(ordinary)
    kept = [c for c in one.day(31) if c.feature != "deep_analysis"]
    for with_it, without in zip(kept, two.day(31), strict=True):
        same(with_it, without)
    only = {"deep_analysis": surprise.features["deep_analysis"]}
    bare = surprise.model_copy(update={"features": only})
    with pytest.raises(SettingError, match="no feature without its incidents"):
        bare.without_launches()


def test_a_day_s_calls_depend_on_neither_other_days_nor_the_length_of_the_run(small):
    longer, shorter = demand_of(small(days=9)), demand_of(small(days=3))
    for one, two in zip(longer.day(2), shorter.day(2), strict=True):
        same(one, two)


def test_drawing_some_features_only_gives_the_same_calls(small):
    demand = demand_of(small())
    every = {c.feature: c for c in demand.day(1)}
    (alone,) = demand.day(1, only=["batch"])
    same(every["batch"], alone)


def test_seeds_differ(small):
    one, two = (all_calls(small(days=1), seed) for seed in (1, 2))
    assert len(one[0]) != len(two[0])
    assert not set(one[0].time_us) & set(two[0].time_us)
