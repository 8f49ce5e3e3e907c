"""The same product in another size: quicker to play, and noisier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from costsim.limits.policy import CAP_NAMES, Caps, Policy

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario

Known = TypeVar("Known", bound=Caps)


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


def smaller_limits(policy: Policy, share: float) -> Policy:
    """Limits of a product of that size: what users share is scaled, what each has stays.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> small = smaller_limits(load_limits("flat-caps"), 0.1)
    >>> small.organisation.month_usd, small.user.month_usd
    (5500.0, 50.0)
    """
    if share == 1:
        return policy
    return policy.model_copy(
        update={
            "tier": {name: _smaller_caps(caps, share) for name, caps in policy.tier.items()},
            "feature": {name: _smaller_caps(caps, share) for name, caps in policy.feature.items()},
            "organisation": _smaller_caps(policy.organisation, share),
        }
    )


def _smaller_caps(caps: Known, share: float) -> Known:
    """Dollars to the cent, calls and tokens to the whole; none below one of them."""
    change: dict[str, float | int] = {}
    for name in CAP_NAMES:
        value = getattr(caps, name)
        if value is not None:
            whole = max(round(value * share), 1)
            change[name] = max(round(value * share, 2), 0.01) if name.endswith("_usd") else whole
    return caps.model_copy(update=change)
