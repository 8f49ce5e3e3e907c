"""Runs of ordinary life: what thresholds are set on and false alarms are counted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from costsim.detect import Baseline, Detector, SeriesDetector
from costsim.detect.baselines import Reading
from costsim.detect.series_detector import largest, slabs
from costsim.detect.stepped import SteppedDetector
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import BinnedSpend, sample_bins
from costsim.study.false_alarms import HOURS_A_MONTH, FalseAlarms, Paths
from costsim.study.ordinary import OrdinaryLife

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

WATCH_DAYS: Final = 28
"""Of one watch: a monitor is started and let run this long, or to its first alarm."""
TRAINING_DAYS: Final = 28
LEAST_HISTORY_DAYS: Final = 14
WATCHES: Final = 4
"""In a row on one run."""


@dataclass(frozen=True)
class Quiet:
    """Ordinary life to calibrate on, several runs of it.

    The first `ordinary_features` of the series a feature are always there; others are launches.
    """

    spend: BinnedSpend
    training_hours: int
    ordinary_features: int
    _readings: dict[tuple[Baseline, str], list[tuple[Floats, Reading]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def months(self) -> float:
        """Watched months, as if no alarm ended a watch."""
        runs, bins = self.spend.total.shape
        hours = bins / self.spend.per_hour - self.training_hours
        return float(runs * hours / HOURS_A_MONTH)

    def watches(self, detector: SeriesDetector) -> list[Floats]:
        """Statistic of each watch, of shape ``(runs, bins of a watch)``.

        Every watch starts the chart anew; the baseline has all that came before.
        """
        values, week = self.spend.channel(detector.channel), self.spend.hour_of_week
        minutes, per_hour = self.spend.bin_minutes, self.spend.per_hour
        runs, bins = values.shape[:2]
        watch, first = WATCH_DAYS * 24 * per_hour, self.training_hours * per_hour
        spans = [(a, a + watch) for a in range(first, bins - watch + 1, watch)]
        if isinstance(detector, Detector):
            found = [
                [detector.charted(*one, a, b, minutes)[a:].T for a, b in spans]
                for one in self._read(detector)
            ]
        elif isinstance(detector, SteppedDetector):
            end, starts = spans[-1][1], [a for a, _ in spans]
            paths = (
                detector.watches(slab[:, :end], week[:end], starts, minutes)
                for slab in slabs(values)
            )
            found = [[path[:, a:b] for a, b in spans] for path in paths]
        else:
            found = [
                [detector.statistic(slab[:, :b], week[:b], a, minutes)[:, a:] for a, b in spans]
                for slab in slabs(values)
            ]
        return [
            np.fmax.reduce([largest(path, runs) for path in of_watch])
            for of_watch in zip(*found, strict=True)
        ]

    def _read(self, detector: Detector) -> list[tuple[Floats, Reading]]:
        """The channel against the detector's baseline, which several charts share."""
        key = (detector.baseline, detector.channel)
        if key not in self._readings:
            rows = [slab.T for slab in slabs(self.spend.channel(detector.channel))]
            week, minutes = self.spend.hour_of_week, self.spend.bin_minutes
            self._readings[key] = [(part, detector.read(part, week, minutes)) for part in rows]
        return self._readings[key]

    def paths(self, detector: SeriesDetector) -> Paths:
        """The detector's statistic in all watches, ready for any threshold."""
        return Paths.of(self.watches(detector), self.spend.per_hour)

    def false_alarms(self, *detectors: SeriesDetector) -> FalseAlarms:
        """First alarms of all watches at a detector's own threshold, or at those of several.

        Of several, the first of them to alarm counts, and the watch ends.
        """
        paths = [self.paths(detector) for detector in detectors]
        firsts = [p.first(d.threshold) for d, p in zip(detectors, paths, strict=True)]
        return paths[0].false_alarms(*firsts)


def quiet_runs(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    training: int | None = None,
    life: OrdinaryLife | None = None,
    bin_minutes: int = 60,
    workers: int = 2,
) -> Quiet:
    """Ordinary life of a scenario: its training history, then four watches of four weeks.

    Parameters
    ----------
    scenario : Scenario
        Its history, from the start to its week, is the training window.
    seeds : sequence of int
        One run each.
    training : int, optional
        Days of a training window of another length.
    life : OrdinaryLife, optional
        Launches and campaigns that belong to it, over history and watches alike; by default as
        often as :class:`OrdinaryLife` says.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin; watches are four weeks and rates are of a month whatever it is.
    workers : int
        Threads; never changes a number.
    """
    training = training_days(scenario) if training is None else training
    life, days = life or OrdinaryLife(), training + WATCHES * WATCH_DAYS
    parts, start, features = [], 0, len(scenario.without_launches().features)
    spread = life.spread(seeds)
    lives = life.scenarios(scenario, days=days, keys=[each[0] for each in spread])
    for each, lived in zip(spread, lives, strict=True):
        parts.append(sample_bins(lived, each, bin_minutes=bin_minutes, workers=workers))
        start = int(lived.calendar.day_starts[training])
    return Quiet(BinnedSpend.joined(parts), start, features)


def training_days(scenario: Scenario) -> int:
    """Days from a scenario's start to the week that it is about."""
    days = (scenario.focus.start - scenario.start).days
    if days < LEAST_HISTORY_DAYS:
        raise SettingError(
            f"scenario {scenario.name} must have at least {LEAST_HISTORY_DAYS} days of history "
            f"before its week to train detectors on; got {days}"
        )
    return days
