"""The story's z-score exactly as written, and how soon it goes blind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike

from costsim.detect.baselines.window import IncludingWindow
from costsim.detect.bin_width import BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray, checked_hours, checked_start, time_rows
from costsim.detect.series_detector import SeriesDetectorBase, checked_channel
from costsim.errors import SettingError


@dataclass(frozen=True)
class NaiveZScore(SeriesDetectorBase):
    """Every hour of the last two weeks against their own mean, again each hour (the foil).

    Each hour the window's mean and standard deviation are taken with everything in it, and every
    hour of the window above `limit` is flagged. An alarm counts when it surfaces: when an hour
    is flagged that was not at the re-run before. Hours before monitoring began were known
    already and never count. With fewer than `min_hours` known hours, or all equal, there is
    nothing; nor in an hour without data, where there is nothing new to run on.

    Parameters
    ----------
    limit : float
        Flag above so many standard deviations, above 0.
    window_hours : int
        Length of the window, at least `min_hours`.
    min_hours : int
        Known hours needed, at least 2.
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
    Flags change looking back, when the window moves on; alarms do not, because what surfaces at
    a re-run depends on the hours up to it alone. Shorter bins are re-run as often, each against
    all bins of the window. The statistic is the largest z of the
    monitored hours in the window, which is right for the first alarm.

    What fails: an incident in the window raises the mean and, more, the scatter that it is held
    against, so after some hours no hour is flagged, however much is spent: see `blind_after`.

    References
    ----------
    Shiffler, Maximum z scores and outliers, The American Statistician 42 (1988): how large a z can
    be inside its own window.

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.ones(400)
    >>> usd[380:] = 50.0                      # an incident of 20 hours
    >>> int(NaiveZScore().first_alarm(usd, np.arange(400) % 168, start=336)[0])
    380
    """

    limit: float = 3.0
    window_hours: int = 336
    min_hours: int = 24
    name: str = "naive z-score"
    channel: str = "total"

    def __post_init__(self) -> None:
        positive("limit", self.limit)
        checked_channel(self.channel)
        _ = self.window  # checks its settings

    @property
    def window(self) -> IncludingWindow:
        """The window that is read at each re-run."""
        return IncludingWindow(self.window_hours, self.min_hours)

    @property
    def threshold(self) -> float:
        """The limit."""
        return self.limit

    def with_threshold(self, threshold: float) -> NaiveZScore:
        """Give the same detector with another limit."""
        return replace(self, limit=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return (
            f"{self.name} on {self.channel}: expects {self.window.describe()}; alarms when one "
            f"of them newly stands more than {self.limit:g} standard deviations above"
        )

    def statistic(
        self, values: ArrayLike, hour_of_week: ArrayLike, start: int = 0, bin_minutes: int = 60
    ) -> FloatArray:
        """Largest z of the monitored hours in the window at each re-run; see `SeriesDetector`."""
        rows = time_rows(values)
        hours = checked_hours(hour_of_week, len(rows)).tolist()
        begin = checked_start(start, len(rows))
        counted = np.where(np.isnan(rows), -np.inf, rows)
        counted[:begin] = -np.inf
        width = self.width(bin_minutes)
        top = rolling_maximum(counted, self.window_hours * width.per_hour)
        state = self.window.begin(rows.shape[1], width)
        result = np.full_like(rows, np.nan)
        for row, hour, highest, out in zip(rows, hours, top, result, strict=True):
            state.step(row, hour)
            out[:] = (highest - state.mean) / state.scatter
        result[:begin] = np.nan
        result[np.isnan(rows) | np.isneginf(result)] = np.nan
        return result.T if np.ndim(values) == 2 else result[:, 0]

    def run(self, bin_minutes: int = 60) -> _NaiveRun:
        """Start on one series."""
        return _NaiveRun(self, self.width(bin_minutes))


class _NaiveRun:
    def __init__(self, settings: NaiveZScore, width: BinWidth) -> None:
        bins = settings.window_hours * width.per_hour
        self._limit = settings.limit
        self._state = settings.window.begin(1, width)
        self._dollars = np.full(bins, np.nan)
        self._counts = np.zeros(bins, dtype=bool)
        self._flagged = np.zeros(bins, dtype=bool)
        self._next = 0

    def step(self, dollars: float, hour_of_week: int, monitored: bool) -> tuple[float, float]:
        here = self._next
        self._next = (here + 1) % len(self._dollars)
        self._dollars[here] = dollars
        self._counts[here] = monitored and not isnan(dollars)
        self._flagged[here] = False
        expected = float(self._state.step(np.array([dollars]), hour_of_week).expected_usd[0])
        if isnan(dollars):
            return expected, nan
        z = (self._dollars - self._state.mean) / self._state.scatter
        fresh = z[self._counts & ~self._flagged]
        self._flagged = self._counts & (z > self._limit)
        statistic = float(fresh.max()) if fresh.size and monitored else nan
        return expected, statistic

    def restart(self) -> None:
        """Flags stand as long as they stand: there is nothing to begin again."""


def rolling_maximum(rows: FloatArray, window: int) -> FloatArray:
    """Largest of the last `window` rows, for (T, n_series) rows without NaN.

    Examples
    --------
    >>> import numpy as np
    >>> rolling_maximum(np.array([[3.0], [1.0], [2.0], [0.0]]), 2)[:, 0].tolist()
    [3.0, 3.0, 2.0, 2.0]
    """
    bins, n_series = rows.shape
    # A window is the tail of one block and the head of the next (van Herk).
    lead = window - 1
    blocks = -(-(bins + lead) // window)
    padded = np.full((blocks * window, n_series), -np.inf)
    padded[lead : lead + bins] = rows
    cut = padded.reshape(blocks, window, n_series)
    head = np.maximum.accumulate(cut, axis=1).reshape(padded.shape)
    tail = np.maximum.accumulate(cut[:, ::-1], axis=1)[:, ::-1].reshape(padded.shape)
    return np.maximum(tail[:bins], head[lead : lead + bins])


def largest_z(window_hours: int, incident_hours: int = 1) -> float:
    """Largest z that m equal incident hours can reach inside their own window of n hours.

    Parameters
    ----------
    window_hours : int
        n, at least 2.
    incident_hours : int
        m, from 1 to n - 1.

    Notes
    -----
    sqrt((n-m)/m * (n-1)/n), reached when all other hours are equal, however large the incident;
    (n-1)/sqrt(n) for a single hour (Shiffler 1988).

    Examples
    --------
    >>> round(largest_z(336, 33), 2), round(largest_z(336, 34), 2)
    (3.03, 2.98)
    """
    n, m = window_hours, incident_hours
    if n < 2:
        raise SettingError(f"window_hours must be at least 2; got {n!r}")
    if not 1 <= m < n:
        raise SettingError(f"incident_hours must be from 1 to {n - 1}; got {m!r}")
    return sqrt((n - m) / m * (n - 1) / n)


def blind_after(window_hours: int, limit: float = 3.0) -> int:
    """Hours of a lasting incident after which the naive z-score cannot flag it any more.

    Examples
    --------
    >>> [blind_after(hours) for hours in (24, 72, 168, 336)]
    [2, 7, 16, 33]
    """
    positive("limit", limit)
    n = window_hours
    most = floor(n * (n - 1) / (n * limit**2 + n - 1))
    # Exactly at the limit is not above it.
    return most - 1 if most and largest_z(n, most) <= limit else most
