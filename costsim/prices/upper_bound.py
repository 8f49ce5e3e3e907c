"""The most that one call can cost, before anybody knows what it will."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from costsim.errors import PriceError, SettingError
from costsim.prices.cost import split_cost
from costsim.prices.unit import KINDS, MAX_TOKENS, Rates, UnitPrice

TEXT_IN: Final = ("input", "cache_read", "cache_write", "cache_write_1h")
TEXT_OUT: Final = ("output", "reasoning")
"""Kinds of token that a text call may be billed for."""


def upper_bound_nano(
    unit: UnitPrice,
    *,
    input_tokens: int,
    max_output_tokens: int,
    kinds: Collection[str] = (*TEXT_IN, *TEXT_OUT),
) -> int:
    """Nano-dollars that a call cannot pass, rounded up.

    Parameters
    ----------
    unit : UnitPrice
    input_tokens : int
        At least as many as the provider will count.
    max_output_tokens : int
        Of all answers together, where several are asked for.
    kinds : collection of str
        Kinds of token, as in :class:`Rates`, that the call may be billed for. The dearest of each
        side is taken for all of its tokens; leaving out cache writes, where none are asked for,
        gives a smaller bound.

    Raises
    ------
    SettingError
        An amount or a kind that is not allowed.
    PriceError
        The model has no price for input or output.

    Notes
    -----
    Where a longer input changes the prices, the dearest of all stretches up to this length counts.

    Examples
    --------
    >>> from costsim.prices import load_price_book
    >>> unit = load_price_book("list-2024").unit("gpt-4o")
    >>> upper_bound_nano(unit, input_tokens=1000, max_output_tokens=500)
    12500000
    """
    for name, value in (("input_tokens", input_tokens), ("max_output_tokens", max_output_tokens)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
            raise SettingError(f"{name} must be an integer from 0 to {MAX_TOKENS}; got {value!r}")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise SettingError(f"kinds must be some of {KINDS}; got {unknown[0]!r}")
    stretches = [unit.rates, *(rates for above, rates in unit.long_input if input_tokens > above)]
    out = ("output", "reasoning", "audio_output")
    side_in = _dearest(stretches, [k for k in kinds if k not in out], unit.model, "input")
    side_out = _dearest(stretches, [k for k in kinds if k in out], unit.model, "output")
    return split_cost(input_tokens * side_in, max_output_tokens * side_out)[2]


def _dearest(stretches: list[Rates], kinds: list[str], model: str, plain: str) -> int:
    found: list[int | None] = [
        getattr(rates, kind) for rates in stretches for kind in (plain, *kinds)
    ]
    if found[0] is None:
        raise PriceError(f"{model} must have a price for {plain} tokens; the book has none")
    return max(pico for pico in found if pico is not None)
