"""A stream's dollars, calls and excess in each bin, gathered from its groups of users.

Dollars are drawn first, given the numbers of fragments; calls and excess follow from them by
their regression on the dollars, so that all three have the right means, variances and
covariances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.sampling.compound import amounts_given, counts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.jumps import Jumps
    from costsim.simulation.sampling.plan import StreamPlan

    Floats = NDArray[np.float64]


class StreamSpend(NamedTuple):
    """A stream's spend in each bin, each of shape (bins,); seen or not."""

    usd: Floats
    calls: NDArray[np.int64]
    excess_usd: Floats


class Totals:
    """Sums over groups: dollars, what they differ by from their mean given the fragments, and the
    moments of dollars, calls and excess given the fragments."""

    def __init__(self, stream: StreamPlan, bins: int) -> None:
        self.stream, self.bins = stream, bins
        self._usd = np.zeros(bins)
        self._away = np.zeros(bins)
        self._sums = np.zeros((4, bins))
        self._excess = np.zeros((3, bins))
        self._least = np.zeros(bins, np.int64)

    def add(
        self,
        counts: NDArray[np.int64],
        begun: NDArray[np.int64],
        jumps: Jumps,
        usd: Floats,
        mean: Floats,
        excess: Floats | None = None,
    ) -> None:
        """Take in a group.

        Parameters
        ----------
        counts : array of shape (kinds, bins)
            Fragments.
        begun : array of shape (bins,)
            Those of them that have at least one request.
        jumps : Jumps
            Of the group, by kind.
        usd, mean : arrays of shape (bins,)
            Dollars drawn, and their mean given whose fragments they are.
        excess : array of shape (bins,), optional
            The mean of the excess likewise; by default as `jumps` has it.
        """
        self._usd += usd
        self._away += usd - mean
        self._least += begun * self.stream.passes
        for row, part in enumerate(
            (jumps.variance, jumps.calls, jumps.calls_variance, jumps.calls_covariance)
        ):
            self._sums[row] += _total(counts, part)
        if jumps.excess is not None:
            for row, part in enumerate(jumps.excess):
                known = excess if row == 0 else None
                self._excess[row] += _total(counts, part) if known is None else known

    def draw(self, rng: np.random.Generator) -> StreamSpend:
        """Calls and excess of the stream, given all dollars."""
        variance, calls, calls2, with_calls = self._sums
        slope = with_calls / np.maximum(variance, 1e-300)
        # a fragment that begins has at least one call of each pass, unless calls are not made
        least = np.where(self.stream.sure, self._least, 0)
        more = calls + slope * self._away - least
        counts = least + counts_of(rng, more, calls2 - slope * with_calls)
        if self.stream.added:
            return StreamSpend(self._usd, counts, self._usd)
        found = np.zeros(self.bins)
        at = self.stream.altered
        if len(at):
            excess, excess2, with_excess = self._excess[:, at]
            slope = with_excess / np.maximum(variance[at], 1e-300)
            mean = excess + slope * self._away[at]
            sign = np.where(excess < 0, -1.0, 1.0)
            found[at] = sign * amounts_given(rng, sign * mean, excess2 - slope * with_excess)
        return StreamSpend(self._usd, counts, found)


def _total(counts: NDArray[np.int64], part: Floats) -> Floats:
    if part.shape[1] == 1:
        return np.asarray(part[:, 0] @ counts)
    return np.asarray((counts * part).sum(axis=0))
