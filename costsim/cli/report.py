"""costsim report: pages to forward."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Write a report as one HTML page."
)


@app.callback()
def reports() -> None:
    """Write a report as one HTML page."""


@app.command()
def weekly(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("reports"),
    week: Annotated[
        str | None,
        typer.Option(
            help="ISO week such as 2024-W33; the last whole one by default.", show_default=False
        ),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Monthly budget in USD.", show_default=False)
    ] = None,
    suite: Annotated[
        str, typer.Option(help="Detectors: a suite by name or TOML file of costsim tune --save.")
    ] = "default",
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
) -> None:
    """Run the weekly notebook on some records and publish its page."""
    from costsim.cli.output import next_step
    from costsim.report.weekly import weekly_report

    done = weekly_report(
        folder, out, week=week, budget_usd=budget, show_users=show_users, suite=suite
    )
    print(done.card)
    print(f"page: {done.page}\nnotebook: {done.notebook}")
    next_step(f"costsim detect {folder} --suite {suite}")


@app.command()
def incident(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="A time within it, as costsim watch names it; the last incident by default.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        str, typer.Option(help="Detectors: a suite by name or TOML file of costsim tune --save.")
    ] = "default",
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("reports"),
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
) -> None:
    """One incident of some records: when, what drove it, and who, as a page."""
    from costsim import read_records
    from costsim.cli.output import next_step
    from costsim.report.found_incident import incident_report

    moment = None if at is None else read_records(folder).between(at).start
    found, page = incident_report(folder, out, suite=suite, at=moment, show_users=show_users)
    print(found.card())
    print(f"page: {page}")
    next_step(f"costsim report weekly {folder} --suite {suite}")
