"""Mean and scatter of a sliding window, without the cancellation of running sums."""

from __future__ import annotations

import numpy as np

from costsim.detect.hours import BoolArray, FloatArray


class Moments:
    """Count, mean and sum of squared deviations of rows taken in one by one (Welford)."""

    __slots__ = ("count", "mean", "squares")

    def __init__(self, n_series: int) -> None:
        self.count = np.zeros(n_series)
        self.mean = np.zeros(n_series)
        self.squares = np.zeros(n_series)

    def include(self, row: FloatArray) -> None:
        """Take in one row; NaN entries change nothing."""
        known = ~np.isnan(row)
        self.count += known
        delta = np.where(known, row - self.mean, 0.0)
        step = delta / np.maximum(self.count, 1.0)
        self.mean += step
        self.squares += delta * (delta - step)


class RollingMoments:
    """Moments of the last `window` rows pushed.

    The window is the tail of one block of rows and the head of the next. Moments of both are
    built by adding only and then merged, so that nothing is ever subtracted: a window of equal
    values has a variance of exactly 0, however large the values were that have left it. The
    result depends on the rows of the window and on their position, never on later ones.

    References
    ----------
    van Herk, Pattern Recognition Letters 13 (1992); Chan, Golub and LeVeque, The American
    Statistician 37 (1983).
    """

    def __init__(self, window: int, n_series: int) -> None:
        self._window = window
        self._block = np.full((window, n_series), np.nan)
        self._filled = 0
        self._head = Moments(n_series)
        self._tail_count = np.zeros((window, n_series))
        self._tail_mean = np.zeros((window, n_series))
        self._tail_squares = np.zeros((window, n_series))

    def push(self, row: FloatArray, frozen: BoolArray | None = None) -> None:
        """Move the window on by one row; in frozen series what leaves it comes in again."""
        if frozen is not None:  # the row that leaves is the one of the block before
            row = np.where(frozen, self._block[self._filled], row)
        self._block[self._filled] = row
        self._head.include(row)
        self._filled += 1
        if self._filled == self._window:
            self._turn()

    def _turn(self) -> None:
        tail = Moments(self._block.shape[1])
        for i in range(self._window - 1, -1, -1):
            tail.include(self._block[i])
            self._tail_count[i] = tail.count
            self._tail_mean[i] = tail.mean
            self._tail_squares[i] = tail.squares
        self._head = Moments(self._block.shape[1])
        self._filled = 0

    def read(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Count, mean, and standard deviation (ddof 1, NaN below two values) of the window."""
        head, i = self._head, self._filled
        count = head.count + self._tail_count[i]
        share = head.count / np.maximum(count, 1.0)
        gap = head.mean - self._tail_mean[i]
        mean = self._tail_mean[i] + gap * share
        squares = self._tail_squares[i] + head.squares + gap * gap * self._tail_count[i] * share
        variance = squares / np.maximum(count - 1.0, 1.0)
        return count, mean, np.where(count >= 2.0, np.sqrt(variance), np.nan)
