"""What limits did in a month, added up by stream and user: small enough to keep and to add."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.limits.rules import Refuser, refusers_of
from costsim.simulation.kernel_layout import (
    ADMITTED,
    DENIED,
    NOT_SENT,
    PROVIDER,
    SWITCHED_OFF,
    THROTTLED,
    TOO_LARGE,
)
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Denied, Policy
    from costsim.simulation.admission import Attempts
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]

_CODES = {
    TOO_LARGE: ("request", "input_tokens"),
    SWITCHED_OFF: ("feature", "switched off"),
    PROVIDER: ("provider", "minute"),
}


class LimitTally(NamedTuple):
    """Sums of a month's attempts, each of shape (streams, users) unless said otherwise.

    A stream is a feature's traffic or one of its cohorts: what the user wanted, whatever became
    of it. `month_nano` and `week_nano` are nano-dollars of the month and of the scenario's week,
    `made` the calls that were admitted in the month. `calls` are first attempts, `retries` later
    ones, `denied` refusals of a limit, `holds` those refused by open reservations alone,
    `downgraded` calls sent to another model. `reasons` has the shape (codes + rules, users):
    refusals by what refused. `unsent` are calls that were not made because their user had left.
    """

    month_nano: Ints
    week_nano: Ints
    made: Ints
    calls: Ints
    retries: Ints
    denied: Ints
    holds: Ints
    downgraded: Ints
    unsent: Ints
    reasons: Ints

    def plus(self, other: LimitTally) -> LimitTally:
        """The sums of both."""
        return LimitTally(*(a + b for a, b in zip(self, other, strict=True)))

    def of_users(self, users: NDArray[np.bool_]) -> LimitTally:
        """The sums of some users; all others have none."""
        return LimitTally(*(sums * users for sums in self))


def nothing_tallied(rehearsal: Rehearsal, rules: int) -> LimitTally:
    """No attempt at all, under limits of so many rules."""
    users = len(rehearsal.tables.arrays.tier_of)
    none = np.zeros((len(rehearsal.tables.streams), users), np.int64)
    reasons = np.zeros((len(_CODES) + rules, users), np.int64)
    return LimitTally(*[none] * (len(LimitTally._fields) - 1), reasons)  # type: ignore[call-arg]


def tally(attempts: Attempts, rehearsal: Rehearsal, rules: int) -> LimitTally:
    """Add up a stretch of a run.

    Parameters
    ----------
    rules : int
        How many rules the limits in force have.
    """
    month = rehearsal.month
    if month.days != month.month:
        told = rehearsal.within(attempts, month.month) | rehearsal.within(attempts, month.week)
        attempts = attempts if told.all() else attempts.where(told)
    tables = rehearsal.tables
    users = len(tables.arrays.tier_of)
    shape = (len(tables.streams), users)
    cell = (attempts.sequence >> (DAY_BITS + INDEX_BITS)) * users + attempts.user

    def summed(where: NDArray[np.bool_] | None, weights: Ints | None = None) -> Ints:
        if where is not None:
            rows = np.flatnonzero(where)
            chosen, each = cell[rows], None if weights is None else weights[rows]
        else:
            chosen, each = cell, weights
        found = np.bincount(chosen, each, minlength=shape[0] * users)  # exact to 2**53
        return np.asarray(found.astype(np.int64).reshape(shape))

    outcome = attempts.outcome
    unsent, refused = outcome == NOT_SENT, outcome == DENIED
    later = attempts.attempt > 1
    stopped = np.flatnonzero(refused | (outcome == THROTTLED))
    why = (attempts.reason[stopped].astype(np.int64) + len(_CODES)) * users
    reasons = np.bincount(why + attempts.user[stopped], minlength=(len(_CODES) + rules) * users)
    in_month = None if month.days == month.month else rehearsal.within(attempts, month.month)
    made = outcome == ADMITTED
    return LimitTally(
        month_nano=summed(in_month, attempts.total_nano),
        week_nano=summed(rehearsal.within(attempts, month.week), attempts.total_nano),
        made=summed(made if in_month is None else made & in_month),
        calls=summed(~(later | unsent)),
        retries=summed(later & ~unsent),
        denied=summed(refused),
        holds=summed(refused & attempts.by_holds),
        downgraded=summed(_moved_down(attempts, rehearsal)),
        unsent=summed(unsent),
        reasons=np.asarray(reasons.reshape(-1, users), np.int64),
    )


def rule_count(policy: Policy | None) -> int:
    """What of some limits may refuse: rules, levels of the ladder, the burst guard."""
    return len(refusers_of(policy))


def reason_names(policy: Policy | None) -> list[tuple[str, str]]:
    """Scope and window of each row of :attr:`LimitTally.reasons`.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> reason_names(load_limits("flat-caps"))[2:4]
    [('request', 'input_tokens'), ('user', 'hour')]
    """
    codes = [_CODES[code] for code in sorted(_CODES)]
    return [*codes, *((each.scope, window_words(each)) for each in refusers_of(policy))]


def window_words(refuser: Refuser | Denied) -> str:
    """A window; where it is not of dollars, with its unit; with the level of the ladder."""
    window, unit = refuser.window, refuser.cap.rpartition("_")[2]
    if refuser.level:
        return f"{window}, {refuser.level}"
    return window if unit in ("", "usd") or window == "open" else f"{window} {unit}"


def _moved_down(attempts: Attempts, rehearsal: Rehearsal) -> NDArray[np.bool_]:
    """Which were sent to another model than the one asked for."""
    tables = rehearsal.tables
    if not rehearsal.recorder.downgrades:
        return np.zeros(len(attempts), np.bool_)
    own = np.array([tables.route(v.route) for v in tables.variants])
    of_stream = np.array([tables.features.index(f) for f, _ in tables.streams])
    wanted = of_stream[attempts.sequence >> (DAY_BITS + INDEX_BITS)]
    there = tables.arrays.feature_route[attempts.feature]
    asked = np.where(attempts.feature != wanted, there, own[attempts.variant])
    return np.asarray((attempts.outcome == ADMITTED) & (attempts.route != asked))
