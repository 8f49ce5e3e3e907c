"""Detectors written as one step of many series, which serves a batch and a stream alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import FloatArray, checked_hours, checked_start, time_rows
from costsim.detect.series_detector import SeriesDetectorBase

Judged = tuple[FloatArray, FloatArray]


class SteppedState(Protocol):
    """A detector at work on several series at once: it has seen the bins so far."""

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        """Take in the next bin of each series: what was expected, and the statistic.

        The statistic of a bin that is not monitored, or of a gap, is ignored.
        """
        ...

    def restart(self) -> None:
        """Begin again after an alarm; what has been learnt stays."""
        ...


class SteppedDetector(SeriesDetectorBase):
    """A detector that is one step function; batch and stream cannot differ, nor look ahead."""

    @abstractmethod
    def begin(self, n_series: int, width: BinWidth = HOURLY) -> SteppedState:
        """Start with no history."""

    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Threshold-free statistic of each bin; see `SeriesDetector`."""
        return self.watches(values, hour_of_week, [start], bin_minutes)

    def watches(
        self,
        values: ArrayLike,
        hour_of_week: ArrayLike,
        starts: Sequence[int],
        bin_minutes: int = 60,
    ) -> FloatArray:
        """Statistics of several watches in a row, in one pass over their history.

        Parameters
        ----------
        values, hour_of_week, bin_minutes
            As of :meth:`statistic`.
        starts : sequence of int
            Bins at which a watch begins and the one before it ends, rising.

        Returns
        -------
        ndarray
            As of :meth:`statistic` at each start, up to the next.
        """
        rows = time_rows(values)
        hours = checked_hours(hour_of_week, len(rows)).tolist()
        first, later = checked_start(starts[0], len(rows)), set(starts[1:])
        state = self.begin(rows.shape[1], self.width(bin_minutes))
        result = np.full_like(rows, np.nan)
        for i, (row, hour, out) in enumerate(zip(rows, hours, result, strict=True)):
            if i in later:
                state.restart()
            statistic = state.step(row, hour, i >= first)[1]
            if i >= first:
                out[:] = np.where(np.isnan(row), np.nan, statistic)
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def run(self, bin_minutes: int = 60) -> _SteppedRun:
        """Start on one series."""
        return _SteppedRun(self.begin(1, self.width(bin_minutes)))


class _SteppedRun:
    def __init__(self, state: SteppedState) -> None:
        self._state = state

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        expected, statistic = self._state.step(np.array([dollars]), hour_of_week, monitored)
        unknown = not monitored or np.isnan(dollars)
        return float(expected[0]), float("nan") if unknown else float(statistic[0])

    def restart(self) -> None:
        self._state.restart()
