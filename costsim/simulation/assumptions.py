"""What an estimate stands on: tokens, cached share, users and calls, each one number or a range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from costsim.simulation.request_cost import RequestCost
from costsim.simulation.request_tokens import LognormalTokens, TokenLaw
from costsim.simulation.spans import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DAYS_A_MONTH: Final = 30
POINTS_LOG2: Final = 15
"""Quasi-random points of a sample, as a power of two: quantiles are right to about 0.1%."""

Quantity = Literal["request", "user_month", "month"]
NAMES: Final = {
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cached_share": "cached share",
    "users": "users",
    "calls": "calls a user and day",
}


class Swing(NamedTuple):
    """Mean dollars with one assumption at its low and at its high, the others as they are."""

    assumption: str
    low: float
    high: float
    low_usd: float
    high_usd: float
    swing_usd: float


@dataclass(frozen=True)
class Assumptions:
    """Independent assumptions about requests, and about how many there will be.

    Parameters
    ----------
    input_tokens, output_tokens : TokenLaw
        Of a request (of each of its passes).
    cached_share : Span
        Share of the input that is read from the provider's cache.
    calls : Span, optional
        Requests a user and day.
    users : Span, optional
        Needs `calls`.
    """

    input_tokens: TokenLaw
    output_tokens: TokenLaw
    cached_share: Span
    calls: Span | None = None
    users: Span | None = None

    @property
    def quantity(self) -> Quantity:
        """The widest sum that the assumptions carry."""
        if self.calls is None:
            return "request"
        return "user_month" if self.users is None else "month"

    def expected(self, cost: RequestCost) -> float:
        """Mean dollars of that sum, in closed form: a product of independent means."""
        usd = cost.expected(self.input_tokens, self.output_tokens, self.cached_share.mean)
        for factor in (self.calls, self.users):
            usd *= factor.mean if factor else 1.0
        return usd * (DAYS_A_MONTH if self.calls else 1)

    def swings(self, cost: RequestCost) -> list[Swing]:
        """Each assumption that is a range moved alone, the one that moves the mean most first.

        Token counts go to their p10 and p90, everything else to its low and high.
        """
        found = [self._swing(name, low, high, cost) for name, low, high in self._ranges()]
        return sorted(found, key=lambda one: -one.swing_usd)

    def sample(self, seed: int) -> dict[str, Floats]:
        """Scrambled Sobol points of all assumptions, by name; those not made are left out."""
        import numpy as np
        from scipy.stats.qmc import Sobol

        laws = {name: law for name in NAMES if (law := getattr(self, name)) is not None}
        points = Sobol(len(laws), rng=np.random.default_rng(seed)).random_base2(POINTS_LOG2)
        return {name: law.quantiles(points[:, i]) for i, (name, law) in enumerate(laws.items())}

    def _ranges(self) -> Iterator[tuple[str, float, float]]:
        import numpy as np

        for name in NAMES:
            law: TokenLaw | Span | None = getattr(self, name)
            if isinstance(law, Span) and law.varies:
                yield name, law.low, law.high
            elif law is not None and not isinstance(law, Span) and law.varies:
                low, high = law.quantiles(np.array([0.1, 0.9]))
                yield name, float(low), float(high)

    def _swing(self, name: str, low: float, high: float, cost: RequestCost) -> Swing:
        at = [self._with(name, value).expected(cost) for value in (low, high)]
        return Swing(NAMES[name], low, high, at[0], at[1], abs(at[1] - at[0]))

    def _with(self, name: str, value: float) -> Assumptions:
        tokens = name in {"input_tokens", "output_tokens"}
        fixed = LognormalTokens(value) if tokens else Span(value, value)
        return replace(self, **{name: fixed})  # type: ignore[arg-type]
