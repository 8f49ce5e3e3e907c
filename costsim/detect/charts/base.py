"""What a chart is: it says when standardised bins are too much, one bin or many together."""

from __future__ import annotations

from numbers import Real
from typing import Protocol, Self, runtime_checkable

from costsim.detect.hours import FloatArray
from costsim.errors import SettingError


class ChartState(Protocol):
    """A chart at work on one series."""

    def step(self, z: float) -> float:
        """Take in the next bin and give the statistic; NaN changes nothing and gives NaN."""
        ...

    def restart(self) -> None:
        """Begin again at zero, as after an alarm."""
        ...


@runtime_checkable
class Chart(Protocol):
    """Settings of a chart.

    Every chart's statistic is free of its threshold: the same path serves all thresholds, and an
    alarm is `statistic > threshold`. `path` and `begin` give equal numbers.
    """

    @property
    def threshold(self) -> float:
        """The statistic above which there is an alarm."""
        ...

    def with_threshold(self, threshold: float) -> Self:
        """Give the same chart with another threshold."""
        ...

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins, monitored from the first on."""
        ...

    def begin(self) -> ChartState:
        """Start on one series, at the head start if there is one."""
        ...

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        ...


def positive(what: str, got: object) -> None:
    """Check that a limit is a number above 0 (infinity never fires).

    Raises
    ------
    SettingError
        It is not.
    """
    if isinstance(got, bool) or not isinstance(got, Real) or not float(got) > 0:
        raise SettingError(f"{what} must be above 0; got {got!r}")
