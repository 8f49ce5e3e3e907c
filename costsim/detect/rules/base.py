"""What rules of a fixed amount do alike: the statistic is the dollars an hour in their unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.hours import FloatArray, checked_hours, checked_start, time_rows
from costsim.detect.series_detector import SeriesDetectorBase


class Rule(SeriesDetectorBase):
    """A statistic that is the bin's dollars an hour divided by a constant."""

    def unit_usd(self) -> float:
        """Dollars an hour that the statistic is measured in."""
        return 1.0

    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Dollars an hour of each bin in the rule's unit; see `SeriesDetector`."""
        rows = time_rows(values)
        checked_hours(hour_of_week, len(rows))
        result = rows * self.width(bin_minutes).rate / self.unit_usd()
        result[: checked_start(start, len(rows))] = np.nan
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def run(self, bin_minutes: int = 60) -> _RuleRun:
        """Start on one series."""
        return _RuleRun(self.width(bin_minutes).rate, self.unit_usd())


class _RuleRun:
    def __init__(self, rate: float, unit_usd: float) -> None:
        self._rate = rate
        self._unit_usd = unit_usd

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        return float("nan"), dollars * self._rate / self._unit_usd if monitored else float("nan")

    def restart(self) -> None:
        """There is nothing to forget."""
