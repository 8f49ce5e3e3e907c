"""Excess dollars: what the last hours cost above what was expected of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import at_least, checked_baseline
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector


@dataclass(frozen=True)
class ExcessDollars(SteppedDetector):
    """Alarm when the last hours together cost more than `usd` above what was expected.

    Parameters
    ----------
    baseline : Baseline
        What is expected of an hour, such as `HourOfWeek()`; its scatter plays no part.
    usd : float
        Dollars above what was expected, above 0.
    hours : int
        Monitored hours that are added up, at least 1.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it reads.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Strong where the baseline is noisy: dollars are what is lost, and a noisy night of cents
    cannot outweigh them as it does in units of scatter. Hours below what was expected count
    against hours above. A gap, or an hour of which nothing is expected yet, keeps its place
    among the last `hours` and adds nothing. After an alarm the sum begins again at 0.

    What fails: one limit serves the busiest hour and the quietest, so a busy product needs a
    high one and then misses what is large at night; twice the users need twice the limit. A
    median expected of skewed hours lies below their mean, and the difference adds up to a bias.

    References
    ----------
    Bauer and Hackl, The use of MOSUMs for quality control, Technometrics 20 (1978): moving sums.

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import TrailingMean
    >>> usd = np.full(60, 10.0)
    >>> usd[55:] = 30.0
    >>> detector = ExcessDollars(TrailingMean(guard_hours=12), usd=50.0)
    >>> detector.first_alarm(usd, np.arange(60) % 168).tolist()
    [-1]
    >>> ExcessDollars(TrailingMean(min_hours=24), usd=50.0).first_alarm(usd, np.arange(60)).tolist()
    [57]
    """

    baseline: Baseline
    usd: float = 50.0
    hours: int = 6
    name: str = "excess dollars"
    channel: str = "total"

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        positive("usd", self.usd)
        at_least("hours", self.hours, 1)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Dollars above what was expected."""
        return self.usd

    def with_threshold(self, threshold: float) -> ExcessDollars:
        """Give the same detector with another amount."""
        return replace(self, usd=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; alarms at more "
            f"than ${self.usd:,.2f} above that in {self.hours} hours"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _ExcessState:
        """Start with no history."""
        return _ExcessState(self.baseline.begin(n_series, width), self.hours, width)


class _ExcessState:
    def __init__(self, baseline: BaselineState, hours: int, width: BinWidth) -> None:
        self._baseline = baseline
        self._share = width.hour_share
        self._newest: deque[FloatArray] = deque(maxlen=hours * width.per_hour)

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        expected = self._baseline.step(values, hour_of_week).expected_usd
        excess = (values - expected) * self._share
        unknown = np.isnan(excess)
        total = np.zeros_like(excess)
        if monitored:
            self._newest.append(np.where(unknown, 0.0, excess))
        # One by one, so that the order and the rounding are those of a single series.
        for row in self._newest:
            total += row
        return expected, np.where(unknown, np.nan, total)

    def restart(self) -> None:
        self._newest.clear()
