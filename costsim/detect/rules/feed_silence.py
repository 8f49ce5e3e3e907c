"""No records where there should be some: the feed, or the product, is down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from costsim.detect.baselines import Baseline, BaselineState
from costsim.detect.baselines.base import checked_baseline
from costsim.detect.bin_width import HOURLY, BinWidth, HourClock
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector
from costsim.errors import SettingError


@dataclass(frozen=True)
class FeedSilence(SteppedDetector):
    """Alarm when hours without a record in a row are less likely than exp(-`nats`).

    Parameters
    ----------
    baseline : Baseline
        What is expected of an hour, such as `HourOfWeek()`.
    usd_per_call : float
        What one record is worth in the units of the series, above 0 and finite: dollars a call
        for a series of dollars, 1 for a series of calls.
    dispersion : float
        Negative-binomial dispersion a of the calls in an hour, whose variance is
        m + a m^2 at mean m; at least 0, and 0 is Poisson.
    nats : float
        Threshold, above 0: 20 is one in 500 million.
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
    Silence is a bin of 0 (or less). NaN means that nobody knows: it leaves the sum as it is. A
    live stream must therefore be told of an empty hour with a 0; an hour left out is unknown,
    and a stream that is never called cannot speak. That needs a clock of its own.

    The statistic is minus the log-probability that calls expected to be m1, m2, ... in the
    silent hours in a row all stay away: the sum of m for Poisson calls, of log(1 + a m) / a
    with dispersion a. One record sets it back to 0. Hours are taken as independent, bins of one
    hour as a share of it (their calls add up before the logarithm is taken), and
    `usd_per_call` as the same all day; both are only roughly so, hence a threshold far out.

    What fails: a feed that trickles is not silent; nor is one that repeats old records. At night
    a product that few use is silent for hours with no one at fault, which takes it as many
    hours to be noticed. Baselines that follow the mean forget within their window what life was
    like.

    References
    ----------
    Lucas, Counted data CUSUM's, Technometrics 27 (1985): counts that are too few, and the time
    between events.

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import TrailingMean
    >>> calls = np.full(100, 6.0)
    >>> calls[95:] = 0.0
    >>> rule = FeedSilence(TrailingMean(), usd_per_call=1.0, dispersion=0.0)
    >>> rule.statistic(calls, np.arange(100))[93:].round(1).tolist()
    [0.0, 0.0, 6.0, 11.9, 17.8, 23.6, 29.4]
    """

    baseline: Baseline
    usd_per_call: float = 0.01
    dispersion: float = 0.2
    nats: float = 20.0
    name: str = "feed silence"
    channel: str = "total"

    def __post_init__(self) -> None:
        checked_baseline(self.baseline)
        if not 0 < self.usd_per_call < inf:
            raise SettingError(
                f"usd_per_call must be above 0 and finite; got {self.usd_per_call!r}"
            )
        if not 0 <= self.dispersion < inf:
            raise SettingError(f"dispersion must be at least 0; got {self.dispersion!r}")
        positive("nats", self.nats)
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Nats of surprise."""
        return self.nats

    def with_threshold(self, threshold: float) -> FeedSilence:
        """Give the same rule with another threshold."""
        return replace(self, nats=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.baseline.describe()}; alarms when "
            f"silence in a row is less likely than exp(-{self.nats:g})"
        )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _SilenceState:
        """Start with no history."""
        return _SilenceState(self, self.baseline.begin(n_series, width), n_series, width)


class _SilenceState:
    def __init__(
        self, rule: FeedSilence, baseline: BaselineState, n_series: int, width: BinWidth
    ) -> None:
        self._rule = rule
        self._baseline = baseline
        self._clock = HourClock(width)
        self._earlier = np.zeros(n_series)  # nats of the silent hours before this one
        self._calls = np.zeros(n_series)  # that have stayed away in this one

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        expected = self._baseline.step(values, hour_of_week).expected_usd
        if self._clock.begins(hour_of_week):
            self._earlier = self._earlier + self._nats()
            self._calls = np.zeros_like(self._calls)
        if not monitored:
            return expected, np.full_like(expected, np.nan)
        calls = np.maximum(expected, 0.0) / self._rule.usd_per_call
        silent = values <= 0.0
        quiet = silent | np.isnan(values)
        grown = self._calls + np.where(silent & ~np.isnan(calls), calls, 0.0)
        self._calls = np.where(quiet, grown, 0.0)
        self._earlier = np.where(quiet, self._earlier, 0.0)
        return expected, np.where(np.isnan(expected), np.nan, self._earlier + self._nats())

    def _nats(self) -> FloatArray:
        a = self._rule.dispersion
        return np.asarray(np.log1p(a * self._calls) / a if a else self._calls)

    def restart(self) -> None:
        self._earlier = np.zeros_like(self._earlier)
        self._calls = np.zeros_like(self._calls)
