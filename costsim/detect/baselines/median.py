"""Medians of many short rows with gaps: what baselines spend their time on."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from costsim.detect.hours import FloatArray, IntArray

SHORT: Final = 16
"""Values a row that are sorted column by column, where there are many rows."""
MANY: Final = 128


def known_median(values: FloatArray, count: IntArray, every: IntArray) -> FloatArray:
    """Median along the last axis of the known values.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        NaN is unknown.
    count : ndarray of int, shape (n,)
        How many of each row are known.
    every : ndarray of int, shape (n,)
        0 to n - 1.

    Returns
    -------
    ndarray, shape (n,)
        NaN where nothing is known.

    Notes
    -----
    Many short rows go through a sorting network, all rows at once: Batcher, Sorting networks and
    their applications, AFIPS 32 (1968). The values are the same as those of a sort.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[3.0, np.nan, 1.0, 2.0], [np.nan, 5.0, np.nan, 6.0]])
    >>> known_median(values, np.array([3, 2]), np.arange(2)).tolist()
    [2.0, 5.5]
    """
    size = values.shape[1]
    upper = np.minimum(count // 2, size - 1)
    lower = np.maximum((count - 1) // 2, 0)
    if size > SHORT or len(values) < MANY:
        ordered = np.sort(values, axis=1)  # NaN last
        return np.asarray(0.5 * (ordered[every, lower] + ordered[every, upper]))
    columns = np.where(np.isnan(values), np.inf, values).T.copy()
    less = np.empty(len(values))
    for first, second in _exchanges(size):
        a, b = columns[first], columns[second]
        np.minimum(a, b, out=less)
        np.maximum(a, b, out=b)
        a[:] = less
    middle = 0.5 * (columns[lower, every] + columns[upper, every])
    return np.where(count > 0, middle, np.nan)


@cache
def _exchanges(size: int) -> tuple[tuple[int, int], ...]:
    """Pairs of columns that are put in order one after the other: odd-even merge sort."""
    whole = 1 << (size - 1).bit_length()
    found = []
    part = 1
    while part < whole:
        gap = part
        while gap:
            for start in range(gap % part, whole - gap, 2 * gap):
                for one in range(start, start + min(gap, whole - start - gap)):
                    alike = one // (2 * part) == (one + gap) // (2 * part)
                    if alike and one + gap < size:
                        found.append((one, one + gap))
            gap //= 2
        part *= 2
    return tuple(found)
