"""CUSUM of calls: the log-likelihood ratio of counts, for a rate that has risen by a factor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log

import numpy as np

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import checked_counts
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector
from costsim.errors import SettingError


@dataclass(frozen=True)
class CountCusum(SteppedDetector):
    """Alarm when calls have for long been likelier at `ratio` times their mean than at it.

    Parameters
    ----------
    baseline : Baseline
        What number of calls is expected of an hour, such as `HourOfWeek()`.
    ratio : float
        Factor of the mean that it is best for, above 1 and finite.
    dispersion : float
        Negative-binomial dispersion a: a bin of mean m has variance m + a m^2. At least 0 and
        finite; 0 is Poisson.
    h : float
        Threshold in nats, above 0.
    least_calls : float
        Floor of an hour's mean, above 0: what a count is held against where none is expected.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads. Counts come in through the values: give it a series of calls.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    S = max(0, S + L), with L the log-likelihood ratio of the count x at mean `ratio` m against
    m: x log(ratio) - (ratio - 1) m for Poisson calls, and with dispersion a and r = 1/a

        L = x log(ratio (r + m) / (r + ratio m)) - r log((r + ratio m) / (r + m)).

    It assumes counts that are independent from bin to bin, whose mean is what the baseline
    expects and whose dispersion is known and the same all day. What fails: calls hang together
    (sessions, retries, users' days), so false alarms come more often than theory says and h must
    be calibrated; with `dispersion` = 0 on real calls, many times as often. A baseline that
    expects the median sets the mean a little low. A gap leaves S as it is; after an alarm it
    begins again at 0.

    References
    ----------
    Lucas, Counted data CUSUM's, Technometrics 27 (1985); Höhle and Paul, Count data regression
    charts for the monitoring of surveillance time series, Computational Statistics and Data
    Analysis 52 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import TrailingMean
    >>> calls = np.full(60, 20.0)
    >>> calls[55:] = 40.0
    >>> detector = CountCusum(TrailingMean(), ratio=2.0, dispersion=0.0, h=5.0)
    >>> detector.statistic(calls, np.arange(60))[54:57].round(1).tolist()
    [0.0, 7.7, 15.1]
    """

    baseline: Baseline
    ratio: float = 1.5
    dispersion: float = 0.2
    h: float = 5.0
    least_calls: float = 0.1
    name: str = "count CUSUM"
    channel: str = "total"

    def __post_init__(self) -> None:
        if not 1 < self.ratio < inf:
            raise SettingError(f"ratio must be above 1 and finite; got {self.ratio!r}")
        checked_counts(self.baseline, self.dispersion, self.least_calls)
        positive("h", self.h)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """The threshold h."""
        return self.h

    def with_threshold(self, threshold: float) -> CountCusum:
        """Give the same detector with another h."""
        return replace(self, h=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; alarms when "
            f"{self.ratio:g} times that has become exp({self.h:g}) times likelier"
        )

    def increments(self, calls: FloatArray, mean: FloatArray) -> FloatArray:
        """Log-likelihood ratio of counts, in nats."""
        if not self.dispersion:
            return np.asarray(calls * log(self.ratio) - (self.ratio - 1.0) * mean)
        r = 1.0 / self.dispersion
        spread = np.log((r + self.ratio * mean) / (r + mean))
        return np.asarray(calls * (log(self.ratio) - spread) - r * spread)

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _CountCusumState:
        """Start with no history."""
        return _CountCusumState(self, self.baseline.begin(n_series, width), n_series, width)


class _CountCusumState:
    def __init__(
        self, detector: CountCusum, baseline: BaselineState, n_series: int, width: BinWidth
    ) -> None:
        self._detector = detector
        self._least = detector.least_calls / width.rate
        self._baseline = baseline
        self._sum = np.zeros(n_series)

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        expected = self._baseline.step(values, hour_of_week).expected_usd
        mean = np.maximum(expected, self._least)
        nats = self._detector.increments(np.maximum(values, 0.0), mean)
        unknown = np.isnan(nats)
        if monitored:
            self._sum = np.maximum(self._sum + np.where(unknown, 0.0, nats), 0.0)
        return expected, np.where(unknown, np.nan, self._sum)

    def restart(self) -> None:
        self._sum = np.zeros_like(self._sum)
