"""Unit prices: whole pico-dollars per token, one number for each kind of token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal
from typing import Final

from costsim.errors import PriceError, SettingError

PICO_PER_NANO: Final = 1_000
"""Unit prices are pico-dollars per token, costs nano-dollars per call."""

MAX_RATE_PICO: Final = 4_000_000_000
"""Highest unit price taken: $4,000 per million tokens (the dearest published one is $600)."""

MAX_TOKENS: Final = 1_000_000_000
"""Most tokens in one call's input or output; with MAX_RATE_PICO a total fits in int64."""

_TO_PICO: Final = Decimal(1_000_000)


def pico_per_token(usd_per_million: Decimal, *, name: str = "price", exact: bool = True) -> int:
    """Turn a price in USD per million tokens into whole pico-dollars per token.

    Parameters
    ----------
    usd_per_million : Decimal
        From 0 to 4,000.
    name : str
        What the error message calls the price.
    exact : bool
        Refuse a price that is no whole number of pico-dollars (six decimals of USD per
        million); otherwise round it up, by less than $0.000001 per million tokens.

    Raises
    ------
    SettingError
        Out of bounds, or not representable.

    Examples
    --------
    >>> pico_per_token(Decimal("2.50"))
    2500000
    >>> pico_per_token(Decimal("0.0833333333"), exact=False)
    83334
    """
    if not usd_per_million.is_finite() or not 0 <= usd_per_million * _TO_PICO <= MAX_RATE_PICO:
        raise SettingError(
            f"{name} must be from 0 to {MAX_RATE_PICO / _TO_PICO:,f} USD per million tokens; "
            f"got {usd_per_million}"
        )
    pico = usd_per_million * _TO_PICO
    whole = pico.to_integral_value(rounding=ROUND_CEILING)
    if exact and whole != pico:
        raise SettingError(
            f"{name} must have at most 6 decimals of USD per million tokens; got {usd_per_million}"
        )
    return int(whole)


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-dollars per token for each exclusive kind of token; None where there is no price.

    Parameters
    ----------
    input, cache_read, cache_write, cache_write_1h, audio_input : int or None
        The five kinds of input token. `cache_write` is the five-minute write.
    output, reasoning, audio_output : int or None
        The three kinds of output token.
    """

    input: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_1h: int | None
    audio_input: int | None
    output: int | None
    reasoning: int | None
    audio_output: int | None

    @classmethod
    def from_usd(cls, usd_per_million: Mapping[str, Decimal], *, exact: bool = True) -> Rates:
        """Build from USD per million tokens; a kind without its own price takes the plain one.

        Cached and audio input without a price cost what plain input costs, a one-hour cache
        write what a five-minute write costs, reasoning and audio output what output costs:
        providers without a special rate bill these tokens so.

        Examples
        --------
        >>> rates = Rates.from_usd({"input": Decimal("2.5"), "output": Decimal(10)})
        >>> rates.cache_read, rates.reasoning
        (2500000, 10000000)
        """
        pico = {
            name: pico_per_token(usd, name=f"{name}_usd_per_million", exact=exact)
            for name, usd in usd_per_million.items()
        }
        plain, out = pico.get("input"), pico.get("output")
        write = pico.get("cache_write", plain)
        return cls(
            input=plain,
            cache_read=pico.get("cache_read", plain),
            cache_write=write,
            cache_write_1h=pico.get("cache_write_1h", write),
            audio_input=pico.get("audio_input", plain),
            output=out,
            reasoning=pico.get("reasoning", out),
            audio_output=pico.get("audio_output", out),
        )

    @property
    def usd_per_million(self) -> dict[str, Decimal]:
        """The same prices in USD per million tokens, those that exist."""
        named = ((name, getattr(self, name)) for name in KINDS)
        return {name: Decimal(pico) / _TO_PICO for name, pico in named if pico is not None}


KINDS: Final = tuple(field.name for field in fields(Rates))
"""Names of the kinds of token, in the order of Rates."""


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What one token of a model costs, at one time and service tier.

    Parameters
    ----------
    model : str
        The book's name of the model.
    rates : Rates
        Prices of a call whose input does not pass the first threshold of `long_input`.
    long_input : tuple of (int, Rates)
        Thresholds in input tokens, rising, with the prices of **all** tokens of a call whose
        input is strictly above the threshold.
    service_tier : str or None
        'batch', 'flex', 'priority' or 'fast'; None for standard service.
    provider, source : str or None
        Who bills, and where the price was published.
    also_billed : tuple of str
        What the provider bills beside tokens (searches, requests, images): not in these prices.
    """

    model: str
    rates: Rates
    long_input: tuple[tuple[int, Rates], ...] = ()
    service_tier: str | None = None
    provider: str | None = None
    source: str | None = None
    also_billed: tuple[str, ...] = ()

    def at_input(self, input_tokens: int) -> Rates:
        """Return the prices that hold for a call with this many input tokens."""
        rates = self.rates
        for above, long_rates in self.long_input:
            if input_tokens > above:
                rates = long_rates
        return rates

    @property
    def input_pico(self) -> int:
        """Pico-dollars per plain input token (below any threshold)."""
        return _required(self.rates.input, self.model, "input")

    @property
    def output_pico(self) -> int:
        """Pico-dollars per output token (below any threshold)."""
        return _required(self.rates.output, self.model, "output")

    @property
    def cache_read_pico(self) -> int:
        """Pico-dollars per input token read from the cache (below any threshold)."""
        return _required(self.rates.cache_read, self.model, "cached input")

    @property
    def usd_per_million(self) -> dict[str, Decimal]:
        """USD per million tokens of each kind (below any threshold)."""
        return self.rates.usd_per_million


def _required(pico: int | None, model: str, kind: str) -> int:
    if pico is None:
        raise PriceError(f"{model} must have a price for {kind} tokens; the book has none")
    return pico
