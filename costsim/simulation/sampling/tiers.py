"""Dollars by user tier: watched users have their own, and the crowd's are shared out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.sampling.people import A, People, over_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Tiers(NamedTuple):
    """What a crowd's dollars by tier are drawn with.

    `of_user` (people,) is the tier of each of the stream's people; `usd` (tiers, bins) is added to
    in place; `rng` is of its own, so that asking for tiers changes no other number.
    """

    rng: np.random.Generator
    of_user: NDArray[np.int32]
    usd: Floats


class Crowd(NamedTuple):
    """A crowd as it was drawn: weights of the people, 0 for others; in each bin fragments,
    dollars, and their mean and variance given the fragments; `requests` by user, as drawn with."""

    weight: Floats
    counts: NDArray[np.int64]
    usd: Floats
    mean: Floats
    variance: Floats
    requests: Sequence[Floats]


def share_out(tiers: Tiers, people: People, crowd: Crowd, width_us: int) -> None:
    """Add a crowd's dollars to the tiers of its users.

    Each fragment is somebody's with the chance of their weight, so fragments by tier are
    multinomial given their number. Dollars of gamma-distributed fragments, given their sum, are
    shared by a Dirichlet draw with their shapes. Where a tier's users cost more a request than
    others, its fragments weigh more.
    """
    count, bins = tiers.usd.shape
    dear = crowd.requests[0][A]
    value = crowd.weight * dear if len(dear) > 1 else crowd.weight
    rows = np.concatenate(
        [[part * (tiers.of_user == t) for t in range(count)] for part in (crowd.weight, value)]
    )
    if people.since_us is None and people.until_us is None:
        sums = np.repeat(rows.sum(axis=1)[:, None], bins, axis=1)
    else:
        sums = np.maximum(over_time(people, rows, bins, width_us), 0.0)
    there, worth = sums[:count], sums[count:]
    total = there.sum(axis=0)
    chance = np.where(total > 0, there / np.where(total > 0, total, 1.0), 1.0 / count)
    number = tiers.rng.multinomial(crowd.counts, chance.T).T
    # dollars that the tier's fragments are expected to have, up to a factor
    each = np.divide(worth, there, out=np.zeros_like(worth), where=there > 0)
    part = number * each
    part /= np.maximum(part.sum(axis=0), 1e-300)
    shape = crowd.mean**2 / np.maximum(crowd.variance, 1e-300)
    drawn = tiers.rng.standard_gamma(shape * part)
    sums = drawn.sum(axis=0)
    usd = tiers.usd
    usd += np.where(sums > 0, drawn / np.where(sums > 0, sums, 1.0), part) * crowd.usd
