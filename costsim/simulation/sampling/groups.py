"""Dollars of a stream: a crowd of users together, watched users one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.simulation.sampling.compound import gamma_of, gamma_parameters
from costsim.simulation.sampling.fragments import FIRST, LAST, MIDDLE, WHOLE
from costsim.simulation.sampling.jumps import jumps_of, mixed_fragments
from costsim.simulation.sampling.people import A2, A2A, A3, AA, AAA, A, X, over_time, present
from costsim.simulation.sampling.tiers import Crowd, share_out
from costsim.simulation.sampling.totals import StreamSpend, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from costsim.simulation.sampling.people import People
    from costsim.simulation.sampling.plan import StreamPlan
    from costsim.simulation.sampling.tiers import Tiers

    Floats = NDArray[np.float64]

SPARSE = 0.3
"""Watched users with fewer fragments a bin are drawn session by session."""

LATE = 0.1
"""All watched users are, where more sessions than this outlast the bin that they start in."""


class Watched(NamedTuple):
    """Watched users among the people of a stream: their places there, and their dollars.

    `usd` (watched, bins) is added to in place, the row of each by `row`.
    """

    place: NDArray[np.intp]
    row: NDArray[np.intp]
    usd: NDArray[np.float32]

    def add(self, more: NDArray[Any]) -> None:
        """Add dollars of shape (watched, bins)."""
        usd = self.usd
        usd[self.row] += more.astype(np.float32, copy=False)


class Given(NamedTuple):
    """What watched users had in each bin: fragments by kind, those that begin with a request,
    factorial moments of the kinds, dollars, and means given the fragments."""

    counts: NDArray[np.int64]
    begun: NDArray[np.int64]
    factorials: Floats
    usd: Floats
    mean: Floats
    excess: Floats | None


class Pieces(NamedTuple):
    """Fragments one by one: whose, in which bin, of which row of the factorial moments."""

    who: NDArray[np.intp]
    at: NDArray[np.intp]
    kind: NDArray[np.intp]
    factorials: Floats


class Drawing(NamedTuple):
    """A stream of one run while it is drawn.

    `requests` (rows, users or 1) are moments of a request for each piece, `starts` (bins,)
    expected starts of sessions of users with total weight 1, `width_us` the length of a bin.
    Dollars of those who are not watched are added to `tiers`.
    """

    rng: np.random.Generator
    stream: StreamPlan
    people: People
    requests: Sequence[Floats]
    starts: Floats
    width_us: int
    tiers: Tiers


def draw_stream(drawing: Drawing, watched: Watched) -> StreamSpend:
    """Spend of a stream in each bin; dollars of watched users are added to `watched.usd`."""
    totals = Totals(drawing.stream, len(drawing.starts))
    weight = drawing.people.weight
    if len(watched.place):
        weight = weight.copy()
        weight[watched.place] = 0.0
    _add_crowd(drawing, weight, totals)
    if len(watched.place):
        _add_watched(drawing, watched, totals)
    return totals.draw(drawing.rng)


def _add_crowd(drawing: Drawing, weight: Floats, totals: Totals) -> None:
    """All users by their weights, as one."""
    stream, people = drawing.stream, drawing.people
    if people.since_us is None and people.until_us is None:
        there: Floats | float = float(weight.sum())
        means = [
            r if r.shape[1] == 1 else (r @ weight / max(there, 1e-300))[:, None]
            for r in drawing.requests
        ]
    else:
        there, means = _means_over_time(drawing, weight)
    counts = stream.fragments.draw(drawing.rng, drawing.starts * there)
    jumps = jumps_of(stream, means, stream.fragments.calls[: len(counts)])
    mean, variance, third = (
        (counts * part).sum(axis=0) for part in (jumps.mean, jumps.variance, jumps.third)
    )
    usd = gamma_of(drawing.rng, mean, variance, third)
    begun = counts.sum(axis=0)
    if len(counts) > 1:
        begun -= counts[MIDDLE]
    totals.add(counts, begun, jumps, usd, mean)
    crowd = Crowd(weight, counts.sum(axis=0), usd, mean, variance, drawing.requests)
    share_out(drawing.tiers, people, crowd, drawing.width_us)


def _means_over_time(drawing: Drawing, weight: Floats) -> tuple[Floats, list[Floats]]:
    """Weight of those who are there in each bin, and means of request moments over them."""
    rows = [weight[None]]
    rows += [weight * r for r in drawing.requests if r.shape[1] > 1]
    sums = over_time(drawing.people, np.concatenate(rows), len(drawing.starts), drawing.width_us)
    there, at, means = sums[0], 1, []
    there[there < 1e-12 * weight.sum()] = 0.0  # what differences of sums leave behind
    over = np.where(there > 0, 1 / np.where(there > 0, there, 1.0), 0.0)
    for request in drawing.requests:
        if request.shape[1] == 1:
            means.append(request)
            continue
        means.append(sums[at : at + len(request)] * over)
        at += len(request)
    return there, means


def _add_watched(drawing: Drawing, watched: Watched, totals: Totals) -> None:
    """Some users one by one."""
    cut = drawing.stream.fragments
    heavy = drawing.people.weight[watched.place] * drawing.starts.mean() >= SPARSE
    if cut.linked and 1 - cut.reach[0] > LATE:
        heavy[:] = False
    for chosen, draw in ((heavy, _cells), (~heavy, _sessions)):
        if not chosen.any():
            continue
        some = watched._replace(place=watched.place[chosen], row=watched.row[chosen])
        weight = drawing.people.weight[some.place]
        weight = weight / max(weight.sum(), 1e-300)
        alike = np.zeros(len(some.place), np.intp)
        own = [r[:, alike if r.shape[1] == 1 else some.place] for r in drawing.requests]
        means = [(r @ weight)[:, None] for r in own]
        given = draw(drawing, some, own)
        jumps = jumps_of(drawing.stream, means, given.factorials)
        totals.add(given.counts, given.begun, jumps, given.usd, given.mean, given.excess)


def _cells(drawing: Drawing, some: Watched, own: Sequence[Floats]) -> Given:
    """Every bin of every user; sessions that cross the edge of a bin count as two of them."""
    rng, stream = drawing.rng, drawing.stream
    rate, factorials, begun = mixed_fragments(stream, drawing.starts)
    rates = np.outer(drawing.people.weight[some.place], rate)
    there = present(drawing.people, some.place, len(rate), drawing.width_us)
    if there is not None:
        rates *= there
    drawn = rng.poisson(rates)
    total = drawn.sum(axis=0)
    counts = drawn.astype(np.float32)
    one, two, three = _user_moments(stream, own, factorials[0])
    shift, shape, scale = (
        part.astype(np.float32)
        for part in gamma_parameters(one, two - one**2, three - 3 * one * two + 2 * one**3)
    )
    usd = rng.standard_gamma(counts * shape, dtype=np.float32)
    usd *= scale
    usd += counts * shift
    some.add(usd)
    mean = one[:, 0] @ counts if one.shape[1] == 1 else (counts * one).sum(axis=0)
    excess = None
    if len(stream.altered):
        excess = np.zeros(len(rate))
        excess[stream.altered] = _user_excess(stream, own, factorials[0], counts)
    first = total if begun == 1 else rng.binomial(total, begun)
    return Given(total[None], first, factorials, usd.sum(axis=0, dtype=float), mean, excess)


def _user_moments(
    stream: StreamPlan, own: Sequence[Floats], factorials: Floats
) -> tuple[Floats, Floats, Floats]:
    """Raw moments of a fragment's dollars, each of shape (users, bins or 1)."""
    n1, n2, n3 = factorials
    one, two, three = [np.zeros((1, 1))] * 3
    for piece, rows in zip(stream.pieces, own, strict=True):
        inside = np.ones(1) if stream.alone else piece.inside
        first, second = rows[A], n1 * rows[A2] + n2 * rows[AA]
        third = n1 * rows[A3] + 3 * n2 * rows[A2A] + n3 * rows[AAA]
        one = one + np.outer(n1 * first, inside)
        two = two + np.outer(second, inside)
        three = three + np.outer(third, inside)
    return one, two, three


