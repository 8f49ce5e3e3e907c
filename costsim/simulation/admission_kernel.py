"""The admission kernel: demand, retries and calls in flight merged through the decision core.

Compiled by numba. Events come in the written order (time, kind, user, sequence, attempt); the
decision, the pricing and the reaction are the very functions that the event engine calls as
plain Python. The kernel hands back when it reaches the time it was given, when a watched level
of the budget is crossed, or when a buffer is full.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

from costsim.limits import core
from costsim.limits.core import MONTH, NO_LIMIT, OPEN, OPEN_RETRY_US
from costsim.prices import split_cost
from costsim.simulation import pricing, reacting
from costsim.simulation.draws import ERROR, FINAL, RETRY, RETURN, WAIT
from costsim.simulation.event_heap import new_event, pop, push
from costsim.simulation.kernel_layout import (
    ADMITTED,
    ALERT_AT,
    ARRIVE,
    CAME_BACK,
    CORRECT,
    CROSSED,
    DENIED,
    DONE,
    EDITION,
    EXPIRE,
    FREE,
    HEAP,
    MORE_OUT,
    MORE_POOL,
    MOVED,
    NEXT_ROW,
    NOT_SENT,
    NOW,
    OUT,
    PROVIDER,
    ROWS,
    SETTLE,
    SWITCHED_OFF,
    THROTTLED,
    TOO_LARGE,
    WATCHED,
)

for _function in (
    split_cost,
    core.refusal,
    core.refused_by_holds,
    core.admits_at,
    core.hold,
    core.release,
    core.settle,
    core.charge,
    pricing.level_of,
    pricing.attempt_nano,
    pricing.bound_nano,
    reacting.scaled,
    reacting.react,
):
    register_jitable(_nrt=False)(_function)  # the same function, for the compiler too

_MINUTE_US = 60_000_000
_CURRENT, _AS_HELD, _IN_FLIGHT = 0, 1, 2


@njit(inline="always", _nrt=False)
def _coin(key, attempt, purpose):
    """:func:`costsim.simulation.draws.coin` on unsigned machine numbers."""
    x = key + np.uint64(attempt * 16 + purpose) * np.uint64(0x9E37_79B9_7F4A_7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return np.int64((x ^ (x >> np.uint64(31))) >> np.uint64(32))


@njit(inline="always", _nrt=False)
def _gather(rules, tables, scratch, user, feature, how, held_windows):
    """The cells that concern a call into the columns of `scratch`; how many they are.

    Columns: cell, unit, limit, end of the window, period, rule.
    """
    count = 0
    tier = tables.tier_of[user]
    for r in range(len(rules.scope)):
        scope, period = rules.scope[r], rules.period[r]
        if how == _IN_FLIGHT and period != OPEN:
            continue
        cell = rules.offset[r]
        if scope == 0:
            cell += user
        elif scope == 1:
            cell += tier
        elif scope == 2:
            cell += feature
        if rules.limit[cell] == NO_LIMIT and scope != 3:
            continue
        end = 0
        if period != OPEN:
            window = rules.window[period]
            if how == _AS_HELD:
                if rules.stamp[cell] != held_windows[3 + period]:
                    continue
            elif rules.stamp[cell] != window:
                rules.stamp[cell] = window
                rules.settled[cell] = 0
                rules.held[cell] = 0
            end = rules.edges[period, window]
        scratch[0, count] = cell
        scratch[1, count] = rules.unit[r]
        scratch[2, count] = rules.limit[cell]
        scratch[3, count] = end
        scratch[4, count] = period
        scratch[5, count] = r
        count += 1
    return count


@njit(inline="always", _nrt=False)
def _compare(rules, scratch, count):
    """Remember by how much what is settled has passed its limits."""
    for i in range(count):
        over = rules.settled[scratch[0, i]] - scratch[2, i]
        if over > rules.over[scratch[5, i]]:
            rules.over[scratch[5, i]] = over


@njit(inline="always", _nrt=False)
def _resolve(rules, tables, state, scratch, user, kind, pool, slot):
    """Book what a call took: its lease ran out, it ended, or it ended after that."""
    n, feature = pool.numbers[slot], pool.feature[slot]
    cells, units, periods = scratch[0], scratch[1], scratch[4]
    if rules.scalars[2]:  # looked first, recorded now
        count = _gather(rules, tables, scratch, user, feature, _IN_FLIGHT, n)
        core.release(cells, units, count, 0, 0, rules.held)
        count = _gather(rules, tables, scratch, user, feature, _CURRENT, n)
        core.charge(cells, units, periods, count, n[2], n[3], 1, rules.settled)
        _compare(rules, scratch, count)
        return
    count = _gather(rules, tables, scratch, user, feature, _AS_HELD, n)
    if kind == CORRECT:
        core.charge(cells, units, periods, count, n[2] - n[0], n[3] - n[1], 0, rules.settled)
        _compare(rules, scratch, count)
        return
    cost, tokens = (n[0], n[1]) if kind == EXPIRE else (n[2], n[3])
    core.settle(cells, units, periods, count, n[0], n[1], cost, tokens, rules.settled, rules.held)
    _compare(rules, scratch, count)


@njit(inline="always", _nrt=False)
def _crossed(rules, s):
    """Whether the month's spend has newly reached a watched level."""
    crossed = False
    while s[WATCHED] < len(rules.watch_rule):
        cell = rules.offset[rules.watch_rule[s[WATCHED]]]
        if rules.stamp[cell] != rules.window[MONTH]:
            break
        if rules.settled[cell] < rules.watch_level[s[WATCHED]]:
            break
        s[WATCHED] += 1
        crossed = True
    return crossed


