"""The closed-form laws behind a token setting: a lognormal, or a mixture of several.

Each is the law of one call's tokens over all users, and splits into a user's part, which its
*log median* carries, and the call's. These and the grid of ``token_grid`` offer the same methods,
on floats before rounding: a user is a normal *score*, whose log median is ``log_medians(score)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Scores = NDArray[np.float32]

_NODES, _REACH = 769, 7.0


@dataclass(frozen=True)
class Lognormal:
    """``min(exp(mu + between * U + within * W), cap)``, with U of the user and W of the call."""

    mu: float
    within: float
    between: float = 0.0
    cap: float = inf

    @property
    def log_median(self) -> float:
        return self.mu

    @property
    def _sd(self) -> float:
        return sqrt(self.within**2 + self.between**2)

    @property
    def users_differ(self) -> bool:
        return self.between > 0

    @property
    def expected(self) -> float:
        whole = exp(self.mu + self._sd**2 / 2)
        if self.cap == inf:
            return whole
        if self._sd == 0:
            return min(whole, self.cap)
        cut = (log(self.cap) - self.mu) / self._sd
        return float(whole * ndtr(cut - self._sd) + self.cap * ndtr(-cut))

    def share_at_least(self, tokens: float) -> float:
        if self._sd == 0:
            return float(self.mu >= log(tokens))
        return float(ndtr((self.mu - log(tokens)) / self._sd))

    def scores(self, log_median: Floats) -> Floats:
        return (log_median - self.mu) / self.between

    def log_medians(self, scores: Floats) -> Floats:
        return self.mu + scores * self.between

    def draw(self, rng: np.random.Generator, log_median: Scores) -> Scores:
        z = rng.standard_normal(log_median.shape, dtype=np.float32)
        z *= np.float32(self.within)
        z += log_median
        return np.exp(z, out=z)

    def quadrature(self, log_median: Floats) -> tuple[Floats, Floats]:
        sd = self.within
        # third powers of a call's tokens weigh calls three log-sds further up
        z = np.linspace(-_REACH, _REACH + 3 * sd, _NODES) if sd else np.zeros(1)
        weights = np.exp(-(z**2) / 2)
        return np.exp(np.add.outer(log_median, sd * z)), weights / weights.sum()


@dataclass(frozen=True)
class Mixture:
    """A lognormal drawn anew for each call from several, times a factor of the user.

    `weights`, `mus` and `sds` describe the components over all users: a component's `sds` holds
    the users' spread `between` too.
    """

    weights: tuple[float, ...]
    mus: tuple[float, ...]
    sds: tuple[float, ...]
    between: float = 0.0
    cap: float = inf

    @cached_property
    def log_median(self) -> float:
        return _mixture_log_median(self.weights, self.mus, self.sds)

    @cached_property
    def _within(self) -> tuple[float, ...]:
        return tuple(sqrt(max(sd**2 - self.between**2, 0.0)) for sd in self.sds)

    @cached_property
    def _own_log_median(self) -> float:
        """Log median of the calls of a user whose factor is 1."""
        return _mixture_log_median(self.weights, self.mus, self._within)

    @property
    def users_differ(self) -> bool:
        return self.between > 0

    @property
    def expected(self) -> float:
        parts = zip(self.weights, self.mus, self.sds, strict=True)
        return sum(w * Lognormal(mu, sd, cap=self.cap).expected for w, mu, sd in parts)

    def share_at_least(self, tokens: float) -> float:
        parts = zip(self.weights, self.mus, self.sds, strict=True)
        return sum(w * Lognormal(mu, sd).share_at_least(tokens) for w, mu, sd in parts)

    def scores(self, log_median: Floats) -> Floats:
        return (log_median - self._own_log_median) / self.between

    def log_medians(self, scores: Floats) -> Floats:
        return self._own_log_median + scores * self.between

    def draw(self, rng: np.random.Generator, log_median: Scores) -> Scores:
        z = rng.standard_normal(log_median.shape, dtype=np.float32)
        u = rng.random(log_median.shape, dtype=np.float32)
        sds, mus = (np.array(v, np.float32) for v in (self._within, self.mus))
        edges = np.cumsum(self.weights)[:-1].astype(np.float32)
        which = np.zeros(log_median.shape, np.int8)
        for edge in edges:
            which += u >= edge
        z *= sds[which]
        z += (mus - np.float32(self._own_log_median))[which]
        z += log_median
        return np.exp(z, out=z)

    def quadrature(self, log_median: Floats) -> tuple[Floats, Floats]:
        tokens, weights = [], []
        for weight, mu, sd in zip(self.weights, self.mus, self._within, strict=True):
            own = log_median + (mu - self._own_log_median)
            values, shares = Lognormal(mu, sd).quadrature(own)
            tokens.append(values)
            weights.append(weight * shares)
        return np.hstack(tokens), np.concatenate(weights)


def _mixture_log_median(
    weights: tuple[float, ...], mus: tuple[float, ...], sds: tuple[float, ...]
) -> float:
    """By bisection between the components' medians; exact to 1e-12."""
    low, high = min(mus), max(mus)
    for _ in range(100):
        if high - low < 1e-12:
            break
        middle = (low + high) / 2
        below = sum(
            w * (float(ndtr((middle - mu) / sd)) if sd > 0 else float(middle >= mu))
            for w, mu, sd in zip(weights, mus, sds, strict=True)
        )
        low, high = (middle, high) if below < 0.5 else (low, middle)
    return high
