"""What is compared: a detector, or several as one suite, at thresholds for several rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from costsim.detect import Suite
from costsim.study.calibration import set_together

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import SeriesDetector
    from costsim.study.false_alarms import FalseAlarms
    from costsim.study.incident_runs import IncidentRuns
    from costsim.study.quiet import Quiet

NOMINAL: Final = 0.0
"""Stands, among rates, for the thresholds that detectors come with."""


@dataclass(frozen=True)
class Candidate:
    """Detectors that speak as one, at their thresholds for each rate of false alarms.

    Attributes
    ----------
    name : str
    members : tuple of SeriesDetector
        One, or those of a suite.
    thresholds : mapping
        From the wanted rate, or :data:`NOMINAL`, to the threshold of each member.
    false_alarms : mapping
        From the same to what fresh runs showed.
    is_suite : bool
    """

    name: str
    members: tuple[SeriesDetector, ...]
    thresholds: Mapping[float, tuple[float, ...]]
    false_alarms: Mapping[float, FalseAlarms]
    is_suite: bool = False

    @classmethod
    def of(
        cls,
        watching: SeriesDetector | Suite,
        tuning: Quiet,
        fresh: Quiet,
        rates: Sequence[float],
    ) -> Candidate:
        """Set the thresholds on one ordinary life and count false alarms on another."""
        members = watching.detectors if isinstance(watching, Suite) else (watching,)
        paths = [tuning.paths(member) for member in members]
        later = [fresh.paths(member) for member in members]
        thresholds = {NOMINAL: tuple(m.threshold for m in members)}
        if isinstance(watching, Suite) and watching.false_alarms_per_month is None:
            thresholds = {}  # members as they come were never meant to share a budget
        for rate in rates:
            thresholds[rate] = tuple(m.threshold for m in set_together(members, paths, rate))
        counted = {
            rate: later[0].false_alarms(
                *(p.first(each) for p, each in zip(later, chosen, strict=True))
            )
            for rate, chosen in thresholds.items()
        }
        return cls(watching.name, members, thresholds, counted, isinstance(watching, Suite))

    @classmethod
    def as_set(cls, watching: SeriesDetector | Suite, fresh: Quiet, rate: float) -> Candidate:
        """At the thresholds that it has, under the rate that they were set for."""
        members = watching.detectors if isinstance(watching, Suite) else (watching,)
        thresholds = {rate: tuple(m.threshold for m in members)}
        false = {rate: fresh.false_alarms(*members)}
        return cls(watching.name, members, thresholds, false, isinstance(watching, Suite))

    @property
    def channel(self) -> str:
        """What it reads; empty for several channels."""
        channels = {member.channel for member in self.members}
        return channels.pop() if len(channels) == 1 else ""

    def threshold(self, rate: float) -> float:
        """The threshold of a single detector; missing for a suite."""
        return float("nan") if self.is_suite else self.thresholds[rate][0]

    def at(self, rate: float) -> tuple[SeriesDetector, ...]:
        """The members at their thresholds for a rate."""
        return tuple(
            member.with_threshold(each) if 0 < each < inf else member
            for member, each in zip(self.members, self.thresholds[rate], strict=True)
        )

    def suite(self, rate: float, bin_minutes: int = 60) -> Suite:
        """The same as a suite, at the thresholds for a rate."""
        return Suite(self.name, self.at(rate), rate, bin_minutes=bin_minutes)

    def rows(self, incident: IncidentRuns, lag_hours: int = 0) -> dict[float, pd.DataFrame]:
        """A row a run of an incident, at each rate."""
        rates = list(self.thresholds)
        each = [
            incident.first_for(member, [self.thresholds[rate][number] for rate in rates])
            for number, member in enumerate(self.members)
        ]
        first = np.minimum.reduce(each)
        return {rate: incident.rows(first[:, one], lag_hours) for one, rate in enumerate(rates)}
