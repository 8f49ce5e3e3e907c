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


@app.command()
def launch(
    scenario: Annotated[str, typer.Argument(help="A scenario, by name or TOML file.")],
    limits: Annotated[str, typer.Option(help="Limits, by name or TOML file.")],
    gate: Annotated[
        Path | None,
        typer.Option(
            help="Requirements, a TOML file; by default the budget kept in 95% of months and at "
            "most 2% of ordinary users blocked.",
            show_default=False,
        ),
    ] = None,
    recommend: Annotated[
        bool, typer.Option("--recommend", help="Search for better limits, too.")
    ] = False,
    replicates: Annotated[int, typer.Option(help="Months to simulate.")] = 20,
    suite: Annotated[
        str, typer.Option(help="Detectors on watch, by name or TOML file; '' for nobody.")
    ] = "default",
    save: Annotated[
        Path | None,
        typer.Option(help="Write the recommended limits to this file.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the studies.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; all cores by default.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("reports"),
) -> None:
    """Ready to launch or not: costs, limits, whom they block, incidents, better limits.

    Exit code 0 where it is ready, 1 where it is not, 3 where something is undecided.
    """
    from joblib import parallel_config

    from costsim.cli.output import next_step, spoken
    from costsim.errors import SettingError
    from costsim.report.launch.writing import EXIT_CODES, launch_report

    if jobs is not None and jobs < 1:
        raise SettingError(f"--jobs must be at least 1; got {jobs}")
    if save is not None and not recommend:
        raise SettingError("--save writes the recommended limits; give --recommend too")
    if save is not None and save.exists():
        raise SettingError(f"{save} is there already")
    with parallel_config(n_jobs=-1 if jobs is None else jobs), spoken() as say:
        found, page = launch_report(
            scenario,
            limits,
            gate,
            out,
            recommend=recommend,
            replicates=replicates,
            suite=suite,
            seed=seed,
            say=say,
        )
    if save is not None and found.better is not None:
        found.better.write(save)
    print(found.card(next_step=""))
    print(f"page: {page}")
    again = limits if save is None else save
    options = "" if recommend else " --recommend"
    next_step(
        f"costsim report launch {scenario} --limits {again}{options}"
        if save is not None or not recommend
        else f"costsim limits check {scenario} --limits {limits} --recommend --save better.toml"
    )
    raise typer.Exit(EXIT_CODES[found.verdict])
