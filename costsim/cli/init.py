"""costsim init: files to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def init(
    monthly_budget: Annotated[float, typer.Option(help="Dollars a month for LLM calls.")],
    out: Annotated[Path, typer.Option(help="Folder of the files; made if missing.")] = Path(
        "costsim-limits"
    ),
    tiers: Annotated[
        str | None,
        typer.Option(
            help="Tiers of users, from the least worth to the most: free,pro,enterprise.",
            show_default=False,
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(help="Users a month; by default 0.15 a dollar.", show_default=False),
    ] = None,
    time_zone: Annotated[str, typer.Option(help="IANA zone of your days and months.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Limits, a gate, detectors, traffic and a build's check to start from, by budget.

    Each amount is a share of the budget, said beside it. Nothing is overwritten.
    """
    from costsim.cli.output import next_step, print_json
    from costsim.show.formats import usd
    from costsim.study.beginning.kit import CONTENTS, write_first_files
    from costsim.study.beginning.plan import Plan

    names = () if tiers is None else tuple(name.strip() for name in tiers.split(","))
    plan = Plan(monthly_budget, names, time_zone, users)
    written = write_first_files(plan, out)
    if as_json:
        print_json({"monthly_budget_usd": monthly_budget, "files": [str(path) for path in written]})
    else:
        width = max(len(str(path)) for path in written)
        for path in written:
            print(f"{path!s:<{width}}  {CONTENTS[path.name]}")
        caps = plan.user_caps[""]
        print(
            f"of {usd(monthly_budget)} a month: at most {usd(plan.day_usd)} a day and "
            f"{usd(plan.hour_usd)} an hour; a user {usd(caps['month_usd'])} a month, "
            f"{usd(caps['day_usd'])} a day, {usd(caps['hour_usd'])} an hour"
        )
    files = [str(out / name) for name in ("launch.toml", "limits.toml", "gate.toml")]
    next_step(
        shlex.join(
            ["costsim", "limits", "check", files[0], "--limits", files[1], "--gate", files[2]]
        )
    )
