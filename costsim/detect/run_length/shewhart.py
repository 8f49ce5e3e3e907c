"""Shewhart chart on normal bins: all of it is in closed form."""

from __future__ import annotations

from math import inf

from costsim.detect.run_length.chain import checked_above_zero, checked_finite, checked_sides


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
