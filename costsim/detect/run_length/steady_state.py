"""Delays of charts that have been watching for so long that it no longer matters how long."""

from __future__ import annotations

import numpy as np

from costsim.detect.hours import FloatArray
from costsim.detect.run_length.chain import Chain, mean_over, without_returns
from costsim.detect.run_length.cusum import checked_cusum, cusum_chain
from costsim.detect.run_length.ewma import checked_ewma, ewma_pair
from costsim.detect.run_length.shewhart import shewhart_arl
from costsim.errors import SettingError


def steady_state_arl(k: float, h: float, shift: float, kind: str = "conditional") -> float:
    """Mean delay of the upper CUSUM when the change comes long after monitoring began.

    Parameters
    ----------
    k : float
        Reference value in scatters, at least 0.
    h : float
        Threshold in scatters, above 0.
    shift : float
        Mean of the bins from the change on, in scatters; before it the mean is 0.
    kind : {"conditional", "cyclical"}
        Never an alarm before the change (the limit of `conditional_delay`), or false alarms
        happened and after each the chart began again at 0.

    Returns
    -------
    float
        Bins.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or h is too large to be solved for (about 300).

    Notes
    -----
    At shift 0 the conditional one is 1 / (1 - r), where r is the chance that a chart which never
    alarmed does not in the next bin either: from there on run lengths are geometric.

    References
    ----------
    Crosier, Technometrics 28 (1986); the conditional one is ``xcusum.ad`` of R's `spc`.

    Examples
    --------
    >>> [round(steady_state_arl(0.5, 4.0, shift), 2) for shift in (1.0, 2.0, 3.0)]
    [7.72, 3.05, 2.01]
    >>> round(steady_state_arl(0.5, 4.0, 1.0, kind="cyclical"), 2)
    7.73
    """
    checked_cusum(k, h, shift, 0.0)
    return _steady(cusum_chain(k, h, 0.0, 0.0), cusum_chain(k, h, shift, 0.0), kind)


def ewma_steady_state_arl(
    lam: float, c: float, shift: float, sides: int = 2, kind: str = "conditional"
) -> float:
    """Mean delay of an EWMA when the change comes long after monitoring began.

    Parameters
    ----------
    lam : float
        Weight of the newest bin, above 0 and at most 1.
    c : float
        Limit in scatters of E, above 0.
    shift : float
        Mean of the bins from the change on, in scatters; before it the mean is 0.
    sides : {1, 2}
        Upper limit alone, or both.
    kind : {"conditional", "cyclical"}
        As in `steady_state_arl`.

    Returns
    -------
    float
        Bins.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or lam is too small or an alarm too rare (10^13 bins) to
        be solved for.

    References
    ----------
    Lucas and Saccucci, Technometrics 32 (1990), table 3; ``xewma.ad`` of R's `spc`.

    Examples
    --------
    >>> round(ewma_steady_state_arl(0.5, 3.071, 1.0), 1)
    17.3
    """
    checked_ewma(lam, c, shift, sides)
    if lam == 1:  # no memory
        _checked_kind(kind)
        return shewhart_arl(c, shift, sides)
    return _steady(*ewma_pair(lam, c, shift, sides), kind)


def _steady(ordinary: Chain, changed: Chain, kind: str) -> float:
    _checked_kind(kind)
    lengths = changed.lengths()
    if kind == "conditional":
        return mean_over(_never_alarmed(ordinary.between), lengths)
    if ordinary.alarm is not None:
        return mean_over(_excursion(ordinary.between), lengths)
    # Visits to each place in one cycle, whose first is at the beginning, not on a node.
    size = len(lengths)
    visits = np.linalg.solve((np.eye(size) - ordinary.between).T, ordinary.begin)
    return float((changed.mean_length() + visits @ lengths) / (1.0 + visits.sum()))


def _never_alarmed(between: FloatArray) -> FloatArray:
    """Where a chart stands in the end if it never alarms: the leading left eigenvector."""
    values, vectors = np.linalg.eig(between.T)
    place = np.abs(vectors[:, np.argmax(values.real)].real)
    return np.asarray(place / place.sum())


def _excursion(between: FloatArray) -> FloatArray:
    """Share of each place in the time of a chart that begins at place 0 and returns to it."""
    first = np.zeros(len(between))
    first[0] = 1.0
    visits = np.linalg.solve(without_returns(between).T, first)
    return np.asarray(visits / visits.sum())


def _checked_kind(kind: str) -> None:
    if kind not in ("conditional", "cyclical"):
        raise SettingError(f"kind must be one of 'conditional', 'cyclical'; got {kind!r}")
