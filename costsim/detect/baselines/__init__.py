"""What is expected of an hour: one baseline a file."""

from __future__ import annotations

from costsim.detect.baselines.base import Baseline, BaselineState, Reading
from costsim.detect.baselines.exponential_smoothing import ExponentialSmoothing
from costsim.detect.baselines.guarded import Guarded
from costsim.detect.baselines.hour_of_week import HourOfWeek
from costsim.detect.baselines.multi_seasonal_trend import MultiSeasonalTrend
from costsim.detect.baselines.negative_binomial import NegativeBinomialGLM
from costsim.detect.baselines.scatter import Scatter
from costsim.detect.baselines.seasonal_trend import SeasonalTrend
from costsim.detect.baselines.smoothed_hour_of_week import SmoothedHourOfWeek
from costsim.detect.baselines.trailing import TrailingMean
from costsim.detect.baselines.window import IncludingWindow

__all__ = [
    "Baseline",
    "BaselineState",
    "ExponentialSmoothing",
    "Guarded",
    "HourOfWeek",
    "IncludingWindow",
    "MultiSeasonalTrend",
    "NegativeBinomialGLM",
    "Reading",
    "Scatter",
    "SeasonalTrend",
    "SmoothedHourOfWeek",
    "TrailingMean",
]
