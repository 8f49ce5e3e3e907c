"""Exact average run lengths: how long a chart waits before it alarms, on normal bins.

A run length counts bins up to and with the one that alarms. Everything here is for independent
normal bins of scatter 1 whose mean is `shift`; 0 is ordinary life. Spend is neither independent
nor normal, so these are the truth that the charts' code is tested against and the limit line of
a comparison, not a way to set thresholds for a bill.

The average run length L(x) from a chart standing at x solves L = 1 + K L with the transition
density K. Gauss-Legendre nodes turn the integral into a sum (Nystrom's method), as R's package
`spc` does; with a smooth density the result is exact to many digits.

References
----------
Brook and Evans, Biometrika 59 (1972); Lucas and Crosier, Technometrics 24 (1982); Lucas and
Saccucci, Technometrics 32 (1990); Moustakides, Annals of Statistics 14 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, sqrt

import numpy as np

from costsim.detect.hours import FloatArray
from costsim.errors import SettingError

# One-sided EWMA has no floor; so many scatters below its mean it practically never stands.
_FAR = 10.0
_MOST_NODES = 1000


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
        Bins.

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
    _checked_sides(sides)
    _finite("shift", shift)
    if not 0 <= k < inf:
        raise SettingError(f"k must be at least 0; got {k!r}")
    if not 0 < h < inf:
        raise SettingError(f"h must be above 0 and finite; got {h!r}")
    if not 0 <= head_start <= h:
        raise SettingError(f"head_start must be from 0 to h = {h:g}; got {head_start!r}")
    up_zero, up = _cusum_side(k, h, shift, head_start)
    if sides == 1:
        return up
    down_zero, down = _cusum_side(k, h, -shift, head_start)
    # Divided through by the larger one, so that huge run lengths do not overflow.
    large = max(up_zero, down_zero)
    a, b = up_zero / large, down_zero / large
    return (up * b + a * down - a * down_zero) / (a + b)


def _cusum_side(k: float, h: float, shift: float, head_start: float) -> tuple[float, float]:
    from scipy.special import ndtr

    nodes, weights = _nodes(0.0, h, 20 + ceil(3 * h), f"h = {h:g}")
    n = len(nodes)
    stay = _density(nodes[None, :] - nodes[:, None] + k - shift) * weights
    matrix = np.zeros((n + 1, n + 1))
    matrix[0, 0] = ndtr(k - shift)
    matrix[0, 1:] = _density(nodes + k - shift) * weights
    matrix[1:, 0] = ndtr(k - shift - nodes)
    matrix[1:, 1:] = stay
    lengths = _solve(matrix)
    if head_start == 0:
        return float(lengths[0]), float(lengths[0])
    begun = (
        1.0
        + ndtr(k - shift - head_start) * lengths[0]
        + (_density(nodes - head_start + k - shift) * weights) @ lengths[1:]
    )
    return float(lengths[0]), float(begun)


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
        A setting is outside its bounds, or lam is too small to be solved for.

    Examples
    --------
    >>> round(ewma_arl(0.5, 3.071, 1.0), 1), round(ewma_arl(0.03, 2.437, 1.0), 1)
    (17.5, 12.6)
    """
    _checked_sides(sides)
    _finite("shift", shift)
    if not 0 < lam <= 1:
        raise SettingError(f"lam must be above 0 and at most 1; got {lam!r}")
    if not 0 < c < inf:
        raise SettingError(f"c must be above 0 and finite; got {c!r}")
    if lam == 1:
        return shewhart_arl(c, shift, sides)
    scatter = sqrt(lam / (2.0 - lam))
    top = c * scatter
    floor = -top if sides == 2 else min(0.0, shift, top) - _FAR * scatter
    count = 20 + ceil(3 * (top - floor) / lam)
    nodes, weights = _nodes(floor, top, count, f"lam = {lam:g}")
    keep = 1.0 - lam

    def reach(begin: FloatArray) -> FloatArray:
        z = (nodes[None, :] - keep * begin[:, None]) / lam - shift
        return np.asarray(_density(z) * weights / lam)

    lengths = _solve(reach(nodes))
    return float(1.0 + (reach(np.zeros(1)) @ lengths)[0])


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

    _checked_sides(sides)
    _finite("shift", shift)
    if not 0 < limit < inf:
        raise SettingError(f"limit must be above 0 and finite; got {limit!r}")
    beyond = float(ndtr(shift - limit))
    if sides == 2:
        beyond += float(ndtr(-limit - shift))
    return 1.0 / beyond if beyond > 0 else inf


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


@dataclass(frozen=True)
class LordenLimit:
    """The least delay that any detector can promise, and how far others are from it.

    Attributes
    ----------
    arl0 : float
        Bins between false alarms.
    shift : float
        Size of the change in scatters.
    k, h : float
        The CUSUM that attains the limit.
    limit : float
        The least worst-case mean delay, bins.
    first_order : float
        log(arl0) / (shift^2 / 2), the textbook approximation.
    shewhart : float
        Delay of the one-sided Shewhart chart with the same `arl0`.
    """

    arl0: float
    shift: float
    k: float
    h: float
    limit: float
    first_order: float
    shewhart: float


def lorden_limit(arl0: float, shift: float) -> LordenLimit:
    """Least worst-case mean delay at a false-alarm budget, for a known shift of normal bins.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, such as 720 for one a month.
    shift : float
        Size of the change in scatters, above 0.

    Returns
    -------
    LordenLimit

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    The CUSUM on the true likelihood ratio has k = shift/2 and, begun at zero, exactly the least
    delay in Lorden's sense (worst case over the past) for independent bins. log(arl0) / KL is
    only its leading term and is off on both sides here. A *mean conditional* delay can lawfully
    lie below the limit. For autocorrelated bins it is a benchmark, not a bound.

    References
    ----------
    Moustakides, Annals of Statistics 14 (1986); Lorden, Annals of Mathematical Statistics 42
    (1971).

    Examples
    --------
    >>> best = lorden_limit(720.0, 1.0)
    >>> round(best.h, 2), round(best.limit, 2), round(best.first_order, 2), round(best.shewhart, 1)
    (4.75, 9.87, 13.16, 43.1)
    """
    from scipy.special import ndtri

    if not 0 < shift < inf:
        raise SettingError(f"shift must be above 0 and finite; got {shift!r}")
    k = shift / 2.0
    h = cusum_threshold(arl0, k)
    return LordenLimit(
        arl0=arl0,
        shift=shift,
        k=k,
        h=h,
        limit=cusum_arl(k, h, shift),
        first_order=log(arl0) / (shift * shift / 2.0),
        shewhart=shewhart_arl(-float(ndtri(1.0 / arl0)), shift, sides=1),
    )


def _density(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * z * z) / sqrt(2.0 * np.pi))


def _nodes(low: float, high: float, count: int, what: str) -> tuple[FloatArray, FloatArray]:
    if count > _MOST_NODES:
        raise SettingError(f"{what} is too extreme to be solved for exactly")
    points, weights = np.polynomial.legendre.leggauss(count)
    half = 0.5 * (high - low)
    return low + half * (points + 1.0), half * weights


def _solve(matrix: FloatArray) -> FloatArray:
    n = len(matrix)
    return np.asarray(np.linalg.solve(np.eye(n) - matrix, np.ones(n)))


def _checked_sides(sides: int) -> None:
    if sides not in (1, 2):
        raise SettingError(f"sides must be one of 1, 2; got {sides!r}")


def _finite(what: str, got: float) -> None:
    if not -inf < got < inf:
        raise SettingError(f"{what} must be finite; got {got!r}")
