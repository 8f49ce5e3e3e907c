"""A scenario as the integer tables that both engines read: features, routes, reactions, tiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.limits.core import CALLS, NO_LIMIT, TOKENS
from costsim.simulation.demand import ADDED
from costsim.simulation.draws import threshold
from costsim.simulation.kernel_layout import BILLED, Tables
from costsim.simulation.reacting import reaction_table
from costsim.simulation.routes import Route, downgraded

if TYPE_CHECKING:
    from costsim.prices import PriceBook
    from costsim.simulation.recording import Recorder
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.variants import Variant


STREAM_BITS, DAY_BITS, INDEX_BITS, ATTEMPT_BITS = 11, 12, 26, 14
"""Parts of the number of an attempt: stream, day and place of the call make its sequence."""


@dataclass(frozen=True)
class LoopTables:
    """Names beside the arrays that go by their numbers; `arrays` is what the kernel reads.

    `streams` are the (feature, cohort) whose calls are numbered apart, `cached` says which of them
    may read from a cache, `reactions` gives the number of each one's archetype. `end_us` is the
    end of the run since its start, at `origin_us`.
    """

    features: tuple[str, ...]
    tiers: tuple[str, ...]
    users: tuple[str, ...]
    routes: tuple[Route, ...]
    providers: tuple[str, ...]
    origin_us: int
    end_us: int
    arrays: Tables
    scenario: Scenario
    book: PriceBook
    streams: tuple[tuple[str, str], ...]
    cached: tuple[bool, ...]
    reactions: dict[tuple[str, str], int]
    variants: list[Variant] = field(default_factory=list)

    @property
    def silent(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether the records of each variant never arrive."""
        return np.array([v.silent for v in self.variants], np.bool_)

    def stream(self, feature: str, cohort: str) -> int:
        """Number of a stream."""
        return self.streams.index((feature, cohort))

    def stream_day(self, code: int) -> tuple[str, str, int]:
        """Feature, cohort and day of a call; `code` is its sequence without the place."""
        return *self.streams[code >> DAY_BITS], code & ((1 << DAY_BITS) - 1)

    def variant(self, variant: Variant) -> int:
        """Number of a variant; a new one gets the next."""
        return _number(self.variants, variant)

    def route(self, route: Route) -> int:
        """Number of a route."""
        return self.routes.index(route)

    def downgrade_route(self, feature: int, model: str) -> int:
        """Number of the route that a feature's calls take on a downgrade."""
        settings = self.scenario.features[self.features[feature]]
        return self.route(downgraded(settings, model, self.book, self.scenario))


def tables_of(recorder: Recorder) -> LoopTables:
    """The tables of one run of a scenario."""
    world, prices = recorder.demand.world, recorder.prices
    scenario = world.scenario
    features = tuple(scenario.features)
    settings = list(scenario.features.values())
    names = sorted({*scenario.reactions, *_archetypes()})
    providers = tuple(scenario.provider_limits)
    limits = [scenario.provider_limits[name] for name in providers]
    routes = [prices.number(Route(f.model, f.provider, f.service_tier)) for f in settings]
    reactions = {}
    streams: list[tuple[str, str]] = []
    for name, feature in scenario.features.items():
        streams += [(name, "traffic"), *((name, cohort) for cohort in feature.cohorts)]
        reactions[name, "traffic"] = names.index(feature.reaction)
        for cohort_name, cohort in feature.cohorts.items():
            reactions[name, cohort_name] = names.index(cohort.reaction or feature.reaction)
        streams += [(name, ADDED + incident) for incident in scenario.incidents_of(name)]
    arrays = Tables(
        tier_of=np.asarray(world.users.tier, np.int32),
        reactions=reaction_table(scenario.reaction(name) for name in names),
        cheaper=_ints(-1 if f.cheaper is None else features.index(f.cheaper) for f in settings),
        feature_route=_ints(routes),
        feature_max=_ints(-1 if (m := f.output_tokens.max) is None else m for f in settings),
        feature_most_input=_ints(-1 if (m := f.input_tokens.max) is None else m for f in settings),
        feature_error_below=_ints(threshold(f.errors.rate) for f in settings),
        feature_billed=_ints(BILLED.index(f.errors.billed) for f in settings),
        epochs=prices.epochs_us,
        above=prices.above,
        input_pico=prices.input_pico,
        cached_pico=prices.cached_pico,
        output_pico=prices.output_pico,
        route_provider=_ints(
            providers.index(r.provider) if r.provider in providers else -1 for r in prices.routes
        ),
        provider_limit=_ints(
            NO_LIMIT if n is None else n
            for p in limits
            for n in (p.calls_per_minute, p.tokens_per_minute)
        ),
        provider_units=_ints([CALLS, TOKENS]),
    )
    return LoopTables(
        features=features,
        tiers=tuple(tier.name for tier in scenario.population.tiers),
        users=tuple(world.users.names),
        routes=prices.routes,
        providers=providers,
        origin_us=scenario.calendar.origin_us,
        end_us=scenario.calendar.day_range_us(scenario.days - 1)[1],
        arrays=arrays,
        scenario=scenario,
        book=recorder.book,
        streams=tuple(streams),
        cached=tuple(recorder.demand.may_cache(*names) for names in streams),
        reactions=reactions,
    )


def _archetypes() -> set[str]:
    from costsim.simulation.settings import ARCHETYPES

    return set(ARCHETYPES)


def _ints(values: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(list(values), np.int64)  # type: ignore[call-overload]


def _number(known: list[Any], item: Any) -> int:
    if item not in known:
        known.append(item)
    return known.index(item)
