"""EWMA chart: a weighted mean of the newest bins is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan, sqrt

import numpy as np

from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.errors import SettingError


@dataclass(frozen=True)
class EWMA:
    """Alarm when E = (1 - lam) E + lam z is more than `c` of its own scatters above 0.

    Parameters
    ----------
    lam : float
        Weight of the newest bin, above 0 and at most 1 (1 is a Shewhart chart).
    c : float
        Limit in units of the scatter of E, above 0.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Only the upper side alarms. E begins at 0 and is not held up from below, so that after a
    quiet spell a rise is seen later (inertia). The limit is the asymptotic one, constant in
    time: the statistic is E / sqrt(lam / (2 - lam)). That is the chart of the published tables;
    with limits that widen in time it would be quicker in the first 1/lam bins. A gap leaves E
    as it is.

    References
    ----------
    Roberts, Technometrics 1 (1959); Lucas and Saccucci, Technometrics 32 (1990).

    Examples
    --------
    >>> state = EWMA(lam=0.5, c=3.0).begin()
    >>> [round(state.step(z), 3) for z in (2.0, 2.0)]
    [1.732, 2.598]
    """

    lam: float = 0.2
    c: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.lam <= 1:
            raise SettingError(f"lam must be above 0 and at most 1; got {self.lam!r}")
        positive("c", self.c)

    @property
    def threshold(self) -> float:
        """The limit c."""
        return self.c

    @property
    def scatter(self) -> float:
        """Long-run standard deviation of E for independent bins of scatter 1."""
        return sqrt(self.lam / (2.0 - self.lam))

    def with_threshold(self, threshold: float) -> EWMA:
        """Give the chart with another limit."""
        return replace(self, c=threshold)

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins, monitored from the first on."""
        gap = np.isnan(z)
        gaps = bool(gap.any())
        scaled = self.lam * z
        keep = 1.0 - self.lam
        means = np.empty_like(scaled)
        mean = np.zeros(scaled.shape[1])
        for i, (row, out) in enumerate(zip(scaled, means, strict=True)):
            np.multiply(mean, keep, out=out)
            np.add(out, row, out=out)
            if gaps:
                np.copyto(out, mean, where=gap[i])
            mean = out
        means /= self.scatter
        if gaps:
            means[gap] = np.nan
        return means

    def begin(self) -> _EwmaState:
        """Start on one series."""
        return _EwmaState(self)

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        return f"the weighted mean (newest {self.lam:g}) more than {self.c:g} of its scatters above"


class _EwmaState:
    def __init__(self, chart: EWMA) -> None:
        self._lam = chart.lam
        self._scatter = chart.scatter
        self._mean = 0.0

    def step(self, z: float) -> float:
        if isnan(z):
            return z
        self._mean = self._mean * (1.0 - self._lam) + self._lam * z
        return self._mean / self._scatter

    def restart(self) -> None:
        self._mean = 0.0
