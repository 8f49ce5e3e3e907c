"""Calls of small cohorts, drawn for the whole run at once and added up by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.simulation.effects import with_effects
from costsim.simulation.rates import cohort_rate
from costsim.simulation.streams import stream as random_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.calls import Calls
    from costsim.simulation.demand import Demand
    from costsim.simulation.routes import RoutePrices
    from costsim.simulation.sampling.plan import Plan, StreamPlan
    from costsim.simulation.settings import Reaction
    from costsim.simulation.variants import Variant

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Made(NamedTuple):
    """Calls of a cohort in the run: arrays of one length, a call with all its attempts each."""

    bin: Ints
    user: NDArray[np.int32]
    usd: Floats
    calls: Ints
    excess_usd: Floats
    silent: NDArray[np.bool_]


def calls_of_members(plan: Plan, demand: Demand, stream: StreamPlan) -> Made:
    """Draw the calls of a small cohort.

    Members, their activity and first uses are those of the run; the calls have the law of the
    simulation's, from draws of their own.
    """
    scenario = plan.scenario
    feature = scenario.features[stream.feature]
    cohort = feature.cohorts[stream.cohort]
    rng = random_stream(demand.seed, stream.feature, stream.cohort, "bins")
    members = demand.world.members[stream.feature, stream.cohort]
    rate = cohort_rate(scenario, feature, cohort)
    ends = [i.ends for i in scenario.incidents_of(stream.feature).values()
            if i.cohort == stream.cohort]  # fmt: skip
    until = min(
        (scenario.calendar.elapsed_us(end) for end in (cohort.ends, *ends) if end is not None),
        default=len(rate) * HOUR_US,
    )
    grown = np.concatenate([[0.0], np.cumsum(rate)]) / stream.mean_calls
    edges = np.arange(len(grown)) * float(HOUR_US)
    low, high = np.interp(members.first_use_us, edges, grown), np.interp(until, edges, grown)
    length = np.maximum(high - low, 0.0)
    count = rng.poisson(members.effect * length)
    who = np.repeat(np.arange(len(count)), count)
    level = low[who] + rng.random(len(who)) * length[who]
    start = np.interp(level, grown, edges).astype(np.int64)
    user = members.user[who]
    calls = demand.calls_of(stream.feature, feature, stream.cohort, 0, start, user, rng)
    calls = calls.where(calls.time_us < min(until, len(rate) * HOUR_US))
    parts = [
        _added_up(plan, part, stream.reaction, rng)
        for part in (with_effects(scenario, calls, demand.seed) if len(calls) else ())
    ]
    if not parts:
        none: Any = np.empty(0, np.int64)
        return Made(none, none.astype(np.int32), none * 1.0, none, none * 1.0, none > 0)
    return Made(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _added_up(plan: Plan, calls: Calls, reaction: Reaction, rng: np.random.Generator) -> Made:
    coins = None
    before = calls.before
    if calls.variant.error_rate or (before is not None and before.variant.error_rate):
        tries = reaction.max_retries + 1 if reaction.retries_errors else 1
        coins = rng.random((2, tries, len(calls)))
    usd, tried = _billed(plan.prices, calls, calls.variant, reaction, coins)
    if calls.variant.incident is None:
        excess = np.zeros(len(calls))
    elif before is None:
        excess = usd
    else:
        excess = usd - _billed(plan.prices, before, before.variant, reaction, coins)[0]
    silent = np.full(len(calls), calls.variant.silent)
    return Made(calls.time_us // plan.width_us, calls.user, usd, tried, excess, silent)


def _billed(
    prices: RoutePrices,
    calls: Calls,
    variant: Variant,
    reaction: Reaction,
    coins: NDArray[np.float64] | None,
) -> tuple[Floats, Ints]:
    """Dollars and attempts of each call; a retry costs what the first attempt would."""
    tokens = calls.input_tokens, calls.cached_tokens, calls.output_tokens
    nano = prices.cost(prices.number(variant.route), calls.time_us, *tokens)
    inner, total = (part / 1e9 for part in nano)
    if coins is None:
        return total, np.ones(len(calls), np.int64)
    lost = {"nothing": np.zeros(len(calls)), "input": inner, "all": total}[variant.billed]
    usd, tries = np.zeros(len(calls)), np.zeros(len(calls), np.int64)
    going = np.ones(len(calls), bool)
    for error, again in zip(*coins, strict=True):
        fails = error < variant.error_rate
        usd += going * np.where(fails, lost, total)
        tries += going
        going &= fails & (again < reaction.retry_share)
    return usd, tries
