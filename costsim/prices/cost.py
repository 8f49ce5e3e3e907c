"""What one call costs, in whole nano-dollars: the rounding rule, and the scalar calculation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from costsim.errors import DataError, PriceError
from costsim.prices.unit import MAX_TOKENS, PICO_PER_NANO, UnitPrice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IntOrInts = TypeVar("IntOrInts", int, "NDArray[np.int64]")


class CallCost(NamedTuple):
    """Whole nano-dollars of one call; input and output add up to the total."""

    input_nano: int
    output_nano: int
    total_nano: int


def split_cost(
    input_pico: IntOrInts, output_pico: IntOrInts
) -> tuple[IntOrInts, IntOrInts, IntOrInts]:
    """Round one call's exact cost to nano-dollars: the one place where money is rounded.

    The total is rounded up once; input is its own part rounded up; output is what remains.
    So the parts add up exactly, each is within one nano-dollar of its exact value, neither is
    negative (``ceil(a + b) >= ceil(a)`` for ``b >= 0``), and a part that is zero stays zero.

    Parameters
    ----------
    input_pico, output_pico : int or int64 array
        Exact pico-dollars, not negative.

    Returns
    -------
    tuple
        Nano-dollars of input, output and total.

    Examples
    --------
    >>> split_cost(1_001, 1_001)
    (2, 1, 3)
    >>> split_cost(500, 0), split_cost(0, 500)
    ((1, 0, 1), (0, 1, 1))
    """
    total = -(-(input_pico + output_pico) // PICO_PER_NANO)
    input_nano = -(-input_pico // PICO_PER_NANO)
    return input_nano, total - input_nano, total


def call_cost(
    unit: UnitPrice,
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    audio_input_tokens: int = 0,
    reasoning_tokens: int = 0,
    audio_output_tokens: int = 0,
) -> CallCost:
    """Price one call with integers alone; equal to the row `PriceBook.price` would give.

    Parameters
    ----------
    unit : UnitPrice
        From `PriceBook.unit`.
    input_tokens, output_tokens : int
        Totals, from 0 to 1e9. Input includes cached and audio tokens, output includes
        reasoning and audio tokens.
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, audio_input_tokens : int
        Disjoint parts of the input. Audio that was read from the cache counts once, as a
        cache read; a one-hour write is not also a (five-minute) `cache_write`.
    reasoning_tokens, audio_output_tokens : int
        Disjoint parts of the output.

    Raises
    ------
    DataError
        A count is negative or too large, or parts add up to more than their total.
    PriceError
        Tokens of a kind for which the model has no price.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from costsim.prices.unit import Rates
    >>> usd = {"input": Decimal("2.5"), "cache_read": Decimal("1.25"), "output": Decimal(10)}
    >>> unit = UnitPrice("gpt-4o", Rates.from_usd(usd))
    >>> call_cost(unit, input_tokens=1_000_000, cache_read_tokens=900_000, output_tokens=0)
    CallCost(input_nano=1375000000, output_nano=0, total_nano=1375000000)
    """
    rates = unit.at_input(input_tokens)
    input_pico = _side(
        "input_tokens",
        input_tokens,
        rates.input,
        {
            "cache_read_tokens": (cache_read_tokens, rates.cache_read),
            "cache_write_tokens": (cache_write_tokens, rates.cache_write),
            "cache_write_1h_tokens": (cache_write_1h_tokens, rates.cache_write_1h),
            "audio_input_tokens": (audio_input_tokens, rates.audio_input),
        },
        unit.model,
    )
    output_pico = _side(
        "output_tokens",
        output_tokens,
        rates.output,
        {
            "reasoning_tokens": (reasoning_tokens, rates.reasoning),
            "audio_output_tokens": (audio_output_tokens, rates.audio_output),
        },
        unit.model,
    )
    return CallCost(*split_cost(input_pico, output_pico))


def call_cost_nano(
    unit: UnitPrice,
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    audio_input_tokens: int = 0,
    reasoning_tokens: int = 0,
    audio_output_tokens: int = 0,
) -> int:
    """Return the total of `call_cost` alone: what a ledger books for one call.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from costsim.prices.unit import Rates
    >>> rates = Rates.from_usd({"input": Decimal(30), "output": Decimal(60)})
    >>> call_cost_nano(UnitPrice("gpt-4", rates), input_tokens=7_000, output_tokens=500)
    240000000
    """
    return call_cost(
        unit,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
        cache_write_1h_tokens=cache_write_1h_tokens,
        audio_input_tokens=audio_input_tokens,
        reasoning_tokens=reasoning_tokens,
        audio_output_tokens=audio_output_tokens,
    ).total_nano


def _side(
    name: str,
    total: int,
    plain_pico: int | None,
    parts: dict[str, tuple[int, int | None]],
    model: str,
) -> int:
    """Return exact pico-dollars of one side of a call."""
    if not 0 <= total <= MAX_TOKENS:
        raise DataError(f"{name} must be from 0 to {MAX_TOKENS:,}; got {total:,}")
    pico, plain = 0, total
    for part, (tokens, rate) in parts.items():
        if tokens < 0:
            raise DataError(f"{part} must not be negative; got {tokens:,}")
        plain -= tokens
        pico += _cost(part, tokens, rate, model)
    if plain < 0:
        raise DataError(f"parts of {name} must add up to at most {total:,}; got {total - plain:,}")
    return pico + _cost(name, plain, plain_pico, model)


def _cost(name: str, tokens: int, rate: int | None, model: str) -> int:
    if rate is None and tokens:
        raise PriceError(f"{model} must have a price for {name}; the book has none")
    return tokens * (rate or 0)
