"""First crossings: when each of many paths first exceeds each of many thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.hours import FloatArray, IntArray
from costsim.errors import SettingError


def first_crossings(statistic: FloatArray, thresholds: ArrayLike) -> IntArray:
    """Bin at which each path first exceeds each threshold.

    Parameters
    ----------
    statistic : ndarray, shape (T,) or (n_series, T)
        Paths free of the threshold, as `statistic` of a detector gives them; NaN never exceeds.
    thresholds : array-like, shape (m,) or ()
        In the units of the statistic, in any order.

    Returns
    -------
    ndarray of int64, shape (n_series, m)
        Bin number, -1 where the threshold is never exceeded.

    Notes
    -----
    A path first exceeds a threshold where its running maximum does, and that never falls; so one
    pass over the path serves all thresholds by bisection.

    Examples
    --------
    >>> import numpy as np
    >>> first_crossings(np.array([np.nan, 1.0, 4.0, 2.0]), [0.5, 1.0, 9.0]).tolist()
    [[1, 2, -1]]
    """
    paths = np.atleast_2d(np.asarray(statistic, dtype=np.float64))
    wanted = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if paths.ndim != 2 or wanted.ndim != 1 or np.isnan(wanted).any():
        raise SettingError(
            "first_crossings wants paths (n_series, T) and thresholds (m,) without NaN; "
            f"got shapes {paths.shape} and {wanted.shape}"
        )
    bins = paths.shape[1]
    highest = np.maximum.accumulate(np.where(np.isnan(paths), -np.inf, paths), axis=1)
    found = np.empty((paths.shape[0], wanted.size), dtype=np.int64)
    for row, out in zip(highest, found, strict=True):
        out[:] = np.searchsorted(row, wanted, side="right")
    found[found == bins] = -1
    return found
