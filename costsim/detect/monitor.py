"""Monitoring of one series, bin by bin; a batch and a live stream both go through here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from costsim.detect.alarms import COLUMNS, Alarm, Alarms
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import bin_start, first_bins, local_hour_of_week, zone
from costsim.errors import DataError, SettingError

if TYPE_CHECKING:
    import pandas as pd


class SeriesRun(Protocol):
    """A detector at work on one series."""

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        """Take in the next bin: expected dollars, and the statistic (NaN unless monitored)."""
        ...

    def restart(self) -> None:
        """Begin again after an alarm; what the baseline has learnt stays."""
        ...


@dataclass
class Episode:
    """Bins that alarm together."""

    first: int
    last: int
    value_usd: float
    expected_usd: float
    statistic: float
    peak_usd: float


class Monitor:
    """Runs a detector over bins, restarts it after each alarm, and groups alarms to episodes."""

    def __init__(
        self, run: SeriesRun, threshold: float, quiet_hours: int, width: BinWidth = HOURLY
    ) -> None:
        if quiet_hours < 0:
            raise SettingError(f"quiet_hours must be at least 0; got {quiet_hours!r}")
        self._run = run
        self._threshold = threshold
        self._quiet = quiet_hours * width.per_hour
        self.bins = 0
        self.episodes: list[Episode] = []

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> Episode | None:
        """Take in the next bin and give the episode that it opens, if it opens one."""
        here = self.bins
        self.bins += 1
        expected, statistic = self._run.step(dollars, hour_of_week, monitored)
        if not (monitored and statistic > self._threshold):
            return None
        self._run.restart()
        if self.episodes and here - self.episodes[-1].last <= self._quiet + 1:
            open_one = self.episodes[-1]
            open_one.last = here
            open_one.peak_usd = max(open_one.peak_usd, dollars)
            return None
        self.episodes.append(Episode(here, here, dollars, expected, statistic, dollars))
        return self.episodes[-1]


class Stream:
    """A detector on live spend, one bin at a time.

    Made by `stream` of a detector. Gives what `alarms` gives on the same bins.

    Examples
    --------
    >>> from costsim.detect import FixedThreshold
    >>> live = FixedThreshold(usd_per_hour=20.0).stream()
    >>> live.update("2024-08-09T14:00Z", 12.0)
    >>> print(live.update("2024-08-09T15:00Z", 31.5))
    fixed threshold: $31.50 in the hour from 2024-08-09 15:00 UTC (31.50 > 20)
    """

    def __init__(
        self,
        run: SeriesRun,
        threshold: float,
        name: str,
        time_zone: str = "UTC",
        start: object = None,
        quiet_hours: int = 0,
        width: BinWidth = HOURLY,
    ) -> None:
        self._monitor = Monitor(run, threshold, quiet_hours, width)
        self._minutes = width.minutes
        self._step = timedelta(minutes=width.minutes)
        self._threshold = threshold
        self._name = name
        self._time_zone = time_zone
        self._zone = zone(time_zone)
        self._start = None if start is None else bin_start(start, "start")
        self._times: list[pd.Timestamp] = []
        self._dollars: list[float] = []

    def update(self, time: datetime | str, value: float) -> Alarm | None:
        """Take in the dollars of one finished bin.

        Parameters
        ----------
        time : aware datetime, Timestamp or ISO text
            Start of the bin, after the one before; bins left out count as unknown.
        value : float
            Dollars, NaN for unknown.

        Returns
        -------
        Alarm or None
            The alarm when this bin opens an episode; None while one goes on.

        Raises
        ------
        DataError
            The time is no start of a bin or not after the last one, or the value is infinite.
        """
        at = bin_start(time)
        dollars = float(value)
        first = self._times[0] if self._times else at.floor(first_bins(self._minutes))
        if (at - first) % self._step:
            what = "a whole hour" if self._minutes == 60 else f"a whole {self._minutes} minutes"
            raise DataError(f"time must be {what} (bin start); got {at}")
        if self._times and at <= self._times[-1]:
            raise DataError(f"time must be after {self._times[-1]}; got {at}")
        if dollars in (float("inf"), float("-inf")):
            raise DataError(f"value must be finite or NaN; got {value!r} at {at}")
        while self._times and at - self._times[-1] > self._step:
            self._take(self._times[-1] + self._step, float("nan"))
        episode = self._take(at, dollars)
        if episode is None:
            return None
        return Alarm(
            at,
            at + self._step,
            episode.value_usd,
            episode.expected_usd,
            episode.statistic,
            self._threshold,
            self._name,
        )

    def _take(self, at: pd.Timestamp, dollars: float) -> Episode | None:
        self._times.append(at)
        self._dollars.append(dollars)
        monitored = self._start is None or at >= self._start
        return self._monitor.step(dollars, local_hour_of_week(at, self._zone), monitored)

    def alarms(self) -> Alarms:
        """All alarms so far, episodes with their ends and peaks."""
        import pandas as pd

        times = pd.DatetimeIndex(self._times, tz="UTC").as_unit("us")
        spend = pd.DataFrame({"time": times, "usd": pd.Series(self._dollars, dtype=float)})
        return collect(
            self._monitor.episodes,
            spend,
            self._threshold,
            self._name,
            self._time_zone,
            self._minutes,
        )


def collect(
    episodes: list[Episode],
    spend: pd.DataFrame,
    threshold: float,
    name: str,
    time_zone: str,
    bin_minutes: int,
) -> Alarms:
    """Put episodes of bin numbers on the times of `spend`."""
    import pandas as pd

    step = timedelta(minutes=bin_minutes)
    opened = spend["time"].iloc[[episode.first for episode in episodes]].reset_index(drop=True)
    last = spend["time"].iloc[[episode.last for episode in episodes]].reset_index(drop=True)

    def floats(field: str) -> pd.Series[float]:
        return pd.Series([getattr(episode, field) for episode in episodes], dtype=float)

    frame = pd.DataFrame(
        {
            "time": opened,
            "known_at": opened + step,
            "value_usd": floats("value_usd"),
            "expected_usd": floats("expected_usd"),
            "statistic": floats("statistic"),
            "threshold": pd.Series([threshold] * len(episodes), dtype=float),
            "detector": pd.Series([name] * len(episodes), dtype=str),
            "start": opened,
            "end": last + step,
            "peak_usd": floats("peak_usd"),
        }
    )
    return Alarms(frame[list(COLUMNS)], spend, name, time_zone, bin_minutes)
