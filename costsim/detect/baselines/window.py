"""The window that holds the judged bin itself: how the story's detector looks at spend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.base import Reading, at_least
from costsim.detect.baselines.moments import RollingMoments
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import FloatArray


@dataclass(frozen=True)
class IncludingWindow:
    """Mean and standard deviation of the last hours, the judged one among them (a foil).

    Parameters
    ----------
    window_hours : int
        Length of the window, at least 2.
    min_hours : int
        With fewer known hours nothing is judged; at least 2.

    Raises
    ------
    SettingError
        A setting is below its bound, or `min_hours` exceeds the window.

    Notes
    -----
    A bin weighs on the mean and scatter it is judged by, so its z is at most (n-1)/sqrt(n), and
    at most sqrt((n-m)/m * (n-1)/n) once m equal incident hours stand in the window. Where all
    hours are equal nothing is judged.

    References
    ----------
    Shiffler, Maximum z scores and outliers, The American Statistician 42 (1988).

    Examples
    --------
    >>> import numpy as np
    >>> state = IncludingWindow(window_hours=24).begin(n_series=1)
    >>> for dollars in [1.0] * 23 + [1e6]:
    ...     reading = state.step(np.array([dollars]), hour_of_week=0)
    >>> round(float(reading.z[0]), 6), round(23 / 24**0.5, 6)
    (4.694855, 4.694855)
    """

    window_hours: int = 336
    min_hours: int = 24

    def __post_init__(self) -> None:
        at_least("min_hours", self.min_hours, 2)
        at_least("window_hours", self.window_hours, self.min_hours)

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> IncludingState:
        """Start with no history."""
        return IncludingState(self, n_series, width)

    def describe(self) -> str:
        """Say in words what is expected."""
        return f"the mean of the last {self.window_hours} hours, the judged one included"


class IncludingState:
    """An `IncludingWindow` at work; `mean` and `scatter` are those of the window read last."""

    def __init__(self, settings: IncludingWindow, n_series: int, width: BinWidth) -> None:
        self._least = settings.min_hours * width.per_hour
        self._moments = RollingMoments(settings.window_hours * width.per_hour, n_series)
        self.mean = np.full(n_series, np.nan)
        self.scatter = np.full(n_series, np.nan)

    def step(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Take the bin in, then judge it."""
        self._moments.push(dollars)
        count, mean, scatter = self._moments.read()
        self.mean = np.where(count >= self._least, mean, np.nan)
        self.scatter = np.where(scatter > 0.0, scatter, np.nan)
        return Reading(self.mean, (dollars - self.mean) / self.scatter)
