"""Shewhart chart: one bin alone is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace

from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray


@dataclass(frozen=True)
class Shewhart:
    """Alarm when one bin is more than `limit` scatters above what was expected.

    Parameters
    ----------
    limit : float
        In units of the scatter, above 0.

    Raises
    ------
    SettingError
        The limit is not above 0.

    Notes
    -----
    Quickest for what is large at once, slow for what is small and lasting. On independent
    normal bins a limit of 3 gives one false alarm in 741 bins; spend is neither.

    References
    ----------
    Shewhart, Economic Control of Quality of Manufactured Product (1931).

    Examples
    --------
    >>> state = Shewhart(limit=3.0).begin()
    >>> [state.step(z) > 3.0 for z in (0.5, 3.5)]
    [False, True]
    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        positive("limit", self.limit)

    @property
    def threshold(self) -> float:
        """The limit."""
        return self.limit

    def with_threshold(self, threshold: float) -> Shewhart:
        """Give the chart with another limit."""
        return replace(self, limit=threshold)

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins: the bins themselves."""
        return z.copy()

    def begin(self) -> _ShewhartState:
        """Start on one series."""
        return _ShewhartState()

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        return f"one hour more than {self.limit:g} scatters above"


class _ShewhartState:
    def step(self, z: float) -> float:
        return z

    def restart(self) -> None:
        """There is nothing to forget."""
