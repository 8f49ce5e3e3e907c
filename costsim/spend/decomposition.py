"""A change of dollars as a sum of its factors, exactly: volume, retries, tokens, price and so on.

The dollars of one side of a call (input or output) are a product: requests x attempts a request x
tokens an attempt x dollars a token. The logarithmic mean divides the change of a product among its
factors without a rest (LMDI-I; Ang, Energy Policy 33, 2005, 867-871). Dollars a token change when
calls move to another model, or within a model, by its cache or its price.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Final, NamedTuple

FACTORS: Final = ("volume", "retries", "input_tokens", "output_tokens", "model", "cache", "price")
"""What dollars may change by; the parts sum to the whole change."""

SAME_CACHE: Final = 0.02
"""Change of the cached share of input that is taken for none."""


class Sums(NamedTuple):
    """One model's calls in a period; a period of several weeks gives means, so floats."""

    calls: float
    requests: float
    input_tokens: float
    cached_tokens: float
    output_tokens: float
    input_usd: float
    output_usd: float

    @property
    def usd(self) -> float:
        return self.input_usd + self.output_usd


NOTHING: Final = Sums(0, 0, 0, 0, 0, 0, 0)


def decompose(before: Mapping[str, Sums], after: Mapping[str, Sums]) -> dict[str, float]:
    """The change of dollars from one period to another, by factor.

    Parameters
    ----------
    before, after : mapping of str to Sums
        By model.

    Returns
    -------
    dict of float
        USD by :data:`FACTORS`; they sum to the change. Where there was nothing before, or is
        nothing after, all of it is volume.

    Examples
    --------
    >>> usual = {"gpt-4o": Sums(100, 100, 1e5, 0, 1e4, 0.25, 0.10)}
    >>> longer = {"gpt-4o": Sums(100, 100, 3e5, 0, 1e4, 0.75, 0.10)}
    >>> parts = decompose(usual, longer)
    >>> round(parts["input_tokens"], 9), round(sum(parts.values()), 9)
    (0.5, 0.5)
    """
    found = dict.fromkeys(FACTORS, 0.0)
    one, two = _total(before), _total(after)
    for side in ("input", "output"):
        usd = [getattr(total, f"{side}_usd") for total in (one, two)]
        tokens = [getattr(total, f"{side}_tokens") for total in (one, two)]
        if min(*usd, *tokens, one.requests, two.requests) <= 0:
            found["volume"] += usd[1] - usd[0]
            continue
        weight = _logarithmic_mean(usd[0], usd[1])
        found["volume"] += weight * log(two.requests / one.requests)
        tries = (two.calls / two.requests) / (one.calls / one.requests)
        found["retries"] += weight * log(tries)
        each = (tokens[1] / two.calls) / (tokens[0] / one.calls)
        found[f"{side}_tokens"] += weight * log(each)
        price = weight * log((usd[1] / tokens[1]) / (usd[0] / tokens[0]))
        for factor, part in _of_price(before, after, side, price).items():
            found[factor] += part
    return found


def _total(models: Mapping[str, Sums]) -> Sums:
    return Sums(*(sum(column) for column in zip(NOTHING, *models.values(), strict=True)))


def _logarithmic_mean(one: float, two: float) -> float:
    return one if abs(two - one) < 1e-12 * (one + two) else (two - one) / log(two / one)


def _of_price(
    before: Mapping[str, Sums], after: Mapping[str, Sums], side: str, usd: float
) -> dict[str, float]:
    """The part of dollars a token, as models chosen, and the cache or price within a model."""

    def tokens(models: Mapping[str, Sums], name: str) -> float:
        return float(getattr(models.get(name, NOTHING), f"{side}_tokens"))

    names = {*before, *after}
    whole = [sum(tokens(models, name) for name in names) for models in (before, after)]
    mix = cache = price = 0.0
    for name in names:
        amounts = [tokens(models, name) for models in (before, after)]
        shares = [amount / total for amount, total in zip(amounts, whole, strict=True)]
        each = [
            getattr(models[name], f"{side}_usd") / amount if amount > 0 else None
            for models, amount in zip((before, after), amounts, strict=True)
        ]
        old, new = (
            (each[0] if each[0] is not None else each[1]),
            (each[1] if each[1] is not None else each[0]),
        )
        if old is None or new is None:
            continue
        mix += (shares[1] - shares[0]) * (old + new) / 2
        within = (new - old) * (shares[0] + shares[1]) / 2
        if side == "input" and _cache_changed(before.get(name), after.get(name)):
            cache += within
        else:
            price += within
    total = mix + cache + price
    # in proportion: both are parts of the change of dollars a token, one of them in logarithms
    scale = usd / total if abs(total) > 1e-18 else 0.0
    return {"model": mix * scale, "cache": cache * scale, "price": price * scale}


def _cache_changed(before: Sums | None, after: Sums | None) -> bool:
    if before is None or after is None or not before.input_tokens or not after.input_tokens:
        return False
    shares = [sums.cached_tokens / sums.input_tokens for sums in (before, after)]
    return abs(shares[1] - shares[0]) > SAME_CACHE
