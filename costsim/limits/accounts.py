"""The slots of a ledger: which window of which entity a call's rules concern just now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from costsim.limits.burst import Bursts
from costsim.limits.core import MINUTE, NO_LIMIT, OPEN, OPEN_RETRY_US
from costsim.limits.ladder import Gate, Watch, gate_of
from costsim.limits.policy import Policy
from costsim.limits.rules import (
    EVERYTHING,
    WATCHED,
    Rule,
    part_of,
    rules_of,
    watches_of,
)
from costsim.limits.windows import window_at

ANONYMOUS = "\x00anonymous"
"""Entity of calls without a user; no user can have this name."""


class Scopes(NamedTuple):
    """Whose budgets a call concerns; an anonymous user is a scope of its own."""

    user: str | None
    tier: str | None = None
    feature: str | None = None


class Alert(NamedTuple):
    """A level of the month's budget was reached, told once a month.

    `action` is what the level does: notify, warn, downgrade, shut or deny; the last three hold
    from here to the month's end, even if a late settle brings the spend below the level again.
    """

    share: float
    level_nano: int
    at_us: int
    action: str = "notify"


def concerned(rules: Sequence[Rule], scopes: Scopes) -> Iterator[tuple[int, str, int]]:
    """The rules that concern a call: position, entity, and the entity's limit.

    A rule without a limit for the entity is left out, but for the organisation's, whose spend is
    watched.
    """
    entities = {
        "user": ANONYMOUS if scopes.user is None else scopes.user,
        "tier": scopes.tier,
        "feature": scopes.feature,
        "organisation": EVERYTHING,
    }
    for index, rule in enumerate(rules):
        entity = entities[rule.scope]
        if entity is None:
            continue
        limit = rule.limit_of(entity, scopes.tier)
        if limit != NO_LIMIT or rule.scope == "organisation":
            yield index, entity, limit


class Account:
    """The rules that concern some scopes, with the slots of their windows.

    With a `gate` the ladder acts on them, at the rule `gated`; `asked_limits` are those of the
    model that was asked for.
    """

    __slots__ = (
        "asked_limits",
        "edition",
        "gate",
        "gated",
        "limits",
        "open_slots",
        "open_units",
        "periods",
        "rules",
        "scopes",
        "slots",
        "units",
    )

    def __init__(self, scopes: Scopes, edition: int) -> None:
        self.scopes = scopes
        self.edition = edition
        self.rules: list[int] = []
        self.slots: list[int] = []
        self.units: list[int] = []
        self.limits: list[int] = []
        self.asked_limits = self.limits
        self.gate: Gate | None = None
        self.gated = -1
        self.periods: list[int] = []
        self.open_slots: list[int] = []
        self.open_units: list[int] = []


class Accounts:
    """All slots of one ledger.

    Parameters
    ----------
    policy : Policy
    keep_us : int
        How long after its end a window's slots may still be corrected.
    shares : mapping of scope to number, optional
        The part of each cap that counts here.
    """

    def __init__(
        self, policy: Policy, keep_us: int, shares: Mapping[str, float] | None = None
    ) -> None:
        self._shares = shares
        self.settled: list[int] = []
        self.held: list[int] = []
        self.watched = 0
        self.bursts: Bursts | None = None
        if policy.burst is not None:
            self.bursts = Bursts(policy.burst, (shares or {}).get("user", 1.0) or 1.0)
        self._zone = policy.zone
        self._keep_us = keep_us
        self._windows = [(0, 0)] * OPEN  # start and end, by period
        self.next_end = 0
        self._edition = 0
        self._by_cap: dict[tuple[str, str, int], dict[str, int]] = {}
        self._ended: deque[tuple[int, list[int]]] = deque()
        self._free: list[int] = []
        self._known: dict[Scopes, Account] = {}
        rules = rules_of(policy)
        self.obey(rules, watches_of(policy, rules))

    def obey(
        self, rules: Sequence[Rule], watches: Sequence[Watch], *, latches: bool = True
    ) -> None:
        """Decide by these rules from now on; what was counted of a cap stays with it.

        Levels of the ladder that were reached stay on where it `latches`.
        """
        if self._shares:
            rules = [part_of(rule, self._shares.get(rule.scope, 1.0)) for rule in rules]
        part = (self._shares or {}).get("organisation", 1.0)
        if 0 < part < 1:
            watches = [watch.part(part) for watch in watches]
        self.rules, self.watches, self.latches = tuple(rules), tuple(watches), latches
        keys = [(rule.scope, rule.cap, rule.period) for rule in rules]
        self._slots = [self._by_cap.setdefault(key, {}) for key in keys]
        self.next_end = 0  # a period that no rule had
        self._edition += 1

    def of(self, scopes: Scopes, now: int) -> Account:
        """The account of some scopes, whose slots are those of the present windows."""
        if now >= self.next_end:
            self.roll(now)
        account = self._known.get(scopes)
        if account is None or account.edition != self._edition:
            account = self._known[scopes] = self._build(scopes)
        return account

    def ends(self, account: Account, now: int) -> list[int]:
        """End of each rule's window; for calls in flight, when to ask again."""
        return [
            now + OPEN_RETRY_US if period == OPEN else self._windows[period][1]
            for period in account.periods
        ]

    def reached(self, now: int) -> list[Alert]:
        """Levels that the month's spend has newly reached; `watched` counts all that it has."""
        found = []
        while self.watched < len(self.watches):
            watch = self.watches[self.watched]
            slot = self._slots[watch.rule].get(EVERYTHING)
            if slot is None or self.settled[slot] < watch.level_nano:
                break
            found.append(Alert(watch.share, watch.level_nano, now, watch.action))
            self.watched += 1
        return found

    def _build(self, scopes: Scopes) -> Account:
        account = Account(scopes, self._edition)
        for index, entity, limit in concerned(self.rules, scopes):
            rule = self.rules[index]
            slot = self._slots[index].get(entity)
            if slot is None:
                slot = self._slots[index][entity] = self._new_slot()
            account.rules.append(index)
            account.slots.append(slot)
            account.units.append(rule.unit)
            account.limits.append(limit)
            account.periods.append(rule.period)
            if rule.period == OPEN:
                account.open_slots.append(slot)
                account.open_units.append(rule.unit)
        if self.watches and (position := self._gated(account)) >= 0:
            gate = gate_of(self.watches, scopes.feature, account.limits[position])
            if gate is not None:
                account.gate, account.gated = gate, position
                account.limits[position] = gate.limit
                if gate.downgrades:
                    account.asked_limits = account.limits.copy()
                    account.asked_limits[position] = gate.asked_limit
        return account

    def _gated(self, account: Account) -> int:
        """Position of the organisation's month among an account's rules."""
        rule = self.watches[0].rule
        return account.rules.index(rule) if rule in account.rules else -1

    def _new_slot(self) -> int:
        if self._free:
            slot = self._free.pop()
            self.settled[slot] = self.held[slot] = 0
            return slot
        self.settled.append(0)
        self.held.append(0)
        return len(self.settled) - 1

    def roll(self, now: int) -> None:
        """New windows where one has ended; the slots of ended ones are kept for corrections."""
        if now < self.next_end:
            return
        while self._ended and self._ended[0][0] <= now:
            self._free += self._ended.popleft()[1]
        for period in range(MINUTE, OPEN):
            if now < self._windows[period][1] and self._windows[period] != (0, 0):
                continue
            self._windows[period] = window_at(period, now, self._zone)
            for (scope, cap, each), slots in self._by_cap.items():
                if each == period and slots:
                    self._ended.append((now + self._keep_us, list(slots.values())))
                    slots.clear()
                    if (scope, cap) == WATCHED:  # also while no level is watched
                        self.watched = 0
        used = {period for _, _, period in self._by_cap} - {OPEN}
        self.next_end = min((self._windows[p][1] for p in used), default=2**62)
        self._edition += 1
