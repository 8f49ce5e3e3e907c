"""News of the month's budget: the levels that fired, as messages that can be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from costsim.limits.ladder import ACTING
from costsim.show.formats import share, usd

if TYPE_CHECKING:
    from costsim.limits import BudgetState
    from costsim.tracking.alerts import Kind

_DOES: Final = {
    "downgrade": "the level's features, or all that can wait, go to cheaper models until",
    "shut": "the level's features, or all that can wait, are refused until",
    "deny": "everything is refused until",
}


@dataclass(frozen=True)
class BudgetNews:
    """What people are told of one level of the budget; :func:`costsim.tracking.deliver` takes it.

    Attributes
    ----------
    kind : {"new", "grown"}
        "new" of a level that acts, "grown" of one that tells.
    title : str
        One line.
    lines : tuple of str
        Where the month stands, and what happens from here on.
    """

    kind: Kind
    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {line}" for line in self.lines)])


def budget_news(state: BudgetState) -> tuple[BudgetNews, ...]:
    """A message for each level that fired since the guard's last look, lowest first.

    Parameters
    ----------
    state : BudgetState
        As :meth:`costsim.limits.GlobalBudgetGuard.look` gives it.

    Examples
    --------
    >>> from costsim.limits import GlobalBudgetGuard, MemoryLedger, Scopes, parse_limits
    >>> policy = parse_limits({"name": "mine", "organisation": {"month_usd": 10,
    ...                                                         "alert_at": [0.7]}})
    >>> ledger = MemoryLedger(policy, clock=lambda: 0)
    >>> with ledger.call("call-1", Scopes("ann"), [("gpt-4o", 7_600_000_000)]) as call:
    ...     call.spent(7_600_000_000)
    >>> [news] = budget_news(GlobalBudgetGuard(ledger).look())
    >>> print(news)
    LLM budget: 70% of $10.00 is spent
      $7.60 of $10.00 spent (76%), $0 held; on until 1970-02-01 00:00 UTC: notify at 70%
    """
    found = []
    for alert in state.fired:
        # the budget that the level is a share of, whatever operators have made of it since
        whole = usd(alert.level_nano / alert.share / 1e9)
        lines = [state.words]
        if alert.action in ACTING:
            lines.append(f"{_DOES[alert.action]} {state.released_at:%Y-%m-%d %H:%M} UTC")
        kind: Kind = "new" if alert.action in ACTING else "grown"
        title = f"LLM budget: {share(alert.share)} of {whole} is spent"
        found.append(BudgetNews(kind, title, tuple(lines)))
    return tuple(found)
