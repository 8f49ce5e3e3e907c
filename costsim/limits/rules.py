"""A policy as a flat list of rules, in the order in which they are asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from costsim.limits import burst
from costsim.limits.core import CALLS, DAY, HOUR, MONTH, NANO, NO_LIMIT, OPEN, TOKENS
from costsim.limits.ladder import Watch, acts_on
from costsim.limits.policy import CAP_NAMES, LARGEST_NANO, Policy, nano

_UNITS = {"usd": NANO, "calls": CALLS, "tokens": TOKENS}
_PERIODS = {"hour": HOUR, "day": DAY, "month": MONTH, "open": OPEN}

SCOPES = ("user", "tier", "feature", "organisation")
"""Whose account a rule is; the order in which rules are asked."""

EVERYTHING = ""
"""The one entity of the organisation."""

WATCHED = ("organisation", "month_usd")
"""Scope and cap of the budget whose levels are watched."""


class Rise(NamedTuple):
    """More room for a while: of one entity, or of the users of a tier."""

    entity: str | None
    tier: str | None
    factor: Fraction
    add: int


@dataclass(frozen=True)
class Rule:
    """One cap: of whom, of what, over which window, and how much.

    Parameters
    ----------
    scope : {"user", "tier", "feature", "organisation"}
    cap : str
        Key of the policy, such as ``"day_usd"``.
    unit, period : int
        Codes of the decision core.
    limit : int
        For entities without one of their own; `NO_LIMIT` where there is none.
    by_entity, by_tier : mapping of str to int
        Limits of single entities; of the users of a tier.
    rises : tuple of Rise
        What an operator granted on top.
    """

    scope: str
    cap: str
    unit: int
    period: int
    limit: int
    by_entity: Mapping[str, int] = field(default_factory=dict)
    by_tier: Mapping[str, int] = field(default_factory=dict)
    rises: tuple[Rise, ...] = ()

    @property
    def window(self) -> str:
        """hour, day, month, or open."""
        return self.cap.split("_")[0]

    def limit_of(self, entity: str, tier: str | None) -> int:
        """Limit of one entity, whose users' tier is `tier`."""
        if entity in self.by_entity:
            limit = self.by_entity[entity]
        else:
            limit = self.by_tier.get(tier, self.limit) if tier is not None else self.limit
        return self.risen(limit, entity, tier) if self.rises else limit

    def risen(self, limit: int, entity: str, tier: str | None) -> int:
        """A limit with all grants that concern the entity; what has no limit needs none."""
        if limit > LARGEST_NANO:
            return limit
        factor, add = Fraction(1), 0
        for rise in self.rises:
            if rise.entity == entity or (rise.entity is None and rise.tier == tier):
                factor, add = factor * rise.factor, add + rise.add
        return min(math.floor(limit * factor) + add, LARGEST_NANO)


class Refuser(NamedTuple):
    """What may refuse a call: whose, over which window, by which key; the level of a ladder."""

    scope: str
    window: str
    cap: str
    level: str = ""


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """The rules of a policy, those of users first.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> [f"{rule.scope} {rule.cap}" for rule in rules_of(load_limits("flat-caps"))]
    ['user hour_usd', 'user day_usd', 'user month_usd', 'organisation month_usd']
    """
    found: list[Rule] = []
    for cap in CAP_NAMES:
        period, unit = cap.split("_")
        codes = {"cap": cap, "unit": _UNITS[unit], "period": _PERIODS[period]}
        for scope in SCOPES:
            default, entities, tiers = _limits(policy, scope, cap)
            if default < NO_LIMIT or entities or tiers:
                found.append(Rule(scope, **codes, limit=default, by_entity=entities, by_tier=tiers))  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda rule: SCOPES.index(rule.scope)))


def part_of(rule: Rule, share: float) -> Rule:
    """The rule with a share of its limits, rounded down.

    Examples
    --------
    >>> part_of(Rule("user", "hour_calls", CALLS, HOUR, 25), 0.1).limit
    2
    """

    def part(limit: int) -> int:
        return limit if limit > LARGEST_NANO else math.floor(limit * share)

    return replace(
        rule,
        limit=part(rule.limit),
        by_entity={name: part(limit) for name, limit in rule.by_entity.items()},
        by_tier={name: part(limit) for name, limit in rule.by_tier.items()},
        rises=tuple(rise._replace(add=part(rise.add)) for rise in rule.rises),
    )


def watches_of(policy: Policy, rules: tuple[Rule, ...]) -> tuple[Watch, ...]:
    """The levels of the organisation's month that tell or act, rising."""
    for index, rule in enumerate(rules):
        if (rule.scope, rule.cap) == WATCHED:
            budget = policy.organisation.month_usd or 0.0
            return tuple(
                Watch(
                    index, nano(budget * level.at), level.at, level.do,
                    acts_on(level, policy.feature),
                )
                for level in policy.organisation.levels
            )  # fmt: skip
    return ()


def refusers_of(policy: Policy | None) -> tuple[Refuser, ...]:
    """All that may refuse: the rules, each level of the ladder, the burst guard; in that order.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> refusers_of(load_limits("flat-caps"))[-1]
    Refuser(scope='user', window='minute', cap='minute_calls', level='')
    """
    if policy is None:
        return ()
    rules = rules_of(policy)
    found = [Refuser(rule.scope, rule.window, rule.cap) for rule in rules]
    for watch in watches_of(policy, rules):
        rule = rules[watch.rule]
        found.append(Refuser(rule.scope, rule.window, rule.cap, watch.name))
    return (*found, Refuser("user", burst.WINDOW, burst.CAP))


def _limits(policy: Policy, scope: str, cap: str) -> tuple[int, dict[str, int], dict[str, int]]:
    if scope == "organisation":
        stated = policy.organisation.stated.get(cap)
        if stated is None:
            return NO_LIMIT, {}, {}
        return NO_LIMIT, {EVERYTHING: stated if policy.enforce_organisation else NO_LIMIT}, {}
    if scope == "user":
        default = policy.user.stated.get(cap, NO_LIMIT)
        named, tiers = policy.user.by_user, policy.user.by_tier
        return default, _stated(named, cap), _stated(tiers, cap)
    groups = policy.tier if scope == "tier" else policy.feature
    return NO_LIMIT, _stated(groups, cap), {}


def _stated(groups: Mapping[str, object], cap: str) -> dict[str, int]:
    found = {}
    for name, caps in groups.items():
        value = caps.stated.get(cap)  # type: ignore[attr-defined]
        if value is not None:
            found[name] = value
    return found
