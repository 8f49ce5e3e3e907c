"""Admission: intended calls in, attempts out, exactly; stopped and steered by the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.simulation.compiled_rules import compile_rules
from costsim.simulation.intents import Intents, empty_intents
from costsim.simulation.kernel_layout import (
    ALERT_AT,
    CROSSED,
    EDITION,
    FREE,
    HEAP,
    MORE_OUT,
    MORE_POOL,
    NEXT_ROW,
    OUT,
    ROWS,
    WATCHED,
    Block,
    Out,
    Pool,
    State,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.loop_tables import LoopTables

POOL, ROOM = 4096, 262_144


class Crossing(NamedTuple):
    """Watched levels of the budget were reached: when, and the highest of them."""

    at_us: int
    level: int


@dataclass(frozen=True)
class Attempts:
    """Attempts as columns of equal length, in the order in which they were decided.

    `outcome` and `reason` are codes of the kernel's layout; a reason of 0 or more is a rule of the
    limits with this `edition`. `sequence` is the intended call's.
    """

    time_us: NDArray[np.int64]
    user: NDArray[np.int32]
    sequence: NDArray[np.int64]
    attempt: NDArray[np.int64]
    outcome: NDArray[np.int8]
    reason: NDArray[np.int16]
    edition: NDArray[np.int16]
    route: NDArray[np.int16]
    feature: NDArray[np.int16]
    variant: NDArray[np.int32]
    session: NDArray[np.int32]
    input_tokens: NDArray[np.int64]
    cached_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    max_output: NDArray[np.int64]
    input_nano: NDArray[np.int64]
    total_nano: NDArray[np.int64]
    latency_us: NDArray[np.int64]
    first_us: NDArray[np.int64]
    failed: NDArray[np.bool_]
    by_holds: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_us)

    def where(self, keep: NDArray[np.bool_]) -> Attempts:
        """The attempts that `keep` marks."""
        return Attempts(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    @classmethod
    def join(cls, parts: Sequence[Attempts]) -> Attempts:
        """Several, one after the other."""
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) == 1:
            return parts[0]
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


_NAMES = tuple(f.name for f in fields(Attempts))
KINDS: tuple[Any, ...] = (
    np.int64, np.int32, np.int64, np.int64, np.int8, np.int16, np.int16, np.int16, np.int16,
    np.int32, np.int32, *[np.int64] * 8, np.bool_, np.bool_,
)  # fmt: skip
"""Kinds of the columns of :class:`Attempts`."""


@cache
def kernel() -> Any:
    """The kernel, compiled once and kept beside its source under a name of all it is made of."""
    from costsim.simulation.compiling import compiled_kernel

    return compiled_kernel()


class Admission:
    """The state of one run: what is used, in flight, to be tried again, switched off.

    Parameters
    ----------
    tables : LoopTables
    policy : Policy, optional
        Limits in force; none by default.
    """

    room = ROOM
    """How many attempts are decided before they are taken over."""

    def __init__(self, tables: LoopTables, policy: Policy | None = None) -> None:
        self.tables = tables
        users, features = len(tables.arrays.tier_of), len(tables.features)
        providers = len(tables.arrays.provider_limit) // 2
        self._scalars = np.zeros(9, np.int64)
        self._state = State(
            off=np.zeros(features, np.uint8),
            forced=np.full(features, -1, np.int64),
            left=np.zeros(users, np.uint8),
            provider_used=np.zeros(2 * providers, np.int64),
            provider_held=np.zeros(2 * providers, np.int64),
            provider_minute=np.full(providers, -1, np.int64),
            scalars=self._scalars,
            scratch=np.zeros((6, 1), np.int64),
            provider_cell=np.zeros(2, np.int64),
            provider_end=np.zeros(2, np.int64),
            nothing=np.zeros(7, np.int64),
        )
        self.policies: list[Policy | None] = []
        self._intents = empty_intents()
        self._block = block_of(self._intents)
        self._pool = _pool(POOL)
        self._scalars[FREE] = POOL
        self._out = _out(self.room)
        self._parts: list[Attempts] = []
        self.set_policy(policy)

    def set_policy(self, policy: Policy | None) -> None:
        """Put limits in force; they begin with nothing used and nothing in flight."""
        self._flush()  # what was decided until now belongs to the edition before
        self.policies.append(policy)
        self._rules = compile_rules(policy, self.tables)
        room = np.zeros((6, len(self._rules.scope) + 1), np.int64)
        self._state = self._state._replace(scratch=room)
        self._scalars[EDITION] = len(self.policies) - 1
        self._scalars[WATCHED] = 0

    def switch_off(self, feature: int, off: bool = True) -> None:
        """Refuse all calls of a feature, or no longer."""
        self._state.off[feature] = off

    def force_route(self, feature: int, route: int) -> None:
        """Send a feature's calls to another model; -1 for its own again."""
        self._state.forced[feature] = route

    def feed(self, intents: Intents) -> None:
        """Give the next intended calls, none of them before the time already reached."""
        self._flush()
        pool, size = self._pool, int(self._scalars[HEAP])
        waiting = pool.heap_slot[:size]
        begun = int(self._scalars[NEXT_ROW])
        ahead = np.arange(begun, len(self._intents))
        rows, place = np.unique(pool.row[waiting], return_inverse=True)
        pool.row[waiting] = place
        parts = [self._intents.take(rows), self._intents.take(ahead), intents]
        self._intents = Intents.join(parts)
        self._block = block_of(self._intents)
        self._scalars[NEXT_ROW], self._scalars[ROWS] = len(rows), len(self._intents)

    def advance(self, until_us: int) -> Crossing | None:
        """Go on to a moment; what settles at it is done, what arrives at it is not.

        Returns
        -------
        Crossing or None
            A level that the world must know of was crossed: time stands there, call again.
        """
        while True:
            why = kernel()(
                until_us,
                self._rules,
                self.tables.arrays,
                self._state,
                self._block,
                self._pool,
                self._out,
            )
            if why == MORE_POOL:
                self._pool = grown_pool(self._pool, self._scalars)
            elif why == MORE_OUT:
                self._flush()
            elif why == CROSSED:
                return Crossing(int(self._scalars[ALERT_AT]), int(self._scalars[WATCHED]) - 1)
            else:
                return None

    def take(self) -> Attempts:
        """The attempts since the last time, and forget them."""
        self._flush()
        parts, self._parts = self._parts, []
        return Attempts.join(parts) if parts else no_attempts()

    @property
    def overspent(self) -> NDArray[np.int64]:
        """By how much some window's settled calls passed its limit, at most, of each rule."""
        return self._rules.over

    @property
    def waiting(self) -> int:
        """Calls in flight and retries to come."""
        return int(self._scalars[HEAP])

    def _flush(self) -> None:
        size = int(self._scalars[OUT])
        if not size:
            return
        out, intents = self._out, self._intents
        row, numbers = out.row[:size], out.numbers[:size].T.copy()
        self._parts.append(
            Attempts(
                time_us=numbers[0],
                user=intents.user[row],
                sequence=intents.sequence[row],
                attempt=out.attempt[:size].copy(),
                outcome=out.outcome[:size].copy(),
                reason=out.reason[:size].copy(),
                edition=np.full(size, self._scalars[EDITION], np.int16),
                route=out.route[:size].copy(),
                feature=out.feature[:size].copy(),
                variant=intents.variant[row],
                session=intents.session[row],
                input_tokens=numbers[1],
                cached_tokens=numbers[2],
                output_tokens=numbers[3],
                max_output=numbers[4],
                input_nano=numbers[5],
                total_nano=numbers[6],
                latency_us=out.latency_us[:size].copy(),
                first_us=intents.first_us[row],
                failed=out.failed[:size].copy(),
                by_holds=out.by_holds[:size].copy(),
            )
        )
        self._scalars[OUT] = 0


