"""costsim watch: tell people of incidents, once; for cron."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    suite: Annotated[
        str, typer.Option(help="Detectors: a suite by name or TOML file of costsim tune --save.")
    ] = "default",
    notify: Annotated[
        list[str] | None,
        typer.Option(
            help="Where to: an apprise address such as slack://... or mailto://...; may be "
            "repeated. Also read from COSTSIM_NOTIFY, which keeps secrets off the command line.",
            envvar="COSTSIM_NOTIFY",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Watch from this time; earlier records teach. As before by default, and at first "
            "the last 7 days.",
            show_default=False,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="The time it is; now by default, and the end of simulated records.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that remembers what was told; beside the folder by default.",
            show_default=False,
        ),
    ] = None,
    quiet_hours: Annotated[
        int, typer.Option(help="An incident is over after so many hours without an alarm.")
    ] = 24,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is told as JSON.")] = False,
) -> None:
    """Tell of new incidents, of those that grow, and of those that are over. For cron.

    Exit code 1 when an incident is new or has grown, 0 when nothing is new, 2 on bad input or
    when an alert was not delivered (it is told again then). Let it run some minutes past the
    hour, when the hour's records are in.
    """
    from dataclasses import asdict

    from costsim import load_suite, read_records
    from costsim.cli.output import next_step, print_json
    from costsim.report.verdict import ribbon_of
    from costsim.show.formats import moment
    from costsim.tracking import courier, deliver, remembered, watch_records
    from costsim.tracking.memory import beside

    to = courier(notify) if notify else None
    watching = load_suite(suite)
    records = read_records(folder)
    begin = None if since is None else records.between(since).start
    now = None if as_of is None else records.between(as_of).start
    file = beside(folder) if state is None else state
    look = shlex.join(["costsim", "report", "incident", str(folder), "--suite", suite])
    with remembered(file) as memory:
        found = watch_records(
            records,
            watching,
            memory,
            as_of=now,
            since=begin,
            quiet_hours=quiet_hours,
            show_users=show_users,
            look=look,
        )
        if not as_json:
            for alert in found.alerts:
                print(alert)
        if to is not None:
            deliver(found.alerts, to)
        found.memory.write(file)  # what was not delivered is not told, and tried again
    if as_json:
        print_json(
            {
                "as_of": found.as_of,
                "since": found.since,
                "suite": watching.name,
                "open": found.open,
                "delivered": len(found.alerts) if to is not None else 0,
                "notes": found.notes,
                "alerts": [asdict(alert) for alert in found.alerts],
            }
        )
    else:
        going_on = f"{found.open} going on" if found.open else "none going on"
        told = f"{len(found.alerts)} told now" if found.alerts else "nothing new"
        print(f"incidents: {told}, {going_on}; as of {moment(found.as_of, records.time_zone)}")
        for note in found.notes:
            print(note)
        print(f"{watching.budget_words()}\n{ribbon_of(records)}")
        step = found.alerts[0].look if found.alerts else f"costsim report weekly {folder}"
        next_step(step)
    if not found.calm:
        raise typer.Exit(1)
