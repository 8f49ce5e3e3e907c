"""Thresholds for a stated number of false alarms, measured on ordinary life.

A threshold from a table holds for noise that real spend does not have. So each detector is run on
simulated weeks in which nothing happens, training window included, and its threshold is set where
total exposure over number of first alarms is the wanted distance; fresh runs then tell the rate
that it really has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from costsim.detect import (
    Baseline,
    Detector,
    SeriesDetector,
    Shewhart,
    any_statistic,
    first_crossings,
)
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

HOURS_A_MONTH = 720
WATCH_DAYS = 28  # one watch: a monitor is started and let run this long, or to its first alarm
TRAINING_DAYS = 28
WATCHES = 4  # watches in a row on one simulated run


@dataclass(frozen=True)
class FalseAlarms:
    """First alarms over hours of exposure, as a rate a month (720 hours) with its interval.

    `clustering` is how many times wider alarms spread over the runs than independent watches
    would: a run with one very busy user alarms in all of its watches, and that is one piece of
    news and not four.
    """

    alarms: int
    exposure_hours: int
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
class Quiet:
    """Ordinary life to calibrate on: runs of a scenario without its launches and incidents."""

    spend: HourlySpend
    training_hours: int
    _scores: dict[tuple[Baseline, str], Floats] = field(
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
        if key not in self._scores:  # several charts share one baseline
            plain, layers = Detector(detector.baseline, Shewhart()), _layers(values)
            self._scores[key] = np.stack([plain.statistic(layer, week) for layer in layers])
        scores = self._scores[key]
        return [
            np.fmax.reduce([detector.chart.path(one[:, a:b].T.copy()).T for one in scores])
            for a, b in spans
        ]

    def false_alarms(self, detector: SeriesDetector) -> FalseAlarms:
        """First alarms of all watches at the detector's own threshold."""
        watches, threshold = self.watches(detector), np.array([detector.threshold])
        found = _count(watches, threshold)[0]
        raised = np.array([first_crossings(paths, threshold)[:, 0] >= 0 for paths in watches])
        return replace(found, clustering=clustering(raised))


def _layers(values: Floats) -> list[Floats]:
    """A channel's series, each of shape ``(runs, hours)``."""
    if values.ndim == 2:
        return [values]
    return [np.ascontiguousarray(values[:, :, one]) for one in range(values.shape[2])]


def _statistic(
    detector: SeriesDetector, values: Floats, week: NDArray[np.int64], start: int
) -> Floats:
    return detector.statistic(values, week, start)


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


def _count(watches: list[Floats], thresholds: Floats) -> list[FalseAlarms]:
    """First alarms and exposure at each threshold."""
    alarms = np.zeros(len(thresholds), dtype=np.int64)
    exposure = np.zeros(len(thresholds), dtype=np.int64)
    for paths in watches:
        first = first_crossings(paths, thresholds)
        raised = first >= 0
        alarms += raised.sum(axis=0)
        exposure += np.where(raised, first + 1, paths.shape[1]).sum(axis=0)
    return [FalseAlarms(int(a), int(e)) for a, e in zip(alarms, exposure, strict=True)]


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
        Its threshold is replaced.
    quiet : Quiet
        Ordinary life; rates below about ten alarms in all of it cannot be told apart.
    false_alarms_per_month : float
        Wanted rate, above 0, a month of 720 hours.

    Raises
    ------
    SettingError
        A rate that is not positive, or one that the runs are too short to show.
    """
    checked_rate(false_alarms_per_month, quiet.months)
    watches = quiet.watches(detector)
    finite = np.concatenate([paths[np.isfinite(paths)] for paths in watches])
    low, high = float(finite.min()), float(finite.max()) + 1e-9
    for _ in range(2):
        grid = np.linspace(low, high, 512)
        rates = np.array([found.per_month for found in _count(watches, grid)])
        best = int(np.flatnonzero(rates <= false_alarms_per_month)[0])  # the last has no alarm
        low, high = float(grid[max(best - 1, 0)]), float(grid[best])
    return detector.with_threshold(high)
