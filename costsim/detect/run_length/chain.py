"""A chart as a Markov chain over finitely many places where it can stand without an alarm.

The places are Gauss-Legendre nodes for a smooth density and grid points for counts; either way
a run length is the time until the chain leaves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

import numpy as np

from costsim.detect.hours import FloatArray
from costsim.errors import SettingError

_MOST_NODES = 1000
_LONGEST = 1e13


@dataclass(frozen=True)
class Chain:
    """Where a chart stands after a bin that did not alarm.

    Attributes
    ----------
    begin : ndarray of shape (places,)
        From where monitoring begins to each place.
    between : ndarray of shape (places, places)
        From each place (row) to each place; what a row lacks to 1 is its chance of an alarm.
    alarm : ndarray of shape (places,) or None
        That chance, for a chart that returns to its place 0 again and again; others have None.
    """

    begin: FloatArray
    between: FloatArray
    alarm: FloatArray | None = None

    def lengths(self) -> FloatArray:
        """Average run length from each place, in bins; SettingError if it cannot be told."""
        if self.alarm is not None:
            return lengths_over_zero(self.between, self.alarm)
        n = len(self.between)
        lengths = np.asarray(np.linalg.solve(np.eye(n) - self.between, np.ones(n)))
        # Beyond, the matrix is singular to rounding: the solution is noise of either sign.
        if not 1.0 - 1e-6 < lengths.min() <= lengths.max() < _LONGEST:
            raise SettingError(
                f"an alarm is too rare to be solved for: more than {_LONGEST:g} bins apart"
            )
        return lengths

    def mean_length(self) -> float:
        """Average run length from the beginning, in bins."""
        return 1.0 + mean_over(self.begin, self.lengths())


def lengths_over_zero(between: FloatArray, alarm: FloatArray) -> FloatArray:
    """Average run length from each place of a chart that returns to place 0 again and again.

    Parameters
    ----------
    between : ndarray of shape (places, places)
        Chances of going from row to column; place 0 is the chart's zero.
    alarm : ndarray of shape (places,)
        Chance of an alarm in the next bin.

    Returns
    -------
    ndarray of shape (places,)
        Bins; infinity where an alarm is too rare for a float.

    Notes
    -----
    Solving (I - between) L = 1 at once loses all digits when the run length nears 1e15, as 1 is
    then an eigenvalue to rounding. Cut at the visits to 0 (Page 1954) the sums have only
    positive terms: L(0) = bins of an excursion / chance that it ends in an alarm.
    """
    n = len(between)
    wanted = np.column_stack([np.ones(n), alarm, between[:, 0]])
    bins, alarmed, returned = np.linalg.solve(without_returns(between), wanted).T
    zero = float(bins[0]) / float(alarmed[0]) if alarmed[0] > 0 else inf
    return np.asarray(bins + returned * zero if zero < inf else np.full(n, inf))


def without_returns(between: FloatArray) -> FloatArray:
    """I - between, where going to place 0 ends an excursion."""
    system = np.eye(len(between)) - between
    system[1:, 0] = 0.0
    system[0, 0] = 1.0
    return system


def mean_over(chances: FloatArray, lengths: FloatArray) -> float:
    """Mean of the lengths; infinity where they are, though 0 x infinity is no number."""
    return float(chances @ lengths) if lengths[0] < inf else inf


def density(z: FloatArray) -> FloatArray:
    """Density of the standard normal distribution."""
    return np.asarray(np.exp(-0.5 * z * z) / sqrt(2.0 * np.pi))


def nodes_and_weights(
    low: float, high: float, count: int, what: str
) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights from `low` to `high`; `what` names who asks too much."""
    if count > _MOST_NODES:
        raise SettingError(f"{what} is too extreme to be solved for exactly")
    points, weights = _legendre(count)
    half = 0.5 * (high - low)
    return low + half * (points + 1.0), half * weights


@lru_cache(maxsize=64)  # a threshold is searched at few different counts
def _legendre(count: int) -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(count)


def checked_sides(sides: int) -> None:
    """Refuse other sides than 1 and 2."""
    if sides not in (1, 2):
        raise SettingError(f"sides must be one of 1, 2; got {sides!r}")


def checked_finite(what: str, got: float) -> None:
    """Refuse infinity and what is no number."""
    if not -inf < got < inf:
        raise SettingError(f"{what} must be finite; got {got!r}")


def checked_above_zero(what: str, got: float) -> None:
    """Refuse 0, less, infinity and what is no number."""
    if not 0 < got < inf:
        raise SettingError(f"{what} must be above 0 and finite; got {got!r}")
