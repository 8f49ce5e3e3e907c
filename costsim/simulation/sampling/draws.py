"""One run of a plan: everything that depends on the seed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.demand import Demand
from costsim.simulation.sampling.groups import Drawing, Watched, draw_stream
from costsim.simulation.sampling.members import Made, calls_of_members
from costsim.simulation.sampling.people import A, People, requests_of
from costsim.simulation.sampling.tiers import Tiers
from costsim.simulation.streams import stream as random_stream
from costsim.simulation.world import settled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.plan import Plan, StreamPlan

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class RunSpend(NamedTuple):
    """Spend of one run by bin: (bins, features) arrays, (bins, users) of watched users, and
    (bins, tiers) of all, by tier.

    `dearest_usd` (bins,) is the most that one user spent, of those who are watched and of members
    whose calls are drawn one by one.
    """

    usd: Floats
    calls: Ints
    excess_usd: Floats
    unseen_usd: Floats
    unseen_calls: Ints
    user: Ints
    user_usd: NDArray[np.float32]
    dearest_usd: Floats
    tier_usd: Floats


class Shown(NamedTuple):
    """A stream's spend by bin, each of shape (bins,): what records show, and what they hide."""

    usd: Floats
    calls: Ints
    excess_usd: Floats
    unseen_usd: Floats
    unseen_calls: Ints


def draw_run(plan: Plan, seed: int, top_users: int) -> RunSpend:
    """Draw the spend of one run.

    Parameters
    ----------
    top_users : int
        Users to watch for their ordinary dollars; as many members of cohorts come on top.
    """
    return _Run(plan, seed, top_users).spend()


def watched_users(plan: Plan, top_users: int) -> int:
    """How many users are watched in each run."""
    scenario = plan.scenario
    members = sum(c.users for f in scenario.features.values() for c in f.cohorts.values())
    return min(scenario.population.users, top_users + min(top_users, members))


