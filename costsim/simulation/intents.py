"""Intended calls of a day as integer columns in the written order: what both engines admit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.draws import call_keys, threshold
from costsim.simulation.kernel_layout import BILLED, Block
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.simulation.ordering import in_order, in_order_by_user

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.calls import Calls
    from costsim.simulation.loop_tables import LoopTables
    from costsim.simulation.recording import Recorder


@dataclass(frozen=True)
class Intents:
    """Columns of equal length, a row a call, in order of (time_us, user, sequence).

    `sequence` numbers calls by stream, day and draw, and is unique in a run. `first_us` and
    `pace_ns` give the latency: time to the first token, and nanoseconds for each output token.
    """

    time_us: NDArray[np.int64]
    user: NDArray[np.int32]
    sequence: NDArray[np.int64]
    key: NDArray[np.uint64]
    stream: NDArray[np.int32]
    variant: NDArray[np.int32]
    feature: NDArray[np.int32]
    route: NDArray[np.int32]
    reaction: NDArray[np.int32]
    session: NDArray[np.int32]
    input_tokens: NDArray[np.int64]
    cached_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    max_output: NDArray[np.int64]
    first_us: NDArray[np.int64]
    pace_ns: NDArray[np.int64]
    error_below: NDArray[np.int64]
    billed: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, rows: Any) -> Intents:
        """Some rows, by index or mask."""
        return Intents(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def join(cls, parts: Sequence[Intents]) -> Intents:
        """Rows of several, one after the other."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


def intents_of(groups: Sequence[Calls], recorder: Recorder, tables: LoopTables) -> Intents:
    """The calls of some groups, sorted; absent ones are made by nobody."""
    made = _made(groups)
    if not made:
        return empty_intents()
    return Intents(**_columns(made, recorder, tables, _NAMES))


def block_of_days(days: Sequence[Sequence[Calls]], recorder: Recorder, tables: LoopTables) -> Block:
    """What the kernel reads of the calls of many days, each day's groups by themselves."""
    made = [_made(groups) for groups in days]
    count = sum(len(calls) for groups in made for calls in groups)
    kinds = {name: column.dtype for name, column in vars(empty_intents()).items()}
    found = {name: np.empty(count, kinds[name]) for name in Block._fields}
    at = 0
    for groups in made:
        if groups:
            columns = _columns(groups, recorder, tables, Block._fields)
            after = at + len(columns["time_us"])
            for name, column in columns.items():
                found[name][at:after] = column
            at = after
    return Block(**found)


def block_by_user(
    days: Sequence[Sequence[Calls]], recorder: Recorder, tables: LoopTables, users: int
) -> tuple[Block, NDArray[np.int64]]:
    """The same calls, each user's after the other's, and where each user's begin.

    Parameters
    ----------
    users : int
        How many there are.

    Returns
    -------
    Block
        In order of (user, time, sequence).
    numpy.ndarray of shape (users + 1,)
        The row of each user's first call; at the end, how many calls there are.
    """
    made = [calls for groups in days for calls in _made(groups)]
    if not made:
        return block_of_days(days, recorder, tables), np.zeros(users + 1, np.int64)
    block = Block(**_columns(made, recorder, tables, Block._fields, in_order_by_user))
    return block, np.cumsum([0, *np.bincount(block.user, minlength=users)])


def without_incidents(groups: Sequence[Calls]) -> list[Calls]:
    """The calls as they would have been if nothing had gone wrong."""
    plain = (g if g.variant.incident is None else g.before for g in groups)
    return [calls for calls in plain if calls is not None]


def empty_intents() -> Intents:
    """No calls at all."""
    kinds: dict[str, Any] = {"key": np.uint64}
    small = ("user", "stream", "variant", "feature", "route", "reaction", "session", "billed")
    kinds |= dict.fromkeys(small, np.int32)
    columns: dict[str, Any] = {
        f.name: np.empty(0, kinds.get(f.name, np.int64)) for f in fields(Intents)
    }
    return Intents(**columns)


def _made(groups: Sequence[Calls]) -> list[Calls]:
    return [calls for calls in groups if len(calls) and not calls.variant.absent]


def _columns(
    groups: Sequence[Calls],
    recorder: Recorder,
    tables: LoopTables,
    names: Sequence[str],
    ordered: Callable[..., NDArray[Any]] = lambda *columns: in_order(*columns)[0],
) -> dict[str, NDArray[Any]]:
    """Some columns of the calls of some groups, in the written order or as `ordered` says.

    What is the same for all calls of a group is written once, in order.
    """
    sizes = [len(calls) for calls in groups]
    streams = [tables.stream(calls.feature, calls.cohort) for calls in groups]

    def joined(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(parts))

    sequence = joined(
        ((number << DAY_BITS) + calls.day << INDEX_BITS) + calls.index.astype(np.int64)
        for number, calls in zip(streams, groups, strict=True)
    )
    user = joined(calls.user for calls in groups)
    time = joined(calls.time_us for calls in groups)
    order = ordered(time, user, sequence)
    small: Any = np.int16 if len(groups) < 1 << 15 else np.int64
    which = np.repeat(np.arange(len(groups), dtype=small), sizes).take(order)
    latency = [recorder.latency(calls) for calls in groups]
    keys = (call_keys(recorder.demand.seed, c.feature, c.cohort, c.day, c.index) for c in groups)

    def by_group(value: Callable[[Calls], int], kind: Any = np.int32) -> NDArray[Any]:
        return np.array([value(calls) for calls in groups], kind).take(which)

    def drawn(parts: Iterable[NDArray[Any]], kind: Any = np.int64) -> NDArray[Any]:
        return joined(parts).take(order).astype(kind, copy=False)

    def most(calls: Calls) -> int:
        found = recorder.demand.tokens_of(calls.feature, calls.cohort)[1].max
        return -1 if found is None else found

    made: dict[str, Callable[[], NDArray[Any]]] = {
        "time_us": lambda: time.take(order),
        "user": lambda: user.take(order),
        "sequence": lambda: sequence.take(order),
        "key": lambda: drawn(keys, np.uint64),
        "stream": lambda: np.array(streams, np.int32).take(which),
        "variant": lambda: by_group(lambda c: tables.variant(c.variant)),
        "feature": lambda: by_group(lambda c: tables.features.index(c.feature)),
        "route": lambda: by_group(lambda c: tables.route(c.variant.route)),
        "reaction": lambda: by_group(lambda c: _reaction(tables, c)),
        "session": lambda: drawn((c.session for c in groups), np.int32),
        "input_tokens": lambda: drawn(c.input_tokens for c in groups),
        "cached_tokens": lambda: drawn(
            np.zeros(len(c), np.int32) if c.cached_tokens is None else c.cached_tokens
            for c in groups
        ),
        "output_tokens": lambda: drawn(c.output_tokens for c in groups),
        "max_output": lambda: by_group(most, np.int64),
        "first_us": lambda: drawn(pair[0] for pair in latency),
        "pace_ns": lambda: drawn(pair[1] for pair in latency),
        "error_below": lambda: by_group(lambda c: threshold(c.variant.error_rate), np.int64),
        "billed": lambda: by_group(lambda c: BILLED.index(c.variant.billed)),
    }
    return {name: made[name]() for name in names}


def _reaction(tables: LoopTables, calls: Calls) -> int:
    """Calls that an incident adds react as the feature's ordinary ones."""
    known = tables.reactions
    return known.get((calls.feature, calls.cohort), known[calls.feature, "traffic"])


_NAMES = tuple(f.name for f in fields(Intents))
