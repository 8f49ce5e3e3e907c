"""Who notices: a baseline says what is expected, a chart when it is too much.

Works on any hourly series of dollars, simulated or real, many at once or one hour at a time.

Examples
--------
>>> import pandas as pd
>>> from costsim.detect import CUSUM, Detector, HourOfWeek
>>> hours = pd.date_range("2024-07-01", periods=4 * 168, freq="h", tz="UTC")
>>> Detector(HourOfWeek(), CUSUM(k=1.0, h=5.0)).alarms(pd.Series(20.0, index=hours))
<Alarms: no alarm by HourOfWeek + CUSUM in 672 hours. Next: a lower threshold, or .plot()>
"""

from __future__ import annotations

from costsim.detect import run_length
from costsim.detect.alarms import Alarm, Alarms
from costsim.detect.baselines import (
    Baseline,
    ExponentialSmoothing,
    Guarded,
    HourOfWeek,
    IncludingWindow,
    MultiSeasonalTrend,
    NegativeBinomialGLM,
    Scatter,
    SeasonalTrend,
    SmoothedHourOfWeek,
    TrailingMean,
)
from costsim.detect.charts import CUSUM, EWMA, GLR, Chart, CusumBank, Shewhart
from costsim.detect.count_cusum import CountCusum
from costsim.detect.count_glr import CountGLR
from costsim.detect.crossings import first_crossings
from costsim.detect.detector import Detector
from costsim.detect.dummies import AlwaysAlarm, NeverAlarm, RandomAlarm
from costsim.detect.excess_dollars import ExcessDollars
from costsim.detect.hours import hour_of_week
from costsim.detect.incidents import Incident, Incidents, group_incidents
from costsim.detect.members import compared_detectors, suite_members
from costsim.detect.monitor import Stream
from costsim.detect.naive import NaiveZScore, blind_after, largest_z
from costsim.detect.presets import (
    naive_z_score,
    presets,
    seasonal_cusum,
    seasonal_ewma,
    seasonal_z_score,
    z_score,
)
from costsim.detect.real_series import read_series
from costsim.detect.rules import (
    FeedSilence,
    FixedThreshold,
    LiteLLMRule,
    NewFeature,
    NewUser,
    SustainedGrowth,
    UserShare,
    WeekOverWeek,
)
from costsim.detect.scan import Findings, scan, scan_series, standard_detectors
from costsim.detect.series_detector import SeriesDetector, any_statistic
from costsim.detect.suite import Suite, load_suite, parse_suite, suite_names

__all__ = [
    "CUSUM",
    "EWMA",
    "GLR",
    "Alarm",
    "Alarms",
    "AlwaysAlarm",
    "Baseline",
    "Chart",
    "CountCusum",
    "CountGLR",
    "CusumBank",
    "Detector",
    "ExcessDollars",
    "ExponentialSmoothing",
    "FeedSilence",
    "Findings",
    "FixedThreshold",
    "Guarded",
    "HourOfWeek",
    "Incident",
    "Incidents",
    "IncludingWindow",
    "LiteLLMRule",
    "MultiSeasonalTrend",
    "NaiveZScore",
    "NegativeBinomialGLM",
    "NeverAlarm",
    "NewFeature",
    "NewUser",
    "RandomAlarm",
    "Scatter",
    "SeasonalTrend",
    "SeriesDetector",
    "Shewhart",
    "SmoothedHourOfWeek",
    "Stream",
    "Suite",
    "SustainedGrowth",
    "TrailingMean",
    "UserShare",
    "WeekOverWeek",
    "any_statistic",
    "blind_after",
    "compared_detectors",
    "first_crossings",
    "group_incidents",
    "hour_of_week",
    "largest_z",
    "load_suite",
    "naive_z_score",
    "parse_suite",
    "presets",
    "read_series",
    "run_length",
    "scan",
    "scan_series",
    "seasonal_cusum",
    "seasonal_ewma",
    "seasonal_z_score",
    "standard_detectors",
    "suite_members",
    "suite_names",
    "z_score",
]
