"""Alarms at random."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.charts.base import positive
from costsim.detect.hours import FloatArray
from costsim.detect.series_detector import checked_channel
from costsim.detect.stepped import Judged, SteppedDetector
from costsim.errors import SettingError


@dataclass(frozen=True)
class RandomAlarm(SteppedDetector):
    """Alarm at random: what any detector must beat at the same number of alarms.

    Parameters
    ----------
    rate : float
        Probability of an alarm in an hour, at least 0; 1 and more is always, 0 is never.
    seed : int
        From 0 to 2^64 - 1; other seeds alarm at other hours.
    name : str
        How tables and alarms call it.
    channel : {total, top_user, top_feature, new_user, user_rise, feature, unit_cost, tier, calls}
        Which series it pretends to read.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    The statistic is 1/u with u uniform from 0 to 1, over the bins in an hour, and the threshold
    1/rate. u is a hash
    (splitmix64) of the seed, the number of the bin since the series began, and the bits of the
    bin's value. So it is the same in a batch and in a stream, and two series draw apart except
    where they are equal: two hours of $0 at the same place alarm together.

    References
    ----------
    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA (2014).

    Examples
    --------
    >>> import numpy as np
    >>> usd = np.random.default_rng(1).lognormal(size=5_000)
    >>> statistic = RandomAlarm(rate=0.01).statistic(usd, np.arange(5_000) % 168)
    >>> bool(0.006 < (statistic > 100.0).mean() < 0.014)
    True
    """

    rate: float = 1.0 / 720.0
    seed: int = 0
    name: str = "random"
    channel: str = "total"

    def __post_init__(self) -> None:
        if not 0 <= self.rate < inf:
            raise SettingError(f"rate must be at least 0 and finite; got {self.rate!r}")
        if not 0 <= self.seed < 2**64:
            raise SettingError(f"seed must be from 0 to 2^64 - 1; got {self.seed!r}")
        checked_channel(self.channel)

    @property
    def threshold(self) -> float:
        """Hours between alarms, 1/rate."""
        return 1.0 / self.rate if self.rate else inf

    def with_threshold(self, threshold: float) -> RandomAlarm:
        """Give the same dummy with so many hours between alarms."""
        positive("threshold", threshold)
        return replace(self, rate=1.0 / threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return f"{self.name} on {self.channel}: alarms in {self.rate:.3g} of all hours, at random"

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _RandomState:
        """Start at bin 0."""
        return _RandomState(self.seed, width.per_hour)


class _RandomState:
    def __init__(self, seed: int, per_hour: int) -> None:
        self._per_hour = per_hour
        self._seed = np.uint64(seed)
        self._bins = 0

    def step(self, values: FloatArray, hour_of_week: int, monitored: bool) -> Judged:
        place = _mixed(np.full(values.shape, self._bins, dtype=np.uint64) ^ _mixed_one(self._seed))
        self._bins += 1
        # Adding 0 makes one zero of the two.
        mixed = _mixed(place ^ (values + 0.0).view(np.uint64))
        uniform = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return np.full_like(values, np.nan), np.asarray(1.0 / (self._per_hour * uniform))

    def restart(self) -> None:
        """There is nothing to forget."""


def _mixed(words: np.ndarray) -> np.ndarray:
    """Splitmix64: every bit of the input moves about half of the output's; arrays wrap around."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _mixed_one(word: np.uint64) -> np.uint64:
    return np.uint64(_mixed(np.array([word]))[0])
