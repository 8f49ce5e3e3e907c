"""Source against simulation, measure by measure, with tolerances that say why they are so wide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.fitting.bursts import block_ratio, clock_tick
from costsim.simulation.fitting.log import Log, read_log
from costsim.simulation.fitting.parts import parts_of
from costsim.simulation.fitting.span import Span, span_of
from costsim.simulation.fitting.tokens import quantile_variance
from costsim.simulation.fitting.users import split_users
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

LAW = 0.10
"""Relative difference of a token quantile that a fit allows its laws."""
BURST = 0.25
"""Relative difference of an index of dispersion: two numbers stand for a whole curve."""
REPLICATES = 200
COLUMNS = ("measure", "of", "source", "simulated", "low", "high", "ok", "tolerance")


@dataclass(frozen=True)
class _Row:
    measure: str
    of: str
    source: float
    simulated: float
    low: float
    high: float
    tolerance: str

    @property
    def ok(self) -> bool:
        return bool(self.low <= self.simulated <= self.high)


def compare_fit(records: Records, scenario: Scenario, seed: int = 0) -> pd.DataFrame:
    """Measures of the records beside those of one simulation of the scenario.

    Parameters
    ----------
    records : Records
        Source.
    scenario : Scenario
        As :func:`costsim.simulation.fit.fit_scenario` gives it, or changed since.
    seed : int
        Of the simulation.

    Returns
    -------
    pandas.DataFrame
        Columns measure, of (a feature, or all), source, simulated, low, high, ok, tolerance. A
        line passes when the simulated value lies from low to high; tolerance says why it is so
        wide. Two days and more: calls a day, hourly variation and autocorrelation at 24 and 168
        hours; less: variation by minute. Always: dispersion in short windows, share of the ten
        most active users where users are known, quantiles of tokens by feature.

    Notes
    -----
    Tolerances are a floor for what a law of few numbers may miss, plus two standard deviations
    of the measure itself: between 200 draws of the scenario's hours, between simulated stretches
    as long as the source, or, for tokens, by the number of users that carry the calls.
    """
    import pandas as pd

    from costsim.simulation.run import simulate

    source = read_log(records)
    span = span_of(records, source.seconds)
    simulated = read_log(simulate(scenario, seed=seed).records)
    rows = (
        _by_hour(source, span, simulated, scenario)
        if span.days >= 2
        else _by_minute(source, span, simulated)
    )
    rows += _bursts(source, span, simulated)
    rows += _users(source, simulated, scenario)
    rows += _tokens(source, simulated)
    return pd.DataFrame(
        [[getattr(row, name) for name in COLUMNS] for row in rows], columns=list(COLUMNS)
    )


def _around(measure: str, of: str, source: float, simulated: float, slack: float, why: str) -> _Row:
    low = source - slack if measure.startswith("autocorrelation") else max(source - slack, 0.0)
    return _Row(measure, of, source, simulated, low, source + slack, why)


def _by_hour(source: Log, span: Span, simulated: Log, scenario: Scenario) -> list[_Row]:
    inside = span.covered > 0.999
    counts = _hourly(source.seconds, span)[inside]
    calendar = scenario.calendar
    begin = calendar.origin_us / 1e6
    ours = np.bincount(
        ((simulated.seconds - begin) // 3600).astype(np.int64), minlength=calendar.hours
    ).astype(float)
    if calendar.hours == len(inside):
        ours = ours[inside]
    draws = _draws(scenario)
    if calendar.hours == len(inside):
        draws = draws[:, inside]
    measures: list[tuple[str, Callable[[Floats], float], float, float, str]] = [
        ("calls a day", lambda c: float(24 * c.mean()), 0.10, 0.0, "10%"),
        ("variation of hours (CV)", lambda c: float(c.std() / c.mean()), 0.10, 0.0, "10%"),
    ]
    for lag in (24, 168):
        if len(counts) >= 2 * lag - 24:  # two weeks rarely begin and end on the hour
            measure = partial(_autocorrelation, lag=lag)
            measures.append((f"autocorrelation at {lag} h", measure, 0.0, 0.05, "0.05"))
    rows = []
    for name, one, relative, absolute, words in measures:
        spread = float(np.std([one(draw) for draw in draws]))
        value = one(counts)
        slack = relative * abs(value) + absolute + 2 * spread
        why = f"{words} and 2 sd of {REPLICATES} draws"
        rows.append(_around(name, "all", value, one(ours), slack, why))
    return rows


def _hourly(seconds: Floats, span: Span) -> Floats:
    at = ((seconds - span.calendar.origin_us / 1e6) // 3600).astype(np.int64)
    inside = (at >= 0) & (at < span.calendar.hours)
    return np.bincount(at[inside], minlength=span.calendar.hours).astype(float)


def _draws(scenario: Scenario) -> Floats:
    """Hourly calls of the scenario, drawn without their calls; shape (200, hours)."""
    from costsim.simulation.rates import traffic_rate

    calendar = scenario.calendar
    rates = {name: traffic_rate(scenario, name) for name in scenario.features}
    drawn = np.zeros((REPLICATES, calendar.hours))
    for number in range(REPLICATES):
        noise = scenario.noise.factors(number, calendar)
        rng = stream(number, "comparison")
        for name, rate in rates.items():
            size = scenario.features[name].sessions.mean_calls
            starts = rng.poisson(rate * noise / size)
            # calls of a geometric number each: their own, and the failures before as many stops
            more = rng.negative_binomial(np.maximum(starts, 1), 1 / size) if size > 1 else 0
            drawn[number] += starts + np.where(starts > 0, more, 0)
    return drawn


def _autocorrelation(counts: Floats, lag: int) -> float:
    away = counts - counts.mean()
    return float((away[lag:] * away[:-lag]).mean() / away.var())


def _stretches(simulated: Log, seconds: float) -> list[Floats]:
    """The simulated times in stretches as long as the source, at most 24 of them."""
    since = simulated.seconds - simulated.seconds[0]
    whole = min(int(since[-1] // seconds), 24)
    return [
        since[(since >= i * seconds) & (since < (i + 1) * seconds)] - i * seconds
        for i in range(max(whole, 1))
    ]


def _by_minute(source: Log, span: Span, simulated: Log) -> list[_Row]:
    length = span.end - span.start

    def rate(times: Floats) -> float:
        return len(times) / length * 3600

    def variation(times: Floats) -> float:
        minutes = int(length // 60)
        at = (times // 60).astype(np.int64)
        counts = np.bincount(at[at < minutes], minlength=minutes)
        return float(counts.std() / counts.mean()) if counts.any() else float("nan")

    own = source.seconds - span.start
    parts = _stretches(simulated, length)
    rows = []
    for name, measure in (("calls an hour", rate), ("variation of minutes (CV)", variation)):
        values = np.array([measure(part) for part in parts])
        rows.append(_stretched(name, measure(own), values, LAW))
    return rows


def _stretched(name: str, value: float, values: Floats, relative: float, days: float = 1.0) -> _Row:
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else float("nan")
    spread = float(values.std() if len(values) else 0.0) / sqrt(days)
    slack = relative * abs(value) + 2 * spread
    why = f"{relative:.0%} and 2 sd of {len(values)} simulated stretches"
    return _around(name, "all", value, mean, slack, why)


def _bursts(source: Log, span: Span, simulated: Log) -> list[_Row]:
    tick = clock_tick(source.seconds)
    length = span.end - span.start
    least = 0.5 * length / len(source)  # seconds in which half a call is expected
    candidates = (1.0, 10.0, 30.0, 60.0, 300.0)
    fit_in = [w for w in candidates if w >= max(10 * tick, least) and length >= 60 * w]
    widths = dict.fromkeys(fit_in[:1] + fit_in[-1:])  # the shortest and the longest
    rows = []
    for width in widths:
        value = block_ratio(source.seconds, width)
        if not np.isfinite(value):
            continue
        parts = _stretches(simulated, min(length, 86_400.0))
        values = np.array([block_ratio(p, width) for p in parts if len(p) > 1])
        days = max(length / 86_400, 1.0)  # the source's value is of so many stretches
        name = f"dispersion of {width:g} s within {width:g} min"
        rows.append(_stretched(name, value, values, BURST, days))
    return rows


def _users(source: Log, simulated: Log, scenario: Scenario) -> list[_Row]:
    if (source.user >= 0).mean() < 0.5:
        return []

    def share(found: Log) -> float:
        calls = np.sort(np.bincount(found.user[found.user >= 0]))[::-1]
        return float(calls[:10].sum() / calls.sum())

    value = share(source)
    why = "10%, 0.02, and 2 sd of draws of the users' activity"
    slack = 0.1 * value + 0.02 + 2 * _share_deviation(scenario)
    return [_around("share of 10 most active", "all", value, share(simulated), slack, why)]


def _share_deviation(scenario: Scenario) -> float:
    """Standard deviation of that share between draws of the users' activity."""
    from dataclasses import replace

    from costsim.simulation.population import Users

    people = scenario.population
    if people.activity.law == "zipf" or people.users > 100_000:  # the weights are no draw; many
        return 0.0
    one = Users(people, 0)
    return float(np.std([np.sort(replace(one, seed=k).weights)[-10:].sum() for k in range(100)]))


