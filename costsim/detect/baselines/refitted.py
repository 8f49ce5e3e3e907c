"""What baselines that are refitted once a day do alike: history in, a day's forecast out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from costsim.detect.baselines.base import PatientState, Reading, at_least
from costsim.detect.baselines.scatter import RobustScatter, Scatter
from costsim.detect.bin_width import HOURLY, BinWidth, HourClock
from costsim.detect.hours import HOURS_IN_WEEK, BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class RefittedBaseline(ABC):
    """A model of the last weeks, fitted each `refit_hours` to what came before, then left alone.

    It works on levels: log dollars an hour unless a subclass says otherwise. What it forecasts is
    the level of an hour's bins, all alike.
    """

    weeks: int = 4
    min_weeks: int = 2
    refit_hours: int = 24
    offset_usd: float = 1.0
    winsor: float = 4.0
    scatter: Scatter = field(default_factory=Scatter)

    def __post_init__(self) -> None:
        at_least("min_weeks", self.min_weeks, 2)
        at_least("weeks", self.weeks, self.min_weeks)
        at_least("refit_hours", self.refit_hours, 1)
        at_least("offset_usd", self.offset_usd, 1e-9)
        at_least("winsor", self.winsor, 1e-9)

    @abstractmethod
    def forecast(
        self, levels: FloatArray, hours: IntArray, ahead: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Fit one series and forecast it.

        Parameters
        ----------
        levels : ndarray, shape (T, bins in an hour)
            Levels of the hours so far, NaN in gaps.
        hours : ndarray of int, shape (T,)
            Their local hours of the week.
        ahead : ndarray of int, shape (m,)
            Hours of the week of the hours to come, unless the clocks change among them.

        Returns
        -------
        place, scale : ndarray, shape (m,)
            Level that is expected of each bin of these hours, and the unit in which a bin's
            distance from it is taken.
        """

    def level(self, dollars: FloatArray, rate: float) -> FloatArray:
        """Turn the dollars of bins into levels; `rate` makes them dollars an hour."""
        return np.asarray(np.log(np.maximum(dollars, 0.0) * rate + self.offset_usd))

    def expected(self, place: FloatArray, rate: float) -> FloatArray:
        """Turn expected levels into the dollars of bins."""
        return np.maximum(np.exp(place) - self.offset_usd, 0.0) / rate

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _RefittedState:
        """Start with no history."""
        return _RefittedState(self, n_series, width)


class _RefittedState(PatientState):
    def __init__(self, settings: RefittedBaseline, n_series: int, width: BinWidth) -> None:
        self._settings = settings
        self._rate = width.rate
        self._clock = HourClock(width)
        kept = settings.weeks * HOURS_IN_WEEK
        self._kept: deque[FloatArray] = deque(maxlen=kept)  # (bins in an hour, n_series) each
        self._hours: deque[int] = deque(maxlen=kept)
        self._nothing = np.full((width.per_hour, n_series), np.nan)
        self._bin = 0
        self._scatter = RobustScatter(settings.scatter, n_series, width)
        self._places = np.full((settings.refit_hours, n_series), np.nan)
        self._scales = np.full((settings.refit_hours, n_series), np.nan)
        self._slot = -1
        self._judged: deque[tuple[FloatArray, FloatArray]] = deque()
        self._late = HourClock(width)  # of the bins that are learnt from
        self._waiting = 0  # hours that were judged and have not begun to be learnt

    def judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        settings = self._settings
        if self._clock.begins(hour_of_week):
            self._slot = (self._slot + 1) % settings.refit_hours
            if self._slot == 0:
                self._scatter.refit()
                self._refit(hour_of_week)
            self._waiting += 1
        place, scale = self._places[self._slot], self._scales[self._slot]
        self._judged.append((place, scale))
        z = (settings.level(dollars, self._rate) - place) / scale / self._scatter.value
        return Reading(settings.expected(place, self._rate), z)

    def learn(
        self, dollars: FloatArray, hour_of_week: int, frozen: BoolArray | None = None
    ) -> None:
        if self._late.begins(hour_of_week):
            self._waiting -= 1
            self._kept.append(self._nothing.copy())
            self._hours.append(hour_of_week)
            self._bin = 0
        level, (place, scale) = self._settings.level(dollars, self._rate), self._judged.popleft()
        # fmin and fmax pass over the NaN bounds of bins without a baseline.
        reach = self._settings.winsor * self._scatter.value * scale
        kept = np.fmin(np.fmax(level, place - reach), place + reach)
        kept[np.isnan(level)] = np.nan
        if frozen is not None:  # a model needs whole weeks: what was expected stands in
            kept[frozen] = place[frozen]
        self._kept[-1][self._bin] = kept
        self._bin += 1
        self._scatter.add((level - place) / scale, frozen)

    def _refit(self, hour_of_week: int) -> None:
        least = self._settings.min_weeks * HOURS_IN_WEEK
        if len(self._kept) < least:
            return
        history, hours = np.array(self._kept), np.array(self._hours)
        waiting, refit_hours = self._waiting, self._settings.refit_hours
        ahead = (hour_of_week + np.arange(-waiting, refit_hours)) % HOURS_IN_WEEK
        # New arrays: bins that wait to be learnt from still hold rows of the old ones.
        self._places, self._scales = np.full((2, refit_hours, history.shape[2]), np.nan)
        for i in range(history.shape[2]):
            series = history[:, :, i]
            known = np.any(~np.isnan(series), axis=1)
            # A series begins with its first known hour: a new feature has no past to fill.
            first = int(known.argmax()) if known.any() else len(series)
            if len(series) - first >= least and 2 * known[first:].sum() >= len(series) - first:
                place, scale = self._settings.forecast(series[first:], hours[first:], ahead)
                self._places[:, i], self._scales[:, i] = place[waiting:], scale[waiting:]


def mean_levels(levels: FloatArray) -> FloatArray:
    """Mean level of each hour's known bins, shape (T,); NaN where there are none.

    Examples
    --------
    >>> mean_levels(np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])).tolist()
    [2.0, 5.0, nan]
    """
    known = ~np.isnan(levels)
    count = known.sum(axis=1)
    total = np.where(known, levels, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def without_gaps(levels: FloatArray, hours: IntArray) -> FloatArray:
    """Fill gaps with the mean of the same hour of the week, or of everything.

    Examples
    --------
    >>> import numpy as np
    >>> without_gaps(np.array([1.0, 5.0, np.nan, 7.0]), np.array([0, 1, 0, 1])).tolist()
    [1.0, 5.0, 1.0, 7.0]
    """
    known = ~np.isnan(levels)
    if known.all():
        return levels
    sums = np.bincount(hours[known], levels[known], minlength=HOURS_IN_WEEK)
    counts = np.bincount(hours[known], minlength=HOURS_IN_WEEK)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), levels[known].mean())
    return np.where(known, levels, means[hours])


def within_reach(place: FloatArray, levels: FloatArray) -> FloatArray:
    """Hold a forecast of log dollars between half the least and twice the most that was seen.

    Models carry a break at the very end of their history on, and on logarithms that runs away.

    Examples
    --------
    >>> import numpy as np
    >>> np.exp(within_reach(np.log([1.0, 15.0, 1e9]), np.log([4.0, 10.0]))).round(9).tolist()
    [2.0, 15.0, 20.0]
    """
    return np.clip(place, levels.min() - np.log(2.0), levels.max() + np.log(2.0))


def is_flat(levels: FloatArray) -> bool:
    """Tell whether there is nothing to fit: models divide by the scatter of a constant."""
    return bool(np.ptp(levels) < 1e-9)
