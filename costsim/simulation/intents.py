"""Intended calls of a day as integer columns in the written order: what both engines admit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.draws import call_keys, threshold
from costsim.simulation.kernel_layout import BILLED
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS

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
    made = [calls for calls in groups if len(calls) and not calls.variant.absent]
    parts = [_of_group(calls, recorder, tables) for calls in made]
    if not parts:
        return empty_intents()
    whole = Intents.join(parts)
    return whole.take(np.lexsort((whole.sequence, whole.user, whole.time_us)))


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


def _of_group(calls: Calls, recorder: Recorder, tables: LoopTables) -> Intents:
    count, variant = len(calls), calls.variant
    feature = tables.features.index(calls.feature)
    number = tables.stream(calls.feature, calls.cohort)
    first_us, pace_ns = recorder.latency(calls)
    index = calls.index.astype(np.int64)

    def constant(value: int, kind: Any = np.int64) -> NDArray[Any]:
        return np.full(count, value, kind)

    most = recorder.demand.tokens_of(calls.feature, calls.cohort)[1].max
    return Intents(
        time_us=calls.time_us.astype(np.int64),
        user=calls.user,
        sequence=(number << (DAY_BITS + INDEX_BITS)) + (calls.day << INDEX_BITS) + index,
        key=call_keys(recorder.demand.seed, calls.feature, calls.cohort, calls.day, calls.index),
        stream=constant(number, np.int32),
        variant=constant(tables.variant(variant), np.int32),
        feature=constant(feature, np.int32),
        route=constant(tables.route(variant.route), np.int32),
        reaction=constant(_reaction(tables, calls), np.int32),
        session=calls.session,
        input_tokens=calls.input_tokens.astype(np.int64),
        cached_tokens=np.zeros(count, np.int64)
        if calls.cached_tokens is None
        else calls.cached_tokens.astype(np.int64),
        output_tokens=calls.output_tokens.astype(np.int64),
        max_output=constant(-1 if most is None else most),
        first_us=first_us.astype(np.int64),
        pace_ns=pace_ns.astype(np.int64),
        error_below=constant(threshold(variant.error_rate)),
        billed=constant(BILLED.index(variant.billed), np.int32),
    )


def _reaction(tables: LoopTables, calls: Calls) -> int:
    """Calls that an incident adds react as the feature's ordinary ones."""
    known = tables.reactions
    return known.get((calls.feature, calls.cohort), known[calls.feature, "traffic"])
