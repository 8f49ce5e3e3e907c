"""Shewhart chart on normal bins: all of it is in closed form."""

from __future__ import annotations

from math import inf

from costsim.detect.run_length.chain import checked_above_zero, checked_finite, checked_sides
from costsim.errors import SettingError


def shewhart_arl(limit: float, shift: float, sides: int = 2) -> float:
    """Average run length of a chart that alarms at one bin beyond `limit` scatters.

    Parameters
    ----------
    limit : float
        In scatters, above 0.
    shift : float
        Mean of the bins in scatters.
    sides : {1, 2}
        Upper limit alone, or both.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Examples
    --------
    >>> round(shewhart_arl(3.0, 0.0, sides=2), 1), round(shewhart_arl(3.0, 0.0, sides=1), 1)
    (370.4, 740.8)
    """
    from scipy.special import ndtr

    checked_sides(sides)
    checked_finite("shift", shift)
    checked_above_zero("limit", limit)
    beyond = float(ndtr(shift - limit))
    if sides == 2:
        beyond += float(ndtr(-limit - shift))
    return 1.0 / beyond if beyond > 0 else inf


def shewhart_threshold(arl0: float, sides: int = 2) -> float:
    """Limit that gives a Shewhart chart the wanted average run length in ordinary life.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, above 1 for both limits and above 2 for the upper one alone,
        which is what a limit of 0 gives.
    sides : {1, 2}
        Upper limit alone, or both.

    Returns
    -------
    float
        In scatters.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Examples
    --------
    >>> round(shewhart_threshold(370.4), 3), round(shewhart_threshold(720.0, sides=1), 3)
    (3.0, 2.991)
    """
    from scipy.special import ndtri

    checked_sides(sides)
    least = 3 - sides
    if not least < arl0 < inf:
        raise SettingError(f"arl0 must be above {least} and finite; got {arl0!r}")
    return -float(ndtri(1.0 / (sides * arl0)))
