"""The same product in another size: quicker to play, and noisier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario


def smaller(scenario: Scenario, share: float) -> Scenario:
    """The same product with a share of its users and calls; rates of each user stay.

    A cohort keeps one user at least, who then calls less.
    """
    if share == 1:
        return scenario
    features = {}
    for name, feature in scenario.features.items():
        cohorts = {}
        for cohort, settings in feature.cohorts.items():
            users = max(round(settings.users * share), 1)
            rate = settings.calls_per_day * settings.users * share / users
            change: dict[str, Any] = {"users": users, "calls_per_day": rate}
            cohorts[cohort] = settings.model_copy(update=change)
        weekly = feature.calls_per_week
        change = {"cohorts": cohorts, "calls_per_week": weekly and weekly * share}
        features[name] = feature.model_copy(update=change)
    population = scenario.population
    count = max(round(population.users * share), 1)
    people = population.model_copy(update={"users": count})
    return scenario.model_copy(update={"features": features, "population": people})
