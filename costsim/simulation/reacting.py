"""What a caller does next when a call was refused or failed: one writing for both engines.

Plain integers: the event engine calls it as Python, the admission kernel compiles it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from costsim.simulation.draws import threshold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from costsim.simulation.settings import Reaction

GIVE_UP: Final = 0
RETRY: Final = 1
COME_BACK: Final = 2
MOVE: Final = 3
LEAVE: Final = 4
"""What a caller does."""

NO_MOMENT: Final = -1
"""No moment is known at which the call would be admitted."""

# columns of the table of reactions
MAX_RETRIES, RETRY_BELOW, BASE_US, CAP_US, HONOURS, PATIENCE_US = 0, 1, 2, 3, 4, 5
ERRORS_TOO, BACK_BELOW, BACK_WITHIN_US, MOVE_BELOW, LEAVE_BELOW = 6, 7, 8, 9, 10


def reaction_table(reactions: Iterable[Reaction]) -> NDArray[np.int64]:
    """Reactions as integers, a row each: microseconds, and shares as bounds of a coin."""
    rows = []
    for r in reactions:
        patience = -1 if r.patience_seconds is None else round(r.patience_seconds * 1e6)
        back = threshold(r.come_back_at_reset)
        move = back + threshold(r.move_to_cheaper)
        rows.append(
            [
                r.max_retries,
                threshold(r.retry_share),
                round(r.base_seconds * 1e6),
                round(r.cap_seconds * 1e6),
                int(r.honour_retry_after),
                patience,
                int(r.retries_errors),
                back,
                round(r.come_back_within_minutes * 60e6),
                move,
                move + threshold(r.leave),
            ]
        )
    return np.array(rows, np.int64).reshape(-1, 11)


def scaled(coin: int, width: int) -> int:
    """A moment of `width`, less than 2**38, drawn by a 32-bit coin."""
    return ((coin >> 8) * width) >> 24


def react(
    table: NDArray[np.int64],
    kind: int,
    now: int,
    refused: bool,
    retry_at: int,
    tries: int,
    came_back: bool,
    moved: bool,
    can_move: bool,
    coin_retry: int,
    coin_wait: int,
    coin_final: int,
    coin_return: int,
) -> tuple[int, int]:
    """What the caller does, and when, in microseconds.

    Parameters
    ----------
    table, kind
        Row `kind` of :func:`reaction_table`.
    refused : bool
        False for an error of the provider.
    retry_at : int
        First moment at which the call would be admitted, or `NO_MOMENT`.
    tries : int
        Retries so far.
    came_back, moved, can_move : bool
        Each call comes back once and moves once, where there is a cheaper feature.
    coin_... : int
        Uniform from 0 to 2**32 - 1.
    """
    row = table[kind]
    if not refused and row[ERRORS_TOO] == 0:
        return GIVE_UP, 0
    patient = row[PATIENCE_US] < 0 or retry_at - now <= row[PATIENCE_US]
    may = tries < row[MAX_RETRIES] and retry_at != NO_MOMENT and patient
    if may and coin_retry < row[RETRY_BELOW]:
        width = min(row[CAP_US], row[BASE_US] << min(tries, 20))
        wait = 1 + scaled(coin_wait, width)
        begin = retry_at if row[HONOURS] == 1 and retry_at > now + wait else now
        return RETRY, begin + wait
    if not refused:
        return GIVE_UP, 0
    if coin_final < row[BACK_BELOW]:
        if came_back or retry_at == NO_MOMENT:
            return GIVE_UP, 0
        return COME_BACK, max(retry_at, now) + 1 + scaled(coin_return, row[BACK_WITHIN_US])
    if coin_final < row[MOVE_BELOW]:
        if moved or not can_move:
            return GIVE_UP, 0
        return MOVE, now + 1 + scaled(coin_return, row[BASE_US])
    if coin_final < row[LEAVE_BELOW]:
        return LEAVE, now
    return GIVE_UP, 0
