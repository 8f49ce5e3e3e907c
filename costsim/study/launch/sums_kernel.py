"""A month added up as it is admitted, compiled by numba: no attempt is kept.

The admission kernel decides; :func:`add_up` counts what it decided while that is still in the
processor's cache. :func:`admit_users` goes user by user, where nobody's calls matter to another:
then few calls are in flight at once.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, arg-type, assignment"

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numba.extending import register_jitable
from numpy.typing import NDArray

from costsim.simulation.kernel_layout import (
    ADMITTED,
    DENIED,
    DONE,
    FREE,
    HEAP,
    MORE_POOL,
    NEXT_ROW,
    NOT_SENT,
    OUT,
    PROVIDER,
    ROWS,
    WATCHED,
)
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS

Ints = NDArray[Any]

MONTH_NANO, WEEK_NANO, MADE, FIRST, RETRIES, REFUSED, HOLDS, DOWNGRADED, UNSENT = range(9)
"""Sums of a stream and user, in the order of the fields of a tally."""
STREAM_SHIFT: Final = DAY_BITS + INDEX_BITS
"""What is left of a sequence is its stream."""
_CODES: Final = -PROVIDER

AHEAD: Final = 32
"""How many calls of a user are admitted at a time."""


class Sums(NamedTuple):
    """What is added up, and over which time."""

    cells: Ints  # (streams, users, 9)
    reasons: Ints  # (codes + rules, users)
    spans: Ints  # start and end of the month, of the week
    minutes: Ints  # nano-dollars by the minute in which they are known; empty where nobody asks
    edges: Ints  # ends of the months of the limits
    known: Ints  # start, delay, whether spend counts when it is recorded
    under_way: Ints  # by minute of the month, see `mark`; empty where nobody asks


def note(sums, time, end, nano):
    """Book dollars in the minute in which they are known.

    The same as :meth:`costsim.study.launch.level_hours.SpendByMinute.add`, call by call.
    """
    known = end + sums.known[1]
    if not sums.known[2]:
        for i in range(len(sums.edges)):
            if time < sums.edges[i] and known >= sums.edges[i]:
                known = sums.edges[i] - 1
    minute = (known - sums.known[0]) // 60_000_000
    sums.minutes[min(max(minute, 0), len(sums.minutes) - 1)] += nano


def mark(under_way, start, time, end):
    """One call more from the minute in which it starts to the one in which it ends.

    `under_way` holds the difference of each minute to the one before.
    """
    last = len(under_way) - 1
    under_way[min(max((time - start) // 60_000_000, 0), last)] += 1
    under_way[min(max((end - start) // 60_000_000 + 1, 0), last)] -= 1


def add_up(tables, block, out, count, sums):
    """Add up the first `count` attempts of a buffer.

    The same sums as :func:`costsim.study.launch.tally.tally` of the attempts.
    """
    spans = sums.spans
    noted, watched = len(sums.minutes) > 0, len(sums.under_way) > 0
    for at in range(count):
        row, numbers = out.row[at], out.numbers[at]
        time, nano, user = numbers[0], numbers[6], block.user[row]
        if noted and nano:
            note(sums, time, time + out.latency_us[at], nano)
        if watched and out.outcome[at] == ADMITTED:
            mark(sums.under_way, spans[0], time, time + out.latency_us[at])
        in_month = spans[0] <= time < spans[1]
        in_week = spans[2] <= time < spans[3]
        if not (in_month or in_week):
            continue
        cell = sums.cells[block.sequence[row] >> STREAM_SHIFT, user]
        outcome = out.outcome[at]
        if outcome == NOT_SENT:
            cell[UNSENT] += 1
            continue
        if out.attempt[at] > 1:
            cell[RETRIES] += 1
        else:
            cell[FIRST] += 1
        if outcome == ADMITTED:
            if in_month:
                cell[MONTH_NANO] += nano
                cell[MADE] += 1
            if in_week:
                cell[WEEK_NANO] += nano
            asked = block.route[row]
            if out.feature[at] != block.feature[row]:
                asked = tables.feature_route[out.feature[at]]
            if out.route[at] != asked:
                cell[DOWNGRADED] += 1
            continue
        sums.reasons[_CODES + out.reason[at], user] += 1
        if outcome == DENIED:
            cell[REFUSED] += 1
            if out.by_holds[at]:
                cell[HOLDS] += 1


def admit_users(until, users, first, at, rules, tables, state, block, pool, out, sums):
    """Admit and add up the calls of some users, each by itself.

    Parameters
    ----------
    users : array
        Which of them, by their place in `first`.
    first : array
        Where the calls of each begin in `block`, and where those of the last end.
    at : array of shape (2,)
        How far it came: how many users are done, and whether the next has begun.

    Returns
    -------
    int
        `DONE` or `MORE_POOL`.
    """
    s = state.scalars
    while at[0] < len(users):
        begin, end = first[users[at[0]]], first[users[at[0]] + 1]
        if not at[1]:
            at[1] = 1
            s[NEXT_ROW], s[ROWS] = begin, end
            for period in range(len(rules.window)):
                rules.window[period] = 0
            s[WATCHED] = 0
        # some calls at a time: who has left makes none of the others
        if end > begin and state.left[block.user[begin]]:
            for row in range(s[NEXT_ROW], end):
                unsent(block, row, sums)
            s[NEXT_ROW] = end
        ahead = s[NEXT_ROW] + AHEAD
        if ahead < end and block.time_us[ahead] == block.time_us[s[NEXT_ROW]]:
            ahead = end  # so many at one moment
        to = block.time_us[ahead] if ahead < end else until
        why = admit(to, rules, tables, state, block, pool, out)  # type: ignore[name-defined]  # noqa: F821
        add_up(tables, block, out, s[OUT], sums)
        s[OUT] = 0
        if why == MORE_POOL:
            return MORE_POOL
        if why != DONE or ahead < end:
            continue
        while s[HEAP] > 0:  # what is still under way as the month ends
            s[HEAP] -= 1
            pool.free[s[FREE]] = pool.heap_slot[s[HEAP]]
            s[FREE] += 1
        at[0] += 1
        at[1] = 0
    return DONE


def unsent(block, row, sums):
    """Count a call that is not made because its user has left."""
    time, spans = block.time_us[row], sums.spans
    if spans[0] <= time < spans[1] or spans[2] <= time < spans[3]:
        sums.cells[block.sequence[row] >> STREAM_SHIFT, block.user[row], UNSENT] += 1


for _function in (note, mark, add_up, unsent):
    register_jitable(_nrt=False)(_function)
