"""A guard on any baseline: it learns late, and nothing while something is wrong."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from costsim.detect.baselines.base import (
    Baseline,
    PatientState,
    Reading,
    at_least,
    checked_baseline,
)
from costsim.detect.baselines.hour_of_week import HourOfWeek
from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import BoolArray, FloatArray
from costsim.errors import SettingError


@dataclass(frozen=True)
class Guarded:
    """A baseline that an incident cannot teach: learnt late, frozen while too much is spent.

    Parameters
    ----------
    baseline : Baseline
        What is guarded. It must judge bins before it learns from them, so not `IncludingWindow`.
    guard_hours : int
        Newest hours that are not learnt from yet, at least 0 and less than `freeze_days`. When
        the baseline freezes they are never learnt from: the incident may have begun in them.
    k, h : float
        It freezes once what exceeds `k` scatters adds up to `h`, and thaws once that sum, which
        grows no further, is back at 0: after h/k calm bins. `k` at least 0, `h` above 0;
        infinity never freezes. Like those of a chart they count bins, whatever their width.
    freeze_days : int
        A freeze that lasts so many days of 24 hours is no incident but the new normal, at least
        1: the baseline begins again with nothing but what was spent in it.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or the baseline judges what it has learnt already.

    Notes
    -----
    The sum is a CUSUM of the baseline's own readings, each series for itself, with a limit that
    is not that of any chart. So what is expected does not depend on the threshold of a detector,
    and one path serves all thresholds.

    A permanent new level is judged against the old one for exactly `freeze_days`; then nothing
    is known but those days. Three weeks are enough for `HourOfWeek` to judge on at once; with
    fewer than its `min_weeks` it is silent until it has them.

    What fails: a rise that never adds up to `h`, such as a slow ramp below `k` scatters, is
    learnt as if there were no guard, only later. Two incidents with less than h/k calm bins
    between them are one. Growth by steps freezes, and what is expected then stands still for up
    to `freeze_days`.

    References
    ----------
    Page, Biometrika 41 (1954); guard bands as in Farrington, Andrews, Beale and Catchpole,
    Journal of the Royal Statistical Society A 159 (1996), who leave out the newest weeks and
    give past outbreaks little weight.

    Examples
    --------
    >>> import numpy as np
    >>> from costsim.detect import TrailingMean
    >>> usd = np.where(np.arange(240) < 72, 10.0, 30.0)   # three times as much from day 4 on
    >>> state = Guarded(TrailingMean(window_hours=48), freeze_days=5).begin(n_series=1)
    >>> expected = [float(state.step(usd[i : i + 1], i % 168).expected_usd[0]) for i in range(240)]
    >>> expected[191], expected[192]                      # five days later, it is the new normal
    (10.0, 30.0)
    """

    baseline: Baseline = field(default_factory=HourOfWeek)
    guard_hours: int = 24
    k: float = 1.0
    h: float = 10.0
    freeze_days: int = 21

    def __post_init__(self) -> None:
        at_least("freeze_days", self.freeze_days, 1)
        if not 0 <= self.guard_hours < 24 * self.freeze_days:
            raise SettingError(
                f"guard_hours must be from 0 to below {24 * self.freeze_days}, the "
                f"{self.freeze_days} days of freeze_days; got {self.guard_hours!r}"
            )
        at_least("k", self.k, 0.0)
        at_least("h", self.h, 1e-9)
        checked_baseline(self.baseline)
        if not isinstance(self.baseline.begin(1), PatientState):
            raise SettingError(
                "baseline must judge a bin before it learns from it, such as HourOfWeek(); got "
                f"{self.baseline!r}"
            )

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _GuardedState:
        """Start with no history."""
        return _GuardedState(self, n_series, width)

    def describe(self) -> str:
        """Say in words what is expected."""
        late = f" up to {self.guard_hours} hours ago" if self.guard_hours else ""
        return (
            f"{self.baseline.describe()}{late}, frozen for at most {self.freeze_days} days while "
            f"what exceeds {self.k:g} scatters has added up to {self.h:g}"
        )


class _GuardedState:
    def __init__(self, settings: Guarded, n_series: int, width: BinWidth) -> None:
        self._settings = settings
        self._width = width
        self._guard = settings.guard_hours * width.per_hour
        self._most = 24 * settings.freeze_days * width.per_hour
        self._shared = self._start(n_series)
        self._own: dict[int, PatientState] = {}  # of series that have begun again
        self._waiting: deque[tuple[FloatArray, int, BoolArray]] = deque()
        self._newest: deque[tuple[FloatArray, int]] = deque(maxlen=self._most)
        self._sum = np.zeros(n_series)
        self._frozen = np.zeros(n_series, dtype=np.int64)  # bins since it froze, 0 if it has not

    def _start(self, n_series: int) -> PatientState:
        state = self._settings.baseline.begin(n_series, self._width)
        assert isinstance(state, PatientState)
        return state

    def step(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Judge the next bin of each series, then learn from an older one."""
        reading = self._judge(dollars, hour_of_week)
        self._watch(reading.z)
        self._newest.append((dollars, hour_of_week))
        self._waiting.append((dollars, hour_of_week, self._frozen > 0))
        for one in np.flatnonzero(self._frozen >= self._most).tolist():
            self._begin_again(one)
        if len(self._waiting) > self._guard:
            row, hour, frozen = self._waiting.popleft()
            kept = frozen if frozen.any() else None
            self._shared.learn(row, hour, kept)
            for one, state in self._own.items():
                state.learn(row[one : one + 1], hour, None if kept is None else kept[one : one + 1])
        return reading

    def _judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        reading = self._shared.judge(dollars, hour_of_week)
        for one, state in self._own.items():
            expected, z = state.judge(dollars[one : one + 1], hour_of_week)
            reading.expected_usd[one], reading.z[one] = expected[0], z[0]
        return reading

    def _watch(self, z: FloatArray) -> None:
        grown = self._sum + np.where(np.isnan(z), 0.0, z - self._settings.k)
        self._sum = np.clip(grown, 0.0, self._settings.h)
        opening = (self._frozen == 0) & (self._sum >= self._settings.h)
        self._frozen += opening | (self._frozen > 0)
        self._frozen[self._sum == 0.0] = 0
        if opening.any():
            for _, _, frozen in self._waiting:
                frozen |= opening

    def _begin_again(self, one: int) -> None:
        """Know nothing but the freeze, as late as ever."""
        state, guard = self._start(1), self._guard
        frozen = [(row[one : one + 1], hour) for row, hour in self._newest]
        for number, (dollars, hour) in enumerate(frozen):
            state.judge(dollars, hour)
            # What the last bin lets it learn is learnt by `step`, with all other series.
            if guard <= number < len(frozen) - 1:
                state.learn(*frozen[number - guard])
        for _, _, left_out in self._waiting:
            left_out[one] = False
        self._own[one] = state
        self._sum[one], self._frozen[one] = 0.0, 0
