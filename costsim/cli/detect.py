"""costsim detect: what a suite of detectors would have raised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import Findings, Suite


def detect(
    source: Annotated[Path, typer.Argument(help="Folder of records, or a CSV file.")],
    suite: Annotated[
        str | None,
        typer.Option(
            help="A suite by name or TOML file, as costsim tune --save writes it; by default all "
            "presets and rules at the thresholds they come with.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Watch from this day; earlier ones teach.", show_default=False),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Monthly budget in USD.", show_default=False)
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Of a CSV: its column of times.", show_default=False)
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="Of a CSV: its column of dollars.", show_default=False)
    ] = None,
    bin_minutes: Annotated[
        int | None,
        typer.Option(
            help="Width of a bin: 5, 15, 30 or 60. By default the suite's, else of a CSV its own, "
            "else 60.",
            show_default=False,
        ),
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Of a CSV: zone of its users' clocks.")] = "UTC",
    top: Annotated[int, typer.Option(min=1, help="Rows shown.")] = 20,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all alarms as JSON.")] = False,
) -> None:
    """Alarms on some records or on any series of dollars, and what drove the incidents."""
    from costsim.cli.output import day
    from costsim.detect import load_suite
    from costsim.errors import SettingError

    if budget is not None and not budget > 0:
        raise SettingError(f"--budget must be above 0; got {budget:g}")
    chosen = None if suite is None else load_suite(suite)
    if chosen is not None and bin_minutes not in (None, chosen.bin_minutes):
        raise SettingError(
            f"--bin-minutes must be {chosen.bin_minutes}, which the suite's thresholds are for; "
            f"got {bin_minutes}"
        )
    minutes = bin_minutes if chosen is None else chosen.bin_minutes
    start = day(since, "--from")
    if source.suffix.lower() == ".csv":
        _series(source, chosen, start, budget, (time, value, time_zone), minutes, top, as_json)
    elif (time, value) != (None, None):
        raise SettingError(f"--time and --value are of a CSV file; got the folder {source}")
    else:
        _records(source, chosen, start, budget, minutes or 60, top, show_users, as_json)


def _records(
    folder: Path,
    suite: Suite | None,
    start: object,
    budget: float | None,
    bin_minutes: int,
    top: int,
    show_users: bool,
    as_json: bool,
) -> None:
    from costsim import read_records
    from costsim.cli.output import next_step, print_json, rows
    from costsim.detect import group_incidents, scan, standard_detectors
    from costsim.report.verdict import ribbon_of
    from costsim.show.mask import mask_user

    records = read_records(folder)
    begin = None if start is None else records.between(start).start
    manifest = records.manifest
    watching = (
        standard_detectors(budget or manifest.monthly_budget_usd, manifest.alarms)
        if suite is None
        else suite.detectors
    )
    found = scan(records, watching, start=begin, bin_minutes=bin_minutes)
    # at thresholds as they come, alarms are too many to be incidents
    incidents = None if suite is None else group_incidents(records, found)
    table = None if incidents is None else incidents.to_frame()
    alarms = found.to_frame()
    if not show_users and len(alarms):
        alarms["top_user"] = [None if u != u else mask_user(u) for u in alarms["top_user"]]
    if not show_users and table is not None:
        table["users"] = [[mask_user(user) for user in users] for users in table["users"]]
    if as_json:
        told = {
            "hours": found.hours,
            "notes": [*found.notes, *found.planned],
            "alarms": rows(alarms),
        }
        print_json(told if table is None else told | {"incidents": rows(table)})
        return
    _alarms(found, alarms, top, records.time_zone)
    if table is not None:
        _incidents(table, records.time_zone)
    _thresholds(suite, f"costsim tune {folder} --save suite.toml")
    print(ribbon_of(records))
    next_step(f"costsim report weekly {folder}")


def _series(
    file: Path,
    suite: Suite | None,
    start: object,
    budget: float | None,
    columns: tuple[str | None, str | None, str],
    bin_minutes: int | None,
    top: int,
    as_json: bool,
) -> None:
    from costsim.cli.output import next_step, print_json, rows
    from costsim.detect import read_series, scan_series, standard_detectors

    time, value, time_zone = columns
    series = read_series(file, time=time, value=value, time_zone=time_zone, bin_minutes=bin_minutes)
    watching = standard_detectors(budget) if suite is None else suite.detectors
    begin = None if start is None else _midnight(start, time_zone)
    found = scan_series(series, watching, start=begin, time_zone=time_zone)
    alarms = found.to_frame()
    if as_json:
        print_json(
            {"hours": found.hours, "notes": [*found.notes, *found.planned], "alarms": rows(alarms)}
        )
        return
    _alarms(found, alarms, top, time_zone)
    _thresholds(suite, "")
    print(f"REAL {file.name}, {found.hours:,} hours to {series.index[-1]:%Y-%m-%d %H:%M} UTC")
    next_step(f"costsim import generic {file} --out runs/mine")


def _midnight(start: object, time_zone: str) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(str(start)).tz_localize(time_zone).tz_convert("UTC")


def _alarms(found: Findings, alarms: pd.DataFrame, top: int, time_zone: str) -> None:
    from costsim.show.tables import table_text

    columns = ["known_at", "detector", "value_usd", "expected_usd", "statistic", "threshold"]
    columns += [name for name in ("top_feature", "top_user") if name in alarms.columns]
    columns += ["tier"] if "tier" in alarms.columns and alarms["tier"].notna().any() else []
    if len(alarms):
        print(table_text(alarms[columns], max_rows=top, time_zone=time_zone))
    counts = alarms["detector"].value_counts().to_dict()
    said = ", ".join(f"{d.name} {counts.get(d.name, 0)}" for d in found.detectors)
    print(f"alarms in {found.hours:,} complete hours: {said}")
    for note in (*found.notes, *found.planned):
        print(note)


def _incidents(table: pd.DataFrame, time_zone: str) -> None:
    from costsim.cli.output import print_wrapped

    for number, row in enumerate(table.to_dict("records"), start=1):
        since, known = (row[key].tz_convert(time_zone) for key in ("start", "known_at"))
        print_wrapped(
            f"incident {number}: from {since:%a %Y-%m-%d %H:%M}, known {known:%a %H:%M}, "
            f"{row['what']}"
        )


def _thresholds(suite: Suite | None, command: str) -> None:
    if suite is not None:
        print(suite.budget_words())
        return
    more = f"; {command} sets them" if command else ""
    print(f"Thresholds as they come: not calibrated to the noise of these records{more}.")
