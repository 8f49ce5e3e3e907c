"""A bank of CUSUMs: quick and slow ones under one threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

import numpy as np

from costsim.detect.charts.base import positive
from costsim.detect.charts.cusum import CUSUM
from costsim.detect.hours import FloatArray
from costsim.detect.run_length import cusum_threshold
from costsim.errors import SettingError


@dataclass(frozen=True)
class CusumBank:
    """Alarm when any of several CUSUMs exceeds its own share: the largest of S / weight.

    Parameters
    ----------
    ks : tuple of float
        Reference value of each sum in scatters, at least 0, none twice. A large one is quick for
        what is large, a small one for what is small and lasts: no single k wins.
    limit : float
        Threshold of the largest, above 0. At 1 each sum alarms at its weight.
    arl0 : float
        Bins between false alarms of the whole bank that the weights are made for, on independent
        normal bins; above 1 and finite.

    Raises
    ------
    SettingError
        A setting is outside its bounds, or `arl0` cannot be met for some k.

    Notes
    -----
    The weight of a sum is the h at which it alone, on independent normal bins, has an in-control
    average run length of len(ks) times `arl0`: at `limit` = 1 all of them have an equal share of
    the false alarms. Sums rise together, so the bank alarms less often than its shares add up
    to: `arl0` is met from the safe side. Away from `limit` = 1 the shares drift apart, because
    run lengths grow by different factors; calibrate `limit`, or move `arl0` and keep 1.

    What fails: as for one CUSUM, bins that hang together or have heavy tails make false alarms
    several times as frequent, and with the slowest k the most.

    References
    ----------
    Lorden, Annals of Mathematical Statistics 42 (1971); Han, Tsung, Hu and Wang, CUSUM and EWMA
    multi-charts for detecting a range of mean shifts, Statistica Sinica 17 (2007).

    Examples
    --------
    >>> bank = CusumBank()
    >>> [round(weight, 2) for weight in bank.weights]
    [10.08, 3.05, 1.34]
    >>> state = bank.begin()
    >>> [round(state.step(z), 2) for z in (2.0, 2.0, 2.0, 2.0)]
    [0.33, 0.66, 0.98, 1.31]
    """

    ks: tuple[float, ...] = (0.25, 1.0, 2.0)
    limit: float = 1.0
    arl0: float = 720.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ks", tuple(self.ks))
        if (
            not self.ks
            or len(set(self.ks)) < len(self.ks)
            or not all(0 <= k < inf for k in self.ks)
        ):
            raise SettingError(f"ks must be numbers of at least 0, none twice; got {self.ks!r}")
        positive("limit", self.limit)
        if not 1 < self.arl0 < inf:
            raise SettingError(f"arl0 must be above 1 and finite; got {self.arl0!r}")
        _ = self.weights  # checks that they exist

    @property
    def weights(self) -> tuple[float, ...]:
        """What each sum is divided by, in units of z."""
        share = self.arl0 * len(self.ks)
        return tuple(_weight(share, k) for k in self.ks)

    @property
    def threshold(self) -> float:
        """The limit."""
        return self.limit

    def with_threshold(self, threshold: float) -> CusumBank:
        """Give the bank with another limit; the weights stay."""
        return replace(self, limit=threshold)

    def _parts(self) -> Iterator[tuple[CUSUM, float]]:
        for k, weight in zip(self.ks, self.weights, strict=True):
            yield CUSUM(k=k, h=weight), weight

    def path(self, z: FloatArray) -> FloatArray:
        """Statistic of (T, n_series) standardised bins, monitored from the first on."""
        highest = np.full_like(z, -np.inf)
        for chart, weight in self._parts():
            np.maximum(highest, chart.path(z) / weight, out=highest)
        return highest

    def begin(self) -> _BankState:
        """Start on one series."""
        return _BankState(list(self._parts()))

    def describe(self) -> str:
        """Say in words when there is an alarm."""
        listed = ", ".join(f"{k:g}" for k in self.ks)
        return f"a sum of what exceeds {listed} scatters above {self.limit:g} times its weight"


class _BankState:
    def __init__(self, parts: list[tuple[CUSUM, float]]) -> None:
        self._parts = [(chart.begin(), weight) for chart, weight in parts]

    def step(self, z: float) -> float:
        return max(state.step(z) / weight for state, weight in self._parts)

    def restart(self) -> None:
        for state, _ in self._parts:
            state.restart()


@lru_cache(maxsize=256)
def _weight(arl0: float, k: float) -> float:
    return cusum_threshold(arl0, k)
