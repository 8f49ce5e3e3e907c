"""Routes: which model answers for whom, and what it costs at any time of a run, as integers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.errors import PriceError, SettingError
from costsim.prices import PriceBook, split_cost
from costsim.prices.unit import UnitPrice, pico_per_token

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Feature, PriceChange

NEVER_ABOVE = 2**62


class Route(NamedTuple):
    """A model, who bills it where the book knows several, and its processing class."""

    model: str
    provider: str | None = None
    service_tier: str = "default"


@dataclass(frozen=True)
class RoutePrices:
    """Unit prices of all routes of a run, in pico-dollars a token.

    Shapes: `epochs_us` (E,) starts since the run's start; `above` (E, R, K) thresholds of input
    tokens, rising, padded; the prices (E, R, K + 1), by how many thresholds a call passes.
    """

    routes: tuple[Route, ...]
    epochs_us: NDArray[np.int64]
    above: NDArray[np.int64]
    input_pico: NDArray[np.int64]
    cached_pico: NDArray[np.int64]
    output_pico: NDArray[np.int64]

    def number(self, route: Route) -> int:
        """Number of a route."""
        return self.routes.index(route)

    def cost(
        self,
        route: int,
        time_us: NDArray[np.int64],
        tokens_in: NDArray[Any],
        cached: NDArray[Any] | None,
        tokens_out: NDArray[Any],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Nano-dollars of the input and in total, by the price of each call's own time.

        The same integers as :func:`costsim.simulation.pricing.attempt_nano`, call by call.
        """
        epoch = np.searchsorted(self.epochs_us, time_us, side="right") - 1
        plain = len(self.epochs_us) == 1 or bool((epoch == epoch[:1]).all())
        first = 0 if len(self.epochs_us) == 1 or not len(epoch) else int(epoch[0])
        if plain and (self.above[first, route] == NEVER_ABOVE).all():
            price_in, price_cached, price_out = (
                int(table[first, route, 0])
                for table in (self.input_pico, self.cached_pico, self.output_pico)
            )
            wide = tokens_in.astype(np.int64)
            costs_in = wide * price_in
            if cached is not None:
                costs_in += cached.astype(np.int64) * (price_cached - price_in)
            inner, _, total = split_cost(costs_in, tokens_out.astype(np.int64) * price_out)
            return inner, total
        level = (tokens_in[:, None] > self.above[epoch, route]).sum(axis=1)
        wide = tokens_in.astype(np.int64)
        costs_in = wide * self.input_pico[epoch, route, level]
        if cached is not None:
            differ = self.cached_pico[epoch, route, level] - self.input_pico[epoch, route, level]
            costs_in += cached.astype(np.int64) * differ
        costs_out = tokens_out.astype(np.int64) * self.output_pico[epoch, route, level]
        inner, _, total = split_cost(costs_in, costs_out)
        return inner, total


