"""CUSUM chart: a little too much for long is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isnan

import numpy as np

from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.errors import SettingError


@dataclass(frozen=True)
class CUSUM:
    """Alarm when what exceeds `k` scatters adds up to more than `h`: S = max(0, S + z - k).

    Parameters
    ----------
    k : float
        Scatters a bin that count as ordinary, at least 0. Best for a lasting shift of 2 k.
    h : float
        Threshold of the sum, above 0.
    head_start_share : float
        The sum begins at this share of `h` when monitoring begins (0.5 is the usual fast initial
        response), from 0 to below 1. As a share it moves with `h`; in units of z it is
        `head_start`, which is what `run_length.cusum_arl` takes.
    clip : float or None
        Each z counts as at most this much, so that one wild bin is not an alarm by itself. Above
        `k`; None counts everything.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    With a head start the path of S depends on h, which a statistic must not. But a sum that
    began at f h is the larger of the sum S0 that began at 0 and f h + W, where W is the plain
    sum of z - k since monitoring began; so it exceeds h just when

        max(S0, W / (1 - f)) > h.

    That maximum is free of h and is the statistic given here: one path serves all thresholds,
    exactly. After an alarm the chart begins again at 0, without a head start.

    A gap leaves the sum as it is. Bins that hang together (autocorrelation) or have heavy tails
    make false alarms several times as frequent as the tables say: calibrate h.

    References
    ----------
    Page, Biometrika 41 (1954); Lucas and Crosier, Technometrics 24 (1982).

    Examples
    --------
    >>> state = CUSUM(k=1.0, h=5.0).begin()
    >>> [state.step(z) for z in (0.5, 3.0, 3.0, 3.0)]
    [0.0, 2.0, 4.0, 6.0]
    >>> CUSUM(h=5.0, head_start_share=0.5).head_start
    2.5
    """

    k: float = 1.0
    h: float = 5.0
    head_start_share: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.k < inf:
            raise SettingError(f"k must be at least 0; got {self.k!r}")
        positive("h", self.h)
        if not 0 <= self.head_start_share < 1:
            raise SettingError(
                f"head_start_share must be from 0 to below 1; got {self.head_start_share!r}"
            )
        if self.clip is not None and not self.clip > self.k:
            raise SettingError(f"clip must be above k = {self.k:g} or None; got {self.clip!r}")

    @property
    def threshold(self) -> float:
        """The threshold h."""
        return self.h

    @property
    def head_start(self) -> float:
        """Where the sum begins, in units of z."""
        return self.head_start_share * self.h

    def with_threshold(self, threshold: float) -> CUSUM:
        """Give the chart with another h; the head start keeps its share of it."""
        return replace(self, h=threshold)

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins, monitored from the first on."""
        sums, last = self._sums(z)
        gappy = np.isnan(last)  # an unknown bin has made all later ones unknown
        if gappy.any():
            gap = np.isnan(z[:, gappy])
            filled, _ = self._sums(np.where(gap, self.k, z[:, gappy]))  # k adds nothing
            sums[:, gappy] = np.where(gap, np.nan, filled)
        return sums

    def _sums(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Statistic, and the plain sum at the end, of bins that are all known."""
        share = self.head_start_share
        sums = np.empty_like(z)
        total, free = np.zeros((2, z.shape[1]))
        # A bin of all series at a time: it stays in the cache from its first step to its last.
        for row, out in zip(z, sums, strict=True):
            np.subtract(row if self.clip is None else np.minimum(row, self.clip), self.k, out=out)
            if share:
                free += out
            out += total
            np.maximum(out, 0.0, out=out)
            total = out
            if share:
                total = out.copy()
                np.maximum(out, free / (1.0 - share), out=out)
        return sums, total

    def begin(self) -> _CusumState:
        """Start on one series, at the head start if there is one."""
        return _CusumState(self)

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        start = f", begun at {self.head_start_share:.0%} of it" if self.head_start_share else ""
        cap = f" (each capped at {self.clip:g})" if self.clip is not None else ""
        return f"the sum of what exceeds {self.k:g} scatters{cap} above {self.h:g}{start}"


class _CusumState:
    def __init__(self, chart: CUSUM) -> None:
        self._k = chart.k
        self._clip = inf if chart.clip is None else chart.clip
        self._share = chart.head_start_share
        self._sum = 0.0
        self._free = 0.0 if self._share else -inf

    def step(self, z: float) -> float:
        if isnan(z):
            return z
        step = min(z, self._clip) - self._k
        self._sum = max(self._sum + step, 0.0)
        self._free += step
        return max(self._sum, self._free / (1.0 - self._share))

    def restart(self) -> None:
        self._sum = 0.0
        self._free = -inf
