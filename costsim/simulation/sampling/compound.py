"""Sums of random numbers of random amounts, from the gamma law that has their cumulants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TINY = 1e-60


def translated_gamma(rng: np.random.Generator, rate: Floats, jump: Sequence[float]) -> Floats:
    """Compound Poisson sums with the given rates, by their first three cumulants.

    Parameters
    ----------
    rate : array
        Expected number of jumps, not negative.
    jump : three floats
        Raw moments of one jump: E[X], E[X^2], E[X^3].

    Notes
    -----
    Bowers et al., Actuarial Mathematics, 2nd ed., ch. 12.6. Sums are not negative: where the mean
    is less than four standard deviations, and the third cumulant asks for a gamma that begins
    below 0, one that begins at 0 and is more skew takes its place.
    """
    return gamma_of(rng, *(rate * moment for moment in jump))


def gamma_of(rng: np.random.Generator, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """Amounts with these first three cumulants, not below 0; arrays of one shape."""
    far = mean**2 > 16 * variance
    shift, shape, scale = gamma_parameters(mean, variance, third, far)
    found = np.maximum(shift + scale * rng.standard_gamma(shape), 0.0)
    return np.where(mean > 0, found, 0.0)


def gamma_parameters(
    mean: Floats, variance: Floats, third: Floats, far: NDArray[np.bool_] | bool = False
) -> tuple[Floats, ...]:
    """Shift, shape and scale of the translated gamma of these cumulants.

    Those of the sum of n such amounts have n times the shift and the shape. Unless its mean is
    `far` from 0 the gamma begins at 0 or above, and is more skew where it must be.
    """
    mean = np.maximum(mean, TINY)
    variance = np.maximum(variance, 1e-12 * mean**2)
    skew_enough = np.where(far, 1e-3 * variance**1.5, 2 * variance**2 / mean)
    scale = np.maximum(third, skew_enough) / (2 * variance)
    shape = variance / scale**2
    return mean - shape * scale, shape, scale


def counts_of(rng: np.random.Generator, mean: Floats, variance: Floats) -> NDArray[np.int64]:
    """Counts of this mean and variance: negative binomial, Poisson or binomial.

    The number of trials of a binomial is rounded at random: its variance is higher than asked by
    at most a quarter.
    """
    mean = np.maximum(mean, 0.0)
    away = variance - mean
    rate = mean.copy()
    mixed = (away > 1e-9 * mean) & (mean > 0)
    if mixed.any():
        shape = mean[mixed] ** 2 / away[mixed]
        rate[mixed] = rng.standard_gamma(shape) * (mean[mixed] / shape)
    narrow = (away < -1e-6 * mean) & (mean > 0)
    rate[narrow] = 0.0
    found = rng.poisson(rate)
    if narrow.any():
        chance = np.minimum(-away[narrow] / mean[narrow], 1.0)
        trials = np.floor(mean[narrow] / chance + rng.random(len(chance))).astype(np.int64)
        found[narrow] = rng.binomial(trials, chance)
    return found


def amounts_given(rng: np.random.Generator, mean: Floats, variance: Floats) -> Floats:
    """Amounts of this mean and variance: a gamma where the mean is positive, else a normal."""
    sd = np.sqrt(np.maximum(variance, 0.0))
    found = np.array(mean, float)
    noisy = sd > 1e-9 * np.abs(mean)
    above = noisy & (mean > 0)
    shape = (mean[above] / sd[above]) ** 2
    found[above] = rng.standard_gamma(shape) * (mean[above] / shape)
    below = noisy & ~above
    found[below] += rng.standard_normal(int(below.sum())) * sd[below]
    return found
