"""costsim limits set, stop, start and grant: the operator's hand on a live ledger."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costsim.cli.operator_options import (
    Anyway,
    AsJson,
    ControlsFile,
    DryRun,
    Feature,
    For,
    LimitsFile,
    Organisation,
    Prefix,
    RedisUrl,
    Tenant,
    Tier,
    Until,
    User,
    Who,
    Why,
)
from costsim.errors import SettingError

if TYPE_CHECKING:
    from costsim.limits import Control, Policy, Target
    from costsim.limits.standing import Standing


def set_(
    cap: Annotated[
        str,
        typer.Argument(
            help="A cap of the limits file: user.day_usd (with --user or --tier for some of them), "
            "tier.day_usd, feature.day_usd, organisation.month_usd, ..."
        ),
    ],
    value: Annotated[
        str, typer.Argument(help="A number, none to lift the cap, file for the file's again.")
    ],
    limits: LimitsFile,
    why: Why,
    redis: RedisUrl = None,
    tenant: Tenant = "default",
    prefix: Prefix = "costsim",
    controls: ControlsFile = None,
    user: User = None,
    tier: Tier = None,
    feature: Feature = None,
    lasts: For = None,
    until: Until = None,
    who: Who = None,
    anyway: Anyway = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Another cap from the next decision on, without a deploy."""
    from costsim.limits import Target
    from costsim.limits.rules import SCOPES

    scope, _, name = cap.partition(".")
    if scope not in SCOPES or not name:
        raise SettingError(f"cap must be user.day_usd, feature.hour_calls, ...; got {cap!r}")
    named = {"user": user, "tier": tier, "feature": feature}
    for each, given in named.items():
        if given is not None and each != scope and not (scope == "user" and each == "tier"):
            raise SettingError(f"--{each} has no part in {cap}")
    if scope == "user":
        if user is not None and tier is not None:
            raise SettingError("give --user or --tier; got both")
        target = Target("user", user, tier)
    else:
        target = Target(scope, named.get(scope))
    more = {"cap": name, "value": _number(value)}
    at = (limits, redis, tenant, prefix, controls)
    _order("set", target, more, at, (who, why, lasts, until, anyway, dry_run, as_json))


def stop(
    feature: Annotated[
        str | None, typer.Argument(help="The feature to stop.", show_default=False)
    ] = None,
    *,
    limits: LimitsFile,
    why: Why,
    redis: RedisUrl = None,
    tenant: Tenant = "default",
    prefix: Prefix = "costsim",
    controls: ControlsFile = None,
    user: User = None,
    tier: Tier = None,
    organisation: Organisation = False,
    lasts: For = None,
    until: Until = None,
    who: Who = None,
    anyway: Anyway = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Refuse every call of a feature, a user, a tier, or of all; also where a ledger observes."""
    target = _target(feature, user, tier, organisation)
    at = (limits, redis, tenant, prefix, controls)
    _order("stop", target, {}, at, (who, why, lasts, until, anyway, dry_run, as_json))


def start(
    feature: Annotated[
        str | None, typer.Argument(help="The feature that was stopped.", show_default=False)
    ] = None,
    *,
    limits: LimitsFile,
    why: Why,
    redis: RedisUrl = None,
    tenant: Tenant = "default",
    prefix: Prefix = "costsim",
    controls: ControlsFile = None,
    user: User = None,
    tier: Tier = None,
    organisation: Organisation = False,
    lasts: For = None,
    until: Until = None,
    who: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let calls through again that were stopped; their caps hold as before."""
    target = _target(feature, user, tier, organisation)
    at = (limits, redis, tenant, prefix, controls)
    _order("start", target, {}, at, (who, why, lasts, until, True, dry_run, as_json))


def grant(
    user: Annotated[
        str | None, typer.Argument(help="Who gets more room.", show_default=False)
    ] = None,
    *,
    limits: LimitsFile,
    why: Why,
    usd: Annotated[
        float | None,
        typer.Option(help="So many dollars more in each dollar cap.", show_default=False),
    ] = None,
    factor: Annotated[
        float | None, typer.Option(help="So many times each cap.", show_default=False)
    ] = None,
    redis: RedisUrl = None,
    tenant: Tenant = "default",
    prefix: Prefix = "costsim",
    controls: ControlsFile = None,
    users_of: Annotated[
        str | None,
        typer.Option("--each-of", help="Each user of this tier.", show_default=False),
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="A tier's caps together.", show_default=False)
    ] = None,
    feature: Feature = None,
    organisation: Organisation = False,
    lasts: For = None,
    until: Until = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="End all grants of it now.")] = False,
    who: Who = None,
    anyway: Anyway = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """More room for a while: --usd 10 --for 12h, or --factor 2 --for 2d."""
    target = _target(feature, user, tier, organisation, users_of)
    if revoke and (usd, factor, lasts, until) != (None,) * 4:
        raise SettingError("--revoke ends grants; it takes no --usd, --factor or end")
    more = {} if revoke else {"add_usd": usd, "factor": factor}
    at = (limits, redis, tenant, prefix, controls)
    what = "revoke" if revoke else "grant"
    _order(what, target, more, at, (who, why, lasts, until, anyway or revoke, dry_run, as_json))


