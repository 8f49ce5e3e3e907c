"""Detector: a baseline (what is expected) and a chart (when it is too much)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import (
    PatientState,
    Reading,
    at_least,
    checked_baseline,
    read_by_steps,
)
from costsim.detect.bin_width import BinWidth
from costsim.detect.charts import Chart, ChartState
from costsim.detect.hours import BoolArray, FloatArray, checked_hours, checked_start, time_rows
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
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads: all dollars, those of the hour's dearest user, or feature.
    gate_ratio : float
        There is no alarm unless the last `gate_hours` cost at least so many times what was
        expected of them, at least 0; 0 is no gate.
    gate_usd : float
        Nor unless they cost at least so many dollars more than was expected, in the units of the
        channel; at least 0, and 0 is no gate.
    gate_hours : int
        Newest hours that the gate adds up, at least 1; of shorter bins, all that lie in them. Of
        bins of which nothing is known or expected there is nothing to add.

    Raises
    ------
    SettingError
        The baseline or chart is none, the channel is unknown, or a gate is out of its bounds.

    Notes
    -----
    A gate asks whether an alarm is worth a call at night: three times nothing is nothing, and a
    hundred dollars on ten thousand are noise. Behind it the chart goes on as if there were none,
    so what has added up alarms in the bin in which the gate opens. The statistic of a bin that
    the gate holds back is at most 0, which is above no threshold; it is as free of the threshold
    as any, and thresholds are calibrated with the gate in place.

    Nominal thresholds hold for independent normal bins. Spend is autocorrelated and skewed, and
    false alarms come several times as often: calibrate on ordinary weeks before comparing. The
    baseline's hours are hours whatever the bin; the chart counts bins.

    References
    ----------
    Alwan and Roberts, Time-series modeling for statistical process control, Journal of Business and
    Economic Statistics 6 (1988): charts of what a forecast leaves over.
    Montgomery, Introduction to Statistical Quality Control: the charts.

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
    gate_ratio: float = 0.0
    gate_usd: float = 0.0
    gate_hours: int = 1

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        if not isinstance(self.chart, Chart):
            raise SettingError(f"chart must be a Chart such as CUSUM(); got {self.chart!r}")
        checked_channel(self.channel)
        at_least("gate_ratio", self.gate_ratio, 0.0)
        at_least("gate_usd", self.gate_usd, 0.0)
        at_least("gate_hours", self.gate_hours, 1)
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
        gate = ""
        if self.gated:
            hours = "the hour" if self.gate_hours == 1 else f"{self.gate_hours} hours"
            gate = (
                f", if {hours} cost at least {self.gate_ratio:g} times what was expected and "
                f"${self.gate_usd:,.2f} more"
            )
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; "
            f"alarms at {self.chart.describe()}{gate}"
        )

    @property
    def gated(self) -> bool:
        """Whether a gate can hold an alarm back."""
        return self.gate_ratio > 0.0 or self.gate_usd > 0.0

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
        begin = checked_start(start, len(rows))
        result = self.charted(
            rows, self.read(rows, hour_of_week, bin_minutes), begin, bin_minutes=bin_minutes
        )
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def read(self, rows: FloatArray, hour_of_week: ArrayLike, bin_minutes: int = 60) -> Reading:
        """Readings of the baseline, which several charts may share.

        Parameters
        ----------
        rows : ndarray, shape (T, n_series)
            Dollars; NaN is a gap.
        hour_of_week : array-like of int, shape (T,)
        bin_minutes : {5, 15, 30, 60}
            Width of a bin.

        Returns
        -------
        Reading
            Of arrays of shape (T, n_series).
        """
        rows = np.ascontiguousarray(rows)
        hours = checked_hours(hour_of_week, len(rows)).tolist()
        state = self.baseline.begin(rows.shape[1], self.width(bin_minutes))
        if isinstance(state, PatientState):
            return state.read(rows, hours)
        return read_by_steps(state, rows, hours)

    def charted(
        self,
        rows: FloatArray,
        reading: Reading,
        start: int,
        end: int | None = None,
        bin_minutes: int = 60,
    ) -> FloatArray:
        """Statistic of bins whose readings are known, NaN before `start`.

        Parameters
        ----------
        rows : ndarray, shape (T, n_series)
        reading : Reading
            As :meth:`read` gives it for these rows.
        start, end : int
            Bins from the first monitored one to before the last; to the end by default.
        bin_minutes : {5, 15, 30, 60}
            Width of a bin.

        Returns
        -------
        ndarray, shape (end, n_series)
        """
        result = np.full_like(reading.z[:end], np.nan)
        result[start:] = self.chart.path(reading.z[start:end])
        if self.gated:
            width = self.width(bin_minutes)
            held = ~self._open(rows[:end], reading.expected_usd[:end], width)
            np.minimum(result, 0.0, out=result, where=held)
        return result

    def _open(self, rows: FloatArray, expected: FloatArray, width: BinWidth) -> BoolArray:
        """Whether the gate is open in each bin."""
        known = ~np.isnan(rows) & ~np.isnan(expected)
        sums = np.zeros((2, *rows.shape))
        for total, part in zip(sums, (rows, expected), strict=True):
            plain = np.where(known, part, 0.0)
            # Oldest first, so that the rounding is that of one series bin by bin.
            for ago in range(min(self.gate_hours * width.per_hour, len(rows)) - 1, -1, -1):
                total[ago:] += plain[: len(plain) - ago]
        return self._passes(sums, width)

    def _passes(self, sums: FloatArray, width: BinWidth) -> BoolArray:
        usd, expected = sums * width.hour_share
        enough: BoolArray = usd >= self.gate_ratio * expected
        return enough & (usd - expected >= self.gate_usd) if self.gate_usd else enough

    def run(self, bin_minutes: int = 60) -> _DetectorRun:
        """Start on one series."""
        return _DetectorRun(self, self.width(bin_minutes))


class _DetectorRun:
    def __init__(self, detector: Detector, width: BinWidth) -> None:
        self._baseline: BaselineState = detector.baseline.begin(1, width)
        self._chart: ChartState = detector.chart.begin()
        self._detector = detector
        self._width = width
        bins = detector.gate_hours * width.per_hour
        self._newest: deque[tuple[float, float]] = deque(maxlen=bins)

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        reading = self._baseline.step(np.array([dollars]), hour_of_week)
        expected = float(reading.expected_usd[0])
        held = self._detector.gated and not self._open(dollars, expected)
        statistic = self._chart.step(float(reading.z[0])) if monitored else float("nan")
        return expected, min(statistic, 0.0) if held else statistic

    def _open(self, dollars: float, expected: float) -> bool:
        known = not isnan(dollars) and not isnan(expected)
        self._newest.append((dollars, expected) if known else (0.0, 0.0))
        sums = np.zeros(2)
        for pair in self._newest:  # one by one: `sum` rounds otherwise than the batch
            sums += pair
        return bool(self._detector._passes(sums, self._width))

    def restart(self) -> None:
        self._chart.restart()
