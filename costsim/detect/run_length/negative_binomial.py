"""CUSUM of negative-binomial counts, which vary more than Poisson ones, as calls do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from costsim.detect.run_length.chain import checked_above_zero
from costsim.detect.run_length.count_chain import count_cusum

# Of mean / dispersion: the variance is then the Poisson one to eight digits, and the chance
# dispersion / (dispersion + mean) has lost as many.
_POISSON_BELOW = 1e-8


def negative_binomial_cusum_arl(
    k: float | Fraction,
    h: float | Fraction,
    mean: float,
    dispersion: float,
    head_start: float | Fraction = 0.0,
    side: str = "upper",
) -> float:
    """Average run length of S = max(0, S + X - k), alarm when S >= h, for counts X.

    Parameters
    ----------
    k : float or Fraction
        Reference value in counts a bin, above 0: a fraction with a denominator of at most 1000.
    h : float or Fraction
        Threshold in counts, above 0. S stands on multiples of 1/m only, m being the common
        denominator of k and head_start, so h counts as the next multiple.
    mean : float
        Mean count of a bin, above 0.
    dispersion : float
        The size r of the negative binomial, above 0: the variance is mean + mean^2 / r. The
        smaller, the wilder; towards infinity the counts are Poisson ones.
    head_start : float or Fraction
        Where S begins, in counts, from 0 to below h.
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
    The chain is that of `poisson_cusum_arl`, with other chances of each count.

    References
    ----------
    Hawkins and Olwell, Cumulative Sum Charts and Charting for Quality Improvement (1998).

    Examples
    --------
    The threshold that gives Poisson counts 875 bins between false alarms gives these 14.

    >>> round(negative_binomial_cusum_arl(24, 15, mean=20.0, dispersion=5.0), 1)
    14.0
    """
    chart = count_cusum(k, head_start, side, _negative_binomial(mean, dispersion))
    return chart.mean_length(chart.places(h))


def negative_binomial_cusum_threshold(
    arl0: float,
    k: float | Fraction,
    mean: float,
    dispersion: float,
    head_start: float | Fraction = 0.0,
    side: str = "upper",
) -> float:
    """Least threshold h of a negative-binomial CUSUM with at least the wanted run length.

    Parameters
    ----------
    arl0 : float
        Bins between false alarms, at least 1.
    k : float or Fraction
        Reference value in counts a bin, above 0: a fraction with a denominator of at most 1000.
    mean : float
        Mean count of a bin in ordinary life, above 0.
    dispersion : float
        The size r, above 0: the variance is mean + mean^2 / r.
    head_start : float or Fraction
        Where S begins, in counts, at least 0.
    side : {"upper", "lower"}
        Too many counts, or too few.

    Returns
    -------
    float
        In counts, on the grid of `negative_binomial_cusum_arl`; the run length at this h is at
        least `arl0`, and the one a grid step below is less.

    Raises
    ------
    SettingError
        A setting is outside its bounds, k or head_start is no such fraction, or no h up to 3000
        grid steps gives that run length.

    Examples
    --------
    >>> negative_binomial_cusum_threshold(875.0, k=24, mean=20.0, dispersion=5.0)
    72.0
    """
    counts = _negative_binomial(mean, dispersion)
    return count_cusum(k, head_start, side, counts).least_threshold(arl0)


def _negative_binomial(mean: float, dispersion: float) -> Any:
    from scipy.stats import nbinom, poisson

    checked_above_zero("mean", mean)
    checked_above_zero("dispersion", dispersion)
    if mean < _POISSON_BELOW * dispersion:
        return poisson(mean)
    return nbinom(dispersion, dispersion / (dispersion + mean))