def _tokens(source: Log, simulated: Log) -> list[_Row]:
    ours = {part.name: simulated.where(part.rows) for part in parts_of(simulated)}
    theirs = {part.name: source.where(part.rows) for part in parts_of(source)}
    shared = [name for name in theirs if name in ours]
    pairs = [(name, theirs[name], ours[name]) for name in shared] or [("all", source, simulated)]
    rows = []
    for name, own, made in pairs:
        for side in ("input", "output"):
            a, b = (_answered(log, side) for log in (own, made))
            if len(a[0]) >= 50 and len(b[0]) >= 50:
                rows += _quantiles(name, side, a, b)
                if (own.user >= 0).mean() > 0.5:
                    rows += _between(name, side, a, b)
    return rows


Known = tuple["NDArray[np.float64]", "NDArray[np.int64]"]


def _answered(found: Log, side: str) -> Known:
    values = found.numbers[f"{side}_tokens"]
    status = found.names["status"]
    ok = np.array([n == "ok" for n in status.names] + [False])[status.codes]
    known = np.isfinite(values) & ok
    return np.maximum(values[known], 1.0), found.user[known]


def _between(name: str, side: str, source: Known, simulated: Known) -> list[_Row]:
    """Median of users' medians, and log spread between and within users, on both sides."""
    rng = stream(0, "comparison", name, side)
    a, b = (
        split_users(np.log(values), users, np.zeros(len(values), bool), rng)
        for values, users in (source, simulated)
    )
    middle = float(np.exp(a.mean))
    error = sqrt(a.mean_error**2 + b.mean_error**2)
    slack = (LAW + 2 * error) * middle + 1
    why = f"10%, a token, and 2 se of {a.users:,} users"
    of = f"{side} tokens of a median user"
    rows = [_around(of, name, middle, float(np.exp(b.mean)), slack, why)]
    for words, value, found, errors in (
        ("between users (log-sd)", a.between, b.between, (a.between_error, b.between_error)),
        ("within a user (log-sd)", a.within, b.within, (a.within_error, b.within_error)),
    ):
        slack = LAW * value + 0.02 + 2 * sqrt(errors[0] ** 2 + errors[1] ** 2)
        why = f"10%, 0.02, and 2 se of {a.users:,} users"
        rows.append(_around(f"{side} tokens {words}", name, value, found, slack, why))
    return rows


