"""What a ledger answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from costsim.errors import SettingError
from costsim.limits.accounts import Scopes

if TYPE_CHECKING:
    from costsim.limits.ladder import Watch
    from costsim.limits.policy import Policy


class Granted(NamedTuple):
    """The call may be made: `candidate` of those asked, whose upper bound is now held."""

    candidate: int
    model: str
    held_nano: int

    def __bool__(self) -> bool:
        return True


def granted(candidate: int, model: str, held_nano: int) -> Granted:
    """``Granted(...)``, as each call needs it: without the Python function in between."""
    return tuple.__new__(Granted, (candidate, model, held_nano))


class Denied(NamedTuple):
    """The call may not be made; nothing was changed.

    `scope` and `window` name the first limit without room. `retry_at_us` is the first moment, in
    microseconds since 1970, at which the windows that refuse have ended; None when the call is
    larger than a limit. `by_holds` says that only open reservations were in the way. `cap` is the
    key of the limits file, such as ``"hour_usd"``. While the store of a ledger is away, `window` is
    ``"outage"``, and ``"lost"`` when the store is back without its ledger. `level` is the level of
    the organisation's ladder that refuses, such as ``"shut at 95%"``; empty where a cap does.
    """

    scope: str
    window: str
    retry_at_us: int | None
    retry_after_seconds: float | None
    by_holds: bool = False
    cap: str = ""
    level: str = ""

    def __bool__(self) -> bool:
        return False


class Observed(NamedTuple):
    """A call that a ledger with ``mode="observe"`` let pass, and the answer it would have got."""

    call_id: str
    scopes: Scopes
    denied: Denied


MOST_OBSERVED = 10_000
"""A ledger remembers so many would-be denials, the newest."""


class Month(NamedTuple):
    """The organisation's month as a ledger has it: when, nano-dollars, and levels reached.

    `reached` counts those of `levels` that are on, from the lowest; it never falls before the
    month's end, unless operators move the budget. `budget_nano` is None where they have lifted it.
    """

    at_us: int
    settled_nano: int
    held_nano: int
    reached: int
    budget_nano: int | None
    levels: tuple[Watch, ...]


def watched_month(rules: Sequence[tuple[str, str]], policy: Policy) -> int:
    """Position of the organisation's month among rules of (scope, cap).

    Raises
    ------
    SettingError
        The policy has none.
    """
    if ("organisation", "month_usd") not in rules:
        raise SettingError(
            f"limits {policy.name}: organisation.month_usd is required: there is no budget to watch"
        )
    return rules.index(("organisation", "month_usd"))
