"""The closed-form laws behind a token setting: a lognormal, or a mixture of several.

Each is the law of one call's tokens over all users, and splits into a user's part, which its
*log median* carries, and the call's. These and the grid of ``token_grid`` offer the same methods,
on floats before rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Scores = NDArray[np.float32]


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
    def within_log_sd(self) -> float:
        return self.within

    @property
    def _sd(self) -> float:
        return sqrt(self.within**2 + self.between**2)

    @property
    def expected(self) -> float:
        whole = Lognormal(self.mu, self._sd, cap=self.cap)
        return float(whole.moments(np.array(self.mu))[0])

    def share_at_least(self, tokens: float) -> float:
        if self._sd == 0:
            return float(self.mu >= log(tokens))
        return float(ndtr((self.mu - log(tokens)) / self._sd))

    def user_log_median(self, rng: np.random.Generator, users: int) -> Scores:
        effect = rng.standard_normal(users) * self.between
        return (self.mu + effect).astype(np.float32)

    def draw(self, rng: np.random.Generator, log_median: Scores) -> Scores:
        z = rng.standard_normal(log_median.shape, dtype=np.float32)
        z *= np.float32(self.within)
        z += log_median
        return np.exp(z, out=z)

    def moments(self, log_median: Floats) -> tuple[Floats, Floats, Floats]:
        """E[X], E[X^2], E[X^3] in closed form for each log median."""
        sd = self.within
        moments = []
        for n in (1, 2, 3):
            whole = np.exp(n * log_median + n * n * sd * sd / 2)
            if self.cap < inf:
                top = self.cap**n
                if sd == 0:
                    whole = np.minimum(whole, top)
                else:
                    cut = (log(self.cap) - log_median) / sd
                    whole = whole * ndtr(cut - n * sd) + top * ndtr(-cut)
            moments.append(whole)
        return moments[0], moments[1], moments[2]


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
    def within_log_sd(self) -> float:
        mean = sum(w * mu for w, mu in zip(self.weights, self.mus, strict=True))
        parts = zip(self.weights, self.mus, self._within, strict=True)
        return sqrt(sum(w * (sd**2 + (mu - mean) ** 2) for w, mu, sd in parts))

    @property
    def expected(self) -> float:
        parts = zip(self.weights, self.mus, self.sds, strict=True)
        return sum(w * Lognormal(mu, sd, cap=self.cap).expected for w, mu, sd in parts)

    def share_at_least(self, tokens: float) -> float:
        parts = zip(self.weights, self.mus, self.sds, strict=True)
        return sum(w * Lognormal(mu, sd).share_at_least(tokens) for w, mu, sd in parts)

    def user_log_median(self, rng: np.random.Generator, users: int) -> Scores:
        effect = rng.standard_normal(users) * self.between
        return (self._own_log_median + effect).astype(np.float32)

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

    def moments(self, log_median: Floats) -> tuple[Floats, Floats, Floats]:
        """E[X], E[X^2], E[X^3] in closed form for each log median of a user."""
        sums = [np.zeros(np.shape(log_median)) for _ in range(3)]
        for weight, mu, sd in zip(self.weights, self.mus, self._within, strict=True):
            part = Lognormal(mu, sd, cap=self.cap)
            for total, moment in zip(
                sums, part.moments(log_median + (mu - self._own_log_median)), strict=True
            ):
                total += weight * moment
        return sums[0], sums[1], sums[2]


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
