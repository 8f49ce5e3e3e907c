"""What a scenario gives on average, in closed form: the check on every simulation of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from costsim.prices import load_price_book
from costsim.simulation.consistency import local_date
from costsim.simulation.demand import ADDED
from costsim.simulation.pieces import Piece, Terms, pieces_of, terms_of
from costsim.simulation.rates import added_share, cohort_rate, staying, traffic_rate
from costsim.simulation.routes import NEVER_ABOVE, RoutePrices, route_prices

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.simulation.distributions import Tokens
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Cohort, Feature

    Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Expectation:
    """Expected calls and dollars by day, feature and cohort, without limits.

    Calls are attempts: those that fail and are tried again are in it. Left out: rounding to whole
    tokens and nano-dollars, and the few calls whose session or retry crosses the first or the last
    midnight of the run, or the start or end of an incident.
    """

    scenario: Scenario
    days: pd.DataFrame

    def between(self, start: date, days: int) -> pd.DataFrame:
        """Sums over some days, a row per feature and cohort: calls, usd, usd_per_call."""
        dates = self.days["date"]
        rows = self.days[(dates >= start) & (dates < start + timedelta(days=days))]
        sums = rows.groupby(["feature_name", "cohort"], sort=False)[["calls", "usd"]].sum()
        sums["usd_per_call"] = sums["usd"] / sums["calls"].where(sums["calls"] > 0)
        return sums.reset_index()

    def to_frame(self) -> pd.DataFrame:
        """The scenario's week: a row per feature and cohort."""
        week = self.scenario.focus
        return self.between(week.start, week.days)

    @property
    def week_usd(self) -> float:
        """Expected dollars of the scenario's week."""
        return float(self.to_frame()["usd"].sum())

    @property
    def total_usd(self) -> float:
        """Expected dollars of the whole run."""
        return float(self.days["usd"].sum())

    def __repr__(self) -> str:
        week = self.scenario.focus
        return (
            f"Expectation({self.scenario.name}: ${self.week_usd:,.0f} in the {week.days} days from "
            f"{week.start}, ${self.total_usd:,.0f} in all); next: .to_frame()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.to_frame(), caption=repr(self).removesuffix("; next: .to_frame()"))


def expect(scenario: Scenario) -> Expectation:
    """Closed-form expectation of a scenario."""
    import pandas as pd

    calendar = scenario.calendar
    prices = route_prices(scenario, load_price_book(scenario.price_book))
    dates = [calendar.date_of(day) for day in range(calendar.days)]
    frames = []
    for name, feature in scenario.features.items():
        streams = {"traffic": _traffic_hours(scenario, name)} if feature.calls_per_week else {}
        streams |= {
            cohort: _cohort_hours(scenario, name, cohort, settings)
            for cohort, settings in feature.cohorts.items()
        }
        for incident, settings in scenario.incidents_of(name).items():
            share = added_share(scenario, settings)
            if feature.calls_per_week and share.any():
                during = calendar.overlap(settings.starts, settings.ends)
                streams[ADDED + incident] = _traffic_hours(scenario, name) * share * during
        pieces = list(pieces_of(scenario, name, prices))
        for stream, hours in streams.items():
            calls, usd = _attempts(scenario, name, stream, hours, pieces, prices)
            sums = (np.add.reduceat(v, calendar.day_starts[:-1]) for v in (calls, usd))
            columns = {"date": dates, "feature_name": name, "cohort": stream}
            frames.append(pd.DataFrame(columns | dict(zip(("calls", "usd"), sums, strict=True))))
    return Expectation(scenario, pd.concat(frames, ignore_index=True))


def _attempts(
    scenario: Scenario,
    name: str,
    stream: str,
    hours: Floats,
    pieces: list[Piece],
    prices: RoutePrices,
) -> tuple[Floats, Floats]:
    """Attempts and dollars of a stream in each hour, from its intended requests."""
    feature = scenario.features[name]
    cohort = feature.cohorts.get(stream)
    reaction = scenario.reaction((cohort and cohort.reaction) or feature.reaction)
    calls, usd = np.zeros_like(hours), np.zeros_like(hours)
    for piece in pieces:
        made = hours * piece.inside * feature.passes
        if not made.any():
            continue
        terms = terms_of(feature, stream, piece.incidents)
        made *= terms.made
        again = terms.error_rate * reaction.retry_share * reaction.retries_errors
        tries = sum(again**k for k in range(reaction.max_retries + 1))
        inner, outer = _per_call(feature, cohort, terms, piece.epoch, prices)
        lost = {"nothing": 0.0, "input": inner, "all": inner + outer}[feature.errors.billed]
        calls += made * tries
        share = terms.error_rate
        usd += made * tries * ((1 - share) * (inner + outer) + share * lost)
    return calls, usd


def _per_call(
    feature: Feature, cohort: Cohort | None, terms: Terms, epoch: int, prices: RoutePrices
) -> tuple[float, float]:
    """Dollars of input and output of a call that succeeds."""
    law_in = (cohort and cohort.input_tokens) or feature.input_tokens
    law_out = (cohort and cohort.output_tokens) or feature.output_tokens
    cache = (cohort and cohort.cache) or feature.cache
    scale_in, scale_out = prod(terms.scale_in), prod(terms.scale_out)
    tokens_out = _mean(law_out, scale_out)
    if feature.truncated_rate and law_out.max is not None:
        cut = feature.truncated_rate
        tokens_out = (1 - cut) * tokens_out + cut * law_out.max * min(scale_out, 1)
    number = prices.number(terms.route)
    inner = outer = 0.0
    cached = terms.cache_share * cache.hit_rate
    for rates, tokens, calls in _levels(law_in, scale_in, epoch, number, prices):
        price_in, price_cached, price_out = rates
        inner += tokens * ((1 - cached) * price_in + cached * price_cached) / 1e12
        outer += calls * tokens_out * price_out / 1e12
    return inner, outer


def _levels(
    law: Tokens, scale: float, epoch: int, route: int, prices: RoutePrices
) -> Iterator[tuple[list[float], float, float]]:
    """Prices, tokens and share of calls of each level of input length.

    E[X; X > a] = E[X] - E[min(X, a)] + a P(X > a).
    """
    bounds = [b for b in prices.above[epoch, route] if b != NEVER_ABOVE]
    beyond = [(_mean(law, scale), 1.0)]
    for bound in bounds:
        reached = law.max is None or min(law.max * min(scale, 1), law.max) > bound
        edge = bound + 0.5  # the dearer price is that of whole tokens above the bound
        share = law.share_at_least(edge / scale) if reached else 0.0
        tokens = beyond[0][0] - _mean(law, scale, edge) + edge * share if reached else 0.0
        beyond.append((tokens, share))
    beyond.append((0.0, 0.0))
    tables = (prices.input_pico, prices.cached_pico, prices.output_pico)
    for k, (this, next_one) in enumerate(pairwise(beyond)):
        rates = [float(table[epoch, route, k]) for table in tables]
        yield rates, this[0] - next_one[0], this[1] - next_one[1]


def _mean(law: Tokens, scale: float, cap: float | None = None) -> float:
    """Mean of ``min(X * scale, cap)`` for X under the law and its own cap."""
    tops = [] if law.max is None else [law.max / max(scale, 1)]
    tops += [] if cap is None else [cap / scale]
    if not tops:
        return law.expected * scale
    return law.model_copy(update={"max": min(tops)}).expected * scale


def _traffic_hours(scenario: Scenario, name: str) -> Floats:
    live = scenario.calendar.overlap(scenario.features[name].launch, None)
    return np.asarray(traffic_rate(scenario, name) * live * staying(scenario))


def _cohort_hours(scenario: Scenario, name: str, cohort: str, settings: Cohort) -> Floats:
    feature = scenario.features[name]
    rate = settings.users * cohort_rate(scenario, feature, settings)
    there = scenario.calendar.overlap(settings.starts, settings.ends)
    for incident in scenario.incidents_of(name).values():
        if incident.cohort == cohort:
            there = there * scenario.calendar.overlap(incident.starts, incident.ends)
    return np.asarray(rate * there * staying(scenario) * _adopted(scenario, feature, settings))


def _adopted(scenario: Scenario, feature: Feature, cohort: Cohort) -> Floats:
    """Share of a cohort's calls of each hour that come after its users' first use.

    Within the hour of the first use both times are uniform, so half of that hour's calls count.
    """
    calendar = scenario.calendar
    if cohort.first_use is None or feature.launch is None:
        return calendar.overlap(feature.launch, None)
    profile = scenario.profiles[cohort.profile or feature.profile]
    days = np.asarray(cohort.first_use.day_weights) / sum(cohort.first_use.day_weights)
    first_day = (local_date(scenario, feature.launch) - scenario.start).days
    low, high = cohort.first_use.launch_day_hours
    launch_hours = np.clip(
        np.minimum(np.arange(24) + 1, high) - np.maximum(np.arange(24), low), 0, 1
    )
    later = np.asarray(profile.hours) / sum(profile.hours)
    mass = np.zeros(calendar.hours)
    before = sum(days[: max(-first_day, 0)])
    for day, share in enumerate(days):
        if 0 <= first_day + day < calendar.days:
            within = launch_hours / launch_hours.sum() if day == 0 else later
            start, end = calendar.day_starts[first_day + day : first_day + day + 2]
            local = calendar.hour_of_week[start:end] % 24
            mass[start:end] += share * within[local]
    live = calendar.overlap(feature.launch, None)  # who comes before waits for the launch
    return np.asarray((before + np.cumsum(mass) - mass / 2) * live)
