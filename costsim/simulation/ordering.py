"""The written order of calls: by time, then user, then sequence; and the order by user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COARSE_BITS = 21  # two seconds: a day of 25 hours has fewer than 2**16 of them


def in_order(
    time: NDArray[np.int64], user: NDArray[np.int32], sequence: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order by (time, user, sequence), and the times in it.

    NumPy sorts small integers by radix, and what is nearly sorted in one merge: first by two
    seconds, then by the time itself. Ties of time are rare, so the full sort is too.
    """
    if not len(time):
        return np.empty(0, np.int64), time
    coarse = time - time.min()
    coarse >>= COARSE_BITS
    if coarse.max() < 1 << 16:
        order = np.argsort(coarse.astype(np.uint16), kind="stable")
        nearly = time.take(order)
        order = order.take(np.argsort(nearly, kind="stable"))
        ordered = time.take(order)
        if not (ordered[1:] == ordered[:-1]).any():
            return order, ordered
    order = np.lexsort((sequence, user, time))
    return order, time[order]


def in_order_by_user(
    time: NDArray[np.int64], user: NDArray[np.int32], sequence: NDArray[Any]
) -> NDArray[np.int64]:
    """Order by (user, time, sequence).

    Both in one number sort at once where they have room in it, as those of any month do.
    """
    if not len(time):
        return np.empty(0, np.int64)
    since = time - time.min()
    bits = int(since.max()).bit_length()
    if int(user.max()).bit_length() + bits < 63:
        since += user.astype(np.int64) << bits
        order = np.argsort(since)
        ordered = since.take(order)
        if not (ordered[1:] == ordered[:-1]).any():
            return order
    return np.lexsort((sequence, time, user))
