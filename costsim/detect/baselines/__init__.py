"""What is expected of an hour: one baseline a file."""

from __future__ import annotations

from costsim.detect.baselines.base import Baseline, BaselineState, Reading
from costsim.detect.baselines.hour_of_week import HourOfWeek
from costsim.detect.baselines.trailing import TrailingMean
from costsim.detect.baselines.window import IncludingWindow

__all__ = ["Baseline", "BaselineState", "HourOfWeek", "IncludingWindow", "Reading", "TrailingMean"]
