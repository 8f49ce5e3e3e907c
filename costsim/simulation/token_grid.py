"""The quantile grid of a token setting: any shape that a log shows, shared out among users."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Scores = NDArray[np.float32]

_REACH = 6.5  # normal scores that the grid's table spans: all but one call in 1e10
_STEPS = 8192
_CALL_STEPS = 1024


@dataclass(frozen=True)
class Grid:
    """Quantiles joined by straight lines in (p, log tokens), with a Gaussian copula for users.

    A call's normal score is ``sqrt(share) * U + sqrt(1 - share) * W``, standard normal over all
    users, so that the law over all users is the grid whatever `share` is. A user's log median is
    the grid at ``sqrt(share) * U``; the score is read back from it.
    """

    p: tuple[float, ...]
    tokens: tuple[float, ...]
    share: float = 0.0
    cap: float = inf

    @cached_property
    def _logs(self) -> Floats:
        return np.log(self.tokens)

    def _log_quantile(self, p: Floats) -> Floats:
        return np.asarray(np.interp(p, self.p, self._logs))

    @property
    def log_median(self) -> float:
        return float(self._log_quantile(np.array(0.5)))

    @cached_property
    def _table(self) -> Scores:
        """Log tokens at equally spaced normal scores from -_REACH to _REACH, one more than used."""
        z = np.linspace(-_REACH, _REACH, _STEPS + 1)
        logs = self._log_quantile(ndtr(z)).astype(np.float32)
        return np.append(logs, logs[-1])

    def _score(self, log_median: NDArray[np.floating]) -> Floats:
        """Normal score whose quantile is that log median."""
        p = np.interp(log_median, self._logs, self.p)
        return np.asarray(np.clip(ndtri(p), -_REACH, _REACH))

    @property
    def expected(self) -> float:
        """Exact: the integral of an exponential over each piece."""
        total = 0.0
        for piece in range(len(self.p) - 1):
            (p0, p1), (a, b) = self.p[piece : piece + 2], self._logs[piece : piece + 2]
            top = log(self.cap) if self.cap < inf else inf
            reached = p1 if b <= top else p0 if a >= top else p0 + (p1 - p0) * (top - a) / (b - a)
            b = min(b, max(top, a))
            if reached > p0:
                total += (reached - p0) * (exp(b) - exp(a)) / (b - a)
            if p1 > reached:
                total += (p1 - reached) * self.cap
        return total

    def share_at_least(self, tokens: float) -> float:
        return float(1 - np.interp(log(tokens), self._logs, self.p)) if tokens > 0 else 1.0

    @property
    def users_differ(self) -> bool:
        return self.share > 0

    def scores(self, log_median: Floats) -> Floats:
        return self._score(log_median) / sqrt(self.share)

    def log_medians(self, scores: Floats) -> Floats:
        return self._log_quantile(ndtr(scores * sqrt(self.share)))

    def draw(self, rng: np.random.Generator, log_median: Scores) -> Scores:
        z = rng.standard_normal(log_median.shape, dtype=np.float32)
        if self.share > 0:
            z *= np.float32(sqrt(1 - self.share))
            z += self._score(log_median).astype(np.float32)
        z += np.float32(_REACH)
        z *= np.float32(_STEPS / (2 * _REACH))
        np.clip(z, 0, _STEPS, out=z)
        at = z.astype(np.int32)
        z -= at
        low = self._table[at]
        at += 1
        high = self._table[at]
        high -= low
        z *= high
        z += low
        return np.exp(z, out=z)

    def quadrature(self, log_median: Floats) -> tuple[Floats, Floats]:
        if self.share == 0:  # all users are alike, and one can be seen closely
            nodes, weights = _nodes(16 * _CALL_STEPS)
            tokens = np.exp(self._log_quantile(ndtr(nodes)))
            return np.broadcast_to(tokens, (*np.shape(log_median), len(tokens))), weights
        nodes, weights = _nodes(_CALL_STEPS)
        scores = np.add.outer(self._score(log_median), sqrt(1 - self.share) * nodes)
        return np.exp(self._log_quantile(ndtr(scores))), weights


def _nodes(count: int) -> tuple[Floats, Floats]:
    """Middles of equal steps of a call's own score, and the share of calls in each."""
    edges = np.linspace(-_REACH, _REACH, count + 1)
    share = np.diff(ndtr(edges))
    return (edges[:-1] + edges[1:]) / 2, share / share.sum()
