"""Events to come, as a binary heap in arrays: the written order of a run, for numba."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

from numba import njit

from costsim.simulation.kernel_layout import CORRECT, FREE, HEAP, SETTLE


@njit(inline="always", _nrt=False)
def _rank(kind):
    return SETTLE if kind == CORRECT else kind


@njit(inline="always", _nrt=False)
def _before(pool, block, time_a, a, time_b, b):
    """Whether the event of slot a comes before that of slot b."""
    if time_a != time_b:
        return time_a < time_b
    rank_a, rank_b = _rank(pool.kind[a]), _rank(pool.kind[b])
    if rank_a != rank_b:
        return rank_a < rank_b
    row_a, row_b = pool.row[a], pool.row[b]
    if block.user[row_a] != block.user[row_b]:
        return block.user[row_a] < block.user[row_b]
    if block.sequence[row_a] != block.sequence[row_b]:
        return block.sequence[row_a] < block.sequence[row_b]
    return pool.attempt[a] < pool.attempt[b]


@njit(inline="always", _nrt=False)
def push(pool, block, s, time, slot):
    times, slots = pool.heap_time, pool.heap_slot
    at = s[HEAP]
    s[HEAP] += 1
    while at > 0:
        parent = (at - 1) >> 1
        if not _before(pool, block, time, slot, times[parent], slots[parent]):
            break
        times[at], slots[at] = times[parent], slots[parent]
        at = parent
    times[at], slots[at] = time, slot


@njit(inline="always", _nrt=False)
def pop(pool, block, s):
    times, slots = pool.heap_time, pool.heap_slot
    top = slots[0]
    s[HEAP] -= 1
    size = s[HEAP]
    time, slot = times[size], slots[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        right = child + 1
        if right < size and _before(
            pool, block, times[right], slots[right], times[child], slots[child]
        ):
            child = right
        if not _before(pool, block, times[child], slots[child], time, slot):
            break
        times[at], slots[at] = times[child], slots[child]
        at = child
    times[at], slots[at] = time, slot
    return top


@njit(inline="always", _nrt=False)
def new_event(pool, s, kind, row, attempt, tries, flags, feature):
    s[FREE] -= 1
    slot = pool.free[s[FREE]]
    pool.kind[slot] = kind
    pool.row[slot] = row
    pool.attempt[slot] = attempt
    pool.tries[slot] = tries
    pool.flags[slot] = flags
    pool.feature[slot] = feature
    return slot
