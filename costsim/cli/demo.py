"""costsim demo: the $40k week, end to end, to one HTML page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("reports/demo.html"),
    records: Annotated[Path, typer.Option(help="Folder for the records.")] = Path("runs/demo"),
    scenario: Annotated[str, typer.Option(help="A scenario with one incident.")] = "surprise-40k",
    seed: Annotated[int, typer.Option(help="Seed of the week that is shown.")] = 7,
    runs: Annotated[int, typer.Option(help="Other runs that detectors are compared on.")] = 100,
    calibration: Annotated[
        int, typer.Option(help="Ordinary runs to set thresholds on, and as many to check.")
    ] = 100,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """The $40k week against calibrated detectors, one page.

    Simulates the week, calibrates and compares detectors on other runs, replays the week. The
    comparison is kept beside the records: the same one is not made again.
    """
    from costsim.cli.output import next_step, progress
    from costsim.report.incident import replay_incident
    from costsim.report.incident_sections import incident_page
    from costsim.report.page import check_target
    from costsim.simulation import load_scenario, simulate
    from costsim.study.kept import kept_comparison

    wanted = load_scenario(scenario)
    check_target(out)
    with progress(wanted.days + 3, f"comparing detectors on {runs} other runs") as bar:
        # another seed than the week's: nothing is tuned on what it is shown on
        study = kept_comparison(
            records.with_name(f"{records.name}.studies"),
            wanted,
            replicates=runs,
            calibration_runs=calibration,
            seed=seed + 1,
        )
        bar.update(1)
        bar.set_description(f"simulating {wanted.name}")
        result = simulate(wanted, seed=seed, out=records, progress=bar.update)
        bar.set_description("replaying the week")
        replay = replay_incident(result.records, study)
        bar.update(1)
        bar.set_description("drawing the page")
        words = ["costsim", "demo", "--scenario", scenario, "--seed", seed, "--runs", runs]
        words += ["--calibration", calibration, *(["--show-users"] if show_users else [])]
        command = shlex.join(map(str, words))
        page = incident_page(replay, show_users=show_users, command=command)
        path = page.write(out)
    print(replay.card(show_users=show_users))
    print(f"page: {path}\nrecords: {records} ({len(result.records):,} calls)")
    if open_page:
        typer.launch(path.resolve().as_uri())
    next_step("costsim lab   (the same week in notebooks)")