class _Run:
    def __init__(self, plan: Plan, seed: int, top_users: int) -> None:
        self.plan, self.seed = plan, seed
        world = settled(plan.scenario, seed)
        self.demand = Demand(world, seed)
        self.noise = np.repeat(self.demand.noise, plan.per_hour)
        self.people, self.requests = cache(self._people), cache(self._requests)
        self.top_users = top_users
        count = watched_users(plan, top_users)
        self.user = self._choose(count)
        self.user_usd = np.zeros((count, plan.bins), np.float32)
        self.tier = world.users.tier
        tiers = max(len(plan.scenario.population.tiers), 1)
        self.tier_usd = np.zeros((tiers, plan.bins))  # without watched users, until the end

    def spend(self) -> RunSpend:
        plan = self.plan
        features = list(plan.scenario.features)
        usd, excess, unseen = np.zeros((3, plan.bins, len(features)))
        calls, unseen_calls = np.zeros((2, plan.bins, len(features)), np.int64)
        dearest = np.zeros(plan.bins)
        for number, stream in enumerate(plan.streams):
            at = features.index(stream.feature)
            if stream.by_call:
                made = calls_of_members(plan, self.demand, stream)
                add = _sums(made, plan.bins)
                shown = ~made.silent
                self._add_watched(made, shown)
                np.maximum(dearest, _dearest(made, shown, plan.bins), out=dearest)
            else:
                add = self._stream(number, stream)
            usd[:, at] += add.usd
            calls[:, at] += add.calls
            excess[:, at] += add.excess_usd
            unseen[:, at] += add.unseen_usd
            unseen_calls[:, at] += add.unseen_calls
        if len(self.user):
            np.maximum(dearest, self.user_usd.max(axis=0), out=dearest)
        of_tier = self.tier[self.user]
        for tier in range(len(self.tier_usd)):
            self.tier_usd[tier] += self.user_usd[of_tier == tier].sum(axis=0, dtype=float)
        return RunSpend(
            usd,
            calls,
            excess,
            unseen,
            unseen_calls,
            self.user,
            self.user_usd.T,
            dearest,
            self.tier_usd.T,
        )

    def _stream(self, number: int, stream: StreamPlan) -> Shown:
        plan, people = self.plan, self.people(number)
        rng = random_stream(self.seed, stream.feature, stream.cohort, "bins")
        starts = stream.sessions if stream.members else stream.sessions * self.noise
        silent = stream.silent
        place, row = self._places(people)
        target = np.zeros_like(self.user_usd) if silent.any() else self.user_usd
        by_tier = random_stream(self.seed, stream.feature, stream.cohort, "tiers")
        crowd = np.zeros_like(self.tier_usd)
        tiers = Tiers(by_tier, self.tier[people.user], crowd)
        drawing = Drawing(rng, stream, people, self.requests(number), starts, plan.width_us, tiers)
        found = draw_stream(drawing, Watched(place, row, target))
        self.tier_usd += crowd * (1 - silent)
        if not silent.any():
            none = np.zeros(plan.bins, np.int64)
            return Shown(found.usd, found.calls, found.excess_usd, np.zeros(plan.bins), none)
        self.user_usd += target * (1 - silent).astype(np.float32)
        hidden = np.asarray(rng.binomial(found.calls, np.clip(silent, 0, 1)), np.int64)
        return Shown(
            found.usd * (1 - silent),
            found.calls - hidden,
            found.excess_usd,
            np.asarray(found.usd * silent, np.float64),
            hidden,
        )

    def _people(self, number: int) -> People:
        stream = self.plan.streams[number]
        world = self.demand.world
        gone = world.users.gone_us
        medians = self.demand.medians_of(stream.feature, stream.cohort)
        if not stream.members:
            everybody = np.arange(world.users.count)
            both = (medians[0].astype(float), medians[1].astype(float))
            return People(everybody, world.users.weights, both, None, gone)
        members = world.members[stream.feature, stream.cohort]
        user = members.user.astype(np.int64)
        both = (medians[0][user].astype(float), medians[1][user].astype(float))
        until = None if gone is None else gone[user]
        return People(user, members.effect, both, members.first_use_us, until)

    def _requests(self, number: int) -> list[Floats]:
        stream = self.plan.streams[number]
        people = self.people(number)
        known: dict[tuple[int, int], Floats] = {}
        found = []
        for piece in stream.pieces:  # epochs of one price, and incidents that come back
            key = (id(piece.moments), id(piece.weights))
            if key not in known:
                known[key] = requests_of(stream, piece, people)
            found.append(known[key])
        return found

    def _choose(self, count: int) -> Ints:
        """Users to watch: those with the most expected ordinary dollars, then dear members."""
        users = self.demand.world.users
        ordinary, extra = np.zeros(users.count), np.zeros(users.count)
        for number, stream in enumerate(self.plan.streams):
            people = self.people(number)
            sessions = np.append(0.0, np.cumsum(stream.sessions))
            if people.since_us is None:
                ahead = np.full(len(people.user), sessions[-1])
            else:
                edges = np.arange(len(sessions)) * float(self.plan.width_us)
                ahead = sessions[-1] - np.interp(people.since_us, edges, sessions)
            dollars = people.weight * ahead * stream.mean_calls
            dollars = dollars * self.requests(number)[0][A]
            if stream.members:
                extra[people.user] += dollars
            else:
                ordinary += dollars
        chosen = _most(ordinary, self.top_users)
        extra[chosen] = 0.0
        more = _most(extra, count - len(chosen)) if len(chosen) < count else chosen[:0]
        more = more[extra[more] > 0]
        found = np.concatenate([chosen, more])
        if len(found) < count:
            ordinary[found] = -1.0
            found = np.concatenate([found, _most(ordinary, count - len(found))])
        return found

    def _places(self, people: People) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the watched users are among some people, and their rows."""
        where = np.full(self.demand.world.users.count, -1, np.intp)
        where[people.user] = np.arange(len(people.user))
        place = where[self.user]
        row = np.flatnonzero(place >= 0)
        return place[row], row

    def _add_watched(self, made: Made, shown: NDArray[np.bool_]) -> None:
        row = np.full(self.demand.world.users.count, -1, np.intp)
        row[self.user] = np.arange(len(self.user))
        at = row[made.user]
        kept = shown & (at >= 0)
        np.add.at(self.user_usd, (at[kept], made.bin[kept]), made.usd[kept].astype(np.float32))
        rest = shown & (at < 0)
        np.add.at(self.tier_usd, (self.tier[made.user[rest]], made.bin[rest]), made.usd[rest])


def _sums(made: Made, bins: int) -> Shown:
    def by_bin(values: Floats | Ints) -> Floats:
        return np.asarray(np.bincount(made.bin, values, minlength=bins), np.float64)

    shown = ~made.silent
    return Shown(
        by_bin(made.usd * shown),
        by_bin(made.calls * shown).astype(np.int64),
        by_bin(made.excess_usd),
        by_bin(made.usd * made.silent),
        by_bin(made.calls * made.silent).astype(np.int64),
    )


def _dearest(made: Made, shown: NDArray[np.bool_], bins: int) -> Floats:
    """The most that one member spent in each bin."""
    found = np.zeros(bins)
    if shown.any():
        users = int(made.user.max()) + 1
        cell = made.bin[shown] * users + made.user[shown]
        order = np.argsort(cell)
        cell = cell[order]
        begins = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
        sums = np.add.reduceat(made.usd[shown][order], begins)
        np.maximum.at(found, cell[begins] // users, sums)
    return found


def _most(values: Floats, count: int) -> Ints:
    """Where the highest values are, highest first."""
    least = len(values) - count
    found = np.arange(len(values)) if least <= 0 else np.argpartition(values, least)[least:]
    return found[np.argsort(-values[found], kind="stable")]
