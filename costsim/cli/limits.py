"""costsim limits: what limits would do before they are in force, and the hand on live ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from costsim.cli.limits_found import (
    plain_better,
    plain_lines,
    plain_validation,
    print_better,
    print_incidents,
    print_validation,
)
from costsim.cli.operating import grant, set_, start, stop
from costsim.cli.operator_status import status

if TYPE_CHECKING:
    from costsim.study import Gate
    from costsim.study.launch.judged import Judged

app = typer.Typer(no_args_is_help=True, help="Limits: try them first, then operate them live.")

EPILOG = """In CI: costsim limits check SCENARIO --limits F --gate gate.toml --junit limits.xml
--markdown limits.md; exit code 0 passes, 1 fails, 3 is undecided and says how many runs decide, 2
is bad input. docs/check-limits.md has a gate to begin with and a workflow."""


@app.callback()
def root() -> None:
    """Limits: try them before they are in force, and operate them while calls are running."""


@app.command(epilog=EPILOG)
def check(
    source: Annotated[
        str,
        typer.Argument(
            help="A scenario, by name or TOML file, or a folder of your own records: then history "
            "is replayed, and users do not react."
        ),
    ],
    limits: Annotated[str, typer.Option(help="Limits, by name or TOML file.")],
    gate: Annotated[
        Path | None, typer.Option(help="Requirements, a TOML file.", show_default=False)
    ] = None,
    replicates: Annotated[int, typer.Option(help="Months to simulate.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the study.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; all cores by default.", show_default=False)
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the gate as JUnit XML.", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the verdict as Markdown.", show_default=False)
    ] = None,
    waive_evaluation: Annotated[
        bool,
        typer.Option(
            "--waive-evaluation", help="Let downgrade routes pass that nobody has evaluated."
        ),
    ] = False,
    incidents: Annotated[
        bool,
        typer.Option(
            "--incidents", help="Play every incident of the library under the limits, too."
        ),
    ] = False,
    recommend: Annotated[
        bool, typer.Option("--recommend", help="Search for better caps of users, too.")
    ] = False,
    tried: Annotated[int, typer.Option("--candidates", help="Limits that the search tries.")] = 64,
    search_seeds: Annotated[int, typer.Option(help="Months that the best of them see.")] = 20,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the recommended limits to this file.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Rehearse a launch's month under limits: dollars, who is blocked, what refuses.

    With --gate each requirement passes, fails, or is undecided.
    """
    from joblib import parallel_config

    from costsim.cli.output import next_step, print_json, progress, rows
    from costsim.errors import SettingError
    from costsim.study import limit_incidents, load_gate, recommend_limits, validate_limits
    from costsim.study.launch.incidents import library_incidents
    from costsim.study.launch.recommend import DEFAULT_GATE, check_search, searched_gate

    wanted = load_gate(gate) if gate else None
    if junit is not None and wanted is None:
        raise SettingError("--junit writes the verdicts of a gate; give --gate too")
    if jobs is not None and jobs < 1:
        raise SettingError(f"--jobs must be at least 1; got {jobs}")
    for file in (junit, markdown, save):
        if file is not None and file.is_dir():
            raise SettingError(f"{file} must be a file; it is a folder")
        if file is not None and not file.absolute().parent.is_dir():
            raise SettingError(f"folder does not exist: {file.parent}")
    if Path(source).is_dir():
        if recommend or incidents or save is not None:
            option = "--incidents" if incidents else "--recommend"
            raise SettingError(f"{option} simulates; give a scenario, not a folder of records")
        _replay(source, limits, wanted, waive_evaluation, junit, markdown, as_json)
    if save is not None and not recommend:
        raise SettingError("--save writes the recommended limits; give --recommend too")
    if save is not None and save.exists():
        raise SettingError(f"{save} is there already")
    if recommend:  # before minutes of work
        check_search(tried, search_seeds, seed=seed)
    with (
        progress(replicates, f"rehearsing {source}") as bar,
        parallel_config(n_jobs=-1 if jobs is None else jobs),
    ):
        found = validate_limits(
            source, limits, wanted, replicates, seed,
            waive_evaluation=waive_evaluation, progress=bar.update,
        )  # fmt: skip
    _write(found, junit, markdown)
    played = None
    if incidents:
        with (
            progress(len(library_incidents()), "playing the library's incidents") as bar,
            parallel_config(n_jobs=-1 if jobs is None else jobs),
        ):
            played = limit_incidents(
                limits,
                replicates=1,
                seed=seed,
                budget_usd=found.month.scenario.monthly_budget_usd,
                progress=bar.update,
            )
    better = None
    if recommend:
        with (
            progress(0, "searching for better limits") as bar,
            parallel_config(n_jobs=-1 if jobs is None else jobs),
        ):
            better = recommend_limits(
                source,
                limits,
                DEFAULT_GATE if wanted is None else searched_gate(wanted),
                count=tried,
                seeds=search_seeds,
                seed=seed,
                progress=bar.update,
            )
        if save is not None:
            better.write(save)
    if as_json:
        told = plain_validation(found)
        if played is not None:
            told |= {"incidents": rows(played.to_frame())}
        print_json(told if better is None else told | {"recommended": plain_better(better)})
    else:
        print_validation(found)
        if played is not None:
            print_incidents(played)
        if better is not None:
            print_better(better)
        folder = f"runs/{found.policy.name}"
        next_step(
            f"costsim limits check {source} --limits {save}"
            if save is not None
            else f"costsim simulate {source} --limits {limits} --out {folder}"
        )
    raise typer.Exit(found.exit_code)


