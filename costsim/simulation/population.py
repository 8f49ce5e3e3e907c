"""Who the users are: tiers, activity weights, and fast weighted draws of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.simulation.rates import MONTH_HOURS
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.settings import Population


@dataclass(frozen=True)
class Users:
    """The users of one run; a user is an index, and a rank of activity in random order."""

    population: Population
    seed: int

    @property
    def count(self) -> int:
        return self.population.users

    @cached_property
    def names(self) -> list[str]:
        width = max(4, len(str(self.count - 1)))
        return [f"user-{index:0{width}d}" for index in range(self.count)]

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Share of ordinary traffic of each user, shape ``(users,)``, sum 1."""
        law = self.population.activity
        rng = stream(self.seed, "users", "activity")
        if law.law == "zipf":
            ranks = rng.permutation(self.count) + 1.0
            raw = ranks**-law.exponent
        else:
            raw = np.exp(rng.standard_normal(self.count) * law.log_sd)
        return np.asarray(raw / raw.sum())

    @cached_property
    def tier(self) -> NDArray[np.int32]:
        """Index of each user's tier, shape ``(users,)``; all 0 without tiers."""
        shares = [tier.share for tier in self.population.tiers] or [1.0]
        edges = np.rint(np.cumsum(shares) * self.count).astype(int)
        tiers = np.searchsorted(edges, np.arange(self.count), side="right")
        return np.asarray(stream(self.seed, "users", "tier").permutation(tiers), dtype=np.int32)

    @cached_property
    def gone_us(self) -> NDArray[np.int64] | None:
        """When each user leaves for good, since the run's start; None where nobody does."""
        churn = self.population.churn_per_month
        if not churn:
            return None
        wait = stream(self.seed, "users", "churn").standard_exponential(self.count)
        months = np.minimum(wait / -np.log1p(-churn), 1e6)
        return np.asarray((months * MONTH_HOURS * HOUR_US).astype(np.int64))

    @cached_property
    def _alias(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        return alias_table(self.weights)

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.int32]:
        """Users by weight, with replacement, by Walker's alias method; shape ``(size,)``."""
        accept, other = self._alias
        u = rng.random(size)
        u *= self.count
        column = u.astype(np.int32)
        u -= column
        return np.where(u < accept[column], column, other[column])


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Walker-Vose alias table of weights that sum to 1: acceptance and the other index."""
    count = len(weights)
    scaled = weights * count
    accept, other = np.ones(count), np.arange(count, dtype=np.int32)
    small = [i for i in range(count) if scaled[i] < 1]
    large = [i for i in range(count) if scaled[i] >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        accept[low], other[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return accept, other
