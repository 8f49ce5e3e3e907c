"""What every detector can do, and what all of them do alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.alarms import Alarms
from costsim.detect.bin_width import BinWidth
from costsim.detect.crossings import first_crossings
from costsim.detect.hours import FloatArray, IntArray, bin_start, hour_of_week, regular_bins, zone
from costsim.detect.monitor import Monitor, SeriesRun, Stream, collect
from costsim.errors import UnknownNameError

if TYPE_CHECKING:
    import pandas as pd

Channel = Literal[
    "total",
    "top_user",
    "top_feature",
    "new_user",
    "user_rise",
    "feature",
    "unit_cost",
    "tier",
    "calls",
]
CHANNELS: tuple[str, ...] = get_args(Channel)
"""All dollars; those of the bin's dearest user or feature, or of the dearest user first seen less
than 7 days ago; how many times a user's day is the mean of the user's last seven; each feature's
own; each feature's USD per 1,000 calls; each user tier's own; all calls. ``feature``,
``unit_cost`` and ``tier`` are a series a feature or tier, and alarm when any of them does;
``user_rise`` and ``calls`` are those that hold no dollars."""


def checked_channel(channel: str) -> None:
    """Check which series a detector reads.

    Raises
    ------
    UnknownNameError
        There is no such channel.
    """
    if channel not in CHANNELS:
        raise UnknownNameError("channel", channel, CHANNELS)


@runtime_checkable
class SeriesDetector(Protocol):
    """Anything that watches one series of dollars and raises alarms.

    An alarm is `statistic > threshold`. The statistic does not depend on the threshold, so that
    a study can calibrate it on paths computed once.
    """

    @property
    def name(self) -> str:
        """How tables and alarms call it."""
        ...

    @property
    def channel(self) -> str:
        """The series it reads: `total`; `top_user`, `top_feature` or `new_user` (dearest one in
        the bin); `calls`; or, a series a feature, `feature` (its dollars) or `unit_cost` (USD per
        1,000 calls); or, a series a tier, `tier`."""
        ...

    @property
    def threshold(self) -> float:
        """The statistic above which there is an alarm."""
        ...

    def with_threshold(self, threshold: float) -> Self:
        """Give the same detector with another threshold."""
        ...

    def describe(self) -> str:
        """Say in one line of words what it does."""
        ...

    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Threshold-free statistic of each bin."""
        ...

    def first_alarm(
        self,
        values: ArrayLike,
        hour_of_week: ArrayLike,
        start: int = 0,
        threshold: float | None = None,
        bin_minutes: int = 60,
    ) -> IntArray:
        """Bin of the first alarm of each series, -1 for none."""
        ...

    def first_alarm_for(
        self,
        values: ArrayLike,
        hour_of_week: ArrayLike,
        thresholds: ArrayLike,
        start: int = 0,
        bin_minutes: int = 60,
    ) -> IntArray:
        """Bin of the first alarm of each series at each threshold, -1 for none."""
        ...

    def alarms(
        self,
        series: pd.Series[Any],
        start: object = None,
        time_zone: str = "UTC",
        quiet_hours: int = 0,
        bin_minutes: int = 60,
    ) -> Alarms:
        """All alarms on one series."""
        ...

    def stream(
        self,
        time_zone: str = "UTC",
        start: object = None,
        quiet_hours: int = 0,
        bin_minutes: int = 60,
    ) -> Stream:
        """Watch live."""
        ...


def any_statistic(
    detector: SeriesDetector,
    values: FloatArray,
    hour_of_week: ArrayLike,
    start: int = 0,
    bin_minutes: int = 60,
) -> FloatArray:
    """Statistic of a channel that has several series: in each bin the largest of theirs.

    Parameters
    ----------
    values : ndarray, shape (n_runs, T, n_series)
        NaN is a gap of one series.

    Returns
    -------
    ndarray, shape (n_runs, T)
        NaN where no series has a statistic.

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import FixedThreshold
    >>> two = np.array([[[1.0, 5.0], [7.0, np.nan]]])
    >>> any_statistic(FixedThreshold(20.0), two, [0, 1]).tolist()
    [[5.0, 7.0]]
    """
    found = [
        largest(detector.statistic(slab, hour_of_week, start, bin_minutes), len(values))
        for slab in slabs(values)
    ]
    return np.asarray(np.fmax.reduce(found))


MOST_CELLS: Final = 8_000_000
"""Of the series that are gone through at once: 64 MB an array."""


