"""costsim detect: what a suite of detectors would have raised."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import date

    from costsim.detect import Incidents, Suite


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
    from costsim.cli.detect_series import Columns, look_at_series
    from costsim.cli.output import day
    from costsim.detect import load_suite
    from costsim.errors import SettingError

    if budget is not None and not budget > 0:
        raise SettingError(f"--budget must be above 0; got {budget:g}")
    if budget is not None and suite is not None:
        raise SettingError("--budget is not for --suite, whose thresholds stand; got both")
    chosen = None if suite is None else load_suite(suite)
    if chosen is not None and bin_minutes not in (None, chosen.bin_minutes):
        raise SettingError(
            f"--bin-minutes must be {chosen.bin_minutes}, which the suite's thresholds are for; "
            f"got {bin_minutes}"
        )
    minutes = bin_minutes if chosen is None else chosen.bin_minutes
    start = day(since, "--from")
    if source.suffix.lower() == ".csv":
        if budget is not None:
            raise SettingError(
                f"--budget is of a folder of records, whose users it holds against it; got {source}"
            )
        columns = Columns(time, value, time_zone)
        look_at_series(source, suite, chosen, start, columns, minutes, top, as_json)
    elif (time, value) != (None, None):
        raise SettingError(f"--time and --value are of a CSV file; got the folder {source}")
    else:
        _records(source, suite, chosen, start, budget, minutes or 60, top, show_users, as_json)


def _records(
    folder: Path,
    name: str | None,
    suite: Suite | None,
    start: date | None,
    budget: float | None,
    bin_minutes: int,
    top: int,
    show_users: bool,
    as_json: bool,
) -> None:
    from costsim import read_records
    from costsim.cli.detect_said import print_alarms, print_thresholds, told
    from costsim.cli.output import next_step, print_json
    from costsim.detect import group_incidents, scan, standard_detectors
    from costsim.errors import SettingError
    from costsim.report.verdict import ribbon_of
    from costsim.show.mask import mask_user

    records = read_records(folder)
    begin = None if start is None else records.between(start).start
    span = records.period
    if begin is not None and span is not None and begin >= span[1]:
        raise SettingError(
            f"--from must lie before the end of the records, {span[1].isoformat()}; got {start}"
        )
    manifest = records.manifest
    watching = (
        standard_detectors(budget or manifest.monthly_budget_usd, manifest.alarms)
        if suite is None
        else suite.detectors
    )
    planned = () if suite is None else suite.planned
    found = scan(records, watching, start=begin, bin_minutes=bin_minutes, planned=planned)
    # at thresholds as they come, alarms are too many to be incidents
    incidents = None if suite is None else group_incidents(records, found)
    alarms = found.to_frame()
    if not show_users and len(alarms):
        alarms["top_user"] = [None if u != u else mask_user(u) for u in alarms["top_user"]]
    if as_json:
        more = {} if incidents is None else {"incidents": _rows(incidents, show_users)}
        print_json(told(found, alarms) | more)
        return
    print_alarms(found, alarms, top, records.time_zone)
    if incidents is not None:
        _print_incidents(incidents, records.time_zone, show_users)
    print_thresholds(suite, found, f"costsim tune {shlex.quote(str(folder))} --save suite.toml")
    print(ribbon_of(records))
    with_suite = [] if name is None else ["--suite", name]
    next_step(shlex.join(["costsim", "report", "weekly", str(folder), *with_suite]))


def _rows(incidents: Incidents, show_users: bool) -> list[dict[str, Any]]:
    """Incidents as plain rows; `users` are the culprits with their dollars, dearest first."""
    from costsim.cli.output import rows
    from costsim.show.mask import mask_user

    found = rows(incidents.to_frame())
    for row, one in zip(found, incidents, strict=True):
        row["users"] = [
            {"user_id": user if show_users else mask_user(user), "usd": dollars}
            for user, dollars in one.culprits
        ]
    return found


def _print_incidents(incidents: Incidents, time_zone: str, show_users: bool) -> None:
    from costsim.cli.output import print_wrapped
    from costsim.detect.incident_words import culprit_words
    from costsim.show.formats import weekday_time

    for number, one in enumerate(incidents, start=1 + incidents.left_out):
        since, until = (time.tz_convert(time_zone) for time in (one.start, one.end))
        print_wrapped(
            f"incident {number}: from {since:%a %Y-%m-%d %H:%M}, known "
            f"{weekday_time(one.known_at, time_zone)}, last alarm {until:%a %Y-%m-%d %H:%M}: "
            f"{one.words()}"
        )
        who = culprit_words(one, show_users=show_users)
        if who:
            print_wrapped(f"  who: {who}")
