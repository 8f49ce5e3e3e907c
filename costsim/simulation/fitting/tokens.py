"""Token counts: a cap, a law that is close enough, and how much of it lies between users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, inf, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.distributions import Component, Tokens
from costsim.simulation.fitting.quantile_grid import ATOM, quantile_grid
from costsim.simulation.fitting.users import Split, split_users, unsplit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CLOSE = 0.10
"""Largest relative difference of a law's quantiles and mean from the log's, beyond chance."""
CHECKED = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
FEW_USERS = 30  # effective; with fewer, the law is the calls' own
MOST_CALLS = 400_000  # that a law is fitted to; more change no digit that is written


@dataclass(frozen=True)
class TokenFit:
    """A law with what is known of its uncertainty; `split` has the part between users."""

    tokens: Tokens
    law: str
    split: Split
    calls: int
    capped_share: float
    furthest: float
    """Largest relative difference of a checked quantile or the mean from the log's."""
    cap_known: bool
    """Whether the log shows a cap; else a closed form ends at the largest count seen."""


def find_cap(values: Floats, sent: Floats, cut_off: NDArray[np.bool_] | None) -> int | None:
    """Cap in tokens, where the log shows one.

    Parameters
    ----------
    values : array of shape (calls,)
        Tokens, at least 1.
    sent : array of shape (calls,)
        The limit that was sent with each call, NaN where unknown (outputs only).
    cut_off : array of bool, optional
        Calls that ended because they ran into a limit, where that is known.

    Notes
    -----
    In this order: the one limit that was sent; the one count at which most of the calls that
    were cut off ended; an atom at the largest count, of at least ten calls, a two-hundredth of
    all, and five times what the counts below it would let expect.
    """
    known = sent[np.isfinite(sent)]
    top = float(values.max())
    if len(known) > 0.5 * len(values):
        limits, times = np.unique(known, return_counts=True)
        main = float(limits[times.argmax()])
        if times.max() > 0.95 * len(known) and top <= main and main >= np.median(values):
            return int(main)
    if cut_off is not None and cut_off.sum() >= 10:
        counts, times = np.unique(values[cut_off], return_counts=True)
        if times.max() > 0.5 * cut_off.sum() and counts[times.argmax()] == top:
            return int(top)
    at = int((values == top).sum())
    below = int(((values < top) & (values >= 0.98 * top)).sum()) / max(0.02 * top, 1.0)
    if at >= max(10, ATOM * len(values)) and at > 5 * max(below, 1.0):
        return int(top)
    return None


def fit_tokens(
    values: Floats,
    user: Ints,
    cap: int | None,
    rng: np.random.Generator,
    between_share: float,
) -> TokenFit:
    """The simplest law that is close: lognormal, then a mixture of two or three, then a grid.

    A law is close when none of its quantiles from p 0.05 to 0.99 and not its mean differ from the
    log's by more than 10% (a token at least) beyond three standard errors. Standard errors count
    users, not calls, where users differ: each user's calls are one draw of a user. Where fewer
    than 30 users' worth carry the calls, as with a few large customers, that would excuse any law;
    then the calls' own distribution is the law, because it makes the bill.

    Parameters
    ----------
    values : array of shape (calls,)
        Tokens; what is below 1 counts as 1.
    user : array of int, shape (calls,)
        Codes; -1 is unknown.
    cap : int, optional
    rng : numpy.random.Generator
        For the calls drawn where there are very many, and for those beyond the cap.
    between_share : float
        Assumed share of the variance of logs between users, where there are no user ids.
    """
    if len(values) > MOST_CALLS:
        chosen = np.sort(rng.choice(len(values), MOST_CALLS, replace=False))
        values, user = values[chosen], user[chosen]
    values = np.maximum(values, 1.0)
    if cap is not None:
        values = np.minimum(values, cap)
    known = user >= 0
    enough = known.mean() > 0.5 and len(np.unique(user[known])) >= 5
    logs = np.log(values)
    beyond = values >= cap if cap is not None else np.zeros(len(values), bool)
    split = (
        split_users(logs[known], user[known], beyond[known], rng)
        if enough
        else unsplit(logs, beyond, between_share)
    )
    share = split.between_share
    if split.effective_users < FEW_USERS:
        split = _of_calls(logs, beyond, split)
    top = int(values.max()) if cap is None else cap
    for law, tokens in _closed_forms(values, split, top, share):
        away = _furthest(tokens, values, split)
        if away <= CLOSE:
            capped = float(beyond.mean())
            return TokenFit(tokens, law, split, len(values), capped, away, cap is not None)
    grid = Tokens(quantiles=quantile_grid(values), between_users_share=min(share, 0.99))
    if cap is not None and log(cap) >= grid.log_median:  # else most calls lie at it: a step
        grid = grid.model_copy(update={"max": cap})
    away = _furthest(grid, values, split)
    capped = float(beyond.mean())
    return TokenFit(grid, "quantiles", split, len(values), capped, away, cap is not None)


