"""Token counts of a call: lognormal, between and within users, capped."""

from __future__ import annotations

from math import erf, exp, log, sqrt
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 2_000_000_000  # int32 tokens


class Tokens(BaseModel):
    """Capped lognormal token count, ``min(round(median * B * W), max)``.

    ``B`` is a user's own factor (log-sd `between_users_log_sd`), ``W`` the call's; together they
    have log-sd `log_sd`. Give `mean` (before the cap) or `median`.

    Parameters
    ----------
    mean, median : float
        Tokens, above 0; exactly one of the two.
    log_sd : float
        Standard deviation of the log, 0 to 4, users and calls together.
    between_users_log_sd : float
        The part of it that belongs to the user; at most `log_sd`.
    max : int, optional
        Cap in tokens: context window for input, max_tokens for output.

    Examples
    --------
    >>> tokens = Tokens(median=38_000, log_sd=0.35, max=128_000)
    >>> round(tokens.expected), round(tokens.share_at_least(50_000), 3)
    (40397, 0.216)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: float | None = Field(default=None, gt=0)
    median: float | None = Field(default=None, gt=0)
    log_sd: float = Field(ge=0, le=4)
    between_users_log_sd: float = Field(default=0.0, ge=0)
    max: int | None = Field(default=None, ge=1, le=LARGEST)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mean is None) == (self.median is None):
            raise ValueError("give exactly one of mean and median")
        if self.between_users_log_sd > self.log_sd:
            raise ValueError("between_users_log_sd must not exceed log_sd")
        return self

    @property
    def log_median(self) -> float:
        """Log of the median of users and calls together."""
        if self.median is not None:
            return log(self.median)
        assert self.mean is not None
        return log(self.mean) - self.log_sd**2 / 2

    @property
    def within_log_sd(self) -> float:
        return sqrt(self.log_sd**2 - self.between_users_log_sd**2)

    @property
    def expected(self) -> float:
        """Mean tokens of a call, the cap included; rounding to whole tokens is left out."""
        mu, sd = self.log_median, self.log_sd
        whole = exp(mu + sd**2 / 2)
        if self.max is None:
            return whole
        if sd == 0:
            return min(exp(mu), self.max)
        cut = (log(self.max) - mu) / sd
        return whole * _phi(cut - sd) + self.max * (1 - _phi(cut))

    def share_at_least(self, tokens: float) -> float:
        """Share of calls with at least that many tokens before the cap."""
        if self.log_sd == 0:
            return float(self.log_median >= log(tokens))
        return 1 - _phi((log(tokens) - self.log_median) / self.log_sd)

    def user_log_median(self, rng: np.random.Generator, users: int) -> NDArray[np.float32]:
        """Log median of each user, shape ``(users,)``."""
        effect = rng.standard_normal(users) * self.between_users_log_sd
        return (self.log_median + effect).astype(np.float32)

    def sample(
        self, rng: np.random.Generator, log_median: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """Tokens of calls whose users have these log medians; same shape, at least 1."""
        z = rng.standard_normal(log_median.shape, dtype=np.float32)
        z *= np.float32(self.within_log_sd)
        z += log_median
        np.exp(z, out=z)
        np.clip(z, 1, self.max or LARGEST, out=z)
        return np.rint(z, out=z).astype(np.int32)


def _phi(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2