def block_of(intents: Intents) -> Block:
    """What the kernel reads of them."""
    return Block(**{name: getattr(intents, name) for name in Block._fields})


def _pool(capacity: int) -> Pool:
    def zeros(kind: Any = np.int64) -> Any:
        return np.zeros(capacity, kind)

    return Pool(
        heap_time=zeros(),
        heap_slot=zeros(),
        free=np.arange(capacity)[::-1].copy(),
        kind=zeros(),
        row=zeros(),
        attempt=zeros(),
        tries=zeros(),
        flags=zeros(),
        feature=zeros(),
        edition=zeros(),
        numbers=np.zeros((capacity, 7), np.int64),
    )


def grown_pool(pool: Pool, scalars: NDArray[np.int64]) -> Pool:
    """Twice the room for events to come."""
    capacity, free = len(pool.kind), int(scalars[FREE])
    twice = _pool(2 * capacity)
    for name in Pool._fields:
        getattr(twice, name)[:capacity] = getattr(pool, name)
    twice.free[free : free + capacity] = np.arange(capacity, 2 * capacity)
    scalars[FREE] = free + capacity
    return twice


def _out(room: int) -> Out:
    return Out(
        row=np.zeros(room, np.int64),
        attempt=np.zeros(room, np.int64),
        outcome=np.zeros(room, np.int8),
        reason=np.zeros(room, np.int16),
        route=np.zeros(room, np.int16),
        feature=np.zeros(room, np.int16),
        failed=np.zeros(room, np.bool_),
        by_holds=np.zeros(room, np.bool_),
        numbers=np.zeros((room, 7), np.int64),
        latency_us=np.zeros(room, np.int64),
    )


def no_attempts() -> Attempts:
    """No attempt at all."""
    columns: dict[str, Any] = {
        name: np.empty(0, kind) for name, kind in zip(_NAMES, KINDS, strict=True)
    }
    return Attempts(**columns)
