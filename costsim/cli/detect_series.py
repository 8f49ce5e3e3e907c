"""costsim detect on a CSV: the detectors of the total over a series of one's own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from costsim.detect import Suite


class Columns(NamedTuple):
    """How a CSV is read: its columns of times and dollars, and the zone of its users' clocks."""

    time: str | None
    value: str | None
    time_zone: str

    def options(self) -> list[str]:
        """As the command line gives them."""
        given = {"--time": self.time, "--value": self.value, "--time-zone": self.time_zone}
        kept = {key: text for key, text in given.items() if text not in (None, "UTC")}
        return [word for key, text in kept.items() for word in (key, str(text))]


def look_at_series(
    file: Path,
    name: str | None,
    suite: Suite | None,
    start: date | None,
    columns: Columns,
    bin_minutes: int | None,
    top: int,
    as_json: bool,
) -> None:
    """Print the alarms on a CSV."""
    import pandas as pd

    from costsim.cli.detect_said import print_alarms, print_thresholds, told
    from costsim.cli.output import next_step, print_json
    from costsim.detect import read_series, scan_series, standard_detectors
    from costsim.detect.hours import zone
    from costsim.errors import SettingError

    time, value, time_zone = columns
    where = zone(time_zone)
    series = read_series(file, time=time, value=value, time_zone=time_zone, bin_minutes=bin_minutes)
    watching = standard_detectors() if suite is None else suite.detectors
    begin = None if start is None else pd.Timestamp(start).tz_localize(where).tz_convert("UTC")
    last = series.index[-1]
    if begin is not None and begin > last:
        raise SettingError(
            f"--from must lie before the end of the rows, {last.isoformat()}; got {start}"
        )
    planned = () if suite is None else suite.planned
    found = scan_series(series, watching, start=begin, time_zone=time_zone, planned=planned)
    alarms = found.to_frame()
    if as_json:
        print_json(told(found, alarms))
        return
    print_alarms(found, alarms, top, time_zone)
    print_thresholds(suite, found)
    print(f"REAL {file.name}, {found.hours:,} hours to {last:%Y-%m-%d %H:%M} UTC")
    # calibrated thresholds first; then what a program reads
    further = ["--suite", "default"] if name is None else ["--suite", name, "--json"]
    next_step(shlex.join(["costsim", "detect", str(file), *columns.options(), *further]))
