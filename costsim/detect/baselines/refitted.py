"""What baselines that are refitted once a day do alike: history in, a day's forecast out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from costsim.detect.baselines.base import PatientState, Reading, at_least
from costsim.detect.baselines.scatter import RobustScatter, Scatter
from costsim.detect.hours import HOURS_IN_WEEK, BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class RefittedBaseline(ABC):
    """A model of the last weeks, fitted each `refit_hours` to what came before, then left alone.

    It works on levels: log dollars unless a subclass says otherwise.
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
        levels, hours : ndarray, shape (T,)
            Levels, NaN in gaps, and local hours of the week of the bins so far.
        ahead : ndarray of int, shape (m,)
            Hours of the week of the bins to come, unless the clocks change among them.

        Returns
        -------
        place, scale : ndarray, shape (m,)
            Level that is expected, and the unit in which a bin's distance from it is taken.
        """

    def level(self, dollars: FloatArray) -> FloatArray:
        """Turn dollars into levels."""
        return np.asarray(np.log(np.maximum(dollars, 0.0) + self.offset_usd))

    def expected(self, place: FloatArray) -> FloatArray:
        """Turn expected levels into dollars."""
        return np.maximum(np.exp(place) - self.offset_usd, 0.0)

    def begin(self, n_series: int) -> _RefittedState:
        """Start with no history."""
        return _RefittedState(self, n_series)


class _RefittedState(PatientState):
    def __init__(self, settings: RefittedBaseline, n_series: int) -> None:
        self._settings = settings
        self._kept: deque[FloatArray] = deque(maxlen=settings.weeks * HOURS_IN_WEEK)
        self._hours: deque[int] = deque(maxlen=settings.weeks * HOURS_IN_WEEK)
        self._scatter = RobustScatter(settings.scatter, n_series)
        self._places = np.full((settings.refit_hours, n_series), np.nan)
        self._scales = np.full((settings.refit_hours, n_series), np.nan)
        self._judged: deque[tuple[FloatArray, FloatArray]] = deque()
        self._bins = 0

    def judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        settings = self._settings
        slot = self._bins % settings.refit_hours
        if slot == 0:
            self._scatter.refit()
            self._refit(hour_of_week)
        self._bins += 1
        place, scale = self._places[slot], self._scales[slot]
        self._judged.append((place, scale))
        z = (settings.level(dollars) - place) / scale / self._scatter.value
        return Reading(settings.expected(place), z)

    def learn(
        self, dollars: FloatArray, hour_of_week: int, frozen: BoolArray | None = None
    ) -> None:
        level, (place, scale) = self._settings.level(dollars), self._judged.popleft()
        # fmin and fmax pass over the NaN bounds of bins without a baseline.
        reach = self._settings.winsor * self._scatter.value * scale
        self._kept.append(np.fmin(np.fmax(level, place - reach), place + reach))
        self._kept[-1][np.isnan(level)] = np.nan
        self._hours.append(hour_of_week)
        if frozen is not None:  # a model needs whole weeks: what was expected stands in
            self._kept[-1][frozen] = place[frozen]
        self._scatter.add((level - place) / scale, frozen)

    def _refit(self, hour_of_week: int) -> None:
        least = self._settings.min_weeks * HOURS_IN_WEEK
        if len(self._kept) < least:
            return
        history, hours = np.array(self._kept), np.array(self._hours)
        waiting, refit_hours = len(self._judged), self._settings.refit_hours
        ahead = (hour_of_week + np.arange(-waiting, refit_hours)) % HOURS_IN_WEEK
        # New arrays: bins that wait to be learnt from still hold rows of the old ones.
        self._places, self._scales = np.full((2, refit_hours, history.shape[1]), np.nan)
        for i, series in enumerate(history.T):
            known = ~np.isnan(series)
            # A series begins with its first known bin: a new feature has no past to fill.
            first = int(known.argmax()) if known.any() else len(series)
            if len(series) - first >= least and 2 * known[first:].sum() >= len(series) - first:
                place, scale = self._settings.forecast(series[first:], hours[first:], ahead)
                self._places[:, i], self._scales[:, i] = place[waiting:], scale[waiting:]


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
