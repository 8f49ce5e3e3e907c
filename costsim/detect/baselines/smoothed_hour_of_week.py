"""Hour of the week, leaning on the other days while there are few weeks to go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.baselines.hour_of_week import HourOfWeek, HourOfWeekState
from costsim.detect.baselines.median import known_median
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import FloatArray, IntArray

_SATURDAY = 5


@dataclass(frozen=True)
class SmoothedHourOfWeek(HourOfWeek):
    """`HourOfWeek`, shrunk to the hour of the day on working days or weekends.

    Parameters
    ----------
    weeks, offset_usd, scale_hours, min_scale_hours, guard_hours, refit_hours, min_scale, winsor
        As for `HourOfWeek`.
    min_weeks : int
        Known occurrences of the hour of the week before it has a say of its own, from 1 to
        `weeks`.
    prior_weeks : float
        Weight of the hour of the day, in occurrences of the hour of the week; at least 0, and
        0 uses it only where the hour of the week has no say yet.
    min_days : int
        Known occurrences of the hour of the day, on working days or on weekends, needed before
        anything is expected; at least 1.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    On log dollars an hour, with n known occurrences of the hour of the week (at most `weeks`) and
    their median w, and with d the median of all remembered hours at this time of day on days of the
    same kind (Monday to Friday, or Saturday and Sunday), a bin of the hour is expected at

        (n w + prior_weeks d) / (n + prior_weeks).

    So something is expected of a working day from the third on instead of the third week on; with
    the scatter's own needs, hours are judged from the second week on. The weight of d is 1/9
    after eight weeks. What fails: where working days differ by nature (a batch job on
    Mondays) it is biased until there are some weeks, and by `prior_weeks`/(n + prior_weeks) of
    the difference for good; a holiday is a working day to it. Costs about twice `HourOfWeek`.

    References
    ----------
    Efron and Morris, Journal of the American Statistical Association 70 (1975), on shrinkage.

    Examples
    --------
    >>> import numpy as np
    >>> state = SmoothedHourOfWeek(min_scale_hours=24, guard_hours=0).begin(n_series=1)
    >>> for hour in range(4 * 24):                 # Monday to Thursday
    ...     reading = state.step(np.array([20.0 if hour % 24 < 12 else 80.0]), hour)
    >>> [round(float(part[0]), 2) for part in reading]
    [80.0, 0.0]
    """

    min_weeks: int = 1
    prior_weeks: float = 1.0
    min_days: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("prior_weeks", self.prior_weeks, 0.0)
        at_least("min_days", self.min_days, 1)

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _SmoothedState:
        """Start with no history."""
        return _SmoothedState(self, n_series, width)

    def describe(self) -> str:
        """Say in words what is expected."""
        return (
            f"the median of the same hour of the last {self.weeks} weeks, shrunk to that of the "
            "hour of the day, on log dollars"
        )


class _SmoothedState(HourOfWeekState):
    def __init__(self, settings: SmoothedHourOfWeek, n_series: int, width: BinWidth) -> None:
        super().__init__(settings, n_series, width)
        self._prior = settings.prior_weeks
        self._min_days = settings.min_days

    def _places_of(self, hours: IntArray) -> FloatArray:
        own = super()._places_of(hours)
        return np.array([self._shrunk(*pair) for pair in zip(hours.tolist(), own, strict=True)])

    def _shrunk(self, hour: int, own: FloatArray) -> FloatArray:
        count = np.minimum(self._seen[hour], self._settings.weeks).astype(np.float64)
        shared = self._hour_of_day(hour)
        weight = self._prior / np.maximum(count + self._prior, 1e-300)
        mixed = own + weight * (shared - own)
        # Either alone where the other is not known.
        return np.where(np.isnan(own), shared, np.where(np.isnan(shared), own, mixed))

    def _hour_of_day(self, hour: int) -> FloatArray:
        working = hour // 24 < _SATURDAY
        days = range(_SATURDAY) if working else range(_SATURDAY, 7)
        past = np.concatenate([self._past[24 * day + hour % 24] for day in days], axis=1)
        known = ~np.isnan(past)
        days_known = np.count_nonzero(known.any(axis=2), axis=1)
        bins = past.reshape(len(past), -1)
        middle = known_median(bins, np.count_nonzero(known, axis=(1, 2)), self._every)
        return np.where(days_known >= self._min_days, middle, np.nan)
