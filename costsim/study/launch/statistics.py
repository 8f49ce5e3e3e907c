"""What many runs say of one number: an estimate with its interval, and how many would decide."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.errors import SettingError
from costsim.study.pairs import quantile_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95
"""Confidence of all intervals."""
MOST_RUNS = 100_000
"""Beyond so many runs nobody would wait."""
ALIKE = 10
"""Fewer runs that all say the same number tell nothing of how far others may lie from it."""


class Estimate(NamedTuple):
    """A number with its interval; a side is infinite where the runs cannot bound it."""

    value: float
    low: float
    high: float


def estimate(values: Floats, statistic: str, *, level: float = LEVEL) -> Estimate:
    """A statistic of the runs' law, with its interval.

    Parameters
    ----------
    values : array
        One a run; missing ones are left out.
    statistic : str
        "mean" (t interval; none of fewer than ten runs that are all alike), "chance" (of runs
        whose value is 1; exact binomial interval), a percentile such as "p99" (order statistics,
        whatever the law), or "worst" (the largest of these runs, for what must never happen: of
        other runs it says nothing).

    Raises
    ------
    SettingError
        Another statistic.

    Examples
    --------
    >>> estimate(np.arange(1.0, 21.0), "p50")
    Estimate(value=10.5, low=6.0, high=15.0)
    >>> [round(each, 3) for each in estimate(np.zeros(50), "chance")]
    [0.0, 0.0, 0.071]
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return Estimate(math.nan, -math.inf, math.inf)
    if statistic == "mean":
        return _mean(known, level)
    if statistic == "worst":
        return Estimate(float(known[-1]), float(known[-1]), float(known[-1]))
    if statistic == "chance":
        return _chance(int((known > 0.5).sum()), len(known), level)
    share = percentile(statistic)
    low, high = quantile_interval(known, share, level)
    low = -math.inf if math.isnan(low) else low
    high = math.inf if math.isnan(high) else high
    # of few runs the interval may begin above what lies between the two largest
    return Estimate(min(max(float(np.quantile(known, share)), low), high), low, high)


def possible(found: Estimate, measure: str) -> Estimate:
    """An estimate without what a measure cannot be: below zero, or of a share above one.

    Examples
    --------
    >>> possible(Estimate(0.6, -0.1, 1.3), "blocked_share")
    Estimate(value=0.6, low=0.0, high=1.0)
    """
    if measure.startswith("incident_"):  # limits may save more than an incident adds
        return found
    low = 0.0 if -math.inf < found.low < 0 else found.low
    share = measure.endswith("_share") or measure == "over_budget"
    return found._replace(low=low, high=1.0 if share and 1 < found.high < math.inf else found.high)


def percentile(statistic: str) -> float:
    """Share below "p99" and the like.

    Examples
    --------
    >>> percentile("p95")
    0.95
    """
    found = re.fullmatch(r"p([1-9]|[1-9]\d)", statistic)
    if not found:
        raise SettingError(
            f"statistic must be 'mean', 'chance' or a percentile such as 'p99'; got {statistic!r}"
        )
    return int(found[1]) / 100


def runs_to_decide(values: Floats, statistic: str, bound: float) -> int | None:
    """About how many runs would put the whole interval on one side of a bound.

    It is assumed that more runs are like those there are. None where that would take more than
    100,000, or where the estimate lies on the bound.

    Examples
    --------
    >>> runs_to_decide(np.zeros(50), "p99", 1.0)  # 0.99**n must fall below 2.5%
    368
    """
    known = values[np.isfinite(values)]
    if len(known) < 2 or statistic == "worst":
        return None
    if statistic == "mean":
        found = estimate(known, "mean")
        gap = abs(found.value - bound)
        reach = (found.high - found.low) / 2
        if math.isinf(reach):
            return ALIKE
        if not gap:
            return None
        needed = math.ceil(len(known) * (reach / gap) ** 2)
        return max(needed, len(known) + 1) if needed <= MOST_RUNS else None
    if statistic == "chance":
        share = float((known > 0.5).mean())
        return _first(lambda n: _side(_chance(round(share * n), n, LEVEL), bound), len(known))
    share, below = percentile(statistic), float((known <= bound).mean())
    return _first(lambda n: _quantile_side(n, share, round(below * n)), len(known))


def _first(decided: object, count: int) -> int | None:
    """Smallest number of runs above `count` that decides, found by doubling and halving."""
    assert callable(decided)
    low, high = count, count + 1
    while not decided(high):
        low, high = high, 2 * high
        if high > MOST_RUNS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def _side(found: Estimate, bound: float) -> bool:
    return found.high <= bound or found.low > bound


def _quantile_side(count: int, share: float, below: int) -> bool:
    """Whether the percentile lies on one side of a bound that `below` of the runs keep."""
    from scipy.stats import binom

    tail = (1 - LEVEL) / 2
    low = int(binom.ppf(tail, count, share))
    high = int(binom.ppf(1 - tail, count, share)) + 1
    return high <= below or low > below


def _mean(known: Floats, level: float) -> Estimate:
    from scipy.stats import t

    mean, count = float(known.mean()), len(known)
    if count < 2 or (count < ALIKE and not np.ptp(known)):
        return Estimate(mean, -math.inf, math.inf)
    reach = float(t.ppf((1 + level) / 2, count - 1) * known.std(ddof=1)) / math.sqrt(count)
    return Estimate(mean, mean - reach, mean + reach)


def _chance(hits: int, count: int, level: float) -> Estimate:
    from scipy.stats import binomtest

    found = binomtest(hits, count).proportion_ci(level, method="exact")
    return Estimate(hits / count, float(found.low), float(found.high))
