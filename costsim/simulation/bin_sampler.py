"""Hourly dollars drawn directly, without their calls: for studies of thousands of runs.

Ordinary dollars of a feature in an hour are a compound Poisson sum of sessions. Given a run's
users its first three cumulants are known in closed form, and the sum is drawn from the translated
gamma distribution that has them (Bowers et al., Actuarial Mathematics, 2nd ed., ch. 12.6). Noise,
user effects and all calls of features that launch are the very draws that :func:`simulate` makes
from the same seed.

What it leaves out: a session counts wholly in the hour that it starts in; that an hour's dollars
have an atom at zero; and the `top_user` channel watches the users with the most expected dollars
only, whose hour is drawn from its number of sessions and a gamma of their mean and variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from costsim.errors import SettingError
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.streams import stream
from costsim.simulation.world import play

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.distributions import Tokens
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Feature

    Floats = NDArray[np.float64]

WATCHED_USERS = 64


@dataclass(frozen=True)
class HourlySpend:
    """Dollars of several runs, each array of shape ``(runs, hours)``.

    `total`, `top_user` and `top_feature` are what detectors read; `excess` are the dollars that
    the scenario's incidents add to `total`. `hour_of_week` (hours,) is local, Monday 00 = 0.
    """

    total: Floats
    top_user: Floats
    top_feature: Floats
    excess: Floats
    hour_of_week: NDArray[np.int64]

    def channel(self, name: str) -> Floats:
        """One of `total`, `top_user`, `top_feature`."""
        values: Floats = getattr(self, name)
        return values


def sample_hourly(scenario: Scenario, seeds: Sequence[int], *, workers: int = 2) -> HourlySpend:
    """Draw the hourly dollars of a scenario for some seeds.

    Parameters
    ----------
    scenario : Scenario
        At least one day long.
    seeds : sequence of int
        One run each; a run depends on its own seed only.
    workers : int
        Threads; never changes a number.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> spend = sample_hourly(load_scenario("quiet"), seeds=[1, 2])
    >>> spend.total.shape, bool(spend.excess.any())
    ((2, 840), False)
    """
    if not len(seeds):
        raise SettingError("seeds must not be empty")
    with ThreadPoolExecutor(workers) as pool:
        runs = list(pool.map(lambda seed: _run(scenario, seed), seeds))
    names = [field.name for field in fields(HourlySpend) if field.name != "hour_of_week"]
    stacked = {name: np.stack([run[name] for run in runs]) for name in names}
    return HourlySpend(**stacked, hour_of_week=scenario.calendar.hour_of_week)


def _run(scenario: Scenario, seed: int) -> dict[str, Floats]:
    demand = Demand(play(scenario, seed), seed)
    recorder = Recorder(demand)
    noise = demand.noise
    ordinary = {n: f for n, f in scenario.features.items() if not (f.launch or f.cohorts)}
    hours = scenario.calendar.hours
    by_feature = {name: np.zeros(hours) for name in scenario.features}
    watched = np.zeros((WATCHED_USERS, hours))
    moments = {name: _session_moments(recorder, name, f) for name, f in ordinary.items()}
    weights = demand.world.users.weights
    if ordinary:
        dollars = sum(
            demand.traffic_rate(n).mean() / f.sessions.mean_calls * moments[n][0]
            for n, f in ordinary.items()
        )
        top = np.argsort(-(dollars * weights), kind="stable")[:WATCHED_USERS]
    for name, feature in ordinary.items():
        sessions = demand.traffic_rate(name) * noise / feature.sessions.mean_calls
        rng = stream(seed, name, "hourly")
        jump = [float(moment @ weights) for moment in moments[name]]
        by_feature[name] += translated_gamma(rng, sessions, jump)
        mean, second, _ = (moment[top] for moment in moments[name])
        count = rng.poisson(np.outer(weights[top], sessions))
        variance = np.maximum(second - mean**2, 1e-300)
        shape = count * (mean**2 / variance)[:, None]
        watched[: len(top)] += rng.standard_gamma(shape) * (variance / mean)[:, None]
    top_user = watched.max(axis=0)
    launched, users = _launched(recorder, hours)
    by_feature |= launched
    guilty = {incident.feature for incident in scenario.incidents.values()}
    excess = np.sum([by_feature[name] for name in guilty] or [np.zeros(hours)], axis=0)
    return {
        "total": np.sum(list(by_feature.values()), axis=0),
        "top_user": np.maximum(top_user, users),
        "top_feature": np.max(list(by_feature.values()), axis=0),
        "excess": excess,
    }


def _launched(recorder: Recorder, hours: int) -> tuple[dict[str, Floats], Floats]:
    """Dollars by hour of the features drawn call by call, and of their dearest user."""
    scenario = recorder.demand.world.scenario
    chosen = [n for n, f in scenario.features.items() if f.launch or f.cohorts]
    spent = {name: np.zeros(hours) for name in chosen}
    top = np.zeros(hours)
    count = scenario.population.users
    cells, dollars = [], []
    for day in range(scenario.days) if chosen else ():
        for calls in recorder.demand.day(day, only=chosen):
            hour = calls.time_us // HOUR_US
            inside = hour < hours
            usd = recorder.cost(calls)[1][inside] / 1e9
            spent[calls.feature] += np.bincount(hour[inside], usd, minlength=hours)
            cells.append((hour * count + calls.user)[inside])
            dollars.append(usd)
    if cells:
        cell, at = np.unique(np.concatenate(cells), return_inverse=True)
        np.maximum.at(top, cell // count, np.bincount(at, np.concatenate(dollars)))
    return spent, top


def translated_gamma(rng: np.random.Generator, rate: Floats, jump: Sequence[float]) -> Floats:
    """Compound Poisson sums with the given rates, by their first three cumulants.

    Parameters
    ----------
    rate : array
        Expected number of jumps, not negative.
    jump : three floats
        Raw moments of one jump: E[X], E[X^2], E[X^3].
    """
    first, second, third = jump
    if first <= 0:
        return np.zeros_like(rate)
    shape = 4 * second**3 / third**2 * rate
    scale = third / (2 * second)
    sums = rate * first + scale * (rng.standard_gamma(shape) - shape)
    return np.maximum(sums, 0.0)


def _session_moments(
    recorder: Recorder, name: str, feature: Feature
) -> tuple[Floats, Floats, Floats]:
    """E[S], E[S^2], E[S^3] of a session's dollars for each user, each of shape ``(users,)``."""
    start = recorder.demand.world.scenario.start
    unit = recorder.book.unit(feature.model, at=start, provider=feature.provider)
    medians = recorder.demand.log_medians[name]
    tokens = (feature.input_tokens, feature.output_tokens)
    prices = (unit.input_pico / 1e12, unit.output_pico / 1e12)
    a, b = (
        [m * price ** (n + 1) for n, m in enumerate(capped_moments(t, median.astype(float)))]
        for t, median, price in zip(tokens, medians, prices, strict=True)
    )
    call = (
        a[0] + b[0],
        a[1] + 2 * a[0] * b[0] + b[1],
        a[2] + 3 * a[1] * b[0] + 3 * a[0] * b[1] + b[2],
    )
    k = feature.passes
    call = _random_sum(call, (k, k * (k - 1), k * (k - 1) * (k - 2)))
    p = 1 / feature.sessions.mean_calls
    return _random_sum(call, (1 / p, 2 * (1 - p) / p**2, 6 * (1 - p) ** 2 / p**3))


def _random_sum(
    jump: tuple[Floats, Floats, Floats], factorial: tuple[float, float, float]
) -> tuple[Floats, Floats, Floats]:
    """Raw moments of a sum of N jumps from the factorial moments of N."""
    one, two, three = jump
    n1, n2, n3 = factorial
    return (n1 * one, n1 * two + n2 * one**2, n1 * three + 3 * n2 * one * two + n3 * one**3)


def capped_moments(tokens: Tokens, log_median: Floats) -> tuple[Floats, Floats, Floats]:
    """E[X], E[X^2], E[X^3] of ``min(lognormal, max)`` for each log median of `log_median`."""
    sd = tokens.within_log_sd
    moments = []
    for n in (1, 2, 3):
        whole = np.exp(n * log_median + n * n * sd * sd / 2)
        if tokens.max is not None:
            top = exp(n * log(tokens.max))
            if sd == 0:
                whole = np.minimum(whole, top)
            else:
                cut = (log(tokens.max) - log_median) / sd
                whole = whole * ndtr(cut - n * sd) + top * ndtr(-cut)
        moments.append(whole)
    return moments[0], moments[1], moments[2]
