"""Sums that fade: each value and a share of all before it."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


def fading(values: NDArray[np.float64], keep: float) -> NDArray[np.float64]:
    """Each value plus `keep` times the sum so far, as ``lfilter([1], [1, -keep], values)``.

    Bit for bit, without the second that the import of scipy.signal takes at every start.

    Examples
    --------
    >>> fading(np.array([1.0, 0.0, 2.0]), 0.5).tolist()
    [1.0, 0.5, 2.25]
    """
    return np.array(list(accumulate(values.tolist(), lambda so_far, new: keep * so_far + new)))
