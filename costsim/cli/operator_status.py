"""costsim limits status: caps, what is used of them, what operators ordered, when it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costsim.cli.operator_options import (
    AsJson,
    ControlsFile,
    Feature,
    LimitsFile,
    Prefix,
    RedisUrl,
    Tenant,
    Tier,
    User,
)
from costsim.errors import SettingError

if TYPE_CHECKING:
    from costsim.limits import BudgetState
    from costsim.limits.standing import Standing

_Usage = dict[tuple[str, str], tuple[int, int, int]]


def status(
    limits: LimitsFile,
    redis: RedisUrl = None,
    tenant: Tenant = "default",
    prefix: Prefix = "costsim",
    controls: ControlsFile = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            help="Journal of the ledger in process, to read what is used.", show_default=False
        ),
    ] = None,
    user: User = None,
    tier: Tier = None,
    feature: Feature = None,
    last: Annotated[int, typer.Option(help="How many of the last orders to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Caps in force, what is used of them, and what operators ordered."""
    from costsim.cli.operator_options import now_us, operated
    from costsim.cli.operator_words import as_plain, when
    from costsim.cli.output import next_step, print_json
    from costsim.limits import GlobalBudgetGuard, Scopes, load_limits
    from costsim.show.formats import count

    if last < 0:
        raise SettingError(f"--last must be at least 0; got {last}")
    policy = load_limits(limits)
    scopes = Scopes(user, tier, feature)
    known = redis is not None or journal is not None
    with operated(policy, redis, tenant, prefix, controls, journal) as ledger:
        usage = ledger.usage(scopes) if known else {}
        budget = None
        if known and policy.organisation.month_usd is not None:
            budget = GlobalBudgetGuard(ledger).look()
        standing = ledger.standing()
        now = now_us()
    rows = _rows(standing, scopes, usage)
    stops = [
        {"scope": scope, "name": entity or None, "until_us": end}
        for (scope, entity), end in standing.stops.items()
    ]
    latest = standing.controls[-last:] if last else ()
    if as_json:
        print_json(
            {
                "limits": policy.name,
                "as_of_us": now,
                "usage_known": known,
                "budget": None if budget is None else _plain_budget(budget),
                "caps": rows,
                "stopped": stops,
                "active": [as_plain(each) for each in standing.active],
                "orders": [as_plain(each) for each in latest],
                "orders_in_all": len(standing.controls),
            }
        )
        return
    new = controls is not None and not controls.exists()
    where = f"tenant {tenant!r}" if redis else f"{controls}{' (not there yet)' if new else ''}"
    print(f"{policy.name}, {where}, {when(now, policy.time_zone)} ({policy.time_zone})")
    if budget is not None:
        print(f"budget of the month: {budget.words}")
    for stop in stops:
        name = " ".join(filter(None, (stop["scope"], stop["name"])))
        end = stop["until_us"]
        print(f"STOPPED: {name}, {'until ' + when(end, policy.time_zone) if end else 'no end'}")
    _print_rows(rows, known, user)
    for caption, orders in (("in force", standing.active), ("last orders", latest)):
        print(f"{caption}: {'' if orders else 'none'}".rstrip())
        for each in reversed(orders):
            end = (
                "" if each.until_us is None else f", until {when(each.until_us, policy.time_zone)}"
            )
            if caption == "in force":
                print(f"  {count(each.number)}. {each.words}{end}")
            else:
                print(f"  {count(each.number)}. {when(each.at_us, policy.time_zone)}, {each.who}: "
                      f"{each.words}{end}; {each.why}")  # fmt: skip
    at = f"--redis URL --tenant {tenant}" if redis else f"--controls {controls}"
    next_step(f"costsim limits grant USER --usd 10 --for 12h --why ... --limits {limits} {at}")


def _plain_budget(state: BudgetState) -> dict[str, Any]:
    return {
        "spent_nano": state.spent_nano,
        "held_nano": state.held_nano,
        "budget_nano": state.budget_nano,
        "on": [level.name for level in state.on],
        "released_at": state.released_at.isoformat(),
    }


def _rows(standing: Standing, scopes: Any, usage: _Usage) -> list[dict[str, Any]]:
    """A row for each cap; amounts in nano-dollars, calls or tokens."""
    from costsim.limits.changes import limits_in_force

    named = {"user": scopes.user, "tier": scopes.tier, "feature": scopes.feature}
    found = []
    for whose, scope, cap, limit in limits_in_force(standing, scopes):
        taken = usage.get((scope, cap)) if named.get(scope, "") is not None else None
        settled, held = (None, None) if taken is None else taken[:2]
        share = None
        if taken is not None and limit:
            share = (taken[0] + taken[1]) / limit
        found.append(
            {
                "whose": whose,
                "cap": cap,
                "settled": settled,
                "held": held,
                "limit": limit,
                "share": share,
            }
        )
    return found


def _print_rows(rows: list[dict[str, Any]], known: bool, user: str | None) -> None:
    import pandas as pd

    from costsim.cli.operator_words import amount_words
    from costsim.show.tables import table_text

    def amount(row: dict[str, Any], name: str) -> str | None:
        return None if row[name] is None else amount_words(row["cap"], row[name])

    shown = [
        {
            "whose": row["whose"],
            "cap": row["cap"],
            "settled": amount(row, "settled"),
            "held": amount(row, "held"),
            "limit": amount_words(row["cap"], row["limit"]),
            "share": row["share"],
        }
        for row in rows
    ]
    if shown:
        print(table_text(pd.DataFrame(shown), {"share": "share"}, max_rows=60))
    else:
        print("no caps")
    if not known:
        print("what is used is in the process that holds the ledger: --journal FILE reads it")
    elif user is None:
        print("--user NAME shows what a user has used")
