"""A month added up as it is admitted, compiled by numba: no attempt is kept.

The admission kernel decides; :func:`add_up` counts what it decided while that is still in the
processor's cache. :func:`admit_users` goes user by user, where nobody's calls matter to another:
then few calls are in flight at once. :func:`made_as_meant` admits everybody and refuses nobody.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, arg-type, assignment"

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from costsim.limits.core import CALLS, NANO, OPEN
from costsim.simulation import pricing
from costsim.simulation.kernel_layout import (
    ADMITTED,
    ARRIVE,
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
OPEN_MONTH, OPEN_WEEK, SIZED_MONTH, SIZED_WEEK, IN_MONTH, TOLD, MEANT = range(7)
"""Sums where nobody is refused: dollars as meant and by the caps of a request; calls."""

_STREAM_SHIFT: Final = DAY_BITS + INDEX_BITS
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


class Meant(NamedTuple):
    """What calls come to of which none is refused."""

    cells: Ints  # (streams, users, 7)
    too_large: Ints  # (users,) calls above the cap of a request's input
    uncapped: Ints  # (3,) what takes the place of a request's caps
    under_way: Ints  # by minute of the month, see `mark`


class Windows(NamedTuple):
    """How full each user's windows are."""

    peaks: Ints  # (users, rules) most that is settled and held as a call asks, its bound included
    present: Ints  # (users, rules) number of the window, -1 to begin with
    filled: Ints  # (users, rules) settled and held in it
    last: Ints  # (users,) the last call in flight, -1 for none


class OpenCalls(NamedTuple):
    """Calls in flight, each user's a chain."""

    free: Ints  # (1,) the first free node, -1 for none
    # (room, 7) next node, end, what it holds above what it takes in nano-dollars and tokens,
    # its windows
    nodes: Ints


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
        cell = sums.cells[block.sequence[row] >> _STREAM_SHIFT, user]
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
        ahead = s[NEXT_ROW] + AHEAD
        if ahead < end and block.time_us[ahead] == block.time_us[s[NEXT_ROW]]:
            ahead = end  # so many at one moment
        to = block.time_us[ahead] if ahead < end else until
        why = admit(to, rules, tables, state, block, pool, out)  # type: ignore[name-defined]  # noqa: F821
        add_up(tables, block, out, s[OUT], sums)
        s[OUT] = 0
        if why == MORE_POOL:
            return MORE_POOL
        gone = end > begin and state.left[block.user[begin]]
        if why != DONE or (ahead < end and not gone):
            continue
        if gone:
            for row in range(s[NEXT_ROW], end):
                unsent(block, row, block.time_us[row], until, sums)
        while s[HEAP] > 0:  # what is still under way
            s[HEAP] -= 1
            slot = pool.heap_slot[s[HEAP]]
            if gone and pool.kind[slot] == ARRIVE:
                unsent(block, pool.row[slot], pool.heap_time[s[HEAP]], until, sums)
            pool.free[s[FREE]] = slot
            s[FREE] += 1
        at[0] += 1
        at[1] = 0
    return DONE


def unsent(block, row, time, until, sums):
    """Count a call that is not made because its user has left."""
    spans = sums.spans
    if time < until and (spans[0] <= time < spans[1] or spans[2] <= time < spans[3]):
        sums.cells[block.sequence[row] >> _STREAM_SHIFT, block.user[row], UNSENT] += 1


def as_sized(tables, block, row, epoch, request):
    """A call by the caps of a request: output, output held, nano-dollars held and taken."""
    out, most = np.int64(block.output_tokens[row]), np.int64(block.max_output[row])
    if request[1] >= 0:
        if most < 0 or most > request[1]:
            most = request[1]
        out = min(out, most)
    held = min(most, request[2])
    route, tokens_in = np.int64(block.route[row]), block.input_tokens[row]
    prices = (tables.above, tables.input_pico, tables.cached_pico, tables.output_pico)
    nano = pricing.attempt_nano(*prices, epoch, route, tokens_in, block.cached_tokens[row], out)[1]
    bound = np.int64(0)
    if request[1] >= 0:
        bound = pricing.bound_nano(*prices, epoch, route, tokens_in, held)
    return out, held, bound, nano


