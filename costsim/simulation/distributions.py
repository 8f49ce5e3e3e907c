"""Token counts of a call: what a scenario states of them, between and within users, capped."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import inf, log
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from costsim.simulation.token_grid import Grid
from costsim.simulation.token_laws import Lognormal, Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGEST = 2_000_000_000  # int32 tokens


class Component(BaseModel):
    """One lognormal of a mixture: a kind of call."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    weight: float = Field(gt=0, le=1)
    """Share of the calls that are of this kind."""
    mean: float | None = Field(default=None, gt=0)
    """Mean tokens before the cap; exactly one of mean and median."""
    median: float | None = Field(default=None, gt=0)
    """Median tokens."""
    log_sd: float = Field(ge=0, le=4)
    """Standard deviation of the log, users and calls together."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.mean is None) == (self.median is None):
            got = "neither" if self.mean is None else "both"
            raise ValueError(f"give exactly one of mean and median; got {got}")
        return self

    @property
    def log_median(self) -> float:
        return _log_median(self.mean, self.median, self.log_sd)


class Tokens(BaseModel):
    """Token count of a call: ``min(round(X), max)``, at least 1, with X of one of three laws.

    - lognormal: `median` or `mean`, and `log_sd`;
    - `mixture`: a list of lognormals, one drawn anew for each call;
    - `quantiles`: a grid of ``[p, tokens]``, straight in (p, log tokens) between its points.

    What is stated is the law of X over all users and calls, whatever part of its spread lies
    between users. For lognormal and mixture that part is a factor of the user's own,
    lognormal with log-sd `between_users_log_sd`; for a grid it is the share
    `between_users_share` of the variance of the normal scores (a Gaussian copula), which is
    what ``between_users_log_sd**2 / log_sd**2`` is to a lognormal.

    Parameters
    ----------
    mean, median : float, optional
        Tokens before the cap, above 0; exactly one of the two for a lognormal.
    log_sd : float, optional
        Standard deviation of the log, 0 to 4, users and calls together.
    mixture : list of Component, optional
        At least two; weights sum to 1.
    quantiles : list of [p, tokens], optional
        Rising in both, p from 0 to 1. An atom is two points less than a token apart.
    between_users_log_sd : float
        The part of the spread that belongs to the user, at most `log_sd` (of each component).
    between_users_share : float
        With `quantiles` only: the user's share of the spread, 0 to below 1.
    max : int, optional
        Cap in tokens: context window for input, max_tokens for output; at least the median.

    Raises
    ------
    pydantic.ValidationError
        No law or more than one, or values out of bounds.

    Notes
    -----
    Exact: the law over all users of each of the three, `log_median`, `expected` and
    `share_at_least`. By a table: the draws of a grid. Rounding to whole tokens is left out of all
    but the draws.

    Examples
    --------
    >>> tokens = Tokens(median=38_000, log_sd=0.35, max=128_000)
    >>> round(tokens.expected), round(tokens.share_at_least(50_000), 3)
    (40397, 0.216)
    >>> two = Tokens(mixture=[{"weight": 0.7, "median": 400, "log_sd": 0.5},
    ...                       {"weight": 0.3, "median": 6000, "log_sd": 0.3}], max=8192)
    >>> round(two.expected), round(two.share_at_least(2000), 3)
    (2134, 0.3)
    >>> grid = Tokens(quantiles=[[0, 3], [0.5, 1469], [0.9, 5187], [1, 7437]])
    >>> round(grid.expected), round(grid.share_at_least(1469), 3)
    (1922, 0.5)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: float | None = Field(default=None, gt=0)
    median: float | None = Field(default=None, gt=0)
    log_sd: float | None = Field(default=None, ge=0, le=4)
    mixture: tuple[Component, ...] | None = None
    quantiles: tuple[tuple[float, float], ...] | None = None
    between_users_log_sd: float = Field(default=0.0, ge=0, le=4)
    between_users_share: float = Field(default=0.0, ge=0, lt=1)
    max: int | None = Field(default=None, ge=1, le=LARGEST)

    @model_validator(mode="after")
    def _one_law(self) -> Self:
        laws = {
            "median or mean": (self.median, self.mean),
            "mixture": (self.mixture,),
            "quantiles": (self.quantiles,),
        }
        given = [name for name, keys in laws.items() if any(key is not None for key in keys)]
        if len(given) != 1:
            raise ValueError(
                "give exactly one law: median or mean with log_sd, mixture, or quantiles; "
                f"got {' and '.join(given) or 'none'}"
            )
        if (given == ["median or mean"]) != (self.log_sd is not None):
            got = "none" if self.log_sd is None else f"log_sd with {given[0]}"
            raise ValueError(f"log_sd goes with median or mean, and they need it; got {got}")
        if self.mean is not None and self.median is not None:
            raise ValueError("give exactly one of mean and median; got both")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mixture is not None:
            _check_mixture(self.mixture)
        if self.quantiles is not None:
            _check_quantiles(self.quantiles)
        sds = [c.log_sd for c in self.mixture or ()]
        sds += [self.log_sd] if self.log_sd is not None else []
        if self.between_users_log_sd > min(sds, default=0.0):
            if self.quantiles is not None:
                raise ValueError("between_users_log_sd is between_users_share with quantiles")
            raise ValueError(
                f"between_users_log_sd must not exceed log_sd, {min(sds):g}; "
                f"got {self.between_users_log_sd:g}"
            )
        if self.between_users_share and self.quantiles is None:
            raise ValueError("between_users_share goes with quantiles; give between_users_log_sd")
        if self.max is not None and log(self.max) < self.log_median - 1e-9:
            raise ValueError(
                f"max must be at least the median, {np.exp(self.log_median):,.0f}; got {self.max:,}"
            )
        return self

    @property
    def log_median(self) -> float:
        """Log of the median of users and calls together, before the cap."""
        return _law(self).log_median

    @property
    def expected(self) -> float:
        """Mean tokens of a call, the cap included; rounding to whole tokens is left out."""
        return _law(self).expected

    def share_at_least(self, tokens: float) -> float:
        """Share of calls with at least that many tokens before the cap."""
        return _law(self).share_at_least(tokens)

    @property
    def users_differ(self) -> bool:
        """Whether users have medians of their own."""
        return _law(self).users_differ

    def user_log_median(self, rng: np.random.Generator, users: int) -> NDArray[np.float32]:
        """Log of the median of each user's own calls, before the cap; shape ``(users,)``."""
        return self.log_medians(rng.standard_normal(users)).astype(np.float32)

    def log_medians(self, scores: Floats) -> Floats:
        """Log medians of users with these standard normal scores; same shape."""
        return _law(self).log_medians(scores)

    def scores(self, log_median: Floats) -> Floats:
        """The inverse of :meth:`log_medians`, where users differ."""
        return _law(self).scores(log_median)

    def sample(
        self, rng: np.random.Generator, log_median: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """Tokens of calls whose users have these log medians; same shape, at least 1.

        For a grid a log median only says which user calls: adding to it does not scale the
        calls, as it does for lognormal and mixture.
        """
        z = _law(self).draw(rng, log_median)
        np.clip(z, 1, self.max or LARGEST, out=z)
        return np.rint(z, out=z).astype(np.int32)

    def quadrature(self, log_median: Floats) -> tuple[Floats, Floats]:
        """Tokens of a user's calls at nodes of integration, and the nodes' weights.

        Parameters
        ----------
        log_median : array of float, shape (users,)

        Returns
        -------
        array of shape (users, nodes), array of shape (nodes,)
            Tokens up to the cap, not rounded; the weights sum to 1.

        Examples
        --------
        >>> law = Tokens(median=100, log_sd=0.5, max=1000)
        >>> tokens, weights = law.quadrature(np.array([law.log_median]))
        >>> bool(abs((tokens @ weights)[0] - law.expected) < 1e-6)
        True
        """
        tokens, weights = _law(self).quadrature(np.asarray(log_median, dtype=float))
        return np.minimum(tokens, self.max or LARGEST), weights


@lru_cache(maxsize=1024)  # a law holds tables; settings are frozen, so that they can be a key
def _law(tokens: Tokens) -> Lognormal | Mixture | Grid:
    cap = inf if tokens.max is None else float(tokens.max)
    if tokens.mixture is not None:
        return Mixture(
            tuple(c.weight for c in tokens.mixture),
            tuple(c.log_median for c in tokens.mixture),
            tuple(c.log_sd for c in tokens.mixture),
            tokens.between_users_log_sd,
            cap,
        )
    if tokens.quantiles is not None:
        p, values = zip(*tokens.quantiles, strict=True)
        return Grid(p, values, tokens.between_users_share, cap)
    assert tokens.log_sd is not None
    within = (tokens.log_sd**2 - tokens.between_users_log_sd**2) ** 0.5
    mu = _log_median(tokens.mean, tokens.median, tokens.log_sd)
    return Lognormal(mu, within, tokens.between_users_log_sd, cap)


def _log_median(mean: float | None, median: float | None, log_sd: float) -> float:
    if median is not None:
        return log(median)
    assert mean is not None
    return log(mean) - log_sd**2 / 2


def _check_mixture(parts: tuple[Component, ...]) -> None:
    if len(parts) < 2:
        raise ValueError(f"mixture must have at least 2 components; got {len(parts)}")
    total = sum(part.weight for part in parts)
    if abs(total - 1) > 1e-6:
        raise ValueError(f"mixture weights must sum to 1; they sum to {total:g}")


def _check_quantiles(points: tuple[tuple[float, float], ...]) -> None:
    if len(points) < 2:
        raise ValueError(f"quantiles must have at least 2 points; got {len(points)}")
    if (points[0][0], points[-1][0]) != (0, 1):
        raise ValueError(
            f"quantiles must go from p 0 to p 1; got {points[0][0]:g} to {points[-1][0]:g}"
        )
    if not 0 < points[0][1] <= points[-1][1] <= LARGEST:
        raise ValueError(
            f"quantiles must have tokens above 0 and at most {LARGEST:,}; "
            f"got {points[0][1]:g} to {points[-1][1]:g}"
        )
    for one, two in pairwise(points):
        if not (one[0] < two[0] and one[1] < two[1]):
            raise ValueError(
                f"quantiles must rise in p and in tokens; got {list(one)} before {list(two)}"
            )
