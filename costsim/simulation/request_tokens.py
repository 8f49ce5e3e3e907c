"""Distributions of a request's tokens whose means are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, inf, log, sqrt
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class TokenLaw(Protocol):
    """A distribution of token counts whose means are known in closed form."""

    @property
    def mean(self) -> float: ...

    @property
    def varies(self) -> bool: ...

    @property
    def most(self) -> int | None:
        """Cap in tokens."""
        ...

    def share_above(self, tokens: float) -> float:
        """Share of requests with more tokens."""
        ...

    def mean_above(self, tokens: float) -> float:
        """What requests with more tokens contribute to the mean."""
        ...

    def quantiles(self, at: Floats) -> Floats:
        """Tokens below which these shares of requests lie; same shape."""
        ...


@dataclass(frozen=True)
class LognormalTokens:
    """Lognormal token count ``min(median * e**(log_sd Z), most)``; `log_sd` 0 is one number.

    Parameters
    ----------
    median : float
        Tokens, at least 0 (above 0 where `log_sd` is).
    log_sd : float
        From 0 to 4.
    most : int, optional
        Cap in tokens.

    Examples
    --------
    >>> law = LognormalTokens(median=10_000, log_sd=1.256)
    >>> round(law.mean), round(law.share_above(50_000), 2)
    (22007, 0.1)
    """

    median: float
    log_sd: float = 0.0
    most: int | None = None

    @property
    def varies(self) -> bool:
        return self.log_sd > 0

    @property
    def mean(self) -> float:
        return self.mean_above(-1)

    def share_above(self, tokens: float) -> float:
        if self.most is not None and tokens >= self.most:
            return 0.0
        return 1 - self._below(tokens)

    def mean_above(self, tokens: float) -> float:
        most = inf if self.most is None else float(self.most)
        if tokens >= most:
            return 0.0
        whole = self.median * exp(self.log_sd**2 / 2)
        within = whole * (self._below(most, self.log_sd) - self._below(tokens, self.log_sd))
        return within + (most * (1 - self._below(most)) if most < inf else 0.0)

    def quantiles(self, at: Floats) -> Floats:
        import numpy as np
        from scipy.special import ndtri

        if not self.varies:
            values = np.full(np.shape(at), float(self.median))
        else:
            values = self.median * np.exp(self.log_sd * ndtri(at))
        capped: Floats = np.minimum(values, inf if self.most is None else self.most)
        return capped

    def _below(self, tokens: float, shift: float = 0.0) -> float:
        """Share with at most so many tokens, or of the mean that they contribute (`shift`)."""
        if tokens == inf:
            return 1.0
        if not self.varies or tokens <= 0:
            return float(self.median <= tokens)
        z = (log(tokens) - log(self.median)) / self.log_sd - shift
        return (1 + erf(z / sqrt(2))) / 2


@dataclass(frozen=True)
class CountedTokens:
    """One of some counted documents, each as likely, beside the tokens of the prompt around it.

    Parameters
    ----------
    counts : tuple of int
        Tokens of each document, at least one.
    overhead : int
        Tokens of the prompt around each.
    most : int, optional
        Cap in tokens.

    Examples
    --------
    >>> CountedTokens((100, 400, 1_000), overhead=200).mean
    700.0
    """

    counts: tuple[int, ...]
    overhead: int = 0
    most: int | None = None

    @property
    def values(self) -> list[float]:
        """Tokens of each request, rising."""
        most = inf if self.most is None else self.most
        return sorted(float(min(count + self.overhead, most)) for count in self.counts)

    @property
    def varies(self) -> bool:
        values = self.values
        return values[0] < values[-1]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.counts)

    def share_above(self, tokens: float) -> float:
        return sum(value > tokens for value in self.values) / len(self.counts)

    def mean_above(self, tokens: float) -> float:
        return sum(value for value in self.values if value > tokens) / len(self.counts)

    def quantiles(self, at: Floats) -> Floats:
        import numpy as np

        values = np.asarray(self.values)
        places = np.minimum((np.asarray(at) * len(values)).astype(np.int64), len(values) - 1)
        return np.take(values, places)