def route_prices(
    scenario: Scenario, book: PriceBook, downgrades: Iterable[tuple[str, str]] = ()
) -> RoutePrices:
    """Prices of every route that a run may take.

    Parameters
    ----------
    downgrades : iterable of (feature, model)
        Where limits or people may send a feature's calls.

    Raises
    ------
    PriceError
        The book does not know a model.
    SettingError
        A price change of a model whose price depends on the length of the input.
    """
    routes = dict.fromkeys(known_routes(scenario))
    for feature, model in downgrades:
        routes[downgraded(scenario.features[feature], model, book, scenario)] = None
    calendar = scenario.calendar
    begin, end = calendar.origin_us, calendar.origin_us + calendar.hours * 3_600_000_000
    changes = sorted(scenario.price_changes, key=lambda change: calendar.to_utc(change.at))
    edges = {begin}
    for route in routes:
        timeline = book.timeline(route.model, None, route.provider, _tier(route))
        edges |= {at for at in timeline.starts if begin < at < end}
        edges |= _times_of_day(timeline.day_starts, begin, end)
    at_us = [calendar.origin_us + calendar.elapsed_us(change.at) for change in changes]
    edges |= {at for at in at_us if begin < at < end}
    epochs = sorted(edges)
    units = [[_unit(book, route, at) for route in routes] for at in epochs]
    levels = max(len(unit.long_input) for row in units for unit in row)
    shape = (len(epochs), len(routes), levels + 1)
    prices = np.zeros((3, *shape), np.int64)
    above = np.full((*shape[:2], max(levels, 1)), NEVER_ABOVE, np.int64)
    for e, row in enumerate(units):
        for r, (route, unit) in enumerate(zip(routes, row, strict=True)):
            steps = [(0, unit.rates), *unit.long_input]
            for k in range(levels + 1):
                bound, rates = steps[min(k, len(steps) - 1)]
                if 0 < k < len(steps):
                    above[e, r, k - 1] = bound
                kinds = ("input", "cache_read", "output")
                prices[:, e, r, k] = [_known(getattr(rates, kind), route, kind) for kind in kinds]
            for at, change in zip(at_us, changes, strict=True):
                if at <= epochs[e] and _concerns(change, route):
                    _change(prices[:, e, r], change, unit)
    return RoutePrices(
        tuple(routes), np.array(epochs, np.int64) - begin, above, prices[0], prices[1], prices[2]
    )


def known_routes(scenario: Scenario) -> list[Route]:
    """The routes that a scenario's features and incidents name."""
    found = []
    for name, feature in scenario.features.items():
        found.append(Route(feature.model, feature.provider, feature.service_tier))
        for incident in scenario.incidents.values():
            if incident.effect.model and incident.feature in (name, "all"):
                found.append(swapped(feature, incident.effect.model, incident.effect.provider))
    return found


def swapped(feature: Feature, model: str, provider: str | None) -> Route:
    """Where a feature's calls go when its alias moves; the provider stays unless given."""
    return Route(model, provider or feature.provider, feature.service_tier)


def downgraded(feature: Feature, model: str, book: PriceBook, scenario: Scenario) -> Route:
    """Where a feature's calls go on a downgrade: with its provider, where that has the model."""
    own = Route(model, feature.provider, feature.service_tier)
    try:
        book.unit(
            model, at=scenario.calendar.origin, service_tier=_tier(own), provider=own.provider
        )
    except PriceError:
        return own._replace(provider=None)
    return own


def _tier(route: Route) -> str | None:
    return None if route.service_tier == "default" else route.service_tier


def _unit(book: PriceBook, route: Route, at_us: int) -> UnitPrice:
    from costsim.prices.instants import from_microseconds

    return book.unit(
        route.model, from_microseconds(at_us), service_tier=_tier(route), provider=route.provider
    )


def _times_of_day(day_starts: tuple[int, ...], begin: int, end: int) -> set[int]:
    """Moments of a run at which a price of the time of day changes; midnight too."""
    day = 86_400_000_000
    if not day_starts:
        return set()
    days = range(begin // day * day, end, day)
    return {at for d in days for at in (d, *(d + s for s in day_starts)) if begin < at < end}


def _known(pico: int | None, route: Route, kind: str) -> int:
    if pico is None:
        raise PriceError(f"{route.model} must have a price for {kind} tokens; the book has none")
    return pico


def _concerns(change: PriceChange, route: Route) -> bool:
    return change.model == route.model and change.provider in (None, route.provider)


def _change(prices: NDArray[np.int64], change: PriceChange, unit: UnitPrice) -> None:
    """Put a new price in place, for inputs of any length."""
    from decimal import Decimal

    if unit.long_input:
        raise SettingError(
            f"price_changes: the price of {change.model!r} depends on the length of the input; "
            "write the change into a price book instead"
        )
    for row, usd in enumerate((change.input, change.cache_read, change.output)):
        if usd is not None:
            prices[row] = pico_per_token(Decimal(str(usd)), name=f"price of {change.model}")
