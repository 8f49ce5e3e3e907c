"""Sessions cut by the edges of bins: fragments, and how many calls each has.

A session is a geometric number of calls with exponential gaps, so that it forgets its past: one
under way makes its last call at a constant rate, and other calls at another constant rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, expm1, log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.settings import Sessions

    Floats = NDArray[np.float64]

WHOLE, FIRST, MIDDLE, LAST = range(4)
"""Kinds of fragments: of a session within one bin; else of its first, a middle, its last bin."""

MOST_REACH = 48
TAIL = 1e-5
_LEVELS = (np.arange(400) + 0.5) / 400


@dataclass(frozen=True)
class Fragments:
    """How sessions that start in a bin go on in the next ones.

    `reach` (J + 1,) is the share of sessions that end so many bins after the one that they start
    in; `calls` (4, 3) are E[k], E[k(k-1)], E[k(k-1)(k-2)] of each kind of fragment. Where sessions
    last longer than `MOST_REACH` bins, `reach` says only which end at once and which do not,
    `stay` is the share of those under way that outlast a bin, and fragments of different bins are
    drawn independently of each other.
    """

    reach: Floats
    calls: Floats
    stay: float
    linked: bool

    def expected(self, starts: Floats) -> Floats:
        """Expected fragments of each kind in each bin, from expected starts of sessions.

        Parameters
        ----------
        starts : array of shape (bins,)

        Returns
        -------
        array of shape (4, bins)
        """
        found = np.zeros((4, len(starts)))
        found[WHOLE] = starts * self.reach[0]
        if len(self.reach) == 1:
            return found
        found[FIRST] = starts * (1 - self.reach[0])
        if self.linked:
            for ahead, share in enumerate(self.reach[1:], start=1):
                _place(found, starts * share, ahead)
            return found
        from scipy.signal import lfilter

        under_way = lfilter([0.0, 1.0], [1.0, -self.stay], found[FIRST])
        found[MIDDLE], found[LAST] = under_way * self.stay, under_way * (1 - self.stay)
        return found

    def draw(self, rng: np.random.Generator, starts: Floats) -> NDArray[np.int64]:
        """Numbers of fragments of each kind, or of whole ones where there are no others."""
        if not self.linked:
            return rng.poisson(self.expected(starts))
        if len(self.reach) == 1:
            return rng.poisson(starts)[None]
        found = np.zeros((4, len(starts)), np.int64)
        found[WHOLE] = rng.poisson(starts * self.reach[0])
        for ahead, share in enumerate(self.reach[1:], start=1):
            sessions = rng.poisson(starts * share)
            found[FIRST] += sessions
            _place(found, sessions, ahead)
        return found


def _place(found: NDArray[np.floating] | NDArray[np.int64], sessions: Floats, ahead: int) -> None:
    """Add what sessions that end `ahead` bins later leave there and in between."""
    bins = len(sessions)
    for between in range(1, min(ahead, bins)):
        found[MIDDLE, between:] += sessions[: bins - between]
    if ahead < bins:
        found[LAST, ahead:] += sessions[: bins - ahead]


@lru_cache(maxsize=256)
def fragments_of(sessions: Sessions, minutes: int) -> Fragments:
    """How sessions lie in bins of some minutes.

    Examples
    --------
    >>> from costsim.simulation.settings import Sessions
    >>> cut = fragments_of(Sessions(mean_calls=4, think_seconds=75), minutes=5)
    >>> round(float(cut.reach[0]), 2)
    0.53
    """
    p, width = 1 / sessions.mean_calls, minutes * 60.0
    calls = np.zeros((4, 3))
    if p == 1 or not sessions.think_seconds:
        calls[WHOLE] = 1 / p, 2 * (1 - p) / p**2, 6 * (1 - p) ** 2 / p**3
        return Fragments(np.ones(1), calls, 0.0, linked=True)
    ends, goes_on = p / sessions.think_seconds, (1 - p) / sessions.think_seconds
    ending = -expm1(-ends * width)
    late = (1 - p) * ending / (ends * width)
    # time under way in a bin where the session ends or begins, by its quantiles
    time = -np.log1p(-_LEVELS * ending) / ends
    more = goes_on * time
    one = np.stack([1 + more, more**2 + 2 * more, more**3 + 3 * more**2])
    calls[FIRST] = calls[LAST] = one.mean(axis=1)
    whole = goes_on * width
    calls[MIDDLE] = whole, whole**2, whole**3
    inside = 1 - time / width  # share of starts early enough for so long a session to end inside
    two = np.stack([2 + more, more**2 + 4 * more + 2, more**3 + 6 * more**2 + 6 * more])
    calls[WHOLE] = (two * inside).mean(axis=1) * (1 - p) * ending / (1 - late)
    calls[WHOLE, 0] += p / (1 - late)
    stay = exp(-ends * width)
    bins = _bins_until(late, stay)
    if bins > MOST_REACH:
        return Fragments(np.array([1 - late, late]), calls, stay, linked=False)
    reach = [1 - late, *(late * stay ** (j - 1) * ending for j in range(1, bins + 1))]
    reach[-1] += late * stay**bins
    return Fragments(np.array(reach), calls, stay, linked=True)


def _bins_until(late: float, stay: float) -> int:
    """Bins after which hardly any session is still under way; at most one too many to follow."""
    if late < TAIL or not stay:
        return 1
    if stay == 1:
        return MOST_REACH + 1
    return min(1 + ceil(log(TAIL / late) / log(stay)), MOST_REACH + 1)