def _user_excess(
    stream: StreamPlan, own: Sequence[Floats], factorials: Floats, counts: NDArray[np.float32]
) -> Floats:
    """Mean excess of the users' fragments in the bins that an incident alters."""
    at = stream.altered
    excess = np.zeros(len(at))
    for piece, rows in zip(stream.pieces, own, strict=True):
        if piece.changed:
            excess += (rows[X] * factorials[0] @ counts[:, at]) * piece.inside[at]
    return excess


def _sessions(drawing: Drawing, some: Watched, own: Sequence[Floats]) -> Given:
    """Session by session, each with all its fragments."""
    stream, users, bins = drawing.stream, len(some.place), len(drawing.starts)
    who, at, kind, factorials = _pieces_of_sessions(drawing, some)
    one, two, three, more = np.zeros((4, len(who)))
    for piece, rows in zip(stream.pieces, own, strict=True):
        inside = 1.0 if stream.alone else piece.inside[at]
        n1, n2, n3 = factorials.T[:, :, None]
        row = kind * users + who
        parts = [
            n1 * rows[A],
            n1 * rows[A2] + n2 * rows[AA],
            n1 * rows[A3] + 3 * n2 * rows[A2A] + n3 * rows[AAA],
        ]
        for moment, part in zip((one, two, three), parts, strict=True):
            moment += inside * part.ravel()[row]
        if piece.changed:
            more += inside * (n1 * rows[X]).ravel()[row]
    usd = gamma_of(drawing.rng, one, two - one**2, three - 3 * one * two + 2 * one**3)
    cell = np.bincount(who * bins + at, usd, minlength=users * bins)
    some.add(cell.reshape(users, bins))

    def by_bin(values: Floats) -> Floats:
        return np.asarray(np.bincount(at, values, minlength=bins), np.float64)

    counts = np.bincount(kind * bins + at, minlength=len(factorials) * bins)
    counts = counts.reshape(len(factorials), bins)
    begun = counts.sum(axis=0)
    if len(counts) > 1:
        begun = begun - counts[MIDDLE]
    excess = by_bin(more) if len(stream.altered) else None
    return Given(counts, begun, factorials, by_bin(usd), by_bin(one), excess)