def slabs(values: FloatArray) -> Iterator[FloatArray]:
    """The series of a channel, as many at once as memory is good for.

    Parameters
    ----------
    values : ndarray, shape (n_runs, T) or (n_runs, T, n_series)

    Yields
    ------
    ndarray, shape (k * n_runs, T)
        The first series of all runs, then the second: what :func:`largest` folds.
    """
    if values.ndim == 2:
        yield values
        return
    runs, bins, series = values.shape
    each = max(1, MOST_CELLS // max(runs * bins, 1))
    for one in range(0, series, each):
        yield np.ascontiguousarray(values[:, :, one : one + each].transpose(2, 0, 1)).reshape(
            -1, bins
        )


def largest(paths: FloatArray, n_runs: int) -> FloatArray:
    """Of each run the largest of its series in each bin, from (k * n_runs, T) to (n_runs, T)."""
    return np.asarray(np.fmax.reduce(paths.reshape(-1, n_runs, paths.shape[1])))


class SeriesDetectorBase(ABC):
    """Alarms, streams and crossings from two things: `statistic` for many series, `run` for one.

    Subclasses are frozen dataclasses with fields `name` and `channel`.
    """

    name: str
    channel: str

    @property
    @abstractmethod
    def threshold(self) -> float:
        """The statistic above which there is an alarm."""

    @abstractmethod
    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Threshold-free statistic of each bin.

        Parameters
        ----------
        values : array-like, shape (T,) or (n_series, T)
            Dollars a bin; NaN is a gap.
        hour_of_week : array-like of int, shape (T,)
            Local hour of the week of each bin, 0 (Monday 00:00) to 167.
        start : int
            Bin at which monitoring begins. The chart begins there, at zero or at its head
            start; the baseline uses all bins before the judged one.
        bin_minutes : {5, 15, 30, 60}
            Width of a bin.

        Returns
        -------
        ndarray, the shape of `values`
            NaN before `start`, in gaps, and where there is no baseline yet. The statistic of a
            bin depends on that bin and earlier ones only, and is meant for the first alarm:
            after one, `alarms` restarts the chart.
        """

    @abstractmethod
    def run(self, bin_minutes: int = 60) -> SeriesRun:
        """Start on one series."""

    def width(self, bin_minutes: int) -> BinWidth:
        """Bins of the channel: neither prices of calls nor ratios add up over an hour."""
        return BinWidth(bin_minutes, adds_up=self.channel not in ("unit_cost", "user_rise"))

    def first_alarm(
        self,
        values: ArrayLike,
        hour_of_week: ArrayLike,
        start: int = 0,
        threshold: float | None = None,
        bin_minutes: int = 60,
    ) -> IntArray:
        """Bin of the first alarm at or after `start`, shape (n_series,); -1 for none."""
        wanted = self.threshold if threshold is None else threshold
        return self.first_alarm_for(values, hour_of_week, wanted, start, bin_minutes)[:, 0]

    def first_alarm_for(
        self,
        values: ArrayLike,
        hour_of_week: ArrayLike,
        thresholds: ArrayLike,
        start: int = 0,
        bin_minutes: int = 60,
    ) -> IntArray:
        """Bin of the first alarm at each of (m,) thresholds, shape (n_series, m); -1 for none.

        The statistic is computed once for all of them.
        """
        paths = self.statistic(values, hour_of_week, start, bin_minutes)
        return first_crossings(paths, thresholds)

    def alarms(
        self,
        series: pd.Series[Any],
        start: object = None,
        time_zone: str = "UTC",
        quiet_hours: int = 0,
        bin_minutes: int = 60,
    ) -> Alarms:
        """All alarms on one series of dollars.

        Parameters
        ----------
        series : pandas.Series
            Dollars a bin on an aware, rising DatetimeIndex of bin starts; bins that are
            missing count as unknown, not as zero.
        start : aware time, optional
            When monitoring begins; what lies before only teaches the baseline.
        time_zone : str
            IANA zone whose clocks the users live by.
        quiet_hours : int
            Alarming bins with at most so many hours of others between them are one episode. 0
            joins neighbours only: after an alarm the chart begins again at zero, so a lasting
            incident alarms each time it has added up anew.
        bin_minutes : {5, 15, 30, 60}
            Width of a bin. An alarm is known when its bin ends. A threshold holds for the bin
            that it was calibrated at.

        Returns
        -------
        Alarms
            One row an episode.

        Raises
        ------
        DataError
            The series is not as described.
        SettingError
            `start`, `time_zone`, `quiet_hours` or `bin_minutes` is not.
        """
        import pandas as pd

        zone(time_zone)
        since = None if start is None else bin_start(start, "start")
        usd = regular_bins(series, bin_minutes)
        index = pd.DatetimeIndex(usd.index)
        hours = hour_of_week(index, time_zone).tolist()
        begin = 0 if since is None else int(index.searchsorted(since))
        width = self.width(bin_minutes)
        monitor = Monitor(self.run(bin_minutes), self.threshold, quiet_hours, width)
        for i, (dollars, hour) in enumerate(zip(usd.tolist(), hours, strict=True)):
            monitor.step(dollars, hour, i >= begin)
        spend = pd.DataFrame({"time": index, "usd": usd.to_numpy()})
        return collect(monitor.episodes, spend, self.threshold, self.name, time_zone, bin_minutes)

    def stream(
        self,
        time_zone: str = "UTC",
        start: object = None,
        quiet_hours: int = 0,
        bin_minutes: int = 60,
    ) -> Stream:
        """Watch live: `update(time, value)` a bin at a time, equal to `alarms`."""
        run, width = self.run(bin_minutes), self.width(bin_minutes)
        return Stream(run, self.threshold, self.name, time_zone, start, quiet_hours, width)
