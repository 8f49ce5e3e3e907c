"""The world of a run, in SimPy: launches, adoption, incidents, surges, new prices."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.calendar import HOUR_US, Calendar
from costsim.simulation.consistency import local_date
from costsim.simulation.population import Users
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    import simpy
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Cohort, Feature

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Event:
    """Something that happened in the world; `at_us` since the start of the run."""

    at_us: int
    kind: str
    feature: str
    cohort: str = ""
    user: int = -1


@dataclass
class Members:
    """Users of one cohort: since when each of them calls, and how much."""

    user: NDArray[np.int32]
    effect: NDArray[np.float64]
    first_use_us: NDArray[np.int64]


@dataclass
class World:
    """What happened: cohorts by ``(feature, cohort)`` and the events in order of time."""

    scenario: Scenario
    users: Users
    members: dict[tuple[str, str], Members] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


def play(scenario: Scenario, seed: int) -> World:
    """Run the world of a scenario to its end.

    Every draw is made before the loop, so the order of events never changes a draw.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> world = play(load_scenario("surprise-40k"), seed=7)
    >>> world.events[0].kind, len(world.members["deep_analysis", "power"].user)
    ('launch', 60)
    """
    import simpy

    world = settled(scenario, seed)
    env = simpy.Environment()
    for name, feature in scenario.features.items():
        env.process(_launch(env, world, name, feature))
    for at_us, event in happenings(scenario):
        env.process(_happen(env, world, at_us, event))
    env.run(until=scenario.calendar.hours * HOUR_US)
    return world


def settled(scenario: Scenario, seed: int) -> World:
    """The world of a scenario without its events: who is in which cohort, and since when."""
    world = World(scenario, Users(scenario.population, seed))
    end = scenario.calendar.hours * HOUR_US
    for name, feature in scenario.features.items():
        _choose(world, name, feature, seed)
        live = 0
        if feature.launch is not None:
            live = max(scenario.calendar.elapsed_us(feature.launch), 0)
        for cohort_name, cohort in feature.cohorts.items():
            first: NDArray[np.int64] | int = 0
            if cohort.first_use is not None:
                first = _first_uses(scenario, name, feature, cohort_name, cohort, seed)
            since = max(live, _since(scenario, name, cohort_name, cohort))
            at = np.maximum(first, since)
            world.members[name, cohort_name].first_use_us[:] = np.where(at < end, at, NEVER)
    return world


def happenings(scenario: Scenario) -> list[tuple[int, Event]]:
    """What happens at a time that the scenario states, beside launches."""
    calendar = scenario.calendar
    found = []

    def add(when: datetime, kind: str, feature: str) -> None:
        at = max(calendar.elapsed_us(when), 0)
        found.append((at, Event(at, kind, feature)))

    for incident in scenario.incidents.values():
        add(incident.starts, "incident starts", incident.feature)
        if incident.ends is not None:
            add(incident.ends, "incident ends", incident.feature)
    for surge in scenario.surges.values():
        add(surge.starts, "surge starts", ", ".join(surge.features) or "all")
        add(surge.ends, "surge ends", ", ".join(surge.features) or "all")
    for change in scenario.price_changes:
        add(change.at, f"new price of {change.model}", "all")
    return found


def _happen(
    env: simpy.Environment, world: World, at_us: int, event: Event
) -> Generator[Any, Any, None]:
    yield env.timeout(at_us)
    world.events.append(event)


def _choose(world: World, name: str, feature: Feature, seed: int) -> None:
    """Who is in which cohort. Those of incidents come last: without them nothing else moves."""
    users = world.scenario.population.users
    caused = {incident.cohort for incident in world.scenario.incidents_of(name).values()}
    order = stream(seed, name, "members").permutation(users)
    taken = 0
    for cohort_name, cohort in sorted(feature.cohorts.items(), key=lambda item: item[0] in caused):
        chosen = order[taken : taken + cohort.users].astype(np.int32)
        taken += cohort.users
        rng = stream(seed, name, cohort_name, "effect")
        sd = cohort.activity_log_sd
        effect = np.exp(rng.standard_normal(cohort.users) * sd - sd**2 / 2)
        world.members[name, cohort_name] = Members(chosen, effect, np.full(cohort.users, NEVER))


def _since(scenario: Scenario, name: str, cohort_name: str, cohort: Cohort) -> int:
    """Before this a cohort does not call, whatever else holds."""
    starts = [i.starts for i in scenario.incidents_of(name).values() if i.cohort == cohort_name]
    if cohort.starts is not None:
        starts.append(cohort.starts)
    return max((scenario.calendar.elapsed_us(start) for start in starts), default=0)


def _launch(
    env: simpy.Environment, world: World, name: str, feature: Feature
) -> Generator[Any, Any, None]:
    """A feature goes live; from then on its cohorts may find it."""
    calendar = world.scenario.calendar
    if feature.launch is not None:
        at = calendar.elapsed_us(feature.launch)
        if at >= calendar.hours * HOUR_US:
            return
        yield env.timeout(max(at, 0))
        world.events.append(Event(int(env.now), "launch", name))
    for cohort_name, cohort in feature.cohorts.items():
        if cohort.first_use is not None:
            for index in range(cohort.users):
                env.process(_adopt(env, world, name, cohort_name, index))


def _adopt(
    env: simpy.Environment, world: World, feature: str, cohort: str, index: int
) -> Generator[Any, Any, None]:
    """One user tries the feature for the first time, and goes on using it."""
    members = world.members[feature, cohort]
    at_us = int(members.first_use_us[index])
    if at_us < NEVER:
        yield env.timeout(at_us - int(env.now))
        user = int(members.user[index])
        world.events.append(Event(int(env.now), "first use", feature, cohort, user))


def _first_uses(
    scenario: Scenario, name: str, feature: Feature, cohort_name: str, cohort: Cohort, seed: int
) -> NDArray[np.int64]:
    """Elapsed microseconds of each member's first use, not before the launch."""
    calendar = scenario.calendar
    assert cohort.first_use is not None
    assert feature.launch is not None
    launch = calendar.elapsed_us(feature.launch)
    rng = stream(seed, name, cohort_name, "first use")
    weights = np.asarray(cohort.first_use.day_weights)
    day = rng.choice(len(weights), cohort.users, p=weights / weights.sum())
    hours = np.asarray(scenario.profiles[cohort.profile or feature.profile].hours)
    hour = rng.choice(24, cohort.users, p=hours / hours.sum()) + rng.random(cohort.users)
    low, high = cohort.first_use.launch_day_hours
    first = low + (high - low) * rng.random(cohort.users)
    hour = np.where(day == 0, first, hour)
    clock = _clock(calendar, local_date(scenario, feature.launch), len(weights))
    whole = hour.astype(np.int64)
    within = ((hour - whole) * HOUR_US).astype(np.int64)
    return np.asarray(np.maximum(clock[day, whole] + within, launch))


@cache
def _clock(calendar: Calendar, first: date, days: int) -> NDArray[np.int64]:
    """Elapsed microseconds of every full hour of some days, by the clock; shape (days, 24)."""
    start = datetime.combine(first, time())
    hours = [[start + timedelta(days=d, hours=h) for h in range(24)] for d in range(days)]
    return np.array([[calendar.elapsed_us(hour) for hour in day] for day in hours])