def _target(
    feature: str | None,
    user: str | None,
    tier: str | None,
    organisation: bool,
    users_of: str | None = None,
) -> Target:
    from costsim.limits import Target

    given = {"feature": feature, "user": user, "tier": tier, "each": users_of}
    found = [(key, name) for key, name in given.items() if name is not None]
    if len(found) + organisation != 1:
        raise SettingError(
            "name one of: a feature, a user, a tier, the --organisation; "
            f"got {len(found) + organisation}"
        )
    if organisation:
        return Target("organisation")
    [(key, name)] = found
    return Target("user", tier=name) if key == "each" else Target(key, name)


def _number(text: str) -> float | str:
    from costsim.limits.controls import AS_FILED, NO_CAP

    if text in (NO_CAP, AS_FILED):
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise SettingError(f"value must be a number, {NO_CAP!r} or {AS_FILED!r}; got {text!r}")


def _order(
    what: str,
    target: Target,
    more: dict[str, Any],
    at: tuple[str, str | None, str, str, Path | None],
    said: tuple[str | None, str, str | None, str | None, bool, bool, bool],
) -> None:
    """Check, show, and give an order."""
    from costsim.cli.operator_options import lasting_us, login, now_us, operated
    from costsim.cli.operator_words import amount_words, as_plain, notes, stopped_until
    from costsim.cli.output import next_step, print_json
    from costsim.limits import Control, load_limits
    from costsim.limits.changes import changes
    from costsim.limits.controls import check_names
    from costsim.limits.standing import standing_at

    limits, redis, tenant, prefix, controls = at
    who, why, lasts, until, anyway, dry_run, as_json = said
    policy = load_limits(limits)
    new_file = controls is not None and not controls.exists()
    if not anyway:
        try:
            check_names(policy, target)
        except SettingError as error:
            raise SettingError(f"{error} (a name that it does not have: --anyway)") from None
    order = Control(
        what, target, login() if who is None else who, why,
        lasts_us=lasting_us(lasts, until, policy), **more,
    )  # fmt: skip
    with operated(policy, redis, tenant, prefix, controls) as ledger:
        before = ledger.standing()
        taken = order.taken(now_us(), before.controls)
        after = standing_at(policy, (*before.controls, taken), taken.at_us)
        _check_effect(taken, policy, before, after)
        if not dry_run:
            taken = ledger.operate(order)
            after = ledger.standing()
    differ = changes(before, after, target)
    if as_json:
        print_json(
            {
                "ordered": not dry_run,
                "order": as_plain(taken),
                "changes": [change._asdict() for change in differ],
                "stopped": stopped_until(after, target),
            }
        )
    else:
        print(f"{'would ' if dry_run else ''}{taken.words}")
        for change in differ:
            was, now = (amount_words(change.cap, n) for n in (change.before, change.after))
            print(f"  {change.whose}, {change.cap}: {was} -> {now}")
        for line in notes(taken, before, after, policy.time_zone):
            print(f"  {line}")
        if not dry_run:
            print(f"  order {taken.number}, by {taken.who}: {taken.why}")
            if new_file:
                told = f"ledgers obey it that are made with controls={str(controls)!r}"
                print(f"  {controls} is new: {told}")
    where = ["--tenant", tenant] if redis else ["--controls", str(controls)]
    if redis:
        where = ["--redis", "..." if "@" in redis else redis, *where]
    next_step(shlex.join(["costsim", "limits", "status", "--limits", limits, *where]))


def _check_effect(order: Control, policy: Policy, before: Standing, after: Standing) -> None:
    """Refuse an order that changes nothing, now or later: it most likely means something else."""
    from costsim.cli.operator_words import stopped_until
    from costsim.limits.changes import changes
    from costsim.limits.standing import standing_at

    if order.what in ("stop", "start"):
        if order.what == "start" and stopped_until(before, order.target) is None:
            raise SettingError(f"{order.target} is not stopped: nothing was ordered")
        return
    ends = {each.until_us or 0 for each in after.controls}
    for at in (order.at_us, *(end for end in ends if end > order.at_us)):
        was, now = (standing_at(policy, each.controls, at) for each in (before, after))
        if changes(was, now, order.target) or was.budget_nano != now.budget_nano:
            return  # a budget that only alerts is no limit
    raise SettingError(f"{order.words}: changes nothing, so nothing was ordered")
