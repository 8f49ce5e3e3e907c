"""Moments of one call's dollars for users of any log median: tables, made once for all seeds.

Every function of a call's tokens (rounding, cap, scales of incidents, cache, price by length of
the input) is integrated numerically over the law of a call at a grid of users' log medians; a
run's users are looked up between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.effects import scaled
from costsim.simulation.routes import NEVER_ABOVE, RoutePrices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.distributions import Tokens
    from costsim.simulation.pieces import Terms

    Floats = NDArray[np.float64]

USERS, USER_REACH = 257, 7.0
POWERS = ((1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (1, 2))
"""(i, j) of E[I**i O**j], I the dollars of a call's input and O those of its output."""


def tokens_of_calls(law: Tokens, log_median: Floats) -> tuple[Floats, Floats]:
    """Whole tokens of a user's calls at nodes of integration, and the weights of the nodes.

    Parameters
    ----------
    log_median : array of shape (users,)

    Returns
    -------
    array of shape (users, nodes), array of shape (nodes,)
        The weights sum to 1.
    """
    tokens, weights = law.quadrature(log_median)
    return np.rint(np.maximum(tokens, 1)), weights


class Prices(NamedTuple):
    """USD a token by level of input length: bounds (K,), and rates of K + 1 levels each."""

    above: tuple[int, ...]
    inner: tuple[float, ...]
    cached: tuple[float, ...]
    outer: tuple[float, ...]


def prices_at(prices: RoutePrices, terms: Terms, epoch: int) -> Prices:
    """What a stream's calls cost in an epoch of the run."""
    route = prices.number(terms.route)
    above = [int(b) for b in prices.above[epoch, route] if b != NEVER_ABOVE]
    tables = (prices.input_pico, prices.cached_pico, prices.output_pico)
    inner, cached, outer = (
        tuple(float(pico) / 1e12 for pico in table[epoch, route, : len(above) + 1])
        for table in tables
    )
    return Prices(tuple(above), inner, cached, outer)


class Billing(NamedTuple):
    """What changes the dollars of a call: its terms, as far as they do."""

    scale_in: tuple[float, ...]
    scale_out: tuple[float, ...]
    cache_share: float

    @classmethod
    def of(cls, terms: Terms) -> Billing:
        return cls(terms.scale_in, terms.scale_out, terms.cache_share)


class CallLaw(NamedTuple):
    """What a stream's calls are, whatever holds at the time."""

    input_tokens: Tokens
    output_tokens: Tokens
    hit_rate: float
    truncated_rate: float


@dataclass(frozen=True)
class CallMoments:
    """E[I^i O^j] of calls under some terms, and jointly with the same calls under plain terms.

    `inner` are moments of input dollars and output price, `outer` of output tokens, over a grid
    of users' log medians; divided by ``exp(degree * log median)``, which they nearly go by. Where
    the price of output hangs on the length of the input, `inner` has all `POWERS` of both for
    each of the two terms and then the four of the pair; else `flat` are the prices of output, and
    `inner` has the powers of input dollars alone and their product.
    """

    inner: UserTable
    outer: UserTable
    flat: tuple[float, ...] | None

    def of_users(self, medians_in: Floats, medians_out: Floats) -> list[list[Floats]]:
        """Moments for users of these log medians.

        Returns
        -------
        list of one or three sequences of arrays of shape (users or 1,)
            By `POWERS` under the terms, and, where they were asked for, under the plain ones, and
            E[I I'], E[I O'], E[O I'], E[O O'] of the pair.
        """
        a, b = self.inner.at(medians_in), self.outer.at(medians_out)
        if self.flat is not None:
            return self._of_flat(a, b, self.flat)
        ways = len(b) // 3
        found = []
        for way in range(ways):
            columns = a[9 * way : 9 * way + 9]
            tokens = b[3 * way : 3 * way + 3]
            found.append(
                [c * tokens[j - 1] if j else c for c, (_, j) in zip(columns, POWERS, strict=True)]
            )
        if ways == 2:
            found.append([a[18], a[19] * b[3], a[20] * b[0], a[21] * b[6]])
        return found

    def _of_flat(self, a: Floats, b: Floats, flat: tuple[float, ...]) -> list[list[Floats]]:
        found = []
        for way, price in enumerate(flat):
            usd = a[3 * way : 3 * way + 3]
            out = [tokens * price**j for j, tokens in enumerate(b[3 * way : 3 * way + 3], 1)]
            found.append([*usd, *out, usd[0] * out[0], usd[1] * out[0], usd[0] * out[1]])
        if len(flat) == 2:
            here, there = found
            pair = [a[6], here[0] * there[3], here[3] * there[0], b[6] * flat[0] * flat[1]]
            found.append(pair)
        return found


