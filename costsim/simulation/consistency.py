"""Whether a scenario's parts fit together: names that are known, times that lie in the run."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from costsim.errors import PriceError, SettingError
from costsim.simulation.settings import ARCHETYPES

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario

WATCHERS = ("user_share", "fixed_threshold", "budget_alert")
"""Who may be on duty beside the presets."""


def check(scenario: Scenario) -> None:
    """Refuse a scenario whose parts contradict each other.

    Raises
    ------
    ValueError
        With the key's path, what is allowed, and what was got.
    """
    _features(scenario)
    _incidents(scenario)
    _others(scenario)
    _times(scenario)


def check_prices(scenario: Scenario) -> None:
    """Refuse a model that the scenario's price book does not know.

    Raises
    ------
    PriceError
        With the key's path.
    UnknownNameError, SettingError
        The price book itself.
    """
    from costsim.prices import load_price_book

    book = load_price_book(scenario.price_book)
    named = [
        (f"features.{n}.model", f.model, f.provider, f.service_tier)
        for n, f in scenario.features.items()
    ]
    for name, incident in scenario.incidents.items():
        of = scenario.features.get(incident.feature, next(iter(scenario.features.values())))
        if model := incident.effect.model:
            provider = incident.effect.provider or of.provider
            named.append((f"incidents.{name}.effect.model", model, provider, of.service_tier))
    for key, model, provider, tier in named:
        try:
            book.unit(
                model,
                at=scenario.calendar.origin,
                service_tier=None if tier == "default" else tier,
                provider=provider,
            )
        except PriceError as error:
            raise PriceError(f"{key}: {error}") from None


def _known(key: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        close = get_close_matches(value, list(allowed), n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"{key} must be one of {sorted(allowed)}; got {value!r}{hint}")


def _features(scenario: Scenario) -> None:
    reactions = {*scenario.reactions, *ARCHETYPES}
    for name, feature in scenario.features.items():
        path = f"features.{name}"
        _known(f"{path}.profile", feature.profile, scenario.profiles)
        _known(f"{path}.reaction", feature.reaction, reactions)
        for cohort, settings in feature.cohorts.items():
            if settings.profile:
                _known(f"{path}.cohorts.{cohort}.profile", settings.profile, scenario.profiles)
            if settings.reaction:
                _known(f"{path}.cohorts.{cohort}.reaction", settings.reaction, reactions)
        asked = sum(c.users for c in feature.cohorts.values())
        if asked > scenario.population.users:
            raise ValueError(
                f"{path}.cohorts must not have more users than population, "
                f"{scenario.population.users}; got {asked}"
            )
        _moves(scenario, name)
    names = [tier.name for tier in scenario.population.tiers]
    if len(set(names)) < len(names):
        raise ValueError(f"population.tiers must have different names; got {names}")


def _moves(scenario: Scenario, name: str) -> None:
    """Where callers of a feature move to, one after another, must come to an end."""
    path, at = [name], scenario.features[name].cheaper
    while at is not None:
        _known(f"features.{path[-1]}.cheaper", at, scenario.features)
        if at in path:
            raise ValueError(
                f"features.{name}.cheaper must not lead back; got {' -> '.join([*path, at])}"
            )
        path.append(at)
        at = scenario.features[at].cheaper


def _incidents(scenario: Scenario) -> None:
    for name, incident in scenario.incidents.items():
        path = f"incidents.{name}"
        _known(f"{path}.feature", incident.feature, (*scenario.features, "all"))
        if incident.cohort is not None:
            cohorts = scenario.features[incident.feature].cohorts
            _known(f"{path}.cohort", incident.cohort, cohorts)
        effect = incident.effect
        if effect.calls_scale != 1 or effect.calls_growth_per_day:
            concerned = [incident.feature] if incident.feature != "all" else scenario.features
            if not any(scenario.features[n].calls_per_week for n in concerned):
                raise ValueError(
                    f"{path}.effect: calls_scale and calls_growth_per_day need a feature with "
                    f"calls_per_week; got {incident.feature!r}"
                )


def _others(scenario: Scenario) -> None:
    for name, surge in scenario.surges.items():
        for feature in surge.features:
            _known(f"surges.{name}.features", feature, scenario.features)
    providers = {f.provider for f in scenario.features.values() if f.provider}
    for provider in scenario.provider_limits:
        _known(f"provider_limits.{provider}", provider, providers)
    models = {f.model for f in scenario.features.values()}
    models |= {i.effect.model for i in scenario.incidents.values() if i.effect.model}
    operations = scenario.operations
    if operations:
        from costsim.detect.presets import presets

        on_duty = (*presets(), *WATCHERS)
        for detector in (*operations.detectors, *operations.thresholds):
            _known("operations.detectors", detector, on_duty)
        if operations.suite is not None:
            from costsim.detect import load_suite

            try:
                load_suite(operations.suite)
            except SettingError as error:
                raise ValueError(f"operations.suite: {error}") from error
        if operations.feature is not None:
            _known("operations.feature", operations.feature, scenario.features)
        if operations.model:
            models.add(operations.model)
    for index, change in enumerate(scenario.price_changes):
        _known(f"price_changes.{index}.model", change.model, models)


def _times(scenario: Scenario) -> None:
    start, end = scenario.start, scenario.start + timedelta(days=scenario.days)
    run = f"lie within the run, from {start} to before {end}"

    def inside(key: str, moment: datetime) -> None:
        if not start <= moment.date() < end:
            raise ValueError(f"{key} must {run}; got {moment}")

    if scenario.week:
        last = scenario.week.start + timedelta(days=scenario.week.days)
        if not (start <= scenario.week.start and last <= end):
            raise ValueError(f"week must {run}; got {scenario.week.start} to before {last}")
    for name, incident in scenario.incidents.items():
        inside(f"incidents.{name}.starts", incident.starts)
    for name, feature in scenario.features.items():
        if feature.launch is not None and feature.launch.date() >= end:
            raise ValueError(
                f"features.{name}.launch must lie before the end of the run, {end}; "
                f"got {feature.launch}"
            )
        for cohort, settings in feature.cohorts.items():
            path = f"features.{name}.cohorts.{cohort}"
            if settings.starts is not None:
                inside(f"{path}.starts", settings.starts)
            if settings.starts and settings.ends and settings.ends <= settings.starts:
                raise ValueError(
                    f"{path}.ends must lie after starts ({settings.starts}); got {settings.ends}"
                )
    for name, surge in scenario.surges.items():
        if surge.ends.date() < start or surge.starts.date() >= end:
            raise ValueError(f"surges.{name} must {run}; got {surge.starts} to {surge.ends}")
    for index, change in enumerate(scenario.price_changes):
        if change.at.date() >= end:
            raise ValueError(
                f"price_changes.{index}.at must lie before the end of the run, {end}; "
                f"got {change.at}"
            )


def local_date(scenario: Scenario, moment: datetime) -> date:
    """Local date of a moment of the scenario."""
    from zoneinfo import ZoneInfo

    utc = scenario.calendar.to_utc(moment)
    return utc.astimezone(ZoneInfo(scenario.time_zone)).date()
