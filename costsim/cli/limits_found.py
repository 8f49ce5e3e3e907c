"""How costsim limits check tells what it found: tables and words, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.study import (
        GateLine,
        LimitedIncidents,
        LimitsValidation,
        Recommendation,
    )


def print_validation(found: LimitsValidation) -> None:
    """The verdict, each table, what a reader must know."""
    from costsim.cli.output import print_wrapped
    from costsim.show.tables import table_text

    print_wrapped(found.headline)
    for line in found.lines:
        print_wrapped(f"  {line.words}")
    print()
    _print_measures(found)
    shares = {"blocked_share": "share", "low": "share", "high": "share"}
    counts = dict.fromkeys(("denied", "downgraded"), "count")
    caption = "users denied at least once in the month"
    print(table_text(found.blocked(), shares | counts, caption=caption))
    levels = found.levels()
    if len(levels):
        hours = dict.fromkeys(("without", "with", "with_low", "with_high"), "count")
        caption = "hours of the month at each level of the ladder"
        print(table_text(levels, hours | {"reached": "share"}, caption=caption))
    passed = found.overshoot()
    if len(passed) and passed["worst_usd"].max() > 0:
        units = {n: "usd" for n in passed.columns if n.endswith("_usd")} | {"windows": "count"}
        print(table_text(passed, units, caption="limits overshot, windows a month"))
    refusals = found.refusals()
    if len(refusals):
        print(table_text(refusals, caption="what refuses, a month on average"))
        denied = found.denied()
        counts = dict.fromkeys(denied.columns, "count")
        caption = "attempts denied a month, by tier"
        print(table_text(denied.reset_index(), counts, caption=caption))
    for note in found.notes:
        print_wrapped(note)
    print(found.ribbon)


def print_incidents(found: LimitedIncidents) -> None:
    """What the limits keep of each incident of the library."""
    from costsim.cli.output import print_wrapped
    from costsim.show.tables import table_text

    units = {"adds_usd": "usd", "left_usd": "usd", "kept_share": "share"}
    caption = "incidents of the library: what each adds to its week, and what is left of it"
    frame = found.to_frame()
    print(table_text(frame, units | {"ordinary_blocked_share": "share"}, caption=caption))
    for line in (found.headline, *found.notes):
        print_wrapped(line)


def _print_measures(found: LimitsValidation) -> None:
    """Dollars, then people, each in its own unit."""
    from costsim.show.tables import table_text

    frame = found.to_frame()
    frame = frame[~frame["measure"].str.startswith("level_hours.")]  # a table of their own
    frame = frame.replace([float("inf"), float("-inf")], float("nan"))
    units = {"usd": "usd", "share": "share", "budget": "share"}
    kinds = [units.get(name.rsplit("_", 1)[-1], "count") for name in frame["measure"]]
    columns = [name for name in frame.columns if name not in ("measure", "statistic")]
    for kind, caption in (("usd", "US$"), ("share", "shares"), ("count", "attempts a month")):
        rows = frame[[one == kind for one in kinds]]
        print(table_text(rows, dict.fromkeys(columns, kind), caption=f"{caption}, 95% intervals"))


def plain_validation(found: LimitsValidation) -> dict[str, Any]:
    """All of it, for JSON."""
    from costsim.cli.output import rows

    scenario = found.month.scenario
    return {
        "verdict": found.verdict,
        "headline": found.headline,
        "scenario": scenario.name,
        "limits": found.policy.name,
        "month": found.month.words,
        "monthly_budget_usd": scenario.monthly_budget_usd,
        "replicates": found.replicates,
        "seed": found.seed,
        "gate": plain_lines(found.lines),
        "measures": rows(found.to_frame()),
        "blocked": rows(found.blocked()),
        "refusals": rows(found.refusals()),
        "levels": rows(found.levels()),
        "overshoot": rows(found.overshoot()),
        "denied": rows(found.denied().reset_index()),
        "notes": found.notes,
    }


def print_better(found: Recommendation) -> None:
    """What a search found, beside what it began from."""
    from costsim.cli.output import print_wrapped
    from costsim.show.tables import table_text

    print()
    print_wrapped(found.headline)
    for line in found.lines:
        print_wrapped(f"  {line.words}")
    print(table_text(found.compared(), caption="on seeds that had no part in the search"))
    frontier = found.to_frame()
    frontier = frontier[frontier["frontier"]].drop(columns="frontier")
    caption = "the frontier: more dollars saved, or fewer ordinary users blocked"
    print(table_text(frontier, caption=caption))
    for note in found.notes:
        print_wrapped(note)
    print(found.ribbon)


def plain_better(found: Recommendation) -> dict[str, Any]:
    """What a search found, for JSON."""
    from costsim.cli.output import rows

    return {
        "headline": found.headline,
        "toml": found.toml,
        "compared": rows(found.compared()),
        "candidates": rows(found.to_frame()),
        "notes": list(found.notes),
    }


def plain_lines(lines: Sequence[GateLine]) -> list[dict[str, Any]]:
    """A gate's lines, for JSON."""
    return [
        {
            "key": line.requirement.key,
            **({"note": line.note} if line.note else {}),
            "relation": line.requirement.relation,
            "bound": line.requirement.bound,
            **line.measured._asdict(),
            "verdict": line.verdict,
            "runs_to_decide": line.runs,
        }
        for line in lines
    ]
