"""How many calls are expected in each hour: what demand draws from and the closed form adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Cohort, Feature, Incident, Profile

    Floats = NDArray[np.float64]

MONTH_HOURS = 30 * 24


def week_weights(profile: Profile) -> Floats:
    """Weight of each local hour of week, Monday 00 first, mean one; shape ``(168,)``."""
    hours, days = np.asarray(profile.hours), np.asarray(profile.day_weights)
    return np.asarray(np.outer(days / days.mean(), hours / hours.mean()).ravel())


def hours_of(scenario: Scenario, profile: Profile) -> NDArray[np.int64]:
    """Hour of week that the clocks of a profile's people show in each hour of the run."""
    return scenario.calendar.hour_of_week_in(profile.time_zone or scenario.time_zone)


def traffic_rate(scenario: Scenario, name: str) -> Floats:
    """Expected ordinary calls of a feature in each hour, as if always live; ``(hours,)``.

    Growth, surges and holidays are in it; noise, launch, churn, incidents and passes are not.
    """
    feature = scenario.features[name]
    profile = scenario.profiles[feature.profile]
    weights = week_weights(profile)[hours_of(scenario, profile)]
    weekly = feature.calls_per_week or 0.0
    return np.asarray(weekly / 168 * weights * _swell(scenario, name))


def _swell(scenario: Scenario, name: str) -> Floats:
    """Factor of growth, surges and holidays on ordinary traffic."""
    calendar = scenario.calendar
    factor = np.ones(calendar.hours)
    growth = scenario.population.growth_per_week
    if growth:
        factor *= (1 + growth) ** ((np.arange(calendar.hours) + 0.5) / 168)
    for surge in scenario.surges.values():
        if not surge.features or name in surge.features:
            factor *= 1 + (surge.calls_scale - 1) * calendar.overlap(surge.starts, surge.ends)
    for holiday in scenario.holidays:
        day = (holiday.day - scenario.start).days
        if 0 <= day < calendar.days:
            first, last = calendar.day_starts[day : day + 2]
            factor[first:last] *= holiday.calls_scale
    return factor


def added_share(scenario: Scenario, incident: Incident) -> Floats:
    """Calls that an incident adds, as a share of ordinary ones, in each hour; ``(hours,)``.

    Hours that it covers in part have the whole share: what lies outside is left out of the draw.
    """
    calendar, effect = scenario.calendar, incident.effect
    share = np.full(calendar.hours, max(effect.calls_scale - 1, 0.0))
    if effect.calls_growth_per_day:
        start = calendar.elapsed_us(incident.starts) / 3.6e9
        days = np.maximum(np.arange(calendar.hours) + 0.5 - start, 0) / 24
        share += (1 + effect.calls_growth_per_day) ** days - 1
    return np.asarray(share * (calendar.overlap(incident.starts, incident.ends) > 0))


def cohort_rate(scenario: Scenario, feature: Feature, cohort: Cohort) -> Floats:
    """Expected calls of a member with effect 1 in each hour, once it calls; ``(hours,)``."""
    profile = scenario.profiles[cohort.profile or feature.profile]
    week = hours_of(scenario, profile)
    hours = np.asarray(profile.hours)[week % 24] / sum(profile.hours)
    return np.asarray(cohort.calls_per_day * np.asarray(profile.day_weights)[week // 24] * hours)


def staying(scenario: Scenario) -> Floats:
    """Share of users who have not left for good, in the middle of each hour; ``(hours,)``."""
    churn = scenario.population.churn_per_month
    hours = np.arange(scenario.calendar.hours) + 0.5
    return np.asarray((1 - churn) ** (hours / MONTH_HOURS))
