"""What happens in the world: launches, and when users first try a feature."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy.stats import chi2

from costsim.simulation.demand import Demand
from costsim.simulation.world import NEVER, play

FIRST = [0.08, 0.01, 0.01, 0.50, 0.25, 0.10, 0.05]  # power users, Friday to Thursday


@pytest.fixture(scope="module")
def worlds(surprise):
    return [play(surprise, seed) for seed in range(40)]


def local_first_uses(world, cohort):
    zone = ZoneInfo(world.scenario.time_zone)
    origin = world.scenario.calendar.origin
    at = world.members["deep_analysis", cohort].first_use_us
    return [(origin + timedelta(microseconds=int(us))).astimezone(zone) for us in at]


def test_nobody_uses_a_feature_before_its_launch(worlds, surprise):
    launch = surprise.calendar.elapsed_us(datetime(2024, 8, 9, 14))
    for world in worlds:
        for cohort in ("scripted", "power", "casual"):
            assert world.members["deep_analysis", cohort].first_use_us.min() >= launch
        assert world.events[0].kind == "launch"
        assert world.events[0].at_us == launch
        times = [event.at_us for event in world.events]
        assert times == sorted(times)


def test_no_call_comes_before_its_user_s_first_use(surprise):
    world = play(surprise, 5)
    demand = Demand(world, 5)
    since = {
        (cohort, int(user)): at
        for (_, cohort), members in world.members.items()
        for user, at in zip(members.user, members.first_use_us, strict=True)
    }
    seen = 0
    for day in range(28, 35):
        for calls in demand.day(day, only=["deep_analysis"]):
            for at, user in zip(calls.time_us, calls.user, strict=True):
                assert at >= since[calls.cohort, int(user)]
                seen += 1
    assert seen > 5000
    assert sum(len(demand.day(day, only=["deep_analysis"])) for day in range(28)) == 0


def test_first_uses_fall_on_the_stated_days(worlds):
    from collections import Counter

    days = Counter(t.date() for world in worlds for t in local_first_uses(world, "power"))
    total = sum(days.values())
    found = np.array([days[datetime(2024, 8, 9 + d).date()] for d in range(7)])
    assert found.sum() == total == 40 * 60
    wanted = np.array(FIRST) * total
    assert chi2.sf(((found - wanted) ** 2 / wanted).sum(), 6) > 0.001


def test_on_the_launch_day_first_uses_are_uniform_in_its_hours(worlds):
    hours = [
        t.hour + t.minute / 60
        for world in worlds
        for t in local_first_uses(world, "casual")
        if t.date() == datetime(2024, 8, 9).date()
    ]
    found = np.histogram(hours, bins=np.arange(14, 21))[0]
    assert found.sum() == len(hours)
    assert chi2.sf(((found - len(hours) / 6) ** 2 / (len(hours) / 6)).sum(), 5) > 0.001


def test_on_later_days_first_uses_follow_the_profile(worlds, surprise):
    hours = [
        t.hour
        for world in worlds
        for t in local_first_uses(world, "casual")
        if t.date() == datetime(2024, 8, 12).date()
    ]
    profile = np.array(surprise.profiles["deep_analysis"].hours)
    wanted = profile / profile.sum() * len(hours)
    found = np.bincount(hours, minlength=24)
    assert (found[wanted == 0] == 0).all()
    use = wanted > 0
    statistic = ((found - wanted)[use] ** 2 / wanted[use]).sum()
    assert chi2.sf(statistic, use.sum() - 1) > 0.001


def test_cohorts_of_a_feature_share_no_user(worlds):
    users = [m.user for m in worlds[0].members.values()]
    together = np.concatenate(users)
    assert len(set(together)) == len(together) == 961


def adopting(small, **changes):
    cohort = {
        "users": 40,
        "calls_per_day": 5,
        "first_use": {"days": [0.0, 1.0], "launch_day_hours": [14, 20]},
    }
    feature = {"launch": "2024-03-01T14:00:00", "calls_per_week": None, "cohorts": {"c": cohort}}
    return small(features={"chat": feature}, **changes)


def test_first_uses_keep_to_local_hours_where_clocks_change(small):
    """The day after the launch has 23 hours; nobody adopts in hours the profile leaves out."""
    hours = [0.0] * 21 + [1.0, 0.0, 0.0]
    scenario = adopting(
        small,
        start="2024-03-09",
        time_zone="America/New_York",
        profiles={"office": {"hours": hours}},
        days=3,
    )
    feature = scenario.features["chat"].model_copy(update={"launch": datetime(2024, 3, 9, 14)})
    scenario = scenario.model_copy(update={"features": {"chat": feature}})
    zone = ZoneInfo("America/New_York")
    at = play(scenario, 1).members["chat", "c"].first_use_us
    for us in at:
        local = (scenario.calendar.origin + timedelta(microseconds=int(us))).astimezone(zone)
        assert (local.date(), local.hour) == (datetime(2024, 3, 10).date(), 21)


def test_what_comes_after_the_end_never_happens(small):
    scenario = adopting(small, days=1)
    world = play(scenario, 1)
    assert [event.kind for event in world.events] == ["launch"]
    assert (world.members["chat", "c"].first_use_us == NEVER).all()
    assert Demand(world, 1).day(0, only=["chat"]) == []
    late = scenario.features["chat"].model_copy(update={"launch": datetime(2024, 3, 5)})
    world = play(scenario.model_copy(update={"features": {"chat": late}}), 1)
    assert world.events == []


def test_a_launch_before_the_run_is_live_from_its_first_hour(small):
    cohort = {"users": 40, "calls_per_day": 50}
    feature = {"launch": "2024-02-01T14:00:00", "cohorts": {"c": cohort}}
    scenario = small(features={"chat": feature})
    world = play(scenario, 1)
    assert world.events[0].at_us == 0
    assert (world.members["chat", "c"].first_use_us == 0).all()
