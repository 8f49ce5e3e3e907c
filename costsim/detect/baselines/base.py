"""What a baseline is: it says what was to be expected of a bin, from the bins before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf
from numbers import Integral, Real
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import BoolArray, FloatArray
from costsim.errors import SettingError


class Reading(NamedTuple):
    """One bin against its baseline, for each series.

    Attributes
    ----------
    expected_usd : ndarray, shape (n_series,)
        Dollars that were to be expected; NaN where there is no baseline yet.
    z : ndarray, shape (n_series,)
        How far above that the bin is, in units of the usual scatter; NaN where unknown.
    """

    expected_usd: FloatArray
    z: FloatArray


class BaselineState(Protocol):
    """A baseline at work: it has seen the bins so far."""

    def step(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Judge the next bin of each series, then learn from it."""
        ...


class PatientState(ABC):
    """A baseline at work that judges a bin before it learns from it, at once or later.

    Bins are judged in order, each once, and learnt from in that order, each once.
    """

    @abstractmethod
    def judge(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Judge the next bin of each series by what has been learnt so far."""

    @abstractmethod
    def learn(
        self, dollars: FloatArray, hour_of_week: int, frozen: BoolArray | None = None
    ) -> None:
        """Learn from the oldest bin that was judged and has not been learnt from.

        Parameters
        ----------
        frozen : ndarray of bool, shape (n_series,), optional
            Series that learn nothing from it, and forget nothing because of it; none by default.
            (NaN dollars are another thing: time goes on, and nobody knows what was spent.)
        """

    def step(self, dollars: FloatArray, hour_of_week: int) -> Reading:
        """Judge the next bin of each series, then learn from it."""
        reading = self.judge(dollars, hour_of_week)
        self.learn(dollars, hour_of_week)
        return reading

    def read(self, rows: FloatArray, hours: Sequence[int]) -> Reading:
        """Judge and learn from all bins of a history that begins here, as :meth:`step` would.

        Parameters
        ----------
        rows : ndarray, shape (T, n_series)
        hours : sequence of int
            Hour of the week of each bin.

        Returns
        -------
        Reading
            Of arrays of shape (T, n_series).
        """
        return read_by_steps(self, rows, hours)


def read_by_steps(state: BaselineState, rows: FloatArray, hours: Sequence[int]) -> Reading:
    """Readings of all bins, one step after the other; see :meth:`PatientState.read`."""
    found = Reading(np.empty_like(rows), np.empty_like(rows))
    for at, (row, hour) in enumerate(zip(rows, hours, strict=True)):
        found.expected_usd[at], found.z[at] = state.step(row, hour)
    return found


@runtime_checkable
class Baseline(Protocol):
    """Settings of a baseline; `begin` sets one to work.

    One step function serves a batch of many series and a live stream of one, so that the two
    cannot differ, and a bin can only be judged by what came before it.
    """

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> BaselineState:
        """Start with no history; hours of the settings are so many bins of `width`."""
        ...

    def describe(self) -> str:
        """Say in words what is expected."""
        ...


def at_least(what: str, got: object, least: float) -> None:
    """Check a setting against its lower bound; where that is whole, as of hours, so must it be.

    Raises
    ------
    SettingError
        It is below the bound, or no number, or no whole one.
    """
    whole = isinstance(least, Integral)
    kind, name = (Integral, "a whole number") if whole else (Real, "a number")
    if isinstance(got, bool) or not isinstance(got, kind) or not isinstance(got, Real):
        raise SettingError(f"{what} must be {name} of at least {least}; got {got!r}")
    if not float(got) >= least:
        raise SettingError(f"{what} must be at least {least}; got {got!r}")


def checked_baseline(baseline: object) -> None:
    """Check that a detector was given a baseline.

    Raises
    ------
    SettingError
        It was given something else, such as a chart.
    """
    # A protocol is known by its methods, and charts and detectors have all of a baseline's.
    other = hasattr(baseline, "path") or hasattr(baseline, "statistic")
    if other or not isinstance(baseline, Baseline):
        raise SettingError(f"baseline must be a Baseline such as HourOfWeek(); got {baseline!r}")


def checked_counts(baseline: object, dispersion: float, least_calls: float) -> None:
    """Check the settings that detectors of counts share.

    Raises
    ------
    SettingError
        One is outside its bounds.
    """
    checked_baseline(baseline)
    if not 0 <= dispersion < inf:
        raise SettingError(f"dispersion must be at least 0 and finite; got {dispersion!r}")
    at_least("least_calls", least_calls, 1e-9)
