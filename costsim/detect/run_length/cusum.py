"""CUSUM on normal bins: its average run length, and the threshold that gives a wanted one."""

from __future__ import annotations

from math import ceil, inf, log

import numpy as np

from costsim.detect.run_length.chain import (
    Chain,
    checked_above_zero,
    checked_finite,
    checked_sides,
    density,
    mean_over,
    nodes_and_weights,
)
from costsim.errors import SettingError


def cusum_arl(k: float, h: float, shift: float, sides: int = 1, head_start: float = 0.0) -> float:
    """Average run length of S = max(0, S + z - k), alarm when S > h.

    Parameters
    ----------
    k : float
        Reference value in scatters, at least 0.
    h : float
        Threshold in scatters, above 0.
    shift : float
        Mean of the bins in scatters.
    sides : {1, 2}
        Upper chart alone, or with its mirror image below.
    head_start : float
        Where S begins (both sides), in scatters, from 0 to h; h/2 is the usual fast initial
        response.

    Returns
    -------
    float
        Bins; infinity where an alarm is too rare for a float.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or h is too large to be solved for (about 300).

    Notes
    -----
    The two sides combine exactly only while both cannot stand above 0 at once, that is for a
    head start up to about k + h/2, which the usual ones respect.

    Examples
    --------
    >>> round(cusum_arl(0.5, 3.0, 0.0), 2), round(cusum_arl(0.5, 4.0, 1.0), 2)
    (117.6, 8.38)
    """
    checked_sides(sides)
    checked_cusum(k, h, shift, head_start)
    up_zero, up = _cusum_side(k, h, shift, head_start)
    if sides == 1:
        return up
    down_zero, down = _cusum_side(k, h, -shift, head_start)
    if inf in (up_zero, down_zero):  # only one side alarms at all
        return min(up, down)
    # Divided through by the larger one, so that huge run lengths do not overflow.
    large = max(up_zero, down_zero)
    a, b = up_zero / large, down_zero / large
    return (up * b + a * down - a * down_zero) / (a + b)


def checked_cusum(k: float, h: float, shift: float, head_start: float) -> None:
    """Refuse settings that no CUSUM of normal bins can have."""
    checked_finite("shift", shift)
    if not 0 <= k < inf:
        raise SettingError(f"k must be at least 0; got {k!r}")
    checked_above_zero("h", h)
    if not 0 <= head_start <= h:
        raise SettingError(f"head_start must be from 0 to h = {h:g}; got {head_start!r}")


def cusum_chain(k: float, h: float, shift: float, head_start: float) -> Chain:
    """Upper CUSUM of normal bins: place 0 is S = 0, the others are nodes up to h."""
    from scipy.special import ndtr

    nodes, weights = nodes_and_weights(0.0, h, 20 + ceil(3 * h), f"h = {h:g}")
    stands = np.concatenate([[head_start, 0.0], nodes])
    reach = np.empty((len(stands), len(nodes) + 1))
    reach[:, 0] = ndtr(k - shift - stands)
    reach[:, 1:] = density(nodes[None, :] - stands[:, None] + k - shift) * weights
    alarm = ndtr(stands[1:] - h - k + shift)
    return Chain(begin=reach[0], between=reach[1:], alarm=alarm)


def _cusum_side(k: float, h: float, shift: float, head_start: float) -> tuple[float, float]:
    chain = cusum_chain(k, h, shift, head_start)
    lengths = chain.lengths()
    return float(lengths[0]), 1.0 + mean_over(chain.begin, lengths)


def cusum_threshold(arl0: float, k: float, sides: int = 1, head_start_share: float = 0.0) -> float:
    """Threshold h that gives a CUSUM the wanted average run length in ordinary life.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, above what h = 0.01 gives; one a month is about 720 hours.
    k : float
        Reference value in scatters, at least 0.
    sides : {1, 2}
        Upper chart alone, or with its mirror image below.
    head_start_share : float
        Head start as a share of h, from 0 to below 1.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or no h up to 100 gives that run length.

    Examples
    --------
    >>> round(cusum_threshold(720.0, 0.5), 2)
    4.75
    """
    from scipy.optimize import brentq

    if not 0 <= head_start_share < 1:
        raise SettingError(f"head_start_share must be from 0 to below 1; got {head_start_share!r}")

    def length(h: float) -> float:
        return cusum_arl(k, h, 0.0, sides, head_start_share * h)

    low, high = 0.01, 1.0
    if not length(low) < arl0 < inf:
        raise SettingError(f"arl0 must be above {length(low):.3g} and finite; got {arl0!r}")
    while length(high) < arl0:
        low, high = high, 1.5 * high
        if high > 100.0:
            raise SettingError(f"arl0 = {arl0:g} needs an h above 100 at k = {k:g}")
    return float(brentq(lambda h: log(length(h) / arl0), low, high, xtol=1e-10))
