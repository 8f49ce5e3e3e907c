"""Detector: a baseline (what is expected) and a chart (when it is too much)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import checked_baseline
from costsim.detect.charts import Chart, ChartState
from costsim.detect.hours import FloatArray, checked_hours, checked_start, time_rows
from costsim.detect.series_detector import SeriesDetectorBase, checked_channel
from costsim.errors import SettingError


@dataclass(frozen=True)
class Detector(SeriesDetectorBase):
    """Watches one series: each bin against its baseline, all of them on a chart.

    Parameters
    ----------
    baseline : Baseline
        What is expected, such as `HourOfWeek()` or `TrailingMean()`.
    chart : Chart
        When it is too much, such as `CUSUM(k=1.0, h=5.0)` or `Shewhart(3.0)`.
    name : str
        How tables and alarms call it; by default the names of the two.
    channel : {"total", "top_user", "top_feature", "feature", "unit_cost"}
        Which series it reads: all dollars, those of the hour's dearest user, or feature.

    Raises
    ------
    SettingError
        The baseline or chart is none, or the channel is unknown.

    Notes
    -----
    Nominal thresholds hold for independent normal bins. Spend is autocorrelated and skewed, and
    false alarms come several times as often: calibrate on ordinary weeks before comparing. The
    baseline's hours are hours whatever the bin; the chart counts bins.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from costsim.detect import CUSUM, Detector, HourOfWeek
    >>> hours = pd.date_range("2024-07-01", periods=5 * 168, freq="h", tz="UTC")
    >>> usd = pd.Series(np.where(hours.hour < 8, 10.0, 80.0), index=hours)
    >>> usd.iloc[-20:] += 60.0
    >>> detector = Detector(HourOfWeek(), CUSUM(k=1.0, h=5.0))
    >>> alarms = detector.alarms(usd, start="2024-07-29T00:00Z", quiet_hours=24)
    >>> len(alarms), alarms.first.time.isoformat(), round(alarms.first.expected_usd)
    (1, '2024-08-04T04:00:00+00:00', 10)
    """

    baseline: Baseline
    chart: Chart
    name: str = ""
    channel: str = "total"

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        if not isinstance(self.chart, Chart):
            raise SettingError(f"chart must be a Chart such as CUSUM(); got {self.chart!r}")
        checked_channel(self.channel)
        if not self.name:
            both = f"{type(self.baseline).__name__} + {type(self.chart).__name__}"
            object.__setattr__(self, "name", both)

    @property
    def threshold(self) -> float:
        """The chart's threshold."""
        return self.chart.threshold

    def with_threshold(self, threshold: float) -> Detector:
        """Give the same detector with another threshold of its chart."""
        return replace(self, chart=self.chart.with_threshold(threshold))

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; "
            f"alarms at {self.chart.describe()}"
        )

    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Threshold-free statistic of each bin; see `SeriesDetector`.

        Examples
        --------
        >>> import numpy as np
        >>> from costsim.detect import Detector, Shewhart, TrailingMean
        >>> detector = Detector(TrailingMean(window_hours=4, min_hours=2), Shewhart())
        >>> detector.statistic([10.0, 10.0, 12.0, 11.0], np.arange(4)).round(1).tolist()
        [nan, nan, 20.0, 0.3]
        """
        rows = time_rows(values)
        hours = checked_hours(hour_of_week, len(rows)).tolist()
        begin = checked_start(start, len(rows))
        state = self.baseline.begin(rows.shape[1], self.width(bin_minutes))
        result = np.full_like(rows, np.nan)
        for row, hour, out in zip(rows, hours, result, strict=True):
            out[:] = state.step(row, hour).z
        result[:begin] = np.nan
        result[begin:] = self.chart.path(result[begin:])
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def run(self, bin_minutes: int = 60) -> _DetectorRun:
        """Start on one series."""
        return _DetectorRun(self.baseline.begin(1, self.width(bin_minutes)), self.chart.begin())


class _DetectorRun:
    def __init__(self, baseline: BaselineState, chart: ChartState) -> None:
        self._baseline = baseline
        self._chart = chart

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        reading = self._baseline.step(np.array([dollars]), hour_of_week)
        statistic = self._chart.step(float(reading.z[0])) if monitored else float("nan")
        return float(reading.expected_usd[0]), statistic

    def restart(self) -> None:
        self._chart.restart()
