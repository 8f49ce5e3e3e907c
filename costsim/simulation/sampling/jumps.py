"""What one fragment of a session costs: moments by kind and bin, mixed over the pieces in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.sampling.fragments import MIDDLE
from costsim.simulation.sampling.people import A2, A2A, A3, A_X, AA, AAA, AK, AX, X2, XX, A, X

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.plan import StreamPlan

    Floats = NDArray[np.float64]


class Jumps(NamedTuple):
    """Moments of a fragment's dollars A, calls K and excess X, each of shape (kinds, bins or 1).

    `variance`, `third` are central. The covariances are of dollars with calls and with excess;
    `excess` is None where nothing is changed.
    """

    mean: Floats
    variance: Floats
    third: Floats
    calls: Floats
    calls_variance: Floats
    calls_covariance: Floats
    excess: tuple[Floats, Floats, Floats] | None


def jumps_of(stream: StreamPlan, requests: Sequence[Floats], factorials: Floats) -> Jumps:
    """Mix request moments of a group of users over pieces, and add up to fragments.

    Parameters
    ----------
    requests : sequence of arrays of shape (rows, bins or 1)
        For each piece of the stream, means over the group's users by weight.
    factorials : array of shape (kinds, 3)
        Factorial moments of requests in a fragment of each kind.
    """
    n1, n2, n3 = (factorials[:, i : i + 1] for i in range(3))
    zero = np.zeros((1, 1))
    first, second, third, calls, calls2, joint = [zero] * 6
    excess, excess2, joint_x = [zero] * 3
    changed = any(piece.changed for piece in stream.pieces)
    for piece, rows in zip(stream.pieces, requests, strict=True):
        mean, square = piece.weights.calls
        # a piece that is all of the run is spared its share
        m1, m2, m3 = (n1, n2, n3) if stream.alone else (n * piece.inside for n in (n1, n2, n3))
        first = first + m1 * rows[A]
        second = second + m1 * rows[A2] + m2 * rows[AA]
        third = third + m1 * rows[A3] + 3 * m2 * rows[A2A] + m3 * rows[AAA]
        calls = calls + m1 * mean
        calls2 = calls2 + m1 * square + m2 * mean**2
        joint = joint + m1 * rows[AK] + m2 * (rows[A] * mean)
        if piece.changed:
            excess = excess + m1 * rows[X]
            excess2 = excess2 + m1 * rows[X2] + m2 * rows[XX]
            joint_x = joint_x + m1 * rows[AX] + m2 * rows[A_X]
    return Jumps(
        mean=first,
        variance=second - first**2,
        third=third - 3 * first * second + 2 * first**3,
        calls=calls,
        calls_variance=np.maximum(calls2 - calls**2, 0.0),
        calls_covariance=joint - first * calls,
        excess=(excess, excess2 - excess**2, joint_x - first * excess) if changed else None,
    )


def mixed_fragments(stream: StreamPlan, starts: Floats) -> tuple[Floats, Floats, float]:
    """Fragments of any kind as if all had one law: that of the whole run.

    Parameters
    ----------
    starts : array of shape (bins,)
        Expected starts of sessions.

    Returns
    -------
    rate : array of shape (bins,)
        Expected fragments, so many that expected requests are right in each bin.
    factorials : array of shape (1, 3)
        Of requests in a fragment.
    begun : float
        Share of fragments that have at least one request.
    """
    if len(stream.fragments.reach) == 1:
        return starts, stream.fragments.calls[:1], 1.0
    expected = stream.fragments.expected(starts)
    kinds = expected.sum(axis=1)
    share = kinds / max(kinds.sum(), 1e-300)
    factorials = share @ stream.fragments.calls
    requests = stream.fragments.calls[:, 0] @ expected
    return requests / max(factorials[0], 1e-300), factorials[None], 1 - float(share[MIDDLE])
