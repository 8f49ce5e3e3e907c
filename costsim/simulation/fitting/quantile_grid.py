"""The grid of quantiles that stands for measured token counts: steps, tail and mean kept."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GRID = (0.002, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65,
        0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998,
        0.999)  # fmt: skip
MOST_POINTS = 60  # of a grid; one by steps may have more
ATOM = 0.005  # share of calls at one count that a grid gives a step of its own


def quantile_grid(values: Floats) -> tuple[tuple[float, float], ...]:
    """Points of the empirical distribution of whole tokens, rising in both.

    A count at which a two-hundredth of the calls lies is a step: two points .98 tokens apart.
    Between points counts are taken to lie half a token around the whole number. A last point
    among the largest counts gives the grid their mean, which a bill adds up.
    """
    counts, times = np.unique(np.rint(values), return_counts=True)
    above = np.cumsum(times) / len(values)
    below = above - times / len(values)
    few = 5 / len(values)
    at = {int(np.searchsorted(above, p)) for p in GRID if few < p < 1 - few}
    steps = (
        set(np.flatnonzero(times >= max(ATOM * len(values), 5)).tolist())
        if len(counts) > 40
        else set(range(len(counts)))
    )
    largest = sorted(steps, key=lambda i: -times[i])[:40]
    points = [(0.0, float(max(counts[0] - 0.49, 0.51)))]
    for i in sorted({*at, *largest}):
        if i in largest:
            points.append((float(below[i]), float(counts[i] - 0.49)))
            points.append((float(above[i]), float(counts[i] + 0.49)))
        else:
            points.append((float(above[i]), float(counts[i] + 0.5)))
    points.append((1.0, float(counts[-1] + 0.49)))
    rising = [points[0]]
    for p, tokens in points[1:]:
        p, tokens = round(p, 6), float(f"{tokens:.6g}") if tokens > 10_000 else round(tokens, 2)
        if tokens > rising[-1][1]:
            # a gap without calls: as good as none in it
            p = max(p, round(rising[-1][0] + 2e-6, 6))
            if p <= 1:
                rising.append((p, tokens))
    if rising[-1][0] < 1:
        rising[-1] = (1.0, rising[-1][1])
    return tuple(_with_mean(_refined(rising, values), float(values.mean())))


def _refined(points: list[tuple[float, float]], values: Floats) -> list[tuple[float, float]]:
    """More points where the mean of a piece's calls is not that of its straight line."""
    order, size = np.sort(values), len(values)
    for _ in range(MOST_POINTS - len(points)):
        worst, at = 0.001 * float(values.mean()), 0
        for i, ((p, low), (q, high)) in enumerate(pairwise(points), start=1):
            calls = order[round(p * size) : round(q * size)]
            if len(calls) >= 8 and high - low > 4:
                away = abs(_piece_mean(low, high) - float(calls.mean())) * (q - p)
                worst, at = max((worst, at), (away, i))
        if not at:
            break
        (p, low), (q, high) = points[at - 1 : at + 1]
        middle = float(order[round((p + q) / 2 * size)]) + 0.5
        if not low + 1 < middle < high - 1:
            break
        points = [*points[:at], (round((p + q) / 2, 6), middle), *points[at:]]
    return points


def _with_mean(points: list[tuple[float, float]], mean: float) -> list[tuple[float, float]]:
    """The points, the last piece halved in p where that can give the law this mean."""
    (p, low), (_, high) = points[-2:]
    pieces = pairwise(points[:-1])
    wanted = mean - sum((q - p) * _piece_mean(a, b) for (p, a), (q, b) in pieces)
    wanted /= 1 - p
    below, above = low + 1, high - 1
    if p > 1 - 4e-6 or below >= above:
        return points
    for _ in range(60):
        middle = (below + above) / 2
        found = (_piece_mean(low, middle) + _piece_mean(middle, high)) / 2
        below, above = (middle, above) if found < wanted else (below, middle)
    return [*points[:-1], (round((p + 1) / 2, 6), round(below, 2)), points[-1]]


def _piece_mean(low: float, high: float) -> float:
    """Mean of tokens whose logs are uniform."""
    return (high - low) / log(high / low)
