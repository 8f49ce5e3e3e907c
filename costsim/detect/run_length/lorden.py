"""The limit line: the least delay that any detector can promise on normal bins."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from costsim.detect.run_length.chain import checked_above_zero
from costsim.detect.run_length.cusum import cusum_arl, cusum_threshold
from costsim.detect.run_length.shewhart import shewhart_arl


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

    checked_above_zero("shift", shift)
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
