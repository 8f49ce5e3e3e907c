"""Which features share a profile; the profile of each group, and the noise that all share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.fitting.traffic import (
    NoiseFit,
    ProfileFit,
    fit_noise,
    fit_profile,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.fitting.bursts import SessionFit
    from costsim.simulation.fitting.defaults import Defaults
    from costsim.simulation.fitting.log import Log
    from costsim.simulation.fitting.parts import Part
    from costsim.simulation.fitting.span import Span

    Floats = NDArray[np.float64]

LEAST_CALLS = 500  # of a feature that may have a profile of its own
SAME = 1e-4  # probability of a difference by chance below which profiles differ


@dataclass(frozen=True)
class Group:
    """Features with one profile; `volumes` has calls a week and their standard error by name."""

    name: str
    profile: ProfileFit
    volumes: dict[str, tuple[float, float]]
    calls: int


def fit_groups(
    log: Log, span: Span, parts: list[Part], sessions: list[SessionFit], level: Defaults
) -> tuple[list[Group], NoiseFit]:
    """Profiles, the largest group's first, and the noise of that group's hours.

    Features are compared by how their calls lie over the hours of the day and the days of the
    week: the common noise moves all of them alike, so only the chance of their sessions
    separates them.
    """
    members = _alike(log, span, parts, sessions) if span.days >= 2 else [list(range(len(parts)))]
    noise: NoiseFit | None = None
    groups: list[Group] = []
    for inside in members:
        rows = np.any([parts[i].rows for i in inside], axis=0)
        hours = span.hours(log.seconds[rows])
        calls = np.array([parts[i].calls for i in inside], float)
        one, two = (
            float(np.average([sessions[i].dispersion(w) for i in inside], weights=calls))
            for w in (3600.0, 7200.0)
        )
        if noise is None:
            noise = fit_noise(hours, one, two - one, level)
        profile = fit_profile(hours, noise, one, two - one)
        share = profile.calls_per_week / calls.sum()
        relative = profile.calls_error / profile.calls_per_week
        volumes = {
            parts[i].name: (
                share * parts[i].calls,
                share * parts[i].calls * _own(relative, one, parts[i].calls, calls.sum()),
            )
            for i in inside
        }
        title = "usual" if not groups else f"hours_of_{parts[inside[0]].name}"
        groups.append(Group(title, profile, volumes, int(calls.sum())))
    assert noise is not None
    return groups, noise


def _own(relative: float, dispersion: float, calls: float, together: float) -> float:
    """Relative error of one feature's volume: the group's, with the chance of fewer sessions."""
    return float(np.sqrt(max(relative**2 - dispersion / together, 0.0) + dispersion / calls))


def _alike(log: Log, span: Span, parts: list[Part], sessions: list[SessionFit]) -> list[list[int]]:
    """Groups of features, in the order of their largest."""
    from scipy.stats import chi2

    local = [_week_counts(log.seconds[part.rows], span) for part in parts]
    groups: list[list[int]] = []
    sums: list[list[Floats]] = []
    for i, tables in enumerate(local):
        joined = None
        for number, other in enumerate(sums):
            if parts[i].calls < LEAST_CALLS:
                joined = 0
                break
            spread = max(sessions[k].dispersion(3600.0) for k in (i, *groups[number]))
            away, cells = 0.0, 0
            for own, theirs in zip(tables, other, strict=True):
                statistic, count = _difference(own, theirs)
                away, cells = away + statistic / spread, cells + count
            if cells <= 0 or chi2.sf(away, cells) > SAME:
                joined = number
                break
        if joined is None:
            groups.append([i])
            sums.append([table.copy() for table in tables])
        else:
            groups[joined].append(i)
            for total, table in zip(sums[joined], tables, strict=True):
                total += table
    return groups


def _week_counts(seconds: Floats, span: Span) -> list[Floats]:
    """Calls by hour of day and by day of week."""
    hours = span.hours(seconds)
    return [
        np.bincount(hours.hour_of_week % 24, hours.counts, minlength=24).astype(float),
        np.bincount(hours.hour_of_week // 24, hours.counts, minlength=7).astype(float),
    ]


def _difference(one: Floats, two: Floats) -> tuple[float, int]:
    """Chi-squared of two rows of counts, and its degrees of freedom."""
    seen = (one + two) > 10
    one, two = one[seen], two[seen]
    if len(one) < 2 or not one.sum() or not two.sum():
        return 0.0, 0
    both, total = one + two, one.sum() + two.sum()
    statistic = sum(
        float((((row - both * row.sum() / total) ** 2) / (both * row.sum() / total)).sum())
        for row in (one, two)
    )
    return statistic, len(one) - 1
