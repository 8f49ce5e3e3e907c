"""costsim spend: where the money goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def spend(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    by: Annotated[
        str, typer.Option(help="feature, user, tier, model, prompt or session.")
    ] = "feature",
    week: Annotated[
        str | None, typer.Option(help="ISO week such as 2024-W33.", show_default=False)
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day, 2024-08-09.", show_default=False)
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last day, included.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows shown.")] = 20,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as JSON.")] = False,
) -> None:
    """Where the money goes: totals, shares, cost a call."""
    from costsim import read_records
    from costsim.cli.output import in_range, next_step, print_json, rows
    from costsim.errors import DataError
    from costsim.report.verdict import ribbon_of
    from costsim.show.mask import mask_users
    from costsim.show.tables import table_text
    from costsim.spend import breakdown

    records = read_records(folder)
    part = in_range(records, week, first, last)
    table = breakdown(part, by)
    if table.empty:
        shown = " to ".join(f"{t:%Y-%m-%d}" for t in records.period) if records.period else "none"
        raise DataError(f"there is no record in this range; {folder} has {shown}")
    if by == "user" and not show_users:
        table["user_id"] = mask_users(table["user_id"])
    if as_json:
        print_json(
            {
                "by": by,
                "kind": records.manifest.kind,
                "period": part.period,
                "calls": int(table["calls"].sum()),
                "total_nano": int(table["total_nano"].sum()),
                "rows": rows(table),
            }
        )
        return
    columns = ["total_usd", "share", "calls", "mean_usd", "p95_usd", "max_usd"]
    columns += ["mean_input_tokens", "mean_output_tokens", "unpriced_share"]
    print(table_text(table[[table.columns[0], *columns]], max_rows=top))
    print(ribbon_of(part))
    next_step(f"costsim report weekly {folder}")
