"""How much of the spread of log tokens lies between users: a one-way random effects model."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_GROUPS = 20  # of users, for the jackknife
_ROUNDS = 12  # of drawing the calls beyond the cap anew


@dataclass(frozen=True)
class Split:
    """Mean and spread of log tokens, between users and within; standard errors of each."""

    mean: float
    between: float
    within: float
    mean_error: float
    between_error: float
    within_error: float
    users: int
    """0 where the split is assumed."""
    effective_users: float
    """As many equally busy users would make the mean over calls as uncertain."""

    @property
    def between_share(self) -> float:
        """Share of the variance between users."""
        total = self.between**2 + self.within**2
        return self.between**2 / total if total > 0 else 0.0

    @property
    def log_sd(self) -> float:
        return sqrt(self.between**2 + self.within**2)

    @property
    def log_sd_error(self) -> float:
        parts = (self.between * self.between_error) ** 2 + (self.within * self.within_error) ** 2
        return sqrt(parts) / max(self.log_sd, 1e-12)


def split_users(
    logs: Floats, user: Ints, beyond: NDArray[np.bool_], rng: np.random.Generator
) -> Split:
    """Variance between and within users.

    Within: pooled over users of two calls and more. Between: such that users' means, each
    weighted by its precision, scatter as they do (Paule & Mandel 1982, J. Res. NBS 87), which is
    the analysis of variance for users of unequal activity. Calls at the cap are drawn anew beyond
    it from their user's own normal, some rounds over (data augmentation). Standard errors by a
    jackknife over twenty groups of users.

    Parameters
    ----------
    logs : array of shape (calls,)
        Log tokens.
    user : array of int, shape (calls,)
        Codes, not negative.
    beyond : array of bool, shape (calls,)
        Calls that the cap cut: their logs are lower bounds.
    """
    from scipy.special import ndtr, ndtri

    codes, user = np.unique(user, return_inverse=True)
    calls = np.bincount(user).astype(float)
    logs = logs.copy()
    cut = logs[beyond]
    tries = []
    for _ in range(_ROUNDS if beyond.any() else 1):
        sums = np.bincount(user, logs).astype(float)
        squares = np.bincount(user, logs**2).astype(float)
        mean, between, within = _moments(calls, sums, squares)
        tries.append((mean, between, within))
        if beyond.any():
            kept = (
                between**2 / (between**2 + within**2 / calls) if between else np.zeros(len(calls))
            )
            own = mean + kept * (sums / calls - mean)
            centre = own[user[beyond]]
            low = ndtr((cut - centre) / max(within, 1e-9))
            u = low + (1 - low) * rng.random(len(cut))
            drawn = centre + within * ndtri(np.clip(u, None, 1 - 1e-12))
            logs[beyond] = np.maximum(drawn, cut)
    mean, between, within = np.mean(tries[len(tries) // 2 :], axis=0)
    group = rng.permutation(len(codes)) % min(_GROUPS, len(codes))
    parts = np.array(
        [
            _moments(calls[group != g], sums[group != g], squares[group != g])
            for g in range(group.max() + 1)
        ]
    )
    count = len(parts)
    errors = np.sqrt((count - 1) / count * ((parts - parts.mean(axis=0)) ** 2).sum(axis=0))
    return Split(
        float(mean),
        float(between),
        float(within),
        float(errors[0]),
        float(errors[1]),
        float(errors[2]),
        len(codes),
        float(calls.sum() ** 2 / (calls**2).sum()),
    )


def unsplit(logs: Floats, beyond: NDArray[np.bool_], between_share: float) -> Split:
    """Spread without user ids: all of it together, by maximum likelihood where a cap cuts."""
    count = len(logs)
    mean, sd = float(logs.mean()), float(logs.std())
    if beyond.any() and not beyond.all():
        mean, sd = _censored(logs[~beyond], float(logs[beyond].min()), int(beyond.sum()))
    return Split(
        mean,
        sqrt(between_share) * sd,
        sqrt(1 - between_share) * sd,
        sd / sqrt(count),
        0.0,
        sd / sqrt(2 * count),
        0,
        inf,
    )


def _moments(calls: Floats, sums: Floats, squares: Floats) -> tuple[float, float, float]:
    """Mean, and standard deviations between and within users, from their sums."""
    means = sums / calls
    inside = (squares - sums * means).clip(0).sum()
    within = inside / max(calls.sum() - len(calls), 1.0)

    def scatter(between: float) -> tuple[float, float]:
        weight = 1 / (between + within / calls + 1e-12)
        mean = float(weight @ means / weight.sum())
        return float(weight @ (means - mean) ** 2), mean

    low, high = 0.0, float(means.var() * 4 + 1e-9)
    if scatter(0.0)[0] > len(calls) - 1:
        for _ in range(60):
            middle = (low + high) / 2
            above = scatter(middle)[0] > len(calls) - 1
            low, high = (middle, high) if above else (low, middle)
    else:
        high = 0.0
    return scatter(high)[1], sqrt(high), sqrt(within)


def _censored(below: Floats, top: float, beyond: int) -> tuple[float, float]:
    """Mean and standard deviation of a normal of which some values are only known to be larger."""
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    mean, square, count = below.mean(), (below**2).mean(), len(below)

    def minus(x: Floats) -> float:
        sd = np.exp(x[1])
        inside = (square - 2 * x[0] * mean + x[0] ** 2) / (2 * sd**2) + x[1]
        return float(count * inside - beyond * log_ndtr((x[0] - top) / sd)) / count

    start = np.array([mean, np.log(max(below.std(), 1e-3))])
    found = minimize(minus, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    return float(found.x[0]), float(np.exp(found.x[1]))
