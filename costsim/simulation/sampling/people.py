"""Who calls in a stream of one run: weights, from when to when, and moments of their requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.sampling.call_moments import POWERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.attempts import Outcomes
    from costsim.simulation.sampling.plan import PiecePlan, StreamPlan

    Floats = NDArray[np.float64]

A, A2, AA, A3, A2A, AAA, AK, X, X2, XX, AX, A_X = range(12)
"""Rows of request moments: E[A], E[A^2], E[A]^2, E[A^3], E[A^2]E[A], E[A]^3 and E[A K] of
dollars A and calls K; E[X], E[X^2], E[X]^2, E[A X] and E[A]E[X] of the excess X."""


@dataclass(frozen=True)
class People:
    """Users of a stream, arrays of one length; `log_medians` of their input and output tokens.

    `since_us` and `until_us` are None where all are there from the start, or to the end.
    """

    user: NDArray[np.int64]
    weight: Floats
    log_medians: tuple[Floats, Floats]
    since_us: NDArray[np.int64] | None
    until_us: NDArray[np.int64] | None


class Weights(NamedTuple):
    """Means of an intended call's outcomes by which its moments are weighted; see `Outcomes`.

    `calls` are E[K] and E[K^2] of the attempts of a request, its passes counted.
    """

    here: tuple[float, ...]
    tries: tuple[float, float, float]
    plain: tuple[float, ...]
    pair: tuple[float, ...]
    calls: tuple[float, float]


def weights_of(outcomes: Outcomes, passes: int) -> Weights:
    """Means of the outcomes of a call that makes so many passes."""
    mean, k = outcomes.mean, passes
    one, two = mean(0, 0, 1), mean(0, 0, 2)
    return Weights(
        here=tuple(mean(i, j) for i, j in POWERS),
        tries=(one, mean(1, 0, 1), mean(0, 1, 1)),
        plain=tuple(mean(0, 0, 0, i, j) for i, j in POWERS),
        pair=(mean(1, 0, 0, 1), mean(1, 0, 0, 0, 1), mean(0, 1, 0, 1), mean(0, 1, 0, 0, 1)),
        calls=(k * one, k * two + k * (k - 1) * one**2),
    )


def requests_of(stream: StreamPlan, piece: PiecePlan, people: People) -> Floats:
    """Moments of a request's dollars by user.

    Returns
    -------
    array of shape (12, users) or (7, users)
        Without the rows of the excess where nothing is changed; of one user where all are alike.
    """
    moments = piece.moments.of_users(*people.log_medians)
    weights, k = piece.weights, stream.passes
    here = moments[0]
    pairs = k * (k - 1)
    one, two = _first(here, weights.here), _second(here, weights.here)
    three = (
        weights.here[2] * here[2]
        + weights.here[5] * here[5]
        + 3 * weights.here[7] * here[7]
        + 3 * weights.here[8] * here[8]
    )
    found = np.empty((12 if piece.changed else 7, max(len(here[0]), len(here[3]))))
    square = one * one
    found[A] = k * one
    found[A2] = k * two + pairs * square if pairs else two
    found[A3] = k * three + 3 * pairs * one * two + pairs * (k - 2) * square * one
    found[AA] = found[A] ** 2
    found[A2A] = found[A2] * found[A]
    found[AAA] = found[AA] * found[A]
    tries, with_in, with_out = weights.tries
    found[AK] = k * (with_in * here[0] + with_out * here[3]) + pairs * one * tries
    if piece.changed:
        plain, pair = moments[1], moments[2]
        joint = sum(w * m for w, m in zip(weights.pair, pair, strict=True))
        excess = one - _first(plain, weights.plain)
        found[X] = k * excess
        found[X2] = k * (two - 2 * joint + _second(plain, weights.plain)) + pairs * excess**2
        found[XX] = found[X] ** 2
        found[AX] = k * (two - joint) + pairs * one * excess
        found[A_X] = found[A] * found[X]
    return found


def _first(moments: list[Floats], weights: tuple[float, ...]) -> Floats:
    return weights[0] * moments[0] + weights[3] * moments[3]


def _second(moments: list[Floats], weights: tuple[float, ...]) -> Floats:
    return weights[1] * moments[1] + weights[4] * moments[4] + 2 * weights[6] * moments[6]


def present(people: People, which: NDArray[np.intp], bins: int, width_us: int) -> Floats | None:
    """Share of each bin in which some of the people are there, (chosen, bins); None if always."""
    if people.since_us is None and people.until_us is None:
        return None
    edges = np.arange(bins) * float(width_us)
    share = np.ones((len(which), bins))
    if people.until_us is not None:
        share = np.clip((people.until_us[which, None] - edges) / width_us, 0, 1)
    if people.since_us is not None:
        share -= np.clip((people.since_us[which, None] - edges) / width_us, 0, 1)
    return np.maximum(share, 0.0)


def over_time(people: People, values: Floats, bins: int, width_us: int) -> Floats:
    """Sums of values over those who are there, in each bin.

    Parameters
    ----------
    values : array of shape (rows, people)

    Returns
    -------
    array of shape (rows, bins)
    """
    total = np.zeros((len(values), bins))
    until, since = people.until_us, people.since_us
    if until is None:
        total += values.sum(axis=1)[:, None]
    elif since is not None:
        until = np.maximum(until, since)
    for moments, sign in ((until, 1.0), (since, -1.0)):
        if moments is None:
            continue
        place = np.minimum(moments / width_us, float(bins))
        whole = place.astype(np.intp)
        within = place - whole
        for row, value in enumerate(values):
            kept = np.bincount(whole, value, minlength=bins + 1)
            later = kept[::-1].cumsum()[::-1] - kept
            part = np.bincount(whole, value * within, minlength=bins + 1)
            total[row] += sign * (later + part)[:bins]
    return total