def _pieces_of_sessions(drawing: Drawing, some: Watched) -> Pieces:
    """Fragments of the sessions that some users start while they are there."""
    rng, people, bins = drawing.rng, drawing.people, len(drawing.starts)
    cut = drawing.stream.fragments
    rate, factorials = drawing.starts, cut.calls
    if not cut.linked or len(cut.reach) == 1:
        rate, factorials, _ = mixed_fragments(drawing.stream, drawing.starts)
    total = np.concatenate([[0.0], np.cumsum(rate)])
    edges = np.arange(bins + 1) * float(drawing.width_us)
    low, high = np.zeros(len(some.place)), np.full(len(some.place), total[-1])
    if people.since_us is not None:
        low = np.interp(people.since_us[some.place], edges, total)
    if people.until_us is not None:
        high = np.interp(people.until_us[some.place], edges, total)
    length = np.maximum(high - low, 0.0)
    number = rng.poisson(people.weight[some.place] * length)
    who = np.repeat(np.arange(len(number)), number)
    level = low[who] + rng.random(len(who)) * length[who]
    at = np.minimum(np.searchsorted(total, level, side="right") - 1, bins - 1)
    if len(factorials) == 1:
        return Pieces(who, at, np.zeros_like(at), factorials)
    ahead = np.searchsorted(np.cumsum(cut.reach)[:-1], rng.random(len(who)), side="right")
    each = np.repeat(np.arange(len(who)), ahead + 1)
    step = np.arange(len(each)) - (np.cumsum(ahead + 1) - ahead - 1)[each]
    last = ahead[each]
    kind = np.where(step == 0, FIRST, np.where(step == last, LAST, MIDDLE))
    kind[last == 0] = WHOLE
    at = at[each] + step
    kept = at < bins
    if people.until_us is not None:  # who leaves in between makes no more calls
        kept &= at * drawing.width_us < people.until_us[some.place][who[each]]
    return Pieces(who[each][kept], at[kept], kind[kept], factorials)