def _closed_forms(
    values: Floats, split: Split, cap: int | None, share: float
) -> Iterator[tuple[str, Tokens]]:
    """Lognormal, then mixtures, each made only when it is asked for."""
    from pydantic import ValidationError

    sd = split.log_sd
    for count in (1, 2, 3):
        law = "lognormal" if count == 1 else f"mixture of {count}"
        parts = [(1.0, split.mean, sd)] if count == 1 else _mixture(np.log(values), count)
        least = min(part[2] for part in parts)
        between = min(sqrt(share) * sd, least)
        try:
            if len(parts) == 1:
                tokens = Tokens(
                    median=rounded(exp(parts[0][1])),
                    log_sd=rounded(min(sd, 4.0)),
                    between_users_log_sd=min(rounded(between), rounded(min(sd, 4.0))),
                    max=cap,
                )
            else:
                weights = [round(w, 4) for w, _, _ in parts]
                weights[0] = round(1 - sum(weights[1:]), 4)
                components = tuple(
                    Component(weight=w, median=rounded(exp(mu)), log_sd=rounded(max(s, 0.02)))
                    for w, (_, mu, s) in zip(weights, parts, strict=True)
                )
                # a mixture's users may differ by no more than its narrowest component does
                if between < 0.9 * sqrt(share) * sd:
                    continue
                least = min(component.log_sd for component in components)
                tokens = Tokens(
                    mixture=components, between_users_log_sd=min(rounded(between), least), max=cap
                )
        except ValidationError:  # a cap below the median of this law: not this law
            continue
        yield law, tokens


def _of_calls(logs: Floats, beyond: NDArray[np.bool_], split: Split) -> Split:
    """The split's shares of the spread, with mean and spread of the calls as they lie."""
    whole = unsplit(logs, beyond, split.between_share)
    return replace(
        split,
        mean=whole.mean,
        between=whole.between,
        within=whole.within,
        effective_users=inf,
    )


def _mixture(logs: Floats, count: int) -> list[tuple[float, float, float]]:
    """Weights, means and standard deviations of normals by EM, from equal slices of the data."""
    x = np.sort(logs)
    if len(x) > 5000:  # evenly spaced order statistics: the law, without its noise
        x = x[np.linspace(0, len(x) - 1, 5000).astype(int)]
    slices = np.array_split(x, count)
    weight = np.full(count, 1 / count)
    mean = np.array([part.mean() for part in slices])
    sd = np.array([max(part.std(), 0.1) for part in slices])
    for _ in range(200):
        z = (x[:, None] - mean) / sd
        density = weight * np.exp(-(z**2) / 2) / sd
        share = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        total = share.sum(axis=0) + 1e-9
        moved = (share * x[:, None]).sum(axis=0) / total
        sd = np.sqrt((share * (x[:, None] - moved) ** 2).sum(axis=0) / total).clip(0.02)
        weight = total / total.sum()
        if np.abs(moved - mean).max() < 1e-5:
            break
        mean = moved
    return [(float(w), float(m), float(s)) for w, m, s in zip(weight, mean, sd, strict=True)]


def _furthest(tokens: Tokens, values: Floats, split: Split) -> float:
    """Largest relative difference of a quantile or the mean, less three standard errors."""
    few = split.between**2 / split.effective_users
    order = np.sort(values)
    worst = 0.0
    for p in CHECKED:
        wanted = float(order[min(int(p * len(order)), len(order) - 1)])
        found = quantile(tokens, p)
        error = sqrt(quantile_variance(p, few, split.within**2 / len(values)))
        gap = max(abs(found - wanted) - 1, 0.0) / max(wanted, 1.0)
        worst = max(worst, gap - 3 * error)
    sd = float(values.std() / values.mean())
    error = sqrt(few + sd**2 / len(values))
    gap = max(abs(tokens.expected - values.mean()) - 0.5, 0.0) / values.mean()
    return float(max(worst, gap - 3 * error))


def quantile(tokens: Tokens, p: float) -> float:
    """Quantile of a law, the cap included, by bisection on its tail; to a thousandth of a token."""
    if tokens.max is not None and tokens.share_at_least(tokens.max) >= 1 - p:
        return float(tokens.max)
    low, high = 1e-3, 4e9
    while high - low > 1e-3 and high / low > 1 + 1e-6:
        middle = sqrt(low * high)
        low, high = (middle, high) if tokens.share_at_least(middle) > 1 - p else (low, middle)
    return high


def rounded(value: float, digits: int = 4) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")


def quantile_variance(p: float, users: float, calls: float) -> float:
    """Variance of the log of a sample's quantile.

    Parameters
    ----------
    p : float
        Of the quantile.
    users : float
        Variance of the log between users, over the number of users that carry the calls: it
        moves location and, by half as much for a normal, spread.
    calls : float
        Variance of the log within users over the number of calls.
    """
    from scipy.special import ndtri

    z = float(ndtri(p))
    density = exp(-z * z / 2) / sqrt(2 * pi)
    return users * (1 + z * z / 2) + calls * p * (1 - p) / density**2


def log_error(fit: TokenFit) -> float:
    """Standard error of the log median."""
    return fit.split.mean_error if fit.law == "lognormal" else log(1 + fit.furthest)
