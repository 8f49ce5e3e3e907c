"""One budget of false alarms for detectors that watch together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from costsim.detect import SeriesDetector
from costsim.study.calibration import FalseAlarms, Quiet, checked_rate, clustering

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STEPS = 40  # of a bisection


@dataclass(frozen=True)
class Paths:
    """Running maxima of a detector's statistic in each watch, of shape ``(runs, hours)``."""

    highest: tuple[Floats, ...]

    @classmethod
    def of(cls, detector: SeriesDetector, quiet: Quiet) -> Paths:
        filled = (np.where(np.isnan(p), -inf, p) for p in quiet.watches(detector))
        return cls(tuple(np.maximum.accumulate(p, axis=1) for p in filled))

    def first(self, threshold: float) -> list[Ints]:
        """Hour of the first alarm of each run, by watch; the watch's length where there is none."""
        return [np.asarray((h <= threshold).sum(axis=1)) for h in self.highest]

    def threshold(self, per_month: float) -> float:
        """Lowest threshold whose rate of first alarms is at most so much."""
        ends = np.concatenate([h[:, -1] for h in self.highest])
        finite = ends[np.isfinite(ends)]
        low, high = float(finite.min()) - 1, float(finite.max())
        for _ in range(STEPS):
            middle = (low + high) / 2
            above = counted(self.first(middle), self.highest).per_month > per_month
            low, high = (middle, high) if above else (low, middle)
        return high


def counted(first: Sequence[Ints], watches: Sequence[Floats]) -> FalseAlarms:
    """First alarms over exposure, of hours by watch as :meth:`Paths.first` gives them."""
    hours = [watch.shape[1] for watch in watches]
    raised = np.stack([f < n for f, n in zip(first, hours, strict=True)])
    exposure = sum(int(np.minimum(f + 1, n).sum()) for f, n in zip(first, hours, strict=True))
    return FalseAlarms(int(raised.sum()), exposure, clustering(raised))


def together(firsts: Sequence[list[Ints]]) -> list[Ints]:
    """First alarms of several detectors as those of one: the earliest of each run."""
    return [np.minimum.reduce(list(watch)) for watch in zip(*firsts, strict=True)]


def calibrate_together(
    detectors: Sequence[SeriesDetector], quiet: Quiet, false_alarms_per_month: float
) -> tuple[SeriesDetector, ...]:
    """Thresholds at which all detectors together have a rate of false alarms, each an equal part.

    Parameters
    ----------
    detectors : sequence of SeriesDetector
        Their thresholds are replaced.
    quiet : Quiet
        Ordinary life to set them on.
    false_alarms_per_month : float
        Of all of them together, above 0, a month of 720 hours.

    Returns
    -------
    tuple of SeriesDetector
        Each with the threshold that it would have alone at one common rate; the common rate is
        the largest at which the first alarm of any of them comes no more often than wanted.

    Notes
    -----
    Detectors that alarm together cost one false alarm and not several, so the common rate is more
    than an equal part of the budget: how much more is measured and not assumed.
    """
    checked_rate(false_alarms_per_month, quiet.months)
    paths = [Paths.of(detector, quiet) for detector in detectors]
    return set_together(detectors, paths, false_alarms_per_month)


def set_together(
    detectors: Sequence[SeriesDetector], paths: Sequence[Paths], false_alarms_per_month: float
) -> tuple[SeriesDetector, ...]:
    """As :func:`calibrate_together`, from paths that are there already."""
    low, high = false_alarms_per_month / (2 * len(paths)), false_alarms_per_month
    for _ in range(12):
        each = (low * high) ** 0.5
        firsts = [p.first(p.threshold(each)) for p in paths]
        found = counted(together(firsts), paths[0].highest).per_month
        low, high = (low, each) if found > false_alarms_per_month else (each, high)
    kept = []
    for detector, p in zip(detectors, paths, strict=True):
        threshold = p.threshold(low)
        # what ordinary life never moves, such as silence, keeps the threshold that it comes with
        kept.append(detector.with_threshold(threshold) if threshold > 0 else detector)
    return tuple(kept)


def false_alarms_together(detectors: Sequence[SeriesDetector], quiet: Quiet) -> FalseAlarms:
    """First alarms of any of the detectors on ordinary life, at their own thresholds."""
    paths = [Paths.of(detector, quiet) for detector in detectors]
    firsts = [p.first(d.threshold) for d, p in zip(detectors, paths, strict=True)]
    return counted(together(firsts), paths[0].highest)
