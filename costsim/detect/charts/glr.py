"""GLR chart: a shift of any size, begun at any of the last bins, is too likely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan, sqrt

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray


@dataclass(frozen=True)
class GLR:
    """Alarm when the last n bins together stand too high for some n: sum of z over sqrt(n).

    Parameters
    ----------
    limit : float
        In scatters of such a sum, above 0.
    window : int
        Known bins back to which a shift may have begun, at least 1.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Half the square of the statistic is the generalised log-likelihood ratio of a lasting upward
    shift of unknown size and age against none, for independent normal bins. It knows no shift in
    advance, where a CUSUM has its k: nearly as quick as the best CUSUM for every shift at once,
    for a somewhat higher limit. `window` = 1 is a Shewhart chart. The limit is per window
    length; as the largest of several it must stand higher than a Shewhart limit for the same
    number of false alarms: about 3.4 for one in 720 bins, where Shewhart's is 3.0.

    What fails: dependence from bin to bin adds up in long sums, so it suffers more than a
    Shewhart chart; shifts that need longer than `window` to be seen are not. Time grows with
    `window`. A gap moves nothing on.

    References
    ----------
    Willsky and Jones, IEEE Transactions on Automatic Control 21 (1976); Lai, Journal of the Royal
    Statistical Society B 57 (1995).

    Examples
    --------
    >>> state = GLR(limit=4.0).begin()
    >>> [round(state.step(z), 2) for z in (0.0, 3.0, 3.0)]
    [0.0, 3.0, 4.24]
    """

    limit: float = 4.0
    window: int = 48

    def __post_init__(self) -> None:
        positive("limit", self.limit)
        at_least("window", self.window, 1)

    @property
    def threshold(self) -> float:
        """The limit."""
        return self.limit

    def with_threshold(self, threshold: float) -> GLR:
        """Give the chart with another limit."""
        return replace(self, limit=threshold)

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins, monitored from the first on."""
        gap = np.isnan(z)
        whole = ~gap.any(axis=0)
        result = np.full_like(z, np.nan)
        result[:, whole] = self._whole(z[:, whole])
        for i in np.flatnonzero(~whole):
            known = ~gap[:, i]
            result[known, i] = self._whole(z[known, i][:, None])[:, 0]
        return result

    def _whole(self, z: FloatArray) -> FloatArray:
        """Path without gaps; sums go from the newest bin back, as in a stream."""
        sums = z.copy()
        best = z.copy()
        for lag in range(1, min(self.window, len(z))):
            sums[lag:] += z[:-lag]
            np.maximum(best[lag:], sums[lag:] / sqrt(lag + 1), out=best[lag:])
        return best

    def begin(self) -> _GLRState:
        """Start on one series."""
        return _GLRState(self.window)

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        return (
            f"some of the last {self.window} bins together more than {self.limit:g} of their "
            "scatters above"
        )


class _GLRState:
    def __init__(self, window: int) -> None:
        self._roots = np.sqrt(np.arange(1, window + 1))
        self._newest = np.empty(window)
        self._count = 0

    def step(self, z: float) -> float:
        if isnan(z):
            return z
        self._newest[1:] = self._newest[:-1]
        self._newest[0] = z
        self._count = min(self._count + 1, len(self._newest))
        sums = np.cumsum(self._newest[: self._count])
        return float((sums / self._roots[: self._count]).max())

    def restart(self) -> None:
        self._count = 0
