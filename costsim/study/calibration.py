"""Thresholds for a stated number of false alarms, measured on ordinary life.

A threshold from a table holds for noise that real spend does not have. So each detector is run on
simulated weeks in which nothing happens, training window included, and its threshold is set where
total exposure over number of first alarms is the wanted distance; fresh runs then tell the rate
that it really has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from costsim.detect import (
    Baseline,
    Detector,
    SeriesDetector,
    any_statistic,
)
from costsim.detect.baselines import Reading
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly
from costsim.study.false_alarms import HOURS_A_MONTH, FalseAlarms, Paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

WATCH_DAYS = 28  # one watch: a monitor is started and let run this long, or to its first alarm
TRAINING_DAYS = 28
ROUNDS = 12  # of a bisection for the common rate
WATCHES = 4  # watches in a row on one simulated run


@dataclass(frozen=True)
class Quiet:
    """Ordinary life to calibrate on: runs of a scenario without its launches and incidents."""

    spend: HourlySpend
    training_hours: int
    _readings: dict[tuple[Baseline, str], list[tuple[Floats, Reading]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def months(self) -> float:
        """Watched months, as if no alarm ended a watch."""
        runs, hours = self.spend.total.shape
        return float(runs * (hours - self.training_hours) / HOURS_A_MONTH)

    def watches(self, detector: SeriesDetector) -> list[Floats]:
        """Statistic of each watch, of shape ``(runs, hours of a watch)``.

        Every watch starts the chart anew; the baseline has all that came before.
        """
        values, week = self.spend.channel(detector.channel), self.spend.hour_of_week
        hours, watch = values.shape[1], WATCH_DAYS * 24
        spans = [(a, a + watch) for a in range(self.training_hours, hours - watch + 1, watch)]
        many = values.ndim == 3  # a series a feature
        if not isinstance(detector, Detector):
            statistic = any_statistic if many else _statistic
            return [
                statistic(detector, values[:, :end], week[:end], start)[:, start:]
                for start, end in spans
            ]
        key = (detector.baseline, detector.channel)
        if key not in self._readings:  # several charts share one baseline
            layers = [np.ascontiguousarray(layer.T) for layer in _layers(values)]
            self._readings[key] = [(layer, detector.read(layer, week)) for layer in layers]
        return [
            np.fmax.reduce([detector.charted(*one, a, b)[a:].T for one in self._readings[key]])
            for a, b in spans
        ]

    def paths(self, detector: SeriesDetector) -> Paths:
        """The detector's statistic in all watches, ready for any threshold."""
        return Paths.of(self.watches(detector))

    def false_alarms(self, *detectors: SeriesDetector) -> FalseAlarms:
        """First alarms of all watches at a detector's own threshold, or at those of several.

        Of several, the first of them to alarm counts, and the watch ends.
        """
        paths = [self.paths(detector) for detector in detectors]
        firsts = [p.first(d.threshold) for d, p in zip(detectors, paths, strict=True)]
        return paths[0].false_alarms(*firsts)


def _layers(values: Floats) -> list[Floats]:
    """A channel's series, each of shape ``(runs, hours)``."""
    if values.ndim == 2:
        return [values]
    return [np.ascontiguousarray(values[:, :, one]) for one in range(values.shape[2])]


def _statistic(
    detector: SeriesDetector, values: Floats, week: NDArray[np.int64], start: int
) -> Floats:
    return detector.statistic(values, week, start)


def quiet_runs(
    scenario: Scenario, seeds: Sequence[int], *, training: int | None = None, workers: int = 2
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
    """
    training = training_days(scenario) if training is None else training
    ordinary = scenario.without_launches(days=training + WATCHES * WATCH_DAYS)
    spend = sample_hourly(ordinary, seeds, workers=workers)
    return Quiet(spend, int(ordinary.calendar.day_starts[training]))


def training_days(scenario: Scenario) -> int:
    """Days from a scenario's start to the week that it is about."""
    days = (scenario.focus.start - scenario.start).days
    if days < 14:
        raise SettingError(
            f"scenario {scenario.name} must have at least 14 days of history before its week to "
            f"train detectors on; got {days}"
        )
    return days


def checked_rate(false_alarms_per_month: float, months: float) -> None:
    """Check that some months of ordinary life can show a rate of false alarms.

    Raises
    ------
    SettingError
        They cannot, or it is no rate.
    """
    if not 0 < false_alarms_per_month < inf:
        raise SettingError(
            f"false_alarms_per_month must be above 0 and finite; got {false_alarms_per_month!r}"
        )
    if months * false_alarms_per_month < 10:
        raise SettingError(
            f"calibration needs at least 10 expected false alarms; {months:.0f} months at "
            f"{false_alarms_per_month:g} a month give {months * false_alarms_per_month:.1f}: "
            "use more runs or a higher rate"
        )


def calibrate(
    detector: SeriesDetector, quiet: Quiet, false_alarms_per_month: float
) -> SeriesDetector:
    """The detector with the lowest threshold whose measured rate does not exceed the wanted one.

    Parameters
    ----------
    detector : SeriesDetector
        Its threshold is replaced, unless none above 0 and finite has the rate: what ordinary life
        never moves, and what alarms at any threshold, comes back as it is.
    quiet : Quiet
        Ordinary life; rates below about ten alarms in all of it cannot be told apart.
    false_alarms_per_month : float
        Wanted rate, above 0, a month of 720 hours.

    Raises
    ------
    SettingError
        A rate that is not positive, or one that the runs are too short to show.
    """
    return calibrate_together([detector], quiet, false_alarms_per_month)[0]


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
    paths = [quiet.paths(detector) for detector in detectors]
    return set_together(detectors, paths, false_alarms_per_month)


def set_together(
    detectors: Sequence[SeriesDetector], paths: Sequence[Paths], false_alarms_per_month: float
) -> tuple[SeriesDetector, ...]:
    """As :func:`calibrate_together`, from paths that are there already."""

    def rate(each: float) -> float:
        firsts = [p.first(p.threshold(each)) for p in paths]
        return paths[0].false_alarms(*firsts).per_month

    low, high = false_alarms_per_month / (2 * len(paths)), false_alarms_per_month
    if rate(high) <= false_alarms_per_month:  # one detector, or several that are as one
        low = high
    for _ in range(ROUNDS if low < high else 0):
        each = (low * high) ** 0.5
        low, high = (low, each) if rate(each) > false_alarms_per_month else (each, high)
    found = [p.threshold(low) for p in paths]
    return tuple(
        detector.with_threshold(threshold) if 0 < threshold < inf else detector
        for detector, threshold in zip(detectors, found, strict=True)
    )
