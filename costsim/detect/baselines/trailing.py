"""Trailing mean: a bin is expected to be like the average of the last two weeks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.base import PatientState, Reading, at_least
from costsim.detect.baselines.moments import RollingMoments
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import BoolArray, FloatArray


@dataclass(frozen=True)
class TrailingMean:
    """Mean and standard deviation of the bins strictly before the one that is judged.

    Parameters
    ----------
    window_hours : int
        Length of the window, at least 2.
    min_hours : int
        Known hours needed before anything is judged, at least 2.
    guard_hours : int
        Hours just before the judged bin that are left out, so that an incident that has just
        begun does not raise its own baseline. At least 0.
    min_scale_share, min_scale_usd : float
        Floor of the scatter, as a share of the mean and in dollars an hour: a constant series
        has no scatter at all, and its first cent more would else be infinitely unusual.

    Raises
    ------
    SettingError
        A setting is below its bound, or `min_hours` exceeds the window.

    Notes
    -----
    Assumes that all hours of the week are alike. With a daily rhythm of +-80% the scatter is
    57% of the mean, so z = 3 needs 13.5 times the usual at the trough and 1.5 times at the peak.
    An incident that lasts moves into the window hour by hour and blinds the baseline.

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition (2021), section
    5.2: the mean method.

    Examples
    --------
    >>> import numpy as np
    >>> state = TrailingMean(window_hours=4, min_hours=2).begin(n_series=1)
    >>> for dollars in (9.0, 11.0, 10.0):
    ...     reading = state.step(np.array([dollars]), hour_of_week=0)
    >>> float(reading.expected_usd[0]), float(reading.z[0])
    (10.0, 0.0)
    """

    window_hours: int = 336
    min_hours: int = 48
    guard_hours: int = 0
    min_scale_share: float = 0.01
    min_scale_usd: float = 0.01

    def __post_init__(self) -> None:
        at_least("min_hours", self.min_hours, 2)
        at_least("window_hours", self.window_hours, self.min_hours)
        at_least("guard_hours", self.guard_hours, 0)
        at_least("min_scale_share", self.min_scale_share, 0.0)
        at_least("min_scale_usd", self.min_scale_usd, 1e-9)

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _TrailingState:
        """Start with no history."""
        return _TrailingState(self, n_series, width)

    def describe(self) -> str:
        """Say in words what is expected."""
        guard = f", the last {self.guard_hours} left out" if self.guard_hours else ""
        return f"the mean of the {self.window_hours} hours before{guard}"


class _TrailingState(PatientState):
    def __init__(self, settings: TrailingMean, n_series: int, width: BinWidth) -> None:
        self._share = settings.min_scale_share
        self._floor = settings.min_scale_usd / width.rate
        self._least, self._guard = (
            hours * width.per_hour for hours in (settings.min_hours, settings.guard_hours)
        )
        self._moments = RollingMoments(settings.window_hours * width.per_hour, n_series)
        self._held: deque[tuple[FloatArray, BoolArray | None]] = deque()

    def judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        count, mean, scatter = self._moments.read()
        expected = np.where(count >= self._least, mean, np.nan)
        floor = np.maximum(self._share * np.abs(mean), self._floor)
        return Reading(expected, (dollars - expected) / np.fmax(scatter, floor))

    def learn(
        self, dollars: FloatArray, hour_of_week: int, frozen: BoolArray | None = None
    ) -> None:
        self._held.append((dollars, frozen))
        if len(self._held) > self._guard:
            self._moments.push(*self._held.popleft())
