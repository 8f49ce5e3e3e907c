"""costsim tune: a suite of detectors at one budget of false alarms."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from costsim.study import Tuning


def tune(
    source: Annotated[
        str,
        typer.Argument(
            help="A scenario, a folder of your own records, or 'library' for every incident of "
            "the library."
        ),
    ],
    false_alarms: Annotated[
        float,
        typer.Option("--false-alarms-per-month", help="Of all detectors together."),
    ] = 1.0,
    runs: Annotated[
        int, typer.Option(help="Runs of ordinary life, 16 weeks each, to set thresholds on.")
    ] = 100,
    replicates: Annotated[int, typer.Option(help="Runs of the scenario's incident.")] = 200,
    bin_minutes: Annotated[
        int,
        typer.Option(help="Width of the bins that detectors read: 5, 15, 30 or 60."),
    ] = 60,
    seed: Annotated[int, typer.Option(help="Of the study.")] = 0,
    level: Annotated[
        str | None,
        typer.Option(
            help="For records: product (the default) or api, what to assume where they are mute.",
            show_default=False,
        ),
    ] = None,
    ordinary: Annotated[
        str | None,
        typer.Option(
            help="For records: fitted (a scenario like them, the default) or history (their own "
            "weeks).",
            show_default=False,
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help="For --ordinary history: days of a known incident, 2024-08-12/2024-08-16.",
            show_default=False,
        ),
    ] = None,
    any_budget: Annotated[
        bool,
        typer.Option("--any-budget", help="No rule in dollars of this budget."),
    ] = False,
    naming_runs: Annotated[
        int,
        typer.Option(
            help="For the library: runs of call records in which it is looked at what is named."
        ),
    ] = 0,
    save: Annotated[
        Path | None, typer.Option(help="Write the suite to this file.", show_default=False)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace that file; its planned campaigns stay.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print curve and detectors.")] = False,
) -> None:
    """Set thresholds for so many false alarms a month, and show what a notch costs and saves.

    Thresholds are set on simulated ordinary life; false alarms are measured on other runs, and
    the incident is judged on a third set.
    """
    from dataclasses import replace

    from costsim import load_scenario, load_suite
    from costsim.cli.output import next_step, print_json, print_wrapped, progress, rows, spoken
    from costsim.detect import suite_members
    from costsim.errors import SettingError
    from costsim.show.tables import table_text
    from costsim.study import tune as run
    from costsim.study import tune_library
    from costsim.study.library import incident_scenarios

    if save is not None and save.suffix != ".toml":
        raise SettingError(f"--save must end in .toml; got {str(save)!r}")
    folder = Path(source)
    of_records = folder.is_dir()
    of_own = {"--level": level, "--ordinary": ordinary, "--leave-out": leave_out}
    for option, value in of_own.items():
        if value is not None and not of_records:
            raise SettingError(f"{option} is of a folder of records; {source} is none")
    if naming_runs and source != "library":
        raise SettingError("--naming-runs is of the library: costsim tune library")
    if save is not None and save.exists() and not overwrite:
        raise SettingError(f"{save} is there already; --overwrite replaces it")
    # campaigns are written by people, and are not tuned
    planned = load_suite(save).planned if save is not None and save.exists() else ()
    name = save.stem if save else ""
    options = {
        "false_alarms_per_month": false_alarms,
        "calibration_runs": runs,
        "replicates": replicates,
        "seed": seed,
        "name": name,
        "bin_minutes": bin_minutes,
        "detectors": suite_members() if any_budget else None,
    }
    if source == "library":
        if save is not None:
            raise SettingError("--save is of one suite; give a scenario or a folder, not library")
        with progress(len(incident_scenarios()), "tuning") as bar:

            def say(name: str) -> None:
                bar.set_description(f"tuning for {name}")
                bar.update(1)

            table = tune_library(naming_runs=naming_runs, say=say, **options)
        if as_json:
            print_json(rows(table))
            return
        print(table_text(table, max_rows=100))
        print(f"SIMULATED the incident library, study seed {seed}")
        next_step("costsim tune surprise-40k --save suite.toml")
        return
    with spoken() as said:
        if of_records:
            said("learning ordinary life from the records")
            found = _of_records(
                folder, level or "product", ordinary or "fitted", leave_out or [], options
            )
        else:
            found = run(load_scenario(source), say=said, **options)  # type: ignore[arg-type]
    if save is not None:
        replace(found.suite, planned=planned).write(save, overwrite=overwrite)
    if as_json:
        print_json(
            {
                "suite": found.suite.name,
                "bin_minutes": found.suite.bin_minutes,
                "file": None if save is None else str(save),
                "curve": rows(found.curve),
                "detectors": rows(found.members),
                "warnings": found.warnings,
            }
        )
        return
    for warning in found.warnings:
        print_wrapped(f"warning: {warning}")
    print(table_text(found.members))
    shown = ["wanted", "measured", "low", "high"]
    if found.judged:
        shown += ["delay_median_h", "caught_within_1h", "caught_within_2h", "caught_within_4h"]
        shown += ["missed", "early", "false_before_launch", "burned_median_usd", "burned_p90_usd"]
    print(table_text(found.curve[shown]))
    print_wrapped(found.words())
    print(found.ribbon)
    if save is None:
        next_step(f"costsim tune {source} --save suite.toml")
    else:
        next_step(f"costsim detect {source if of_records else 'DIR'} --suite {save}")


def _of_records(
    folder: Path, level: str, ordinary: str, leave_out: list[str], options: dict[str, Any]
) -> Tuning:
    from zoneinfo import ZoneInfo

    from costsim import read_records
    from costsim.cli.output import day
    from costsim.errors import SettingError
    from costsim.study import tune_records

    records = read_records(folder)
    zone = ZoneInfo(records.time_zone)
    spans = []
    for text in leave_out:
        first, _, last = text.partition("/")
        begin, end = day(first, "--leave-out"), day(last or first, "--leave-out")
        assert begin is not None
        assert end is not None
        if end < begin:
            raise SettingError(f"--leave-out must not end before it begins; got {text!r}")
        spans.append(
            (
                datetime.combine(begin, time(), zone),
                datetime.combine(end + timedelta(days=1), time(), zone),
            )
        )
    return tune_records(records, level=level, ordinary=ordinary, leave_out=spans, **options)
