"""Exact average run lengths: how long a chart waits before it alarms.

A run length counts bins up to and with the one that alarms. Bins are independent here: normal
with scatter 1 and mean `shift`, where 0 is ordinary life, or counts with the mean `mean`. Spend
is neither independent nor normal, so these are the truth that the charts' code is tested against
and the limit line of a comparison, not a way to set thresholds for a bill.

::

    chart       run length                    threshold for a wanted one
    CUSUM       cusum_arl                     cusum_threshold
    EWMA        ewma_arl                      ewma_threshold
    Shewhart    shewhart_arl                  shewhart_threshold
    counts      poisson_cusum_arl             poisson_cusum_threshold
                negative_binomial_cusum_arl   negative_binomial_cusum_threshold

    a change later on       conditional_delay, ewma_conditional_delay
    a change long after     steady_state_arl, ewma_steady_state_arl
    the least of all        lorden_limit

The average run length L(x) from a chart standing at x solves L = 1 + K L with the transition
density K. Gauss-Legendre nodes turn the integral into a sum (Nystrom's method), as R's package
`spc` does; with a smooth density the result is exact to many digits. Counts need no nodes: their
sums stand on a grid, and K is a matrix.

References
----------
Brook and Evans, Biometrika 59 (1972); Lucas and Crosier, Technometrics 24 (1982); Lucas,
Technometrics 27 (1985); Crosier, Technometrics 28 (1986); Lucas and Saccucci, Technometrics 32
(1990); Moustakides, Annals of Statistics 14 (1986).

Examples
--------
>>> from costsim.detect import run_length
>>> round(run_length.cusum_arl(0.5, 4.0, 0.0), 1), round(run_length.cusum_arl(0.5, 4.0, 1.0), 2)
(335.4, 8.38)
"""

from __future__ import annotations

from costsim.detect.run_length.cusum import cusum_arl, cusum_threshold
from costsim.detect.run_length.delay import conditional_delay, ewma_conditional_delay
from costsim.detect.run_length.ewma import ewma_arl, ewma_threshold
from costsim.detect.run_length.lorden import LordenLimit, lorden_limit
from costsim.detect.run_length.negative_binomial import (
    negative_binomial_cusum_arl,
    negative_binomial_cusum_threshold,
)
from costsim.detect.run_length.poisson import poisson_cusum_arl, poisson_cusum_threshold
from costsim.detect.run_length.shewhart import shewhart_arl, shewhart_threshold
from costsim.detect.run_length.steady_state import ewma_steady_state_arl, steady_state_arl

__all__ = [
    "LordenLimit",
    "conditional_delay",
    "cusum_arl",
    "cusum_threshold",
    "ewma_arl",
    "ewma_conditional_delay",
    "ewma_steady_state_arl",
    "ewma_threshold",
    "lorden_limit",
    "negative_binomial_cusum_arl",
    "negative_binomial_cusum_threshold",
    "poisson_cusum_arl",
    "poisson_cusum_threshold",
    "shewhart_arl",
    "shewhart_threshold",
    "steady_state_arl",
]
