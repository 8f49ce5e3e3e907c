"""costsim detect: what the detectors would have raised."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def detect(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    since: Annotated[
        str | None,
        typer.Option("--from", help="Watch from this day; earlier ones teach.", show_default=False),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Monthly budget in USD.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows shown.")] = 20,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="User ids as they are; masked by default.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all alarms as JSON.")] = False,
) -> None:
    """Alarms of every detector on some records.

    At the thresholds they come with, not calibrated to the noise of the records.
    """
    from costsim import read_records
    from costsim.cli.output import day, next_step, print_json, rows
    from costsim.detect import scan, standard_detectors
    from costsim.errors import SettingError
    from costsim.report.verdict import ribbon_of
    from costsim.show.mask import mask_user
    from costsim.show.tables import table_text

    if budget is not None and not budget > 0:
        raise SettingError(f"--budget must be above 0; got {budget:g}")
    records = read_records(folder)
    start = day(since, "--from")
    begin = None if start is None else records.between(start).start
    manifest = records.manifest
    watching = standard_detectors(budget or manifest.monthly_budget_usd, manifest.alarms)
    found = scan(records, watching, start=begin)
    alarms = found.to_frame()
    if not show_users and len(alarms):
        alarms["top_user"] = [None if u != u else mask_user(u) for u in alarms["top_user"]]
    if as_json:
        print_json({"hours": found.hours, "notes": found.notes, "alarms": rows(alarms)})
        return
    columns = ["known_at", "detector", "value_usd", "expected_usd", "statistic", "threshold"]
    columns += ["top_feature", "top_user"]
    if len(alarms):
        print(table_text(alarms[columns], max_rows=top, time_zone=records.time_zone))
    counts = alarms["detector"].value_counts().to_dict()
    said = ", ".join(f"{d.name} {counts.get(d.name, 0)}" for d in found.detectors)
    print(f"alarms in {found.hours:,} complete hours: {said}")
    for note in found.notes:
        print(note)
    print("Thresholds as they come: not calibrated to the noise of these records.")
    print(ribbon_of(records))
    next_step(f"costsim report weekly {folder}")
