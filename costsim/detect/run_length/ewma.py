"""EWMA on normal bins: its average run length, and the limit that gives a wanted one."""

from __future__ import annotations

from math import ceil, inf, log, sqrt

import numpy as np

from costsim.detect.hours import FloatArray
from costsim.detect.run_length.chain import (
    Chain,
    checked_above_zero,
    checked_finite,
    checked_sides,
    density,
    nodes_and_weights,
)
from costsim.detect.run_length.shewhart import shewhart_arl, shewhart_threshold
from costsim.errors import SettingError

# One-sided EWMA has no floor; so many scatters below its mean it practically never stands.
_FAR = 10.0
_LARGEST = 7.0


def ewma_arl(lam: float, c: float, shift: float, sides: int = 2) -> float:
    """Average run length of E = (1 - lam) E + lam z with constant limits c sqrt(lam/(2-lam)).

    Parameters
    ----------
    lam : float
        Weight of the newest bin, above 0 and at most 1.
    c : float
        Limit in scatters of E, above 0.
    shift : float
        Mean of the bins in scatters.
    sides : {1, 2}
        Upper limit alone, or both.

    Returns
    -------
    float
        Bins.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or lam is too small or an alarm too rare (10^13 bins) to
        be solved for.

    Examples
    --------
    >>> round(ewma_arl(0.5, 3.071, 1.0), 1), round(ewma_arl(0.03, 2.437, 1.0), 1)
    (17.5, 12.6)
    """
    checked_ewma(lam, c, shift, sides)
    if lam == 1:
        return shewhart_arl(c, shift, sides)
    return ewma_chain(lam, c, shift, sides, lowest=min(0.0, shift)).mean_length()


def checked_ewma(lam: float, c: float, shift: float, sides: int) -> None:
    """Refuse settings that no EWMA of normal bins can have."""
    checked_sides(sides)
    checked_finite("shift", shift)
    checked_lam(lam)
    checked_above_zero("c", c)


def checked_lam(lam: float) -> None:
    """Refuse a weight outside its bounds."""
    if not 0 < lam <= 1:
        raise SettingError(f"lam must be above 0 and at most 1; got {lam!r}")


def ewma_chain(lam: float, c: float, shift: float, sides: int, lowest: float) -> Chain:
    """EWMA of normal bins, lam below 1, on nodes; `lowest` is the least mean it will have."""
    scatter = sqrt(lam / (2.0 - lam))
    top = c * scatter
    floor = -top if sides == 2 else lowest - _FAR * scatter
    count = 20 + ceil(3 * (top - floor) / lam)
    nodes, weights = nodes_and_weights(floor, top, count, f"lam = {lam:g}")

    def reach(begin: FloatArray) -> FloatArray:
        z = (nodes[None, :] - (1.0 - lam) * begin[:, None]) / lam - shift
        return np.asarray(density(z) * weights / lam)

    return Chain(begin=reach(np.zeros(1))[0], between=reach(nodes))


def ewma_pair(lam: float, c: float, shift: float, sides: int) -> tuple[Chain, Chain]:
    """EWMA of ordinary and of changed bins, lam below 1, on the same nodes."""
    lowest = min(0.0, shift)
    ordinary = ewma_chain(lam, c, 0.0, sides, lowest)
    return ordinary, ewma_chain(lam, c, shift, sides, lowest)


def ewma_threshold(arl0: float, lam: float, sides: int = 2) -> float:
    """Limit c that gives an EWMA the wanted average run length in ordinary life.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, above what c = 0.01 gives; one a month is about 720 hours.
    lam : float
        Weight of the newest bin, above 0 and at most 1.
    sides : {1, 2}
        Upper limit alone, or both.

    Returns
    -------
    float
        In scatters of E, as `ewma_arl` takes it.

    Raises
    ------
    SettingError
        A setting is outside its bounds, no c up to 7 gives that run length, or lam is too small
        to be solved for.

    Examples
    --------
    >>> round(ewma_threshold(500.0, 0.5), 3), round(ewma_threshold(720.0, 0.1, sides=1), 3)
    (3.071, 2.682)
    """
    from scipy.optimize import brentq

    checked_sides(sides)
    checked_lam(lam)
    if lam == 1:
        return shewhart_threshold(arl0, sides)

    def length(c: float) -> float:
        return ewma_arl(lam, c, 0.0, sides)

    low, high = 0.01, 1.0
    if not length(low) < arl0 < inf:
        raise SettingError(f"arl0 must be above {length(low):.3g} and finite; got {arl0!r}")
    # Beyond 7 an alarm is rarer than what the solution can tell from never.
    while length(high) < arl0:
        if high == _LARGEST:
            raise SettingError(f"arl0 = {arl0:g} needs a c above {_LARGEST:g} at lam = {lam:g}")
        low, high = high, min(1.5 * high, _LARGEST)
    return float(brentq(lambda c: log(length(c) / arl0), low, high, xtol=1e-10))