@njit(inline="always", _nrt=False)
def _follow(
    tables, state, block, pool, s, row, attempt, tries, flags, feature, now, refused, retry_at
):
    """What the caller does after a refusal or an error."""
    key = block.key[row]
    action, when = reacting.react(
        tables.reactions,
        block.reaction[row],
        now,
        refused,
        retry_at,
        tries,
        (flags & CAME_BACK) != 0,
        (flags & MOVED) != 0,
        tables.cheaper[feature] >= 0,
        _coin(key, attempt, RETRY),
        _coin(key, attempt, WAIT),
        _coin(key, attempt, FINAL),
        _coin(key, attempt, RETURN),
    )
    if action == reacting.GIVE_UP:
        return
    if action == reacting.LEAVE:
        state.left[block.user[row]] = 1
        return
    if action == reacting.RETRY:
        tries += 1
    elif action == reacting.COME_BACK:
        flags |= CAME_BACK
    else:
        flags |= MOVED
        feature = tables.cheaper[feature]
    slot = new_event(pool, s, ARRIVE, row, attempt + 1, tries, flags, feature)
    push(pool, block, s, when, slot)


def admit(until, rules, tables, state, block, pool, out):
    """Admit what arrives before `until`, and settle what ends by then.

    Returns
    -------
    int
        Why it stopped.
    """
    s = state.scalars
    rows = s[ROWS]
    room = len(out.row)
    scratch = state.scratch
    cells, units, limits, ends, periods = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
    )
    provider_cell, provider_end, nothing = state.provider_cell, state.provider_end, state.nothing
    most_in, cap_out, checks = rules.scalars[0], rules.scalars[1], rules.scalars[2]
    delay, lease, limited = rules.scalars[3], rules.scalars[4], rules.scalars[5]
    gated_rule, guarded = rules.scalars[7], rules.scalars[8]
    prices = (tables.above, tables.input_pico, tables.cached_pico, tables.output_pico)
    epoch, next_edge = 0, np.int64(-1)
    while True:
        if s[FREE] < 4:
            return MORE_POOL
        if s[OUT] >= room:
            return MORE_OUT
        # the next event: of the heap, or the next intended call
        row = s[NEXT_ROW]
        from_heap = s[HEAP] > 0
        slot = np.int64(-1)
        if from_heap:
            slot = pool.heap_slot[0]
            now = pool.heap_time[0]
            if row < rows and block.time_us[row] <= now:
                if block.time_us[row] < now:
                    from_heap = False
                elif pool.kind[slot] == ARRIVE:
                    other = pool.row[slot]
                    if block.user[row] != block.user[other]:
                        from_heap = block.user[other] < block.user[row]
                    else:
                        from_heap = block.sequence[other] < block.sequence[row]
        elif row >= rows:
            return DONE
        if from_heap:
            kind = pool.kind[slot]
            if now > until or (kind == ARRIVE and now == until):
                return DONE
            pop(pool, block, s)
            row = pool.row[slot]
        else:
            now = block.time_us[row]
            if now >= until:
                return DONE
            kind = ARRIVE
            s[NEXT_ROW] += 1
        s[NOW] = now
        if now >= next_edge:
            next_edge = np.int64(NO_LIMIT)
            for period in range(1, 4):
                while rules.edges[period, rules.window[period]] <= now:
                    rules.window[period] += 1
                    if period == MONTH:
                        s[WATCHED] = 0
                next_edge = min(next_edge, rules.edges[period, rules.window[period]])
        while epoch + 1 < len(tables.epochs) and tables.epochs[epoch + 1] <= now:
            epoch += 1
        user = block.user[row]

        if kind != ARRIVE:
            crossed = False
            if pool.edition[slot] == s[EDITION]:
                _resolve(rules, tables, state, scratch, user, kind, pool, slot)
                crossed = _crossed(rules, s)
            pool.free[s[FREE]] = slot
            s[FREE] += 1
            if crossed:
                s[ALERT_AT] = now
                return CROSSED
            continue

        attempt, tries, flags = np.int64(1), np.int64(0), np.int64(0)
        feature = np.int64(block.feature[row])
        if from_heap:
            attempt, tries, flags = pool.attempt[slot], pool.tries[slot], pool.flags[slot]
            feature = pool.feature[slot]
            pool.free[s[FREE]] = slot
            s[FREE] += 1
        tokens_in, cached = block.input_tokens[row], block.cached_tokens[row]
        most_out, route = block.max_output[row], np.int64(block.route[row])
        error_below, billed = block.error_below[row], np.int64(block.billed[row])
        if flags & MOVED:
            route = tables.feature_route[feature]
            most_out = tables.feature_max[feature]
            error_below = tables.feature_error_below[feature]
            billed = tables.feature_billed[feature]
            if tables.feature_most_input[feature] >= 0:
                tokens_in = min(tokens_in, tables.feature_most_input[feature])
                cached = min(cached, tokens_in)
        if limited and (most_out < 0 or most_out > cap_out):
            most_out = cap_out
        tokens_out = block.output_tokens[row]
        if most_out >= 0:
            tokens_out = min(tokens_out, most_out)
        bound_out = most_out if most_out >= 0 else tokens_out
        if state.forced[feature] >= 0:
            route = state.forced[feature]
        bound_tokens = tokens_in + bound_out
        held_out = min(bound_out, rules.scalars[6])
        held_tokens = tokens_in + held_out
        outcome, reason, by_holds = ADMITTED, np.int64(0), False
        retry_at = np.int64(reacting.NO_MOMENT)
        failed, latency, held = np.int64(0), np.int64(0), np.int64(0)
        count, chosen = 0, route
        if state.left[user]:
            outcome = NOT_SENT
        elif state.off[feature]:
            outcome, reason = DENIED, np.int64(SWITCHED_OFF)
        elif limited and most_in >= 0 and tokens_in > most_in:
            outcome, reason = DENIED, np.int64(TOO_LARGE)
        else:
            count = _gather(rules, tables, scratch, user, feature, _CURRENT, nothing)
            gated = np.int64(-1)
            for i in range(count):
                if periods[i] == OPEN:
                    ends[i] = now + OPEN_RETRY_US
                if scratch[5, i] == gated_rule:
                    gated = i
            paced = now
            if guarded:
                paced = rules.pace[user, 2] - rules.pace[user, 1]
            options = rules.candidates.shape[1] + 1
            chosen = np.int64(-1)
            first, level, closed = np.int64(-1), np.int64(-1), np.int64(-1)
            soft = False
            for option in range(options):
                candidate = route if option == 0 else rules.candidates[feature, option - 1]
                if candidate < 0 or (option > 0 and candidate == route):
                    continue
                ask_nano, ask_tokens = np.int64(1), np.int64(1)
                if not checks:
                    ask_nano = pricing.bound_nano(*prices, epoch, candidate, tokens_in, held_out)
                    ask_tokens = held_tokens
                asked, number = False, np.int64(-1)
                if gated >= 0:  # the ladder: what was asked for is stopped before cheaper routes
                    gate = rules.gates[feature]
                    asked = gate[1] != gate[3] and not rules.cheap[feature, candidate]
                    limits[gated] = gate[0] if asked else gate[2]
                    number = gate[1] if asked else gate[3]
                    closed = gated if 0 <= number < s[WATCHED] else np.int64(-1)
                refused = core.refusal(
                    cells, units, limits, count, ask_nano, ask_tokens, rules.settled, rules.held,
                    closed,
                )  # fmt: skip
                if refused < 0:
                    chosen, held = candidate, ask_nano
                    break
                if first < 0 or soft:  # a route behind what was downgraded has the last word
                    first, soft = np.int64(refused), asked and refused == gated
                    level = number if refused == gated else np.int64(-1)
                    by_holds = periods[refused] != OPEN and core.refused_by_holds(
                        cells, units, limits, count, ask_nano, ask_tokens, rules.settled, closed
                    )
                moment = core.admits_at(
                    cells, units, limits, ends, count, ask_nano, ask_tokens,
                    rules.settled, rules.held, closed,
                )  # fmt: skip
                if moment != core.NEVER and (retry_at == -1 or moment < retry_at):
                    retry_at = moment
            if chosen < 0:
                outcome, reason, chosen = DENIED, scratch[5, first], route
                if level >= 0:
                    reason = len(rules.scope) + level
                if retry_at != reacting.NO_MOMENT:
                    retry_at = max(retry_at, paced)
            elif paced > now:
                outcome, chosen, by_holds, retry_at = DENIED, route, False, paced
                reason = np.int64(len(rules.scope) + len(rules.watch_rule))
            else:
                by_holds = False
                retry_at = np.int64(reacting.NO_MOMENT)
                if guarded:
                    rules.pace[user, 2] = max(rules.pace[user, 2], now) + rules.pace[user, 0]
                provider = tables.route_provider[chosen]
                if provider >= 0:
                    minute = now // _MINUTE_US
                    if state.provider_minute[provider] != minute:
                        state.provider_minute[provider] = minute
                        state.provider_used[2 * provider] = 0
                        state.provider_used[2 * provider + 1] = 0
                    for i in range(2):
                        provider_cell[i] = 2 * provider + i
                        provider_end[i] = (minute + 1) * _MINUTE_US
                    own = tables.provider_limit[2 * provider : 2 * provider + 2]
                    refused = core.refusal(
                        provider_cell, tables.provider_units, own, 2, 0, bound_tokens,
                        state.provider_used, state.provider_held, -1,
                    )  # fmt: skip
                    if refused >= 0:
                        outcome, reason = THROTTLED, np.int64(PROVIDER)
                        retry_at = core.admits_at(
                            provider_cell, tables.provider_units, own, provider_end, 2, 0,
                            bound_tokens, state.provider_used, state.provider_held, -1,
                        )  # fmt: skip
                    else:
                        core.hold(
                            provider_cell, tables.provider_units, 2, 0, bound_tokens,
                            state.provider_used,
                        )  # fmt: skip

        inner, total = np.int64(0), np.int64(0)
        if outcome == ADMITTED:
            failed = np.int64(_coin(block.key[row], attempt, ERROR) < error_below)
            used_in, used_out = tokens_in, tokens_out
            latency = block.first_us[row]
            if failed:
                if billed < 2:
                    used_out = np.int64(0)
                if billed < 1:
                    used_in = np.int64(0)
                tokens_out = used_out
            else:
                latency += tokens_out * block.pace_ns[row] // 1000
            if used_in or used_out:
                inner, total = pricing.attempt_nano(
                    *prices, epoch, chosen, used_in, cached, used_out
                )
            lapses = limited and not checks and latency >= lease
            kind = CORRECT if lapses else SETTLE
            slot = new_event(pool, s, kind, row, attempt, tries, flags, feature)
            n = pool.numbers[slot]
            n[0], n[1], n[2], n[3] = held, held_tokens, total, used_in + used_out
            for period in range(1, 4):
                n[3 + period] = rules.window[period]
            pool.edition[slot] = s[EDITION]
            if checks:
                for i in range(count):
                    if periods[i] == OPEN:
                        rules.held[cells[i]] += 1
                push(pool, block, s, now + latency + delay, slot)
            else:
                core.hold(cells, units, count, held, held_tokens, rules.held)
                push(pool, block, s, now + latency, slot)
            if lapses:
                twin = new_event(pool, s, EXPIRE, row, attempt, tries, flags, feature)
                for i in range(7):
                    pool.numbers[twin, i] = n[i]
                pool.edition[twin] = s[EDITION]
                push(pool, block, s, now + lease, twin)

        at = s[OUT]
        s[OUT] += 1
        out.row[at], out.attempt[at] = row, attempt
        out.outcome[at], out.reason[at] = outcome, reason
        out.route[at], out.feature[at] = chosen, feature
        out.failed[at], out.by_holds[at] = failed, by_holds
        numbers = out.numbers[at]
        numbers[0], numbers[1], numbers[2] = now, tokens_in, cached
        numbers[3], numbers[4] = tokens_out, most_out
        numbers[5], numbers[6] = inner, total
        out.latency_us[at] = latency
        if failed:  # nothing in between changes what the caller will do when it ends
            _follow(
                tables, state, block, pool, s, row, attempt, tries, flags, feature,
                now + latency, False, now + latency,
            )  # fmt: skip
        elif outcome == DENIED or outcome == THROTTLED:
            _follow(
                tables, state, block, pool, s, row, attempt, tries, flags, feature,
                now, True, retry_at,
            )  # fmt: skip
