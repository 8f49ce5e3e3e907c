"""GLR of calls: a rise of the rate by any factor, begun at any of the last hours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import at_least, checked_counts
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector


@dataclass(frozen=True)
class CountGLR(SteppedDetector):
    """Alarm when a rise in the last hours, of whatever size and age, is too likely.

    Parameters
    ----------
    baseline : Baseline
        What number of calls is expected of an hour, such as `HourOfWeek()`.
    window : int
        Known monitored bins back to which a rise may have begun, at least 1; each costs time.
    dispersion : float
        Dispersion a: a bin of mean m has variance m + a m^2. At least 0 and finite; 0 is
        Poisson.
    limit : float
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
    With X the calls of the last n hours and M their expected number, the rate has most likely
    risen by the factor X/M, and the log-likelihood ratio is X log(X/M) - (X - M) where X > M and
    0 elsewhere. The statistic is the largest over n = 1, ..., `window`. That is exact for
    Poisson calls. With dispersion, each hour counts with weight 1/(1 + a m), its share of Poisson
    variance: a quasi-likelihood, close to the negative binomial one for moderate rises, and not
    the same.

    It assumes what `CountCusum` assumes, but knows no factor in advance: it is nearly as quick
    as the best of those for every factor at once, and pays with a higher limit for the choice.
    What fails: dependence between hours and a wrong dispersion, as there; a rise so slow that
    it takes longer than `window`. After an alarm it begins again with no hours.

    References
    ----------
    Höhle and Paul, Computational Statistics and Data Analysis 52 (2008); Willsky and Jones, IEEE
    Transactions on Automatic Control 21 (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import TrailingMean
    >>> calls = np.full(60, 20.0)
    >>> calls[55:] = 40.0
    >>> detector = CountGLR(TrailingMean(), dispersion=0.0)
    >>> detector.statistic(calls, np.arange(60))[54:57].round(1).tolist()   # 40 log 2 - 20 = 7.7
    [0.0, 7.7, 15.1]
    """

    baseline: Baseline
    window: int = 48
    dispersion: float = 0.2
    limit: float = 8.0
    least_calls: float = 0.1
    name: str = "count GLR"
    channel: str = "total"

    def __post_init__(self) -> None:
        at_least("window", self.window, 1)
        checked_counts(self.baseline, self.dispersion, self.least_calls)
        positive("limit", self.limit)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """The limit in nats."""
        return self.limit

    def with_threshold(self, threshold: float) -> CountGLR:
        """Give the same detector with another limit."""
        return replace(self, limit=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; alarms when a "
            f"rise in the last {self.window} bins is exp({self.limit:g}) times likelier than none"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _CountGLRState:
        """Start with no history."""
        return _CountGLRState(self, self.baseline.begin(n_series, width), n_series, width)


class _CountGLRState:
    def __init__(
        self, detector: CountGLR, baseline: BaselineState, n_series: int, width: BinWidth
    ) -> None:
        self._detector = detector
        self._least = detector.least_calls / width.rate
        self._baseline = baseline
        self._n_series = n_series
        self.restart()

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        expected = self._baseline.step(values, hour_of_week).expected_usd
        mean = np.maximum(expected, self._least)
        weight = 1.0 / (1.0 + self._detector.dispersion * mean)
        unknown = np.isnan(values) | np.isnan(mean)
        if not monitored:
            return expected, np.full_like(expected, np.nan)
        self._push(np.where(unknown, 0.0, weight * np.maximum(values, 0.0)), self._calls, unknown)
        self._push(np.where(unknown, 0.0, weight * mean), self._means, unknown)
        return expected, np.where(unknown, np.nan, self._largest())

    def _push(self, row: FloatArray, past: FloatArray, unknown: np.ndarray) -> None:
        """Newest first; a gap moves nothing on."""
        known = ~unknown
        past[1:, known] = past[:-1, known]
        past[0, known] = row[known]

    def _largest(self) -> FloatArray:
        calls = np.cumsum(self._calls, axis=0)
        means = np.cumsum(self._means, axis=0)
        above = calls > means
        safe = np.where(above, means, 1.0)
        ratio = np.where(above, calls / safe, 1.0)
        nats = np.where(above, calls * np.log(ratio) - (calls - means), 0.0)
        return np.asarray(nats.max(axis=0))

    def restart(self) -> None:
        # Hours that were not monitored add neither calls nor means, and change no sum.
        self._calls = np.zeros((self._detector.window, self._n_series))
        self._means = np.zeros((self._detector.window, self._n_series))
