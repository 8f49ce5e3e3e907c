"""Where the month's budget stands on its ladder: what is on, since what, until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from costsim.errors import SettingError
from costsim.limits.accounts import Alert
from costsim.limits.core import MONTH
from costsim.limits.ladder import ACTING, ACTIONS, Watch
from costsim.limits.windows import window_at
from costsim.show.formats import share, usd

if TYPE_CHECKING:
    from costsim.limits.answers import Month
    from costsim.limits.policy import Policy

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Ledger(Protocol):
    policy: Policy

    @property
    def alerts(self) -> list[Alert]: ...
    def month(self) -> Month: ...


class _AsyncLedger(Protocol):
    policy: Policy

    @property
    def alerts(self) -> list[Alert]: ...
    async def month(self) -> Month: ...


@dataclass(frozen=True, repr=False)
class BudgetState:
    """The organisation's month at a moment, as a ledger has it.

    `on` are the levels reached this month, lowest first; they stay on until `released_at`, the
    next month's start, even if a late settle brings the spend below them. `fired` are the levels
    told by the ledger since the guard looked last.
    """

    at: datetime
    spent_nano: int
    held_nano: int
    budget_nano: int | None
    on: tuple[Watch, ...]
    ahead: tuple[Watch, ...]
    released_at: datetime
    fired: tuple[Alert, ...] = ()

    @property
    def level(self) -> Watch | None:
        """The highest level that is on."""
        return self.on[-1] if self.on else None

    @property
    def share(self) -> float:
        """Settled part of the budget; 0 where operators have lifted it."""
        return self.spent_nano / self.budget_nano if self.budget_nano else 0.0

    def action_for(self, feature: str | None) -> str:
        """What is done to a feature's calls: allow, downgrade, shut or deny.

        A call may be sent elsewhere or refused a little earlier: what open reservations hold
        counts for the decision, and only what is settled reaches a level.
        """
        found = [w.action for w in self.on if w.action in ACTING and w.concerns(feature)]
        return max(found, key=ACTIONS.index, default="allow")

    @property
    def words(self) -> str:
        """The state in a sentence or two."""
        text = f"{usd(self.spent_nano / 1e9)}"
        if self.budget_nano is None:
            text += " spent, the budget is lifted"
        else:
            text += f" of {usd(self.budget_nano / 1e9)} spent ({share(self.share)})"
        text += f", {usd(self.held_nano / 1e9)} held"
        if self.on:
            names = ", ".join(watch.name for watch in self.on)
            text += f"; on until {self.released_at:%Y-%m-%d %H:%M} UTC: {names}"
        if self.ahead:
            following = self.ahead[0]
            left = max(following.level_nano - self.spent_nano, 0) / 1e9
            text += f"; {usd(left)} to {following.name}"
        return text

    def __repr__(self) -> str:
        return f"BudgetState({self.words}); next: .action_for(feature), .fired"


class _Guard:
    """What both guards know."""

    def __init__(self, ledger: _Ledger | _AsyncLedger) -> None:
        policy = ledger.policy
        if policy.organisation.month_usd is None:
            raise SettingError(
                f"limits {policy.name}: organisation.month_usd is required: there is no budget to "
                "watch"
            )
        self._policy = policy
        self._told = 0

    def _state(self, month: Month, alerts: Sequence[Alert]) -> BudgetState:
        self._told = min(self._told, len(alerts))  # whoever clears them has read them
        fired, self._told = tuple(alerts[self._told :]), len(alerts)
        end = window_at(MONTH, month.at_us, self._policy.zone)[1]
        return BudgetState(
            at=_moment(month.at_us),
            spent_nano=month.settled_nano,
            held_nano=month.held_nano,
            budget_nano=month.budget_nano,
            on=month.levels[: month.reached],
            ahead=month.levels[month.reached :],
            released_at=_moment(end),
            fired=fired,
        )


class GlobalBudgetGuard(_Guard):
    """Watch the organisation's month over a ledger, and say what its ladder does.

    The ledger decides each call by itself; the guard only tells. It delivers nothing: who looks
    passes `fired` on.

    Parameters
    ----------
    ledger : MemoryLedger or RedisLedger
        With ``organisation.month_usd`` in its policy.

    Raises
    ------
    SettingError
        The policy has no month's budget.

    Notes
    -----
    Each level is told once a month. Of processes that share a Redis ledger, the one whose call
    reached a level is told; what is *on* all of them see.

    Examples
    --------
    >>> from costsim.limits import GlobalBudgetGuard, MemoryLedger, Scopes, parse_limits
    >>> policy = parse_limits({"name": "mine",
    ...     "feature": {"summaries": {"critical": False}},
    ...     "organisation": {"month_usd": 10, "ladder": [{"at": 0.7, "do": "notify"},
    ...                                                  {"at": 0.95, "do": "shut"}]}})
    >>> ledger = MemoryLedger(policy, clock=lambda: 0)
    >>> guard = GlobalBudgetGuard(ledger)
    >>> with ledger.call("call-1", Scopes("ann", feature="chat"), [("gpt-4o", 9_600_000_000)]) as c:
    ...     c.spent(9_600_000_000)
    >>> state = guard.look()
    >>> state
    BudgetState($9.60 of $10.00 spent (96%), $0 held; on until 1970-02-01 00:00 UTC: notify at
    70%, shut at 95%); next: .action_for(feature), .fired
    >>> state.action_for("summaries"), state.action_for("chat")
    ('shut', 'allow')
    >>> [alert.action for alert in state.fired], guard.look().fired
    (['notify', 'shut'], ())
    >>> ledger.reserve("call-2", Scopes("ann", feature="summaries"), [("gpt-4o", 1)]).level
    'shut at 95%'
    """

    def __init__(self, ledger: _Ledger) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    def look(self) -> BudgetState:
        """Where the month stands now, and which levels fired since the last look.

        Raises
        ------
        StoreError
            The ledger's store is away.
        """
        return self._state(self._ledger.month(), self._ledger.alerts)


class AsyncGlobalBudgetGuard(_Guard):
    """:class:`GlobalBudgetGuard` over an :class:`AsyncRedisLedger`; `look` is awaited."""

    def __init__(self, ledger: _AsyncLedger) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    async def look(self) -> BudgetState:
        """Where the month stands now; as :meth:`GlobalBudgetGuard.look`."""
        return self._state(await self._ledger.month(), self._ledger.alerts)


def _moment(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
