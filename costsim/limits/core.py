"""The decision: may this call be made? Integers in, integers out; no clock, no store, no floats.

The one writing of it. The in-process ledger and the event engine call these functions as plain
Python on lists; the admission kernel compiles the very same functions with numba on int64 arrays.

A *rule* caps one unit (nano-dollars, calls or tokens) over one period. A *slot* is the account of
one rule, one entity (such as a user) and one window: what is settled, and what open reservations
hold. A call concerns `count` rules at once: all of them have room, or nothing changes.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Final

NANO: Final = 0
CALLS: Final = 1
TOKENS: Final = 2
"""Units of a rule: places in what a call takes, ``(cost_nano, 1, tokens)``."""

MINUTE: Final = 0
HOUR: Final = 1
DAY: Final = 2
MONTH: Final = 3
OPEN: Final = 4
"""Periods of a rule; OPEN counts calls in flight and has no window."""

NEVER: Final = -1
"""No moment at which the call would be admitted: it is larger than a limit."""

OPEN_RETRY_US: Final = 1_000_000
"""When calls in flight are the limit, ask again after a second: no window says when."""

NO_LIMIT: Final = 2**62
"""Limit of an entity that a rule does not cap."""

Ints = Sequence[int]


def refusal(
    slots: Ints,
    units: Ints,
    limits: Ints,
    count: int,
    cost_nano: int,
    tokens: int,
    settled: Ints,
    held: Ints,
    closed: int = -1,
) -> int:
    """Position of the first rule without room, or -1 when all have room.

    Parameters
    ----------
    slots, units, limits : sequences of int
        One entry for each of the `count` rules: its slot, unit, and limit.
    cost_nano, tokens : int
        Upper bounds of the call. A 1 for both asks only whether the limit is reached.
    settled, held : sequences of int
        By slot.
    closed : int
        Position of a rule that refuses everything until its window ends, -1 for none.

    Examples
    --------
    >>> settled, held = [600], [300]
    >>> refusal([0], [NANO], [1000], 1, 100, 0, settled, held)
    -1
    >>> refusal([0], [NANO], [1000], 1, 101, 0, settled, held)
    0
    """
    takes = (cost_nano, 1, tokens)
    for i in range(count):
        slot = slots[i]
        if settled[slot] + held[slot] + takes[units[i]] > limits[i] or i == closed:
            return i
    return -1


def refused_by_holds(
    slots: Ints,
    units: Ints,
    limits: Ints,
    count: int,
    cost_nano: int,
    tokens: int,
    settled: Ints,
    closed: int = -1,
) -> bool:
    """Whether a refused call would fit if no reservation were open.

    It is a hold denial then, unless the rule that refused counts calls in flight.
    """
    takes = (cost_nano, 1, tokens)
    for i in range(count):
        if settled[slots[i]] + takes[units[i]] > limits[i] or i == closed:
            return False
    return True


def admits_at(
    slots: Ints,
    units: Ints,
    limits: Ints,
    ends: Ints,
    count: int,
    cost_nano: int,
    tokens: int,
    settled: Ints,
    held: Ints,
    closed: int = -1,
) -> int:
    """First moment at which all windows that refuse now have ended, or `NEVER`.

    Parameters
    ----------
    ends : sequence of int
        End of each rule's window; for a rule of calls in flight, when to ask again.
    """
    moment = 0
    takes = (cost_nano, 1, tokens)
    for i in range(count):
        amount = takes[units[i]]
        if settled[slots[i]] + held[slots[i]] + amount > limits[i] or i == closed:
            if amount > limits[i]:
                return NEVER
            moment = max(moment, ends[i])
    return moment


def hold(
    slots: Ints,
    units: Ints,
    count: int,
    cost_nano: int,
    tokens: int,
    held: MutableSequence[int],
) -> None:
    """Put a call's upper bounds aside in all its slots."""
    takes = (cost_nano, 1, tokens)
    for i in range(count):
        held[slots[i]] += takes[units[i]]


def release(
    slots: Ints,
    units: Ints,
    count: int,
    held_nano: int,
    held_tokens: int,
    held: MutableSequence[int],
) -> None:
    """Take a call's hold out of all its slots."""
    takes = (held_nano, 1, held_tokens)
    for i in range(count):
        held[slots[i]] -= takes[units[i]]


def settle(
    slots: Ints,
    units: Ints,
    periods: Ints,
    count: int,
    held_nano: int,
    held_tokens: int,
    cost_nano: int,
    tokens: int,
    settled: MutableSequence[int],
    held: MutableSequence[int],
) -> None:
    """Take a call's hold out of all its slots, and book what it cost: `release` and `charge`."""
    holds = (held_nano, 1, held_tokens)
    takes = (cost_nano, 1, tokens)
    for i in range(count):
        slot, unit = slots[i], units[i]
        held[slot] -= holds[unit]
        if periods[i] != OPEN:
            settled[slot] += takes[unit]


def charge(
    slots: Ints,
    units: Ints,
    periods: Ints,
    count: int,
    cost_nano: int,
    tokens: int,
    calls: int,
    settled: MutableSequence[int],
) -> None:
    """Book what a call took, where windows count it; calls in flight are never booked.

    A correction of what was booked before gives differences, and 0 calls.
    """
    takes = (cost_nano, calls, tokens)
    for i in range(count):
        if periods[i] != OPEN:
            settled[slots[i]] += takes[units[i]]
