"""Dollars of a request from its tokens: sampled, and in expectation by closed form."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from costsim.errors import PriceError
from costsim.prices.cost import call_cost_nano
from costsim.prices.unit import Rates, UnitPrice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costsim.simulation.request_tokens import TokenLaw

    Floats = NDArray[np.float64]

_PICO = 1e-12


@dataclass(frozen=True)
class RequestCost:
    """What requests to a model cost, long-input prices included.

    Parameters
    ----------
    unit : UnitPrice
    passes : int
        Calls of a request, each with the request's tokens.

    Examples
    --------
    >>> from costsim.prices import load_price_book
    >>> from costsim.simulation.token_ranges import read_tokens
    >>> cost = RequestCost(load_price_book("list-2024").unit("gpt-4"))
    >>> round(cost.expected(read_tokens(50_000), read_tokens(2_048)), 5)
    1.62288
    """

    unit: UnitPrice
    passes: int = 1

    def usd(self, input_tokens: Floats, output_tokens: Floats, cached_share: Floats) -> Floats:
        """Dollars of each request; arrays of one shape."""
        import numpy as np

        total = np.zeros(np.shape(input_tokens))
        for low, high, rates in self._steps():
            inside = (input_tokens > low) & (input_tokens <= high)
            plain, cached, out = self._usd_per_token(rates)
            per_input = plain + (cached - plain) * cached_share
            total += np.where(inside, per_input * input_tokens + out * output_tokens, 0.0)
        return self.passes * total

    def expected(
        self, input_tokens: TokenLaw, output_tokens: TokenLaw, cached_share: float = 0.0
    ) -> float:
        """Mean dollars of a request, input, output and cached share being independent."""
        total = 0.0
        for low, high, rates in self._steps():
            plain, cached, out = self._usd_per_token(rates)
            tokens = input_tokens.mean_above(low) - input_tokens.mean_above(high)
            share = input_tokens.share_above(low) - input_tokens.share_above(high)
            per_input = plain + (cached - plain) * cached_share
            total += per_input * tokens + out * share * output_tokens.mean
        return self.passes * total

    def at(self, input_tokens: int, output_tokens: int) -> float:
        """Dollars of one request without cached tokens, in the book's exact arithmetic."""
        nano = call_cost_nano(self.unit, input_tokens=input_tokens, output_tokens=output_tokens)
        return self.passes * nano / 1e9

    def dearest_token(self, input_tokens: int) -> float:
        """Dollars of the dearest token, in or out, of requests of up to so many input tokens."""
        rates = [self.unit.rates, *(r for above, r in self.unit.long_input if input_tokens > above)]
        return self.passes * max(max(self._usd_per_token(one)) for one in rates)

    def _steps(self) -> list[tuple[float, float, Rates]]:
        """Prices by input tokens: above, up to, rates."""
        starts = [(-1.0, self.unit.rates), *((float(a), r) for a, r in self.unit.long_input)]
        ends = [(inf, self.unit.rates)]
        return [(low, high, rates) for (low, rates), (high, _) in pairwise([*starts, *ends])]

    def _usd_per_token(self, rates: Rates) -> tuple[float, float, float]:
        if rates.input is None or rates.cache_read is None:
            raise PriceError(f"{self.unit.model} must have a price for input; the book has none")
        return rates.input * _PICO, rates.cache_read * _PICO, (rates.output or 0) * _PICO
