"""False alarms on ordinary life: counted, with an interval, and the thresholds that give a rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS_A_MONTH: Final = 720


@dataclass(frozen=True)
class FalseAlarms:
    """First alarms over hours of exposure, as a rate a month (720 hours) with its interval.

    `clustering` is how many times wider alarms spread over the runs than independent watches
    would: a run with one very busy user alarms in all of its watches, and that is one piece of
    news and not four.
    """

    alarms: int
    exposure_hours: float
    clustering: float = 1.0

    @property
    def per_month(self) -> float:
        return float(self.alarms / self.exposure_hours * HOURS_A_MONTH)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Exact Poisson interval (Garwood 1936) of the monthly rate, on independent alarms."""
        from scipy.stats import chi2

        tail, independent = (1 - level) / 2, self.alarms / self.clustering
        low = chi2.ppf(tail, 2 * independent) / 2 if self.alarms else 0.0
        high = chi2.ppf(1 - tail, 2 * independent + 2) / 2
        scale = HOURS_A_MONTH / self.exposure_hours * self.clustering
        return float(low * scale), float(high * scale)

    def chance_within(self, low: float, high: float) -> float:
        """Largest chance of a count so far off, were the monthly rate within these bounds.

        Examples
        --------
        >>> FalseAlarms(200, 200 * 720.0).chance_within(0.8, 1.25)
        1.0
        >>> FalseAlarms(40, 20 * 720.0).chance_within(0.8, 1.25) < 0.01   # 2 a month
        True
        """
        from scipy.stats import chi2

        if low <= self.per_month <= high:
            return 1.0
        seen = self.alarms / self.clustering
        scale = self.exposure_hours / HOURS_A_MONTH / self.clustering
        if self.per_month > high:
            return float(chi2.cdf(2 * high * scale, 2 * seen))
        return float(chi2.sf(2 * low * scale, 2 * seen + 2))


@dataclass(frozen=True)
class Paths:
    """Running maxima of a detector's statistic in each watch, of shape ``(runs, bins)``.

    They never fall, so one pass serves every threshold. `per_hour` are the bins of an hour.
    """

    highest: tuple[Floats, ...]
    per_hour: int = 1

    @classmethod
    def of(cls, watches: Sequence[Floats], per_hour: int = 1) -> Paths:
        """From the statistic of each watch; NaN never alarms."""
        filled = (np.where(np.isnan(path), -inf, path) for path in watches)
        return cls(tuple(np.maximum.accumulate(path, axis=1) for path in filled), per_hour)

    def first(self, threshold: float) -> list[Ints]:
        """Bin of the first alarm of each run, by watch; the watch's length where there is none."""
        return [np.asarray((h <= threshold).sum(axis=1)) for h in self.highest]

    def false_alarms(self, *firsts: Sequence[Ints]) -> FalseAlarms:
        """First alarms over exposure: of one detector, or of the earliest of several.

        Parameters
        ----------
        *firsts : sequence of arrays
            As :meth:`first` gives them, a sequence a detector.
        """
        earliest = [np.minimum.reduce(list(watch)) for watch in zip(*firsts, strict=True)]
        bins = [watch.shape[1] for watch in self.highest]
        raised = np.stack([f < n for f, n in zip(earliest, bins, strict=True)])
        exposure = sum(int(np.minimum(f + 1, n).sum()) for f, n in zip(earliest, bins, strict=True))
        return FalseAlarms(int(raised.sum()), exposure / self.per_hour, clustering(raised))

    def threshold(self, per_month: float) -> float:
        """Lowest threshold whose rate of first alarms is at most so much; infinity for none.

        It is one of the values that the statistic takes.
        """
        values, rates = self._rates
        few = np.flatnonzero(rates <= per_month)
        return float(values[few[0]]) if len(few) else inf

    @cached_property
    def _rates(self) -> tuple[Floats, Floats]:
        """Every finite value that a running maximum rises to, and the monthly rate there.

        Raising the threshold past one of them moves that run's first alarm to its next rise; past
        its last, the alarm is gone.
        """
        values, moved, gone, exposure, alarms = [], [], [], 0, 0
        for path in self.highest:
            runs, bins = path.shape
            before = np.concatenate([np.full((runs, 1), -inf), path[:, :-1]], axis=1)
            run, at = np.nonzero(path > before)  # by run, then by bin
            last = np.append(run[1:] != run[:-1], True) if len(run) else np.zeros(0, bool)
            first = np.concatenate([[True], last[:-1]]) if len(run) else np.zeros(0, bool)
            following = np.where(last, bins, np.roll(at, -1) + 1)
            values.append(path[run, at])
            moved.append(following - (at + 1))
            gone.append(last.astype(np.int64))
            never = runs - int(first.sum())
            exposure += int((at[first] + 1).sum()) + never * bins
            alarms += int(first.sum())
        every = np.concatenate(values)
        order = np.argsort(every, kind="stable")
        every = every[order]
        bins_to = exposure + np.cumsum(np.concatenate(moved)[order])
        left = alarms - np.cumsum(np.concatenate(gone)[order])
        # of equal values, only after the last of them have all runs moved on
        kept = np.append(every[1:] != every[:-1], True) if len(every) else np.zeros(0, bool)
        kept &= np.isfinite(every)
        return every[kept], left[kept] / bins_to[kept] * self.per_hour * HOURS_A_MONTH


def clustering(raised: NDArray[np.bool_]) -> float:
    """Variance of the runs' numbers of alarms over that of independent watches, at least 1.

    `raised` has shape ``(watches, runs)``.
    """
    watches, runs = raised.shape
    share = raised.mean()
    independent = watches * share * (1 - share)
    if runs < 2 or not independent:
        return 1.0
    return max(1.0, float(raised.sum(axis=0).var(ddof=1) / independent))
