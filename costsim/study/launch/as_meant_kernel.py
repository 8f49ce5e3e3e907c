"""A month of which nothing is refused, compiled by numba: its sums, and how full windows are."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, arg-type, assignment"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from costsim.limits.core import CALLS, NANO, OPEN
from costsim.simulation import pricing
from costsim.study.launch.sums_kernel import STREAM_SHIFT, mark, note

Ints = NDArray[Any]

OPEN_MONTH, OPEN_WEEK, SIZED_MONTH, SIZED_WEEK, IN_MONTH, TOLD, MEANT = range(7)
"""Sums where nobody is refused: dollars as meant and by the caps of a request; calls."""


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
    """Book the dollars of some users' calls, none of them refused, by the minute.

    Calls come in order of time, or each user's do.
    """
    epoch = 0
    for row in range(len(block.time_us)):
        time, user = block.time_us[row], block.user[row]
        if row > 0 and time < block.time_us[row - 1]:  # the next user's month
            epoch = 0
        while epoch + 1 < len(tables.epochs) and tables.epochs[epoch + 1] <= time:
            epoch += 1
        if who[user]:
            out, _, _, nano = as_sized(tables, block, row, epoch, request)
            end = time + block.first_us[row] + out * block.pace_ns[row] // 1000
            note(sums, time, end, nano)


def made_as_meant(begin, tables, block, request, spans, rules, meant, windows, open_calls):
    """Add up calls of which none is refused, and find how full each user's windows are.

    Calls come in order of time, or each user's do. What ends at a moment is settled before what
    arrives at it.

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
        if row > 0 and time < block.time_us[row - 1]:  # the next user's month
            epoch = 0
            window[:] = 0
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
        stream = block.sequence[row] >> STREAM_SHIFT
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


register_jitable(_nrt=False)(as_sized)