def noted(tables, block, request, who, sums):
    """Book the dollars of some users' calls, none of them refused, by the minute."""
    epoch = 0
    for row in range(len(block.time_us)):
        time, user = block.time_us[row], block.user[row]
        while epoch + 1 < len(tables.epochs) and tables.epochs[epoch + 1] <= time:
            epoch += 1
        if who[user]:
            out, _, _, nano = as_sized(tables, block, row, epoch, request)
            end = time + block.first_us[row] + out * block.pace_ns[row] // 1000
            note(sums, time, end, nano)


def made_as_meant(begin, tables, block, request, spans, rules, meant, windows, open_calls):
    """Add up calls of which none is refused, and find how full each user's windows are.

    Calls come in order of time. What ends at a moment is settled before what arrives at it.

    Parameters
    ----------
    begin : int
        The first call to look at.
    request : array of shape (3,)
        The caps of a request: most input (-1 none), most output (-1 none), most output held.
    spans : array
        Start and end of the month, of the week.
    rules : Rules
        Whose windows are meant, of users alone; their limits do not matter.
    meant : Meant
    windows : Windows
    open_calls : OpenCalls

    Returns
    -------
    int
        How many calls it has done; fewer than all where `open_calls` needs more room.
    """
    epoch = 0
    kinds = len(rules.scope)
    window = rules.window
    for row in range(begin, len(block.time_us)):
        if open_calls.free[0] < 0:
            return row
        time, user = block.time_us[row], block.user[row]
        while epoch + 1 < len(tables.epochs) and tables.epochs[epoch + 1] <= time:
            epoch += 1
        for period in range(1, 4):
            while rules.edges[period, window[period]] <= time:
                window[period] += 1
        tokens_in = block.input_tokens[row]
        out, held, bound, nano = as_sized(tables, block, row, epoch, request)
        plain = nano
        if out != block.output_tokens[row]:
            plain = as_sized(tables, block, row, epoch, meant.uncapped)[3]
        stream = block.sequence[row] >> _STREAM_SHIFT
        cell = meant.cells[stream, user]
        cell[MEANT] += 1
        in_month = spans[0] <= time < spans[1]
        in_week = spans[2] <= time < spans[3]
        if in_month:
            cell[OPEN_MONTH] += plain
            cell[SIZED_MONTH] += nano
            cell[IN_MONTH] += 1
        if in_week:
            cell[OPEN_WEEK] += plain
            cell[SIZED_WEEK] += nano
        if in_month or in_week:
            cell[TOLD] += 1
        end = time + block.first_us[row] + out * block.pace_ns[row] // 1000
        mark(meant.under_way, spans[0], time, end)
        if 0 <= request[0] < tokens_in:
            meant.too_large[user] += 1
        if not kinds:
            continue
        # what has ended, of this user
        before, at = np.int64(-1), windows.last[user]
        while at >= 0:
            node = open_calls.nodes[at]
            following = node[0]
            if node[1] <= time:
                for r in range(kinds):
                    period = rules.period[r]
                    if period == OPEN:
                        windows.filled[user, r] -= 1
                    elif node[3 + period] == windows.present[user, r]:
                        if rules.unit[r] == NANO:
                            windows.filled[user, r] -= node[2]
                        elif rules.unit[r] != CALLS:
                            windows.filled[user, r] -= node[3]
                if before < 0:
                    windows.last[user] = following
                else:
                    open_calls.nodes[before, 0] = following
                node[0] = open_calls.free[0]
                open_calls.free[0] = at
            else:
                before = at
            at = following
        for r in range(kinds):
            period = rules.period[r]
            if period != OPEN and window[period] != windows.present[user, r]:
                windows.present[user, r] = window[period]
                windows.filled[user, r] = 0
            ask = np.int64(1)
            if rules.unit[r] == NANO:
                ask = bound
            elif rules.unit[r] != CALLS:
                ask = tokens_in + held
            windows.filled[user, r] += ask
            windows.peaks[user, r] = max(windows.peaks[user, r], windows.filled[user, r])
        at = open_calls.free[0]
        node = open_calls.nodes[at]
        open_calls.free[0] = node[0]
        node[0] = windows.last[user]
        node[1] = end
        node[2], node[3] = bound - nano, held - out
        for period in range(1, 4):
            node[3 + period] = window[period]
        windows.last[user] = at
    return len(block.time_us)


for _function in (note, mark, add_up, unsent, as_sized):
    register_jitable(_nrt=False)(_function)
