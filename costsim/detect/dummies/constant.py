"""One statistic in every hour, whatever was spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector


@dataclass(frozen=True)
class Constant(SteppedDetector):
    """One statistic in every hour, whatever was spent."""

    _VALUE: ClassVar[float]
    _WORDS: ClassVar[str]

    limit: float = 1.0
    name: str = ""
    channel: str = "total"

    def __post_init__(self) -> None:
        positive("limit", self.limit)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """A limit without effect."""
        return self.limit

    def with_threshold(self, threshold: float) -> Self:
        """Give the same dummy with another limit."""
        return replace(self, limit=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return f"{self.name} on {self.channel}: alarms in {self._WORDS} hour"

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _ConstantState:
        """Start."""
        return _ConstantState(self._VALUE)


class _ConstantState:
    def __init__(self, value: float) -> None:
        self._value = value

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        return np.full_like(values, np.nan), np.full_like(values, self._value)

    def restart(self) -> None:
        """There is nothing to forget."""