def _quantiles(name: str, side: str, source: Known, simulated: Known) -> list[_Row]:
    (a, _), (b, users) = source, simulated
    rng = stream(0, "comparison", name, side)
    split = split_users(np.log(b), np.maximum(users, 0), np.zeros(len(b), bool), rng)
    # both sides are samples of the law
    few = 2 * split.between**2 / split.effective_users
    many = split.within**2 * (1 / len(a) + 1 / len(b))
    rows = []
    for p in (0.5, 0.9, 0.95, 0.99):
        value, found = (float(np.quantile(x, p, method="inverted_cdf")) for x in (a, b))
        slack = (LAW + 2 * sqrt(quantile_variance(p, few, many))) * value + 1
        why = f"10%, a token, and 2 se of {split.effective_users:,.0f} users' calls"
        rows.append(_around(f"{side} tokens p{100 * p:g}", name, value, found, slack, why))
    value, found = float(a.max()), float(b.max())
    capped = (b == b.max()).sum() >= 3
    factor = 1.1 if capped else 2.0
    # the largest of many draws: as uncertain as its spacing from the next ones
    rows.append(
        _Row(
            f"{side} tokens max",
            name,
            value,
            found,
            value / factor,
            value * factor,
            "10%: a cap" if capped else f"a factor of {factor:g}: one call of {len(a):,}",
        )
    )
    return rows
