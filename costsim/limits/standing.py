"""What holds at a moment: the limits file, and what operators have ordered since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from costsim.limits.accounts import ANONYMOUS, Scopes
from costsim.limits.answers import Denied
from costsim.limits.controls import AS_FILED, NO_CAP, Control, Target, in_order
from costsim.limits.core import NANO, NO_LIMIT
from costsim.limits.ladder import Watch
from costsim.limits.policy import Caps, FeatureCaps, Policy, nano
from costsim.limits.rules import (
    EVERYTHING,
    SCOPES,
    WATCHED,
    Rise,
    Rule,
    rules_of,
    watches_of,
)

LIFTED: Final = NO_LIMIT - 1
"""Limit of a cap that an operator lifted: it refuses nothing and counts on."""
FOR_EVER: Final = 2**62
STOPPED: Final = "stopped"
"""Window of the denial of what an operator stopped."""


@dataclass(frozen=True)
class Standing:
    """The limits in force, and from when to when they are.

    Parameters
    ----------
    policy : Policy
        The file's, with the caps that operators set.
    rules : tuple of Rule
        With grants and lifted caps, too.
    controls : tuple of Control
        All that were ever given, oldest first.
    active : tuple of Control
        Those that change something now.
    since_us, till_us : int
        From the last end of a control to the next one.
    stops : mapping of (scope, entity) to int or None
        What is stopped, and when that ends.
    """

    policy: Policy
    rules: tuple[Rule, ...]
    controls: tuple[Control, ...] = ()
    active: tuple[Control, ...] = ()
    since_us: int = 0
    till_us: int = FOR_EVER
    stops: Mapping[tuple[str, str], int | None] = field(default_factory=dict)

    @property
    def watches(self) -> tuple[Watch, ...]:
        """The levels of the month's budget: of what was granted on top, too; of none if lifted."""
        budget = self.budget_nano
        if budget is None:
            return ()
        raised = self.policy.organisation.model_copy(update={"month_usd": budget / 1e9})
        return watches_of(self.policy.model_copy(update={"organisation": raised}), self.rules)

    @property
    def budget_nano(self) -> int | None:
        """The organisation's month with what was granted on top; None where there is none."""
        month_usd = self.policy.organisation.month_usd
        for rule in self.rules:
            if (rule.scope, rule.cap) == WATCHED and month_usd is not None:
                if rule.limit_of(EVERYTHING, None) == LIFTED:
                    return None
                return rule.risen(nano(month_usd), EVERYTHING, None)
        return None

    @property
    def latches(self) -> bool:
        """Whether levels that were reached stay on: not while operators have moved the budget."""
        return not any(
            (each.target.scope == "organisation" and each.what == "grant")
            or (each.target.scope, each.cap) == WATCHED
            for each in self.active
        )

    def reached(self, settled_nano: int, counted: int) -> int:
        """How many levels are on, where a ledger has counted so many as reached this month."""
        if self.latches:
            return counted
        return sum(watch.level_nano <= settled_nano for watch in self.watches)

    def holds_at(self, now: int) -> bool:
        """Whether no control has ended in between."""
        return self.since_us <= now < self.till_us

    def stopped(self, scopes: Scopes, now: int) -> Denied | None:
        """The denial of a call that an operator's stop concerns."""
        if not self.stops:
            return None
        user = ANONYMOUS if scopes.user is None else scopes.user
        entities = zip(SCOPES, (user, scopes.tier, scopes.feature, EVERYTHING), strict=True)
        keys = [(scope, entity) for scope, entity in entities if entity is not None]
        found = [key for key in keys if key in self.stops]
        if not found:
            return None
        ends = [self.stops[key] for key in found]
        last = None if None in ends else max(end for end in ends if end is not None)
        after = None if last is None else (last - now) / 1e6
        return Denied(found[0][0], STOPPED, last, after)


