"""How far a user's day rises above the user's own days before: a series of ratios by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RISE_DAYS = 7
"""Days before today that a user's mean day is taken of."""
RISE_USD = 10.0
"""Dollars from which on a user's day counts."""
CENT = 0.01
"""The least that a mean day counts as: of one without any spend the ratio stays a number."""


def user_rise(usd: Any, day: Any) -> tuple[Floats, NDArray[np.int64]]:
    """The largest rise of a user who spends in each bin, and whose it is.

    A rise is what the user has spent today so far, this bin included, over the mean of the user's
    last seven days, or of as many as there are; days without a call count as $0, and the mean as
    at least a cent. Days of less than $10 are no rise.

    Parameters
    ----------
    usd : array of shape (bins, users)
        Dollars.
    day : array of int, shape (bins,)
        Number of the local day of each bin, not falling.

    Returns
    -------
    rise : array of shape (bins,)
        0 where no user has risen; missing on the first day, which has none before it.
    who : array of int, shape (bins,)
        Column of that user; 0 where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array([0, 0, 1, 1])
    >>> rise, who = user_rise(np.array([[4.0, 1.0], [0.0, 1.0], [9.0, 1.0], [3.0, 0.0]]), days)
    >>> rise.tolist(), who.tolist()
    ([nan, nan, 0.0, 3.0], [0, 0, 0, 0])
    """
    import numpy as np

    usd = np.asarray(usd, np.float64)
    number = np.asarray(day) - day[0] if len(day) else np.zeros(0, np.int64)
    days = int(number[-1]) + 1 if len(number) else 0
    by_day = np.zeros((days, usd.shape[1]))
    rise, who = np.zeros(len(usd)), np.zeros(len(usd), np.int64)
    edges = np.searchsorted(number, np.arange(days + 1))
    for one in range(days):
        part = slice(edges[one], edges[one + 1])
        if part.start == part.stop:
            continue
        rise[part], who[part], by_day[one] = risen(usd[part], by_day[max(one - RISE_DAYS, 0) : one])
    return rise, who


def risen(usd: Floats, before: Floats, so_far: Any = 0.0) -> tuple[Floats, Any, Floats]:
    """:func:`user_rise` of bins of one day, and what each user has spent by their end.

    Parameters
    ----------
    usd : array of shape (bins, users)
    before : array of shape (days, users)
        Sums of the days before, at most seven.
    so_far : array of shape (users,)
        Spent today before these bins.
    """
    import numpy as np

    today = so_far + np.cumsum(usd, axis=0)
    nobody = np.zeros(len(usd), np.int64)
    if not usd.shape[1] or not len(before):
        return np.full(len(usd), 0.0 if len(before) else np.nan), nobody, today[-1]
    mean = np.maximum(before.mean(axis=0), CENT)
    rise = np.where((usd > 0) & (today >= RISE_USD), today / mean, 0.0)
    who = rise.argmax(axis=1)
    return rise[np.arange(len(usd)), who], who, today[-1]
