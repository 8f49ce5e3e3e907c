"""The restricted likelihood of log counts by hour under the noise of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.noise import hour_covariance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NAMES = ("hours", "days", "hour", "phi", "day", "day_phi", "again")
PRIOR = {5: (-1.0, 1.2), 6: (-2.5, 0.7)}  # of logits: two weeks tell little of how days go on


@dataclass(frozen=True)
class Parts:
    """Indicators of hours and days of week; by pairs of hours: lags, and what they share."""

    hours: Floats
    days: Floats
    lag: Ints
    same_hour: Ints
    same_weekday: Ints
    days_apart: Ints


_SAME = np.array([0.0, 1.0])

Chunk = tuple["NDArray[np.float64]", Parts, "NDArray[np.float64]"]
"""Log counts of some hours, what pairs of them share, and their sampling covariance."""


def reml(
    chunks: list[Chunk], start: Floats, free: list[int], day_free: bool
) -> tuple[Floats, Floats]:
    """Maximum and standard errors of (log variances and the logit of phi) that are free."""
    from scipy.optimize import minimize

    half = np.log(0.25)  # a day's effect of half the hours' sigma, where it is not free

    def full(x: Floats) -> Floats:
        values = start.copy()
        values[free] = x
        if not day_free:
            values[4] = values[2] + half
        return values

    def objective(x: Floats) -> tuple[float, Floats]:
        value, slope, _ = _likelihood(chunks, full(x))
        if not day_free:
            slope = slope.copy()
            slope[2] += slope[4]
        return value, slope[free]

    low = np.log([1e-8, 1e-8, 1e-5, 1e-2, 1e-6, 1e-2, 1e-2])
    high = np.log([10, 10, 4, 1e2, 4, 2e1, 9])
    bounds = list(zip(low[free], high[free], strict=True))
    found = minimize(
        objective, start[free], jac=True, method="L-BFGS-B", bounds=bounds,
        options={"ftol": 1e-7, "gtol": 1e-3},
    )  # fmt: skip
    x = full(found.x)
    information = _likelihood(chunks, x, with_information=True)[2][np.ix_(free, free)]
    errors = np.full(7, np.nan)
    errors[free] = np.sqrt(np.diag(np.linalg.pinv(information)))
    return x, errors


def _likelihood(
    chunks: list[Chunk], x: Floats, with_information: bool = False
) -> tuple[float, Floats, Floats]:
    """Minus the log posterior (restricted likelihood), its slope, and expected information."""
    from scipy.linalg import lapack

    variances, day_phi = np.exp(x), 1 / (1 + np.exp(-x[5]))
    value, slope, information = 0.0, np.zeros(7), np.zeros((7, 7))
    for k, (middle, spread) in PRIOR.items():
        if np.isfinite(x[k]):
            value += ((x[k] - middle) / spread) ** 2 / 2
            slope[k] = (x[k] - middle) / spread**2
            information[k, k] = 1 / spread**2
    tables = _with_slopes(x[3], x[6], 1 + max(int(parts.lag.max()) for _, parts, _ in chunks))
    for y, parts, sampling in chunks:
        by_day = day_phi ** np.arange(1 + parts.days_apart.max())
        pairs = (parts.same_hour, parts.same_weekday, parts.lag, parts.days_apart)
        # of each parameter: a scale, values, and by which of the pairs' numbers they go
        shapes = (
            (variances[0], _SAME, 0),
            (variances[1], _SAME, 1),
            (variances[2], tables[0], 2),
            (variances[2], tables[1], 2),
            (variances[4], by_day, 3),
            (variances[4] * (1 - day_phi), np.arange(len(by_day)) * by_day, 3),
            (variances[2], tables[2], 2),
        )
        v = sampling.copy()
        for k in (0, 1, 2, 4):
            scale, values, by = shapes[k]
            v += (scale * values)[pairs[by]]
        lower, failed = lapack.dpotrf(v, lower=1)
        if failed:
            return 1e12, slope, information
        inverse, _ = lapack.dpotri(lower, lower=1)
        inverse = inverse + np.tril(inverse, -1).T  # above the diagonal there are zeros
        ones = inverse.sum(axis=1)
        precision = ones.sum()
        inverse -= np.outer(ones, ones) / precision  # the mean is free
        a = inverse @ y
        value += float(np.log(np.diag(lower)).sum() + np.log(precision) / 2 + y @ a / 2)
        inner = inverse - np.outer(a, a)
        # pairs with the same number are added up first: one pass for all that goes by it
        sums = [np.bincount(each.ravel(), inner.ravel()) for each in pairs]
        for k, (scale, values, by) in enumerate(shapes):
            slope[k] += scale * float(sums[by] @ values[: len(sums[by])]) / 2
        if with_information:
            products = [scale * (inverse @ values[pairs[by]]) for scale, values, by in shapes]
            for i, one in enumerate(products):
                for j, two in enumerate(products):
                    information[i, j] += float((one * two.T).sum()) / 2
    return value, slope, information


def correlations(phi: float, again: float, hours: int) -> Floats:
    """Correlations of the hourly noise at lags of 0 to `hours` - 1."""
    found = hour_covariance(phi, again, hours - 1)
    return np.asarray(found / found[0])


def _with_slopes(logit: float, logit_again: float, hours: int) -> tuple[Floats, Floats, Floats]:
    """Those correlations, and their derivatives by the two logits (central differences)."""

    def at(one: float, two: float) -> Floats:
        return correlations(1 / (1 + np.exp(-one)), 1 / (1 + np.exp(-two)), hours)

    by_phi = (at(logit + 1e-4, logit_again) - at(logit - 1e-4, logit_again)) / 2e-4
    by_again = np.zeros(hours)
    if np.isfinite(logit_again):
        by_again = (at(logit, logit_again + 1e-4) - at(logit, logit_again - 1e-4)) / 2e-4
    return at(logit, logit_again), by_phi, by_again
