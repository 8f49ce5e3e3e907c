"""How far ordinary hours stray from what was expected of them: robust, guarded, refitted."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.baselines.median import known_median
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import BoolArray, FloatArray

# The median of |x| of normal data is sigma / 1.4826.
_NORMAL = 1.4826
# Series that are sorted together: few enough to stay in the cache.
_BLOCK = 64


@dataclass(frozen=True)
class Scatter:
    """Settings of the scatter: 1.4826 times the median absolute past residual.

    Parameters
    ----------
    hours : int
        Hours of past residuals that it is taken from, at least 24 and `min_hours`.
    min_hours : int
        Hours of known residuals needed before anything is judged, at least 2.
    guard_hours : int
        Hours of the newest residuals left out, at least 0, so that an incident does not at once
        widen the scatter it is judged by.
    floor : float
        Least scatter, above 0, in units of the residuals: a constant has none.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Examples
    --------
    >>> state = RobustScatter(Scatter(min_hours=3, guard_hours=0, floor=0.05), n_series=1)
    >>> for residual in (-0.2, 0.1, 0.3):
    ...     state.add(np.array([residual]))
    >>> state.refit()
    >>> round(float(state.value[0]), 3)
    0.297
    """

    hours: int = 672
    min_hours: int = 48
    guard_hours: int = 24
    floor: float = 0.05

    def __post_init__(self) -> None:
        at_least("min_hours", self.min_hours, 2)
        at_least("hours", self.hours, max(24, self.min_hours))
        at_least("guard_hours", self.guard_hours, 0)
        at_least("floor", self.floor, 1e-9)


class RobustScatter:
    """A `Scatter` at work; `value` is that of the last refit, NaN where there is none yet."""

    def __init__(self, settings: Scatter, n_series: int, width: BinWidth = HOURLY) -> None:
        self._least, self._guard = (
            hours * width.per_hour for hours in (settings.min_hours, settings.guard_hours)
        )
        self._floor = settings.floor
        self._guarded: deque[tuple[FloatArray, BoolArray | None]] = deque()
        self._residuals = np.full((n_series, settings.hours * width.per_hour), np.nan)
        self._stored = 0
        self._every = np.arange(n_series)
        self.value = np.full(n_series, np.nan)

    def add(self, residual: FloatArray, frozen: BoolArray | None = None) -> None:
        """Take in the residuals of the newest bin; frozen series keep those they have."""
        self._guarded.append((residual, frozen))
        if len(self._guarded) > self._guard:
            newest, kept = self._guarded.popleft()
            place = self._residuals[:, self._stored % self._residuals.shape[1]]
            place[:] = newest if kept is None else np.where(kept, place, newest)
            self._stored += 1

    def refit(self) -> None:
        """Take the scatter anew."""
        filled = self._residuals[:, : self._stored]
        if filled.shape[1] < self._least:
            return
        for first in range(0, len(filled), _BLOCK):
            distance = np.abs(filled[first : first + _BLOCK])
            count = np.count_nonzero(~np.isnan(distance), axis=1)
            median = known_median(distance, count, self._every[: len(distance)])
            scatter = np.maximum(_NORMAL * median, self._floor)
            self.value[first : first + _BLOCK] = np.where(count >= self._least, scatter, np.nan)
