"""What sampling needs of a scenario and does not depend on the seed: rates, pieces, tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from costsim.prices import load_price_book
from costsim.simulation.demand import ADDED
from costsim.simulation.pieces import Piece, pieces_of, terms_of
from costsim.simulation.rates import added_share, cohort_rate, traffic_rate
from costsim.simulation.routes import RoutePrices, route_prices
from costsim.simulation.sampling.attempts import outcomes_of
from costsim.simulation.sampling.call_moments import (
    Billing,
    CallLaw,
    CallMoments,
    call_moments,
    prices_at,
)
from costsim.simulation.sampling.fragments import Fragments, fragments_of
from costsim.simulation.sampling.people import Weights, weights_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Feature, Reaction

    Floats = NDArray[np.float64]

Minutes = Literal[60, 30, 15, 5]

CALL_BY_CALL = 50_000
"""Cohorts with fewer expected calls in a run are drawn call by call."""


@dataclass(frozen=True)
class PiecePlan:
    """A stretch of the run in which a stream's calls cost the same.

    `inside` (bins,) is its share of each bin; `changed` says that an incident alters what calls
    cost or whether they are made.
    """

    inside: Floats
    moments: CallMoments
    weights: Weights
    changed: bool
    silent: bool
    made: float


@dataclass(frozen=True)
class StreamPlan:
    """One stream of calls: ordinary traffic, what an incident adds to it, or a cohort.

    `sessions` (bins,) are expected starts of all users together, of a member in a cohort; for
    traffic, noise comes on top. `added` says that all of it is there because of an incident.
    """

    feature: str
    cohort: str
    sessions: Floats
    fragments: Fragments
    passes: int
    mean_calls: float
    pieces: tuple[PiecePlan, ...]
    reaction: Reaction
    added: bool
    members: int
    by_call: bool

    @cached_property
    def alone(self) -> bool:
        """Whether one piece is all of the run."""
        return len(self.pieces) == 1 and bool((self.pieces[0].inside == 1).all())

    @cached_property
    def sure(self) -> NDArray[np.bool_]:
        """Bins in which every intended call of the stream is made, shape (bins,)."""
        made = [piece.inside * (piece.made == 1) for piece in self.pieces]
        return np.asarray(np.sum(made, axis=0) > 1 - 1e-9)

    @cached_property
    def silent(self) -> Floats:
        """Share of each bin whose records do not arrive, shape (bins,)."""
        hidden = [piece.inside for piece in self.pieces if piece.silent]
        return np.sum(hidden, axis=0) if hidden else np.zeros(len(self.sessions))

    @cached_property
    def altered(self) -> NDArray[np.intp]:
        """Bins in which an incident changes calls that would have been made anyway."""
        if self.added:
            return np.empty(0, np.intp)
        touched = [piece.inside > 0 for piece in self.pieces if piece.changed]
        return np.flatnonzero(np.any(touched, axis=0)) if touched else np.empty(0, np.intp)


@dataclass(frozen=True)
class Plan:
    """A scenario as the sampler reads it, for bins of `minutes`."""

    scenario: Scenario
    minutes: int
    prices: RoutePrices
    streams: tuple[StreamPlan, ...]

    @property
    def bins(self) -> int:
        return self.scenario.calendar.hours * self.per_hour

    @property
    def per_hour(self) -> int:
        return 60 // self.minutes

    @property
    def width_us(self) -> int:
        return self.minutes * 60_000_000

    @cached_property
    def bin_of_week(self) -> NDArray[np.int64]:
        """Local bin of week of each bin, Monday 00:00 = 0, shape (bins,)."""
        hours = self.scenario.calendar.hour_of_week
        within = np.tile(np.arange(self.per_hour), len(hours))
        return np.asarray(np.repeat(hours * self.per_hour, self.per_hour) + within)


def plan_of(scenario: Scenario, minutes: int) -> Plan:
    """Plan of a scenario: a quarter of a second of integrals, good for any number of seeds."""
    prices = route_prices(scenario, load_price_book(scenario.price_book))
    maker = _Maker(scenario, minutes, prices)
    streams = []
    for name, feature in scenario.features.items():
        streams += list(maker.streams(name, feature))
    return Plan(scenario, minutes, prices, tuple(streams))


@dataclass(frozen=True)
class _Maker:
    scenario: Scenario
    minutes: int
    prices: RoutePrices

    def streams(self, name: str, feature: Feature) -> Iterator[StreamPlan]:
        scenario, incidents = self.scenario, self.scenario.incidents_of(name)
        pieces = list(pieces_of(scenario, name, self.prices, self.minutes))
        adds_all = any(i.adds_all for i in incidents.values())
        if feature.calls_per_week:
            live = self._overlap(feature.launch, None)
            rate = traffic_rate(scenario, name)
            yield self._stream(name, feature, "traffic", self._bins(rate) * live, pieces, adds_all)
            for incident, settings in incidents.items():
                share = added_share(scenario, settings)
                if share.any():
                    during = [
                        p if settings in p.incidents else p._replace(inside=p.inside * 0)
                        for p in pieces
                    ]
                    more = self._bins(rate * share) * live
                    yield self._stream(name, feature, ADDED + incident, more, during, True)
        for cohort, own in feature.cohorts.items():
            causes = [i for i in incidents.values() if i.cohort == cohort]
            rate = self._bins(cohort_rate(scenario, feature, own))
            there = self._overlap(own.starts, own.ends)
            there = there * self._overlap(feature.launch, None)
            for cause in causes:
                there = there * self._overlap(cause.starts, cause.ends)
            inside = [p._replace(inside=p.inside * (there > 0)) for p in pieces]
            yield self._stream(
                name, feature, cohort, rate * there, inside, adds_all or bool(causes)
            )

    def _stream(
        self,
        name: str,
        feature: Feature,
        cohort: str,
        rate: Floats,
        pieces: list[Piece],
        added: bool,
    ) -> StreamPlan:
        own = feature.cohorts.get(cohort)
        sessions = (own and own.sessions) or feature.sessions
        reaction = self.scenario.reaction((own and own.reaction) or feature.reaction)
        members = own.users if own else 0
        small = members * rate.sum() * feature.passes < CALL_BY_CALL
        by_call = own is not None and small
        return StreamPlan(
            feature=name,
            cohort=cohort,
            sessions=rate / sessions.mean_calls,
            fragments=fragments_of(sessions, self.minutes),
            passes=feature.passes,
            mean_calls=sessions.mean_calls,
            pieces=tuple(self._piece(feature, cohort, p, reaction, added) for p in pieces),
            reaction=reaction,
            added=added,
            members=members,
            by_call=by_call,
        )

    def _piece(
        self, feature: Feature, cohort: str, piece: Piece, reaction: Reaction, added: bool
    ) -> PiecePlan:
        own = feature.cohorts.get(cohort)
        terms, plain = (terms_of(feature, cohort, incidents) for incidents in (piece.incidents, ()))
        changed = not added and terms._replace(silent=False) != plain
        law = CallLaw(
            (own and own.input_tokens) or feature.input_tokens,
            (own and own.output_tokens) or feature.output_tokens,
            ((own and own.cache) or feature.cache).hit_rate,
            feature.truncated_rate,
        )
        at, plain_at = (prices_at(self.prices, t, piece.epoch) for t in (terms, plain))
        beside = Billing.of(plain) if changed else None
        moments = call_moments(law, Billing.of(terms), at, beside, plain_at)
        outcomes = outcomes_of(terms, plain, feature.errors.billed, reaction)
        weights = weights_of(outcomes, feature.passes)
        return PiecePlan(piece.inside, moments, weights, changed, terms.silent, terms.made)

    def _bins(self, hourly: Floats) -> Floats:
        per_hour = 60 // self.minutes
        return np.repeat(hourly / per_hour, per_hour)

    def _overlap(self, start: Any, end: Any) -> Floats:
        calendar, width = self.scenario.calendar, self.minutes * 60_000_000
        bins = np.arange(calendar.hours * (60 // self.minutes))
        low = 0.0 if start is None else calendar.elapsed_us(start) / width
        high = float(len(bins)) if end is None else calendar.elapsed_us(end) / width
        return np.asarray(np.clip(np.minimum(bins + 1, high) - np.maximum(bins, low), 0, 1))
