"""One decision of the in-process ledger: caps, the ladder, the burst guard, when to ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.limits import burst, core
from costsim.limits.accounts import ANONYMOUS, Account, Accounts
from costsim.limits.answers import Denied, Granted, granted

if TYPE_CHECKING:
    from costsim.limits.policy import Policy
    from costsim.limits.request import Request


class Decider:
    """Decides by what accounts hold, and changes nothing.

    The Lua script and the admission kernel decide the same; tests hold all three equal.

    Parameters
    ----------
    policy : Policy
    accounts : Accounts
    """

    def __init__(self, policy: Policy, accounts: Accounts) -> None:
        self._accounts = accounts
        self._checks = policy.accounting == "check"
        self._routed = {name: frozenset(caps.downgrade_to) for name, caps in policy.feature.items()}

    def __call__(self, request: Request, account: Account, now: int) -> Granted | Denied:
        """The grant of the first candidate that fits, or who refuses, and when to ask again."""
        accounts = self._accounts
        if account.gate is None and accounts.bursts is None:  # most often what is asked for fits
            slots, units, limits = account.slots, account.units, account.limits
            cost, tokens = (1, 1) if self._checks else (request.candidates[0][1], request.tokens)
            settled, held = accounts.settled, accounts.held
            if core.refusal(slots, units, limits, len(slots), cost, tokens, settled, held) < 0:
                return self.grant(0, request)
        return self._in_turn(request, account, now)

    def _in_turn(self, request: Request, account: Account, now: int) -> Granted | Denied:
        scopes, gate, paced = request.scopes, account.gate, now
        if self._accounts.bursts is not None:
            user = ANONYMOUS if scopes.user is None else scopes.user
            paced = self._accounts.bursts.admits_at(user, scopes.tier)
        settled, held = self._accounts.settled, self._accounts.held
        slots, units, limits = account.slots, account.units, account.limits
        count, tokens, closed = len(slots), request.tokens, -1
        reached = self._accounts.watched if self._accounts.latches else 0
        first, level, soft, by_holds = -1, -1, False, False
        moment: int | None = None
        ends: list[int] = []
        for index, (model, bound) in enumerate(request.candidates):
            ask = (1, 1) if self._checks else (bound, tokens)
            asked = False
            if gate is not None:  # the ladder: what was asked for is stopped before cheaper routes
                asked = gate.downgrades and model not in self._routed[scopes.feature or ""]
                limits = account.asked_limits if asked else account.limits
                number = gate.asked_level if asked else gate.level
                closed = account.gated if 0 <= number < reached else -1
            refused = core.refusal(slots, units, limits, count, *ask, settled, held, closed)
            if refused < 0:
                if paced <= now:
                    return self.grant(index, request)
                wait = (paced - now) / 1e6
                return Denied("user", burst.WINDOW, paced, wait, cap=burst.CAP)
            if first < 0 or soft:  # a route behind what was downgraded has the last word
                first, soft = refused, asked and refused == account.gated
                level = number if gate is not None and refused == account.gated else -1
                by_holds = account.periods[refused] != core.OPEN and core.refused_by_holds(
                    slots, units, limits, count, *ask, settled, closed
                )
            ends = ends or self._accounts.ends(account, now)
            at = core.admits_at(slots, units, limits, ends, count, *ask, settled, held, closed)
            if at != core.NEVER:
                moment = at if moment is None else min(moment, at)
        rule = self._accounts.rules[account.rules[first]]
        moment = None if moment is None else max(moment, paced)
        after = None if moment is None else (moment - now) / 1e6
        name = self._accounts.watches[level].name if level >= 0 else ""
        return Denied(rule.scope, rule.window, moment, after, by_holds, rule.cap, name)

    def grant(self, candidate: int, request: Request) -> Granted:
        """The grant of a candidate."""
        model, bound = request.candidates[candidate]
        return granted(candidate, model, 0 if self._checks else bound)
