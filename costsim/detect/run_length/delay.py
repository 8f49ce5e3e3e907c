"""Delays of charts that have been watching for some bins when the change comes.

The average run length is the delay of a change that is there from the first bin. A chart that
has watched ordinary life stands elsewhere than where it began: mostly higher, so it is sooner.
"""

from __future__ import annotations

import numpy as np

from costsim.detect.hours import FloatArray
from costsim.detect.run_length.chain import Chain, mean_over
from costsim.detect.run_length.cusum import checked_cusum, cusum_chain
from costsim.detect.run_length.ewma import checked_ewma, ewma_pair
from costsim.detect.run_length.shewhart import shewhart_arl
from costsim.errors import SettingError


def conditional_delay(
    k: float, h: float, shift: float, after: int, head_start: float = 0.0
) -> float:
    """Mean delay of the upper CUSUM when the change comes after `after` quiet bins.

    Parameters
    ----------
    k : float
        Reference value in scatters, at least 0.
    h : float
        Threshold in scatters, above 0.
    shift : float
        Mean of the bins from the change on, in scatters; before it the mean is 0.
    after : int
        Bins of ordinary life before the change, at least 0, in which the chart did not alarm;
        the first changed bin is nu = after + 1.
    head_start : float
        Where S begins, in scatters, from 0 to h.

    Returns
    -------
    float
        E[T - nu + 1 | T >= nu] for an alarm in bin T, in bins: 1 is an alarm in the first
        changed one.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or h is too large to be solved for (about 300).

    Notes
    -----
    With `after` = 0 this is `cusum_arl`. Two sides do not combine as average run lengths do and
    are not offered; for a clear shift upward the upper side has practically all of the delay.

    References
    ----------
    Pollak, Optimal detection of a change in distribution, Annals of Statistics 13 (1985), whose
    criterion is the largest of these delays. R's `spc` gives the same as ``xcusum.arl(q=nu)``.

    Examples
    --------
    >>> [round(conditional_delay(0.5, 4.0, 1.0, after), 2) for after in (0, 1, 5, 50)]
    [8.38, 8.12, 7.79, 7.72]
    """
    checked_cusum(k, h, shift, head_start)
    _checked_after(after)
    ordinary = cusum_chain(k, h, 0.0, head_start)
    return _delay(ordinary, cusum_chain(k, h, shift, head_start), after)


def ewma_conditional_delay(lam: float, c: float, shift: float, after: int, sides: int = 2) -> float:
    """Mean delay of an EWMA when the change comes after `after` quiet bins.

    Parameters
    ----------
    lam : float
        Weight of the newest bin, above 0 and at most 1.
    c : float
        Limit in scatters of E, above 0.
    shift : float
        Mean of the bins from the change on, in scatters; before it the mean is 0.
    after : int
        Bins of ordinary life before the change, at least 0, in which the chart did not alarm.
    sides : {1, 2}
        Upper limit alone, or both.

    Returns
    -------
    float
        E[T - nu + 1 | T >= nu] with nu = after + 1, in bins.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or lam is too small or an alarm too rare (10^13 bins) to
        be solved for.

    Examples
    --------
    >>> [round(ewma_conditional_delay(0.03, 2.437, 1.0, after), 2) for after in (0, 20, 200)]
    [12.6, 12.43, 12.4]
    """
    checked_ewma(lam, c, shift, sides)
    _checked_after(after)
    if lam == 1:  # no memory
        return shewhart_arl(c, shift, sides)
    ordinary, changed = ewma_pair(lam, c, shift, sides)
    return _delay(ordinary, changed, after)


def _delay(ordinary: Chain, changed: Chain, after: int) -> float:
    if after == 0:
        return changed.mean_length()
    place = _moved(ordinary.begin, ordinary.between, after - 1)
    return mean_over(place, changed.lengths())


def _moved(place: FloatArray, between: FloatArray, steps: int) -> FloatArray:
    """Where a chart stands after so many more bins without an alarm, by repeated squaring."""
    place = place / place.sum()
    while steps > 0:
        if steps & 1:
            place = place @ between
            place /= place.sum()
        between = between @ between
        between /= between.max()  # only ratios matter, and powers underflow
        steps >>= 1
    return place


def _checked_after(after: int) -> None:
    if not isinstance(after, int | np.integer) or after < 0:
        raise SettingError(f"after must be a whole number of bins, at least 0; got {after!r}")
