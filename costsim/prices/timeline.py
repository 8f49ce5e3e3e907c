"""The prices of one model over time, each stretch resolved once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from costsim.prices.instants import DAY_US
from costsim.prices.unit import UnitPrice
from costsim.prices.unpriced import Unpriced

Resolved = UnitPrice | Unpriced


@dataclass(frozen=True)
class Timeline:
    """Piecewise constant unit prices.

    Parameters
    ----------
    starts : tuple of int
        Moments at which a price may change, rising, in microseconds since 1970 UTC.
    day_starts : tuple of int
        Times of day at which a price may change, rising, in microseconds since midnight UTC.
    resolve : callable
        From (moment, time of day) to the unit price, or why there is none.
    """

    starts: tuple[int, ...]
    day_starts: tuple[int, ...]
    resolve: Callable[[int, int], Resolved] = field(repr=False)
    _known: dict[tuple[int, int], Resolved] = field(default_factory=dict, repr=False)

    def at(self, instant_us: int, time_of_day_us: int | None = None) -> Resolved:
        """Return the price at a moment; the time of day is the moment's unless given."""
        of_day = instant_us % DAY_US if time_of_day_us is None else time_of_day_us
        epoch = bisect_right(self.starts, instant_us)
        part = bisect_right(self.day_starts, of_day)
        if (epoch, part) not in self._known:
            self._known[epoch, part] = self._resolve(epoch, part)
        return self._known[epoch, part]

    def stretches(self) -> Iterator[tuple[int | None, int | None, Resolved]]:
        """Yield start, end and price (at midnight UTC) of each stretch."""
        edges = (None, *self.starts, None)
        for start, end in pairwise(edges):
            inside = start if start is not None else (0 if end is None else end - 1)
            yield start, end, self.at(inside, 0)

    def everything(self) -> set[Resolved]:
        """Return the different prices there are."""
        return {
            self.at(inside, of_day)
            for inside in (self.starts[0] - 1 if self.starts else 0, *self.starts)
            for of_day in (0, *self.day_starts)
        }

    def _resolve(self, epoch: int, part: int) -> Resolved:
        before = self.starts[0] - 1 if self.starts else 0
        instant = self.starts[epoch - 1] if epoch else before
        return self.resolve(instant, self.day_starts[part - 1] if part else 0)
