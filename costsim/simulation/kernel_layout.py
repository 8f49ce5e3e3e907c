"""Codes and arrays that the admission kernel and what feeds it share."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]

BILLED: Final = ("nothing", "input", "all")
"""What the provider bills of a failed call, by number."""

DONE: Final = 0
CROSSED: Final = 1
MORE_POOL: Final = 2
MORE_OUT: Final = 3
"""Why the kernel hands back."""

ADMITTED: Final = 0
DENIED: Final = 1
THROTTLED: Final = 2
NOT_SENT: Final = 3
"""What became of an attempt; a user who has left sends nothing."""

TOO_LARGE: Final = -1
SWITCHED_OFF: Final = -2
PROVIDER: Final = -3
"""Reasons of a refusal beside the index of a rule."""

EXPIRE: Final = 1
SETTLE: Final = 2
CORRECT: Final = 3
ARRIVE: Final = 4
"""Kinds of event in the heap; an expiry precedes the settles of its moment."""

CAME_BACK: Final = 1
MOVED: Final = 2

NEXT_ROW, HEAP, FREE, OUT, WATCHED, NOW, ALERT_AT, EDITION, ROWS = range(9)
"""Scalars of the state; `ROWS` is where the intended calls end."""


class Rules(NamedTuple):
    """Compiled limits; cells of rule r begin at ``offset[r]``, an entity each."""

    scope: Array  # (R,) 0 user, 1 tier, 2 feature, 3 organisation
    unit: Array
    period: Array
    offset: Array
    limit: Array  # (cells,)
    settled: Array
    held: Array
    stamp: Array
    over: Array  # (R,) most that was settled in one window beyond its limit
    edges: Array  # (4, W) ends of the windows of each period, padded
    window: Array  # (4,) index of the present window
    watch_rule: Array
    watch_level: Array
    candidates: Array  # (F, C) routes to try after the one asked for, -1 none
    gates: Array  # (F, 4) organisation's month: limit and level of what is asked for, of the rest
    cheap: Array  # (F, routes) whether a downgrade leads there
    pace: Array  # (U, 3) burst guard: interval, how far ahead of it, when at pace again
    # most input (-1), most output, checks, delay_us, lease_us, has policy, most output held,
    # the gated rule (-1), has a burst guard
    scalars: Array


class Tables(NamedTuple):
    """What does not change with the limits."""

    tier_of: Array
    reactions: Array
    cheaper: Array
    feature_route: Array
    feature_max: Array
    feature_most_input: Array
    feature_error_below: Array
    feature_billed: Array
    epochs: Array
    above: Array
    input_pico: Array
    cached_pico: Array
    output_pico: Array
    route_provider: Array
    provider_limit: Array  # (2 P,) calls and tokens a minute
    provider_units: Array  # (2,)


class State(NamedTuple):
    """What changes: switches, users who left, providers' minutes, scalars, room to work in."""

    off: Array
    forced: Array
    left: Array
    provider_used: Array
    provider_held: Array
    provider_minute: Array
    scalars: Array
    scratch: Array  # (6, R + 1)
    provider_cell: Array  # (2,)
    provider_end: Array  # (2,)
    nothing: Array  # (7,) zeros


class Block(NamedTuple):
    """Columns of the intents, as in :class:`~costsim.simulation.intents.Intents`."""

    time_us: Array
    user: Array
    sequence: Array
    key: Array
    feature: Array
    route: Array
    reaction: Array
    input_tokens: Array
    cached_tokens: Array
    output_tokens: Array
    max_output: Array
    first_us: Array
    pace_ns: Array
    error_below: Array
    billed: Array


class Pool(NamedTuple):
    """Events to come: a heap of slots by time, and what each slot holds."""

    heap_time: Array
    heap_slot: Array
    free: Array
    kind: Array
    row: Array
    attempt: Array
    tries: Array
    flags: Array
    feature: Array
    edition: Array
    numbers: Array  # (capacity, 7) held nano, held tokens, cost, tokens, windows 1 to 3


class Out(NamedTuple):
    """Attempts in the order in which they were decided."""

    row: Array
    attempt: Array
    outcome: Array
    reason: Array
    route: Array
    feature: Array
    failed: Array
    by_holds: Array
    numbers: Array  # (capacity, 7) time, tokens in, cached, out, max sent, input, total nano
    latency_us: Array