def standing_at(policy: Policy, controls: Iterable[Control], now: int) -> Standing:
    """What holds at a moment.

    Of each cap the last order that has not ended holds, so that an order with an end gives way to
    the one before it. Dollars of several grants add up, factors multiply.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> from costsim.limits.controls import Control, Target
    >>> order = Control("set", Target("user"), "ann", "too tight", "hour_usd", 2.0).taken(0)
    >>> standing_at(load_limits("flat-caps"), [order], 1).policy.user.hour_usd
    2.0
    """
    given = in_order(controls)
    ends = [control.until_us for control in given if control.until_us is not None]
    live = [control for control in given if control.until_us is None or now < control.until_us]
    sets: dict[tuple[Target, str | None], Control] = {}
    doors: dict[Target, list[Control]] = {}
    grants: dict[Target, list[Control]] = {}
    for control in live:
        if control.what == "set":
            sets[control.target, control.cap] = control
        elif control.what in ("stop", "start"):
            doors.setdefault(control.target, []).append(control)
        elif control.what == "grant":
            grants.setdefault(control.target, []).append(control)
        else:
            grants.pop(control.target, None)
    changed = policy
    for control in sets.values():
        if control.value not in (NO_CAP, AS_FILED):
            changed = _with_cap(changed, control)
    rules = rules_of(changed)
    lifted = [control for control in sets.values() if control.value == NO_CAP]
    rises = [rise for each in grants.values() for rise in each]
    if lifted or rises:
        rules = tuple(_risen(_lifted(rule, lifted), rises) for rule in rules)
    closed = {target: each for target, each in doors.items() if each[-1].what == "stop"}
    inert = {control.key for control in sets.values() if control.value == AS_FILED}
    active = [*sets.values(), *(each[-1] for each in closed.values()), *rises]
    return Standing(
        changed,
        rules,
        given,
        in_order(control for control in active if control.key not in inert),
        max((end for end in ends if end <= now), default=0),
        min((end for end in ends if end > now), default=FOR_EVER),
        {
            (target.scope, target.entity or EVERYTHING): _opens(each)
            for target, each in closed.items()
        },
    )


def _opens(doors: Sequence[Control]) -> int | None:
    """When the last stop gives way to something that is no stop."""
    at = 0
    while True:
        left = [door for door in doors if door.until_us is None or door.until_us > at]
        if not left or left[-1].what == "start":
            return at
        if left[-1].until_us is None:
            return None
        at = left[-1].until_us


def _with_cap(policy: Policy, control: Control) -> Policy:
    target, update = control.target, {str(control.cap): control.value}
    scope = target.scope
    if scope == "organisation":
        part: object = policy.organisation.model_copy(update=update)
    elif scope == "user" and target.name is None and target.tier is None:
        part = policy.user.model_copy(update=update)
    else:
        key = {"user": "by_user" if target.name is not None else "by_tier"}.get(scope)
        groups = getattr(policy.user, key) if key else getattr(policy, scope)
        name = str(target.tier if target.name is None else target.name)
        old = groups.get(name, FeatureCaps() if scope == "feature" else Caps())
        part = groups | {name: old.model_copy(update=update)}
        if key:
            part = policy.user.model_copy(update={key: part})
    return policy.model_copy(update={scope: part})


def _lifted(rule: Rule, controls: Sequence[Control]) -> Rule:
    for control in controls:
        target = control.target
        if (target.scope, control.cap) != (rule.scope, rule.cap):
            continue
        if target.entity is not None:
            rule = replace(rule, by_entity={**rule.by_entity, target.entity: LIFTED})
        elif target.tier is not None:
            rule = replace(rule, by_tier={**rule.by_tier, target.tier: LIFTED})
        elif rule.limit != NO_LIMIT:
            rule = replace(rule, limit=LIFTED)
    return rule


def _risen(rule: Rule, grants: Sequence[Control]) -> Rule:
    rises = []
    for grant in grants:
        target = grant.target
        if target.scope != rule.scope:
            continue
        if grant.factor is not None:  # as it was written, not as a double has it
            rises.append(Rise(target.entity, target.tier, Fraction(repr(grant.factor)), 0))
        elif rule.unit == NANO:
            rises.append(Rise(target.entity, target.tier, Fraction(1), nano(grant.add_usd or 0)))
    return replace(rule, rises=tuple(rises)) if rises else rule
