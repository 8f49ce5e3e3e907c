"""What an order changes: each limit before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from costsim.limits.accounts import Scopes
from costsim.limits.controls import Target
from costsim.limits.core import NO_LIMIT
from costsim.limits.rules import SCOPES, Rule
from costsim.limits.standing import LIFTED, Standing

_NOBODY = "\x00nobody"  # a user with no cap of his own


class Limit(NamedTuple):
    """One limit in force: whose, of what, how much; `amount` is None where there is none."""

    whose: str
    scope: str
    cap: str
    amount: int | None


class Change(NamedTuple):
    """A limit before and after an order, in nano-dollars, calls or tokens; None for no limit."""

    whose: str
    cap: str
    before: int | None
    after: int | None


def changes(before: Standing, after: Standing, target: Target) -> list[Change]:
    """The limits of a target that differ.

    Examples
    --------
    >>> from costsim.limits import Control, MemoryLedger, load_limits
    >>> ledger = MemoryLedger(load_limits("flat-caps"))
    >>> one, ann = ledger.standing(), Target("user", "ann")
    >>> _ = ledger.operate(Control("set", ann, "max", "demo", cap="day_usd", value=9.0))
    >>> changes(one, ledger.standing(), ann)
    [Change(whose='user ann', cap='day_usd', before=5000000000, after=9000000000)]
    """
    was = {each[:3]: each.amount for each in limits_of(before, target)}
    now = {each[:3]: each.amount for each in limits_of(after, target)}
    keys = [*now, *(key for key in was if key not in now)]
    return [
        Change(key[0], key[2], was.get(key), now.get(key))
        for key in keys
        if was.get(key) != now.get(key)
    ]


def limits_of(standing: Standing, target: Target) -> list[Limit]:
    """The limits of a target; of a user whose tier is not known, those of each tier, too."""
    found = []
    for rule in standing.rules:
        if rule.scope == target.scope:
            for whose, entity, tier in _entities(rule, target):
                found.append(Limit(whose, rule.scope, rule.cap, _limit(rule, entity, tier)))
    return found


def limits_in_force(standing: Standing, scopes: Scopes) -> list[Limit]:
    """Limits that concern some scopes; where no user is given, those of every user and tier."""
    found = []
    for rule in standing.rules:
        for whose, entity, tier in _in_force(rule, scopes):
            amount = _limit(rule, entity, tier)
            if amount is not None or rule.scope == "organisation":
                found.append(Limit(whose, rule.scope, rule.cap, amount))
    return found


def _limit(rule: Rule, entity: str, tier: str | None) -> int | None:
    limit = rule.limit_of(entity, tier)
    return None if limit in (NO_LIMIT, LIFTED) else limit


def _entities(rule: Rule, target: Target) -> Iterator[tuple[str, str, str | None]]:
    entity = _NOBODY if target.entity is None else target.entity
    yield str(target), entity, target.tier
    if target.scope == "user" and target.name is not None and entity not in rule.by_entity:
        for tier in sorted(rule.by_tier):
            yield f"{target}, if of tier {tier}", entity, tier


def _in_force(rule: Rule, scopes: Scopes) -> Iterator[tuple[str, str, str | None]]:
    named = dict(zip(SCOPES, (*scopes, ""), strict=True))[rule.scope]
    if rule.scope != "user":
        names = [named] if named is not None else sorted(rule.by_entity)
        for name in names:
            yield str(Target(rule.scope, name or None)), name, None
    elif named is not None:
        yield f"user {named}", named, scopes.tier
    else:
        yield str(Target("user", tier=scopes.tier)), _NOBODY, scopes.tier
        if scopes.tier is None:
            for tier in sorted(rule.by_tier):
                yield str(Target("user", tier=tier)), _NOBODY, tier
