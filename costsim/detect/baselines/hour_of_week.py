"""Hour of the week: Tuesday 10:00 is expected to be like the Tuesdays at 10:00 before."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from costsim.detect.baselines.base import PatientState, Reading, at_least
from costsim.detect.baselines.median import known_median
from costsim.detect.baselines.scatter import RobustScatter, Scatter
from costsim.detect.bin_width import HOURLY, BinWidth, HourClock
from costsim.detect.hours import HOURS_IN_WEEK, BoolArray, FloatArray, IntArray
from costsim.errors import SettingError

MOST_SLACK_HOURS: Final = 12
MOST_AT_ONCE: Final = 24
"""Hours that are read together."""


@dataclass(frozen=True)
class HourOfWeek:
    """Median of the same local hour of the week before, on log dollars, with a robust scatter.

    Parameters
    ----------
    weeks : int
        Occurrences of the hour that are remembered, at least 1.
    min_weeks : int
        Known occurrences needed before anything is expected, from 1 to `weeks`.
    offset_usd : float
        Dollars an hour added before the logarithm, above 0. Far above it a bin is judged by its
        ratio to what was expected, far below it by the dollars: 3 cents instead of 1 is nothing.
    scale_hours : int
        Hours of past residuals that the scatter is taken from, at least 24.
    min_scale_hours : int
        Hours of known residuals needed before anything is judged, from 2 to `scale_hours`.
    guard_hours : int
        Hours of the newest residuals left out of the scatter, at least 0.
    refit_hours : int
        The scatter is taken anew each so many hours, at least 1.
    min_scale : float
        Floor of the scatter in log units (0.05 is about 5%), above 0: a constant has none.
    slack_hours : int
        Hours by which a day may come early or late, from 0 to 12: as many dollars as the dearest
        of the hours around a bin's own are still as expected, and z counts from there.
    winsor : float
        A bin further than so many scatters from what was expected is remembered as if it were
        just so far, so that one bad week moves the next ones little even while there are only
        two to take the median of. Above 0; `inf` turns it off.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    The scatter is 1.4826 times the median *absolute* residual, pooled over all hours. Residuals
    are true forecast errors: each bin minus what was expected before it was seen; so a baseline
    that is biased or has few weeks behind it pays with a wider scatter.

    While an incident runs the baseline must not swallow it. The place is safe for a week,
    because the newest occurrence it can hold is a week old, and for longer by the median and
    the winsorised memory. The scatter is safe for `guard_hours` and then widens slowly; it is as
    wide as the incident only once half of the residuals it holds are incident. What fails: a
    level that stays up for good alarms for about `weeks`/2 weeks before it is the new normal,
    two weeks of incident in a row blind the scatter, and a holiday is compared with working
    days.

    Bins shorter than an hour are held at their rate against the median of all bins of that hour
    in the weeks before, and their scatter is that of such bins: the rhythm of a week does not
    change within an hour. Bins of the hour that is running are learnt from when it is over.

    Users of another zone come an hour late or early in the weeks between the two zones' changes
    of clocks. On the flank of a day an hour is a third of the spend, which slack does not take for
    news; where a day is level it costs little.

    Where the clock goes back an hour of the week comes twice, and the first is the newest
    occurrence for the second.

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition (2021), section
    5.2: the seasonal naive method, of which this is the median. Rousseeuw and Croux, Alternatives
    to the median absolute deviation, JASA 88 (1993): the scatter.

    Examples
    --------
    >>> import numpy as np
    >>> state = HourOfWeek(min_scale_hours=24).begin(n_series=1)
    >>> for hour in range(3 * 168):
    ...     reading = state.step(np.array([20.0 if hour % 24 < 12 else 80.0]), hour % 168)
    >>> [round(float(part[0]), 2) for part in reading]
    [80.0, 0.0]
    """

    weeks: int = 8
    min_weeks: int = 2
    offset_usd: float = 1.0
    scale_hours: int = 672
    min_scale_hours: int = 48
    guard_hours: int = 24
    refit_hours: int = 24
    min_scale: float = 0.05
    winsor: float = 4.0
    slack_hours: int = 0

    def __post_init__(self) -> None:
        at_least("min_weeks", self.min_weeks, 1)
        at_least("weeks", self.weeks, self.min_weeks)
        at_least("offset_usd", self.offset_usd, 1e-9)
        at_least("min_scale_hours", self.min_scale_hours, 2)
        at_least("scale_hours", self.scale_hours, max(24, self.min_scale_hours))
        at_least("guard_hours", self.guard_hours, 0)
        at_least("refit_hours", self.refit_hours, 1)
        at_least("min_scale", self.min_scale, 1e-9)
        at_least("winsor", self.winsor, 1e-9)
        if not 0 <= self.slack_hours <= MOST_SLACK_HOURS:
            raise SettingError(
                f"slack_hours must be from 0 to {MOST_SLACK_HOURS}; got {self.slack_hours!r}"
            )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> HourOfWeekState:
        """Start with no history."""
        return HourOfWeekState(self, n_series, width)

    @property
    def scatter(self) -> Scatter:
        """How the scatter is taken."""
        return Scatter(
            self.scale_hours, self.min_scale_hours, self.guard_hours, floor=self.min_scale
        )

    def describe(self) -> str:
        """Say in words what is expected."""
        slack = self.slack_hours
        sides = f" or of one at most {slack} h from it, if that is more," if slack else ""
        return f"the median of the same hour{sides} of the last {self.weeks} weeks, on log dollars"


class HourOfWeekState(PatientState):
    """An `HourOfWeek` at work."""

    def __init__(self, settings: HourOfWeek, n_series: int, width: BinWidth = HOURLY) -> None:
        self._settings = settings
        self._rate = width.rate
        self._clock = HourClock(width)
        self._every = np.arange(n_series)
        self._past = np.full((HOURS_IN_WEEK, n_series, settings.weeks, width.per_hour), np.nan)
        self._seen = np.zeros((HOURS_IN_WEEK, n_series), dtype=np.int64)
        self._scatter = RobustScatter(settings.scatter, n_series, width)
        self._places: deque[FloatArray] = deque()  # of bins that are not learnt from yet
        self._hours = 0
        self._here = np.full(n_series, np.nan)  # what is expected of the running hour's bins
        self._near: deque[FloatArray] = deque(maxlen=2 * settings.slack_hours + 1)  # and around it
        self._due = -1  # hour of the week that comes next, if no clock is changed
        self._dearest = self._here
        self._late = HourClock(width)  # of the bins that are learnt from
        self._hour = 0
        self._now = np.full((n_series, width.per_hour), np.nan)  # levels of the hour being learnt
        self._bin = 0

    def judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Judge the next bin of each series by what has been learnt so far."""
        settings = self._settings
        if self._clock.begins(hour_of_week):
            if self._hours % settings.refit_hours == 0:
                self._scatter.refit()
            self._hours += 1
            hours = np.array([hour_of_week])
            self._here = self._places_of(hours)[0]
            if settings.slack_hours:
                self._dearest = self._around(hours)[0]
        place, level = self._here, self._level(dollars)
        self._places.append(place)
        if settings.slack_hours:  # what lies between is as expected; of a gap, the hour's own
            place = np.fmax(np.fmin(level, self._dearest), place)
        z = (level - place) / self._scatter.value
        return Reading(np.maximum(np.exp(place) - settings.offset_usd, 0.0) / self._rate, z)

    def learn(
        self, dollars: FloatArray, hour_of_week: int, frozen: BoolArray | None = None
    ) -> None:
        """Learn from the oldest bin that was judged and has not been learnt from."""
        level, place = self._level(dollars), self._places.popleft()
        if self._late.begins(hour_of_week):
            if self._bin:  # an hour that a change of clocks has cut short
                self._remember()
            self._hour = hour_of_week
        # fmin and fmax pass over the NaN bounds of bins without a baseline.
        reach = self._settings.winsor * self._scatter.value
        kept = np.fmin(np.fmax(level, place - reach), place + reach)
        np.copyto(
            kept, np.nan, where=np.isnan(level) if frozen is None else np.isnan(level) | frozen
        )
        self._now[:, self._bin] = kept
        self._bin += 1
        if self._bin == self._now.shape[1]:
            self._remember()
        self._scatter.add(level - place, frozen)

    def read(self, rows: FloatArray, hours: Sequence[int]) -> Reading:
        """As :meth:`step` bin by bin, to the last bit; up to a day of hours at once."""
        if self._now.shape[1] > 1:
            return super().read(rows, hours)
        found = Reading(np.empty_like(rows), np.empty_like(rows))
        week = np.asarray(hours, dtype=np.int64)
        begin = 0
        while begin < len(rows):
            # Between two refits, and no hour comes twice: nothing that is learnt is used in it.
            most = self._settings.refit_hours - self._hours % self._settings.refit_hours
            part = week[begin : begin + min(most, MOST_AT_ONCE)]
            jumps = np.flatnonzero((part[:-1] + 1) % HOURS_IN_WEEK != part[1:])
            part = part[: jumps[0] + 1] if len(jumps) else part
            end = begin + len(part)
            found.expected_usd[begin:end], found.z[begin:end] = self._at_once(rows[begin:end], part)
            begin = end
        return found

    def _at_once(self, rows: FloatArray, hours: IntArray) -> Reading:
        settings = self._settings
        if self._hours % settings.refit_hours == 0:
            self._scatter.refit()
        self._hours += len(hours)
        place, level, scatter = self._places_of(hours), self._level(rows), self._scatter.value
        expected = place
        if settings.slack_hours:
            expected = np.fmax(np.fmin(level, self._around(hours)), place)
        reading = Reading(
            np.maximum(np.exp(expected) - settings.offset_usd, 0.0) / self._rate,
            (level - expected) / scatter,
        )
        reach = settings.winsor * scatter
        kept = np.fmin(np.fmax(level, place - reach), place + reach)
        at, one = np.nonzero(~np.isnan(level))
        slot = self._seen[hours[at], one] % settings.weeks
        self._past[hours[at], one, slot, 0] = kept[at, one]
        self._seen[hours[at], one] += 1
        for residual in level - place:
            self._scatter.add(residual)
        return reading

    def _around(self, hours: IntArray) -> FloatArray:
        """Dearest place of the hours around each of some that follow one another; each is new once.

        Where they do not follow those before them, because of a clock, all are.
        """
        slack, first, last = self._settings.slack_hours, int(hours[0]), int(hours[0]) + len(hours)
        if first == self._due:
            new, near = range(first + slack, last + slack), [*self._near][1:]
        else:
            new, near = range(first - slack, last + slack), []
        places = self._places_of(np.array(new) % HOURS_IN_WEEK)
        around = np.concatenate([np.array(near), places]) if near else places
        self._near.clear()
        self._near.extend(around[-(2 * slack + 1) :])
        self._due = last % HOURS_IN_WEEK
        shifted = [around[n : n + len(hours)] for n in range(2 * slack + 1)]
        return np.asarray(np.fmax.reduce(shifted))

    def _level(self, dollars: FloatArray) -> FloatArray:
        worth = np.maximum(dollars, 0.0) * self._rate
        return np.asarray(np.log(worth + self._settings.offset_usd))

    def _places_of(self, hours: IntArray) -> FloatArray:
        """What is expected of some hours, shape (hours, n_series)."""
        seen = self._seen[hours].ravel()
        past = self._past[hours].reshape(len(seen), -1)
        count = np.minimum(seen, self._settings.weeks)
        if past.shape[1] > self._settings.weeks:  # bins of an hour, some of them gaps
            count = np.asarray(~np.isnan(past)).sum(axis=1)
        middle = known_median(past, count, np.arange(len(seen)))
        places = np.where(seen >= self._settings.min_weeks, middle, np.nan)
        return places.reshape(len(hours), -1)

    def _remember(self) -> None:
        """Take in the hour that is over; of a series of which nothing was known, nothing."""
        known = (~np.isnan(self._now)).any(axis=1).nonzero()[0]
        slot = self._seen[self._hour, known] % self._settings.weeks
        self._past[self._hour, known, slot] = self._now[known]
        self._seen[self._hour, known] += 1
        self._now.fill(np.nan)
        self._bin = 0