@dataclass(frozen=True)
class UserTable:
    """Functions of a user's log median, straight between users of equally spaced scores."""

    law: Tokens
    values: Floats
    slopes: Floats
    degrees: tuple[int, ...]

    @classmethod
    def of(cls, law: Tokens, columns: Iterator[tuple[int, Floats]], medians: Floats) -> UserTable:
        found = list(columns)
        unit = np.exp(medians - law.log_median)
        values = np.stack([column / unit**degree for degree, column in found])
        slopes = np.diff(values, axis=1, append=values[:, -1:])
        return cls(law, values, slopes, tuple(degree for degree, _ in found))

    def at(self, log_median: Floats) -> Floats:
        """Values of shape (columns, users); of one user where all are alike."""
        if self.values.shape[1] == 1:
            return self.values
        place = self.law.scores(log_median)
        place *= (USERS - 1) / (2 * USER_REACH)
        place += USERS // 2
        np.clip(place, 0, self.values.shape[1] - 1, out=place)
        whole = place.astype(np.intp)
        place -= whole
        found = self.slopes.take(whole, axis=1)
        found *= place
        found += self.values.take(whole, axis=1)
        unit = np.exp(log_median - self.law.log_median)
        powers = {1: unit, 2: unit * unit}
        powers[3] = powers[2] * unit
        for column, degree in enumerate(self.degrees):
            if degree:
                found[column] *= powers[degree]
        return found


@lru_cache(maxsize=256)  # the lives of a product have most of their streams in common
def call_moments(
    law: CallLaw, terms: Billing, at: Prices, plain: Billing | None, plain_at: Prices
) -> CallMoments:
    """Tables of a stream's calls under some terms, beside the same calls under plain ones.

    Parameters
    ----------
    plain : Billing, optional
        None where nothing but the terms is asked for.
    """
    ways = [(terms, at)] if plain is None else [(terms, at), (plain, plain_at)]
    level = any(prices.above for _, prices in ways)
    flat = None if level else tuple(prices.outer[0] for _, prices in ways)
    powers = POWERS if level else POWERS[:3]
    grid_in, grid_out = _medians(law.input_tokens), _medians(law.output_tokens)
    drawn, weights = tokens_of_calls(law.input_tokens, grid_in)

    def inner() -> Iterator[tuple[int, Floats]]:
        usd, price, hits = [], [], (1 - law.hit_rate, law.hit_rate)
        for way, prices in ways:
            tokens = _scaled(drawn, way.scale_in, law.input_tokens)
            number = sum(((tokens > b).astype(np.intp) for b in prices.above), np.intp(0))
            rate, cached, out = (np.array(r)[number] for r in prices[1:])
            saved = np.floor(tokens * way.cache_share) * (rate - cached)
            usd.append((tokens * rate, tokens * rate - saved))  # without a hit of the cache, with
            price.append(out)
        for one, out in zip(usd, price, strict=True):
            for i, j in powers:
                mean = sum(h * one[k] ** i for k, h in enumerate(hits))
                yield i, np.asarray(mean * out**j) @ weights
        if len(ways) == 2:
            yield 2, sum(h * usd[0][k] * usd[1][k] for k, h in enumerate(hits)) @ weights
        if len(ways) == 2 and level:
            yield 1, sum(h * usd[0][k] * price[1] for k, h in enumerate(hits)) @ weights
            yield 1, sum(h * usd[1][k] * price[0] for k, h in enumerate(hits)) @ weights
            yield 0, np.broadcast_to(price[0] * price[1], drawn.shape) @ weights

    def outer() -> Iterator[tuple[int, Floats]]:
        made, weights = tokens_of_calls(law.output_tokens, grid_out)
        if law.truncated_rate:
            top = np.full((len(made), 1), float(law.output_tokens.max or 0))
            made = np.hstack([made, top])
            weights = np.append(weights * (1 - law.truncated_rate), law.truncated_rate)
        tokens = [_scaled(made, way.scale_out, law.output_tokens) for way, _ in ways]
        for each in tokens:
            for power in (1, 2, 3):
                yield power, each**power @ weights
        if len(ways) == 2:
            yield 2, (tokens[0] * tokens[1]) @ weights

    return CallMoments(
        UserTable.of(law.input_tokens, inner(), grid_in),
        UserTable.of(law.output_tokens, outer(), grid_out),
        flat,
    )


def _medians(law: Tokens) -> Floats:
    """Log medians of the users of a table."""
    scores = np.linspace(-USER_REACH, USER_REACH, USERS) if law.users_differ else np.zeros(1)
    return law.log_medians(scores)


def _scaled(tokens: Floats, factors: tuple[float, ...], law: Tokens) -> Floats:
    for factor in factors:
        tokens = scaled(tokens.astype(np.int64), factor, law).astype(float)
    return tokens
