"""Orders of operators in words, for commands that give and show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.limits import Control, Target
    from costsim.limits.standing import Standing


def stopped_until(standing: Standing, target: Target) -> dict[str, Any] | None:
    """Until when a target is stopped; None where it is not."""
    key = (target.scope, target.entity or "")
    if key not in standing.stops:
        return None
    from costsim.limits.controls import iso

    end = standing.stops[key]
    return {"until": None if end is None else iso(end)}


def notes(order: Control, before: Standing, after: Standing, zone: str) -> list[str]:
    """What to know of an order beside what it changes."""
    from costsim.limits.changes import limits_of

    found = []
    if order.until_us is not None:
        found.append(f"until {when(order.until_us, zone)}, then what held before")
    if order.what != "set":
        return found
    target, cap = order.target, str(order.cap)
    if target.scope == "user" and target.name is None and target.tier is None:
        rules = [rule for rule in after.rules if (rule.scope, rule.cap) == ("user", cap)]
        own = [name for rule in rules for name in (*rule.by_tier, *rule.by_entity)]
        if own:
            listed = ", ".join(sorted(own)[:6]) + (", ..." if len(own) > 6 else "")
            found.append(f"tiers and users with a cap of their own keep it: {listed}")
    if target.scope == "organisation" and not after.policy.enforce_organisation:
        found.append("the limits file has enforce_organisation = false: it alerts, refuses nothing")
    counted = {each.cap for each in limits_of(before, target) if each.amount is not None}
    if order.value not in ("none", "file") and cap not in counted:
        found.append("there was no such cap: it counts from now on, not what was spent before")
    return found


def amount_words(cap: str, amount: int | None) -> str:
    """A limit in words."""
    from costsim.show.formats import count, usd

    if amount is None:
        return "no cap"
    return usd(amount / 1e9) if cap.endswith("_usd") else count(amount)


def when(at_us: int, zone: str) -> str:
    """A moment in a zone."""
    from datetime import UTC, datetime

    from costsim.show.formats import moment

    return moment(datetime.fromtimestamp(at_us / 1e6, UTC), zone)


def as_plain(order: Control) -> dict[str, Any]:
    """An order as its line in the list has it, and in words."""
    import json

    plain: dict[str, Any] = json.loads(order.to_json())
    return plain | {"words": order.words}
