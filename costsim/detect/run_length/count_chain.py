"""CUSUM of counts as an exact Markov chain on a grid.

A sum of whole numbers less k stands on multiples of 1/m when k is a fraction with denominator m,
so its places can be listed and nothing is approximated. All lengths here are in grid steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf, lcm
from typing import Any

import numpy as np

from costsim.detect.hours import FloatArray, IntArray
from costsim.detect.run_length.chain import checked_above_zero, lengths_over_zero
from costsim.errors import SettingError

_MOST_PARTS = 1000  # of one count
_MOST_PLACES = 3000  # a solution then takes about a second
_ROUNDING = 1e-9  # how far a float may be from the fraction that it stands for, in counts


@dataclass(frozen=True)
class CountCusum:
    """One side of a CUSUM of counts, without its threshold.

    Attributes
    ----------
    parts : int
        Grid steps in one count.
    k : int
        Reference value in grid steps.
    head_start : int
        In grid steps.
    side : {"upper", "lower"}
        Which counts alarm: too many or too few.
    counts : scipy frozen distribution
        Of the counts, with pmf, cdf and sf.
    """

    parts: int
    k: int
    head_start: int
    side: str
    counts: Any

    def places(self, h: float | Fraction) -> int:
        """How many places lie below the threshold h, which is in counts."""
        checked_above_zero("h", float(h))
        exact = Fraction(h) * self.parts
        near = round(exact)
        places = near if abs(exact - near) < _ROUNDING else ceil(exact)
        if not self.head_start < places:
            start = self.head_start / self.parts
            raise SettingError(f"head_start must be from 0 to below h = {h}; got {start:g}")
        if places > _MOST_PLACES:
            raise SettingError(
                f"h = {h} is {places} steps of the grid 1/{self.parts}, more than the "
                f"{_MOST_PLACES} that can be solved for: round k or make h smaller"
            )
        return places

    def mean_length(self, places: int) -> float:
        """Average run length with the alarm at that many grid steps, in bins."""
        lengths = lengths_over_zero(self._between(places), self._alarm(places))
        return float(lengths[self.head_start])

    def least_threshold(self, arl0: float) -> float:
        """Least threshold on the grid, in counts, with at least that average run length."""
        if not 1 <= arl0 < inf:
            raise SettingError(f"arl0 must be at least 1 and finite; got {arl0!r}")
        low, high = self.head_start, self.head_start + 1
        while self.mean_length(high) < arl0:
            if high == _MOST_PLACES:
                most = _MOST_PLACES / self.parts
                raise SettingError(
                    f"arl0 = {arl0:g} needs an h above {most:g}, more than can be solved for"
                )
            low, high = high, min(2 * high, _MOST_PLACES)
        return _least(lambda places: self.mean_length(places) >= arl0, low, high) / self.parts

    def _between(self, places: int) -> FloatArray:
        rise = np.arange(1 - places, places)  # of S in one bin
        by_count = rise + self.k if self.side == "upper" else self.k - rise
        whole = (by_count >= 0) & (by_count % self.parts == 0)
        chance = np.where(whole, self.counts.pmf(by_count // self.parts), 0.0)
        # Row i holds the rises from -i on: one window of the same line for each place.
        windows = np.lib.stride_tricks.sliding_window_view(chance, places)
        between = np.array(windows[::-1])
        between[:, 0] = self._falls_by(np.arange(places))
        return between

    def _falls_by(self, steps: IntArray) -> FloatArray:
        """Chance that S falls by so much or more, and so to 0."""
        if self.side == "upper":
            return np.asarray(self.counts.cdf((self.k - steps) // self.parts))
        return np.asarray(self.counts.sf(-(-(self.k + steps) // self.parts) - 1))

    def _alarm(self, places: int) -> FloatArray:
        missing = places - np.arange(places)
        if self.side == "upper":
            return np.asarray(self.counts.sf(-(-(self.k + missing) // self.parts) - 1))
        return np.asarray(self.counts.cdf((self.k - missing) // self.parts))


def count_cusum(
    k: float | Fraction, head_start: float | Fraction, side: str, counts: Any
) -> CountCusum:
    """Put a CUSUM on the coarsest grid that holds its sums, or say why it cannot be."""
    checked_above_zero("k", float(k))
    if not 0 <= head_start < inf:
        raise SettingError(f"head_start must be at least 0 and below h; got {head_start!r}")
    if side not in ("upper", "lower"):
        raise SettingError(f"side must be one of 'upper', 'lower'; got {side!r}")
    step, start = _fraction("k", k), _fraction("head_start", head_start)
    parts = lcm(step.denominator, start.denominator)
    return CountCusum(parts, int(step * parts), int(start * parts), side, counts)


def _fraction(what: str, got: float | Fraction) -> Fraction:
    exact = Fraction(got)
    near = exact.limit_denominator(_MOST_PARTS)
    if abs(exact - near) > _ROUNDING / _MOST_PARTS:
        raise SettingError(
            f"{what} must be a fraction with a denominator of at most {_MOST_PARTS}, such as "
            f"2.5 or Fraction(7, 3); got {got!r} (round it, for example to {float(got):.2f})"
        )
    return near


def _least(enough: Callable[[int], bool], low: int, high: int) -> int:
    """Least whole number above `low` that is enough; `high` is, and all above the least are."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
