"""False alarms on ordinary life: counted, with an interval, and the thresholds that give a rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS_A_MONTH: Final = 720
STEPS: Final = 40
"""Of a bisection for a threshold."""


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
        """Lowest threshold whose rate of first alarms is at most so much; infinity for none."""

        def above(threshold: float) -> bool:
            return self.false_alarms(self.first(threshold)).per_month > per_month

        ends = np.concatenate([h[:, -1] for h in self.highest])
        finite = ends[np.isfinite(ends)]
        if not len(finite) or above(float(finite.max())):
            return inf
        low, high = float(finite.min()) - 1, float(finite.max())
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if above(middle) else (low, middle)
        return high


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
