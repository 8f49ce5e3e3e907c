"""CUSUM of Poisson counts: its average run length, and the threshold for a wanted one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from costsim.detect.run_length.chain import checked_above_zero
from costsim.detect.run_length.count_chain import count_cusum


def poisson_cusum_arl(
    k: float | Fraction,
    h: float | Fraction,
    mean: float,
    head_start: float | Fraction = 0.0,
    side: str = "upper",
) -> float:
    """Average run length of S = max(0, S + X - k), alarm when S >= h, for Poisson counts X.

    Parameters
    ----------
    k : float or Fraction
        Reference value in counts a bin, above 0: a fraction with a denominator of at most 1000.
        To tell a mean a from a mean b the best is (b - a) / log(b / a), rounded.
    h : float or Fraction
        Threshold in counts, above 0. S stands on multiples of 1/m only, m being the common
        denominator of k and head_start, so h counts as the next multiple.
    mean : float
        Mean count of a bin, above 0.
    head_start : float or Fraction
        Where S begins, in counts, from 0 to below h; h/2 is the usual fast initial response.
    side : {"upper", "lower"}
        Too many counts, or too few: then S = max(0, S + k - X).

    Returns
    -------
    float
        Bins; infinity where an alarm is too rare for a float.

    Raises
    ------
    SettingError
        A setting is outside its bounds, k or head_start is no such fraction, or h is more than
        3000 multiples of 1/m.

    Notes
    -----
    An alarm at S >= h is the convention of Lucas. A chart that alarms at S > h has the run
    lengths of this one with h + 1/m.

    References
    ----------
    Lucas, Counted data CUSUM's, Technometrics 27 (1985).

    Examples
    --------
    >>> round(poisson_cusum_arl(0.25, 10, mean=0.25), 1)
    438.1
    >>> round(poisson_cusum_arl(2, 6, mean=1.88), 1), round(poisson_cusum_arl(2, 6, 3.2, 3), 2)
    (37.2, 3.33)
    """
    chart = count_cusum(k, head_start, side, _poisson(mean))
    return chart.mean_length(chart.places(h))


def poisson_cusum_threshold(
    arl0: float,
    k: float | Fraction,
    mean: float,
    head_start: float | Fraction = 0.0,
    side: str = "upper",
) -> float:
    """Least threshold h of a Poisson CUSUM with at least the wanted average run length.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, at least 1.
    k : float or Fraction
        Reference value in counts a bin, above 0: a fraction with a denominator of at most 1000.
    mean : float
        Mean count of a bin in ordinary life, above 0.
    head_start : float or Fraction
        Where S begins, in counts, at least 0.
    side : {"upper", "lower"}
        Too many counts, or too few.

    Returns
    -------
    float
        In counts, on the grid of `poisson_cusum_arl`. Run lengths go in steps: the one at this h
        is at least `arl0`, and the one a grid step below is less.

    Raises
    ------
    SettingError
        A setting is outside its bounds, k or head_start is no such fraction, or no h up to 3000
        grid steps gives that run length.

    Examples
    --------
    A threshold for Poisson counts fails on counts that vary more (see
    `negative_binomial_cusum_arl`).

    >>> h = poisson_cusum_threshold(875.0, k=24, mean=20.0)
    >>> h, round(poisson_cusum_arl(24, h, mean=20.0), 1)
    (15.0, 875.3)
    """
    return count_cusum(k, head_start, side, _poisson(mean)).least_threshold(arl0)


def _poisson(mean: float) -> Any:
    from scipy.stats import poisson

    checked_above_zero("mean", mean)
    return poisson(mean)