def _replay(
    source: str,
    limits: str,
    gate: Gate | None,
    waive_evaluation: bool,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> NoReturn:
    """The same on recorded calls."""
    from costsim.cli.output import next_step, print_json, print_wrapped, progress, rows
    from costsim.records import read_records
    from costsim.show.tables import table_text
    from costsim.study import replay_limits

    records = read_records(source)
    with progress(len(records), f"replaying {source}") as bar:
        found = replay_limits(
            records, limits, gate, waive_evaluation=waive_evaluation, progress=bar.update
        )
    _write(found, junit, markdown)
    if as_json:
        told = {"verdict": found.verdict, "headline": found.headline, "limits": found.policy.name}
        tables = {
            "months": rows(found.to_frame()),
            "blocked": rows(found.blocked()),
            "refusals": rows(found.refusals()),
            "levels": rows(found.levels()),
        }
        print_json(told | {"gate": plain_lines(found.lines)} | tables | {"notes": found.notes})
    else:
        print_wrapped(found.headline)
        for line in found.lines:
            print_wrapped(f"  {line.words}")
        print(table_text(found.to_frame(), caption="dollars as paid, and as admitted"))
        print(table_text(found.blocked(), caption="users refused at least once"))
        print(table_text(found.refusals(), caption="what refuses"))
        levels = found.levels()
        if len(levels):
            hours = dict.fromkeys(("without", "with"), "count")
            caption = "hours of the history at each level of the ladder"
            print(table_text(levels, hours, caption=caption))
        for note in found.notes:
            print_wrapped(note)
        print(found.ribbon)
        next_step(f"costsim fit {source} --out mine.toml")
    raise typer.Exit(found.exit_code)


def _write(found: Judged, junit: Path | None, markdown: Path | None) -> None:
    from costsim.whole_files import write_whole

    if junit is not None:
        write_whole(junit, found.junit())
    if markdown is not None:
        write_whole(markdown, found.markdown() + "\n")


app.command()(status)
negative = {"ignore_unknown_options": True}  # -3 is a wrong value, and is told so
app.command("set", context_settings=negative)(set_)
app.command()(stop)
app.command()(start)
app.command()(grant)
