"""Simulate: world, demand, records, truth, committed as one dataset."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import SettingError
from costsim.paths import package_version
from costsim.records.dataset import Records
from costsim.records.manifest import DataFile, Manifest
from costsim.records.writer import DatasetWriter
from costsim.simulation.demand import Calls, Demand
from costsim.simulation.loading import load_scenario
from costsim.simulation.recording import Recorder
from costsim.simulation.result import SimulationResult
from costsim.simulation.scenario import Scenario
from costsim.simulation.world import play

if TYPE_CHECKING:
    import pyarrow as pa


def simulate(
    scenario: Scenario | str,
    *,
    seed: int = 0,
    out: str | Path | None = None,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> SimulationResult:
    """Simulate a scenario into call records.

    Parameters
    ----------
    scenario : Scenario or str
        Or the name or path that :func:`load_scenario` takes.
    seed : int
        Not negative. The same scenario, seed and version give the same bytes.
    out : path, optional
        Folder for the dataset; a temporary one, gone with the records, by default.
    workers : int
        Threads, at least 1; never changes a byte.
    progress : callable, optional
        Called with 1 after each simulated day.

    Raises
    ------
    SettingError
        A seed or number of workers that is not allowed.
    DatasetError
        `out` holds something that a simulation must not replace.

    Examples
    --------
    >>> import costsim
    >>> scenario = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> result = costsim.simulate(scenario, seed=7)
    >>> result.records.manifest.seed, len(result.incidents)
    (7, 0)
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise SettingError(f"seed must be an integer from 0 to 2**63 - 1; got {seed!r}")
    if not isinstance(workers, int) or workers < 1:
        raise SettingError(f"workers must be an integer of at least 1; got {workers!r}")
    world = play(scenario, seed)
    recorder = Recorder(Demand(world, seed))
    # an unknown book or model is said before anything is written
    for feature in scenario.features.values():
        recorder.book.unit(feature.model, at=scenario.start, provider=feature.provider)
    keep = _Scratch() if out is None else None
    folder = keep.path if keep else Path(out or "")
    with DatasetWriter(folder) as writer:
        files, truths = _write_days(recorder, writer, workers, progress)
        truth = _write_truth(writer, truths)
        manifest = writer.commit(_manifest(scenario, seed, truth), files)
    records = Records(manifest, folder=folder, _keep=keep)
    return SimulationResult(scenario, seed, records, tuple(world.events))


class _Scratch:
    """A temporary folder, gone when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="costsim-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _write_days(
    recorder: Recorder,
    writer: DatasetWriter,
    workers: int,
    progress: Callable[[int], object] | None,
) -> tuple[list[DataFile], list[pa.Table]]:
    """Days in `workers` runs of neighbours; each begins with the tails of the days before it."""
    calendar = recorder.demand.world.scenario.calendar
    reach = max(feature.reach_days for feature in recorder.demand.world.scenario.features.values())

    def run(days: range) -> list[tuple[DataFile, pa.Table]]:
        done = []
        before = range(max(days[0] - reach, 0), days[0])
        spill = [calls for day in before for calls in recorder.demand.day(day)]
        for day in days:
            drawn = [*spill, *recorder.demand.day(day)]
            table, truth = recorder.day(day, drawn)
            spill = _tail(drawn, calendar.day_range_us(day)[1])
            done.append((writer.write(table, calendar.date_of(day).isoformat()), truth))
            if progress:
                progress(1)
        return done

    size = -(-calendar.days // workers)
    runs = [range(d, min(d + size, calendar.days)) for d in range(0, calendar.days, size)]
    with ThreadPoolExecutor(workers) as pool:
        done = [pair for part in pool.map(run, runs) for pair in part]
    return [file for file, _ in done if file.rows], [truth for _, truth in done]


def _tail(drawn: list[Calls], end_us: int) -> list[Calls]:
    """Calls of a day's sessions that come after midnight."""
    late = [calls.where(calls.time_us >= end_us) for calls in drawn]
    return [calls for calls in late if len(calls)]


def _write_truth(writer: DatasetWriter, truths: list[pa.Table]) -> DataFile | None:
    import pyarrow as pa

    whole = pa.concat_tables(truths)
    return writer.write(whole, "truth", where=".") if len(whole) else None


def _manifest(scenario: Scenario, seed: int, truth: DataFile | None) -> Manifest:
    calendar = scenario.calendar
    end = calendar.to_utc(_midnight(scenario))
    incidents = []
    for name, incident in scenario.incidents.items():
        launch = scenario.features[incident.feature].launch
        incidents.append(
            {
                "name": name,
                "feature_name": incident.feature,
                "cause": incident.cause,
                "starts": calendar.to_utc(incident.starts).isoformat(),
                "ends": end.isoformat(),
                "launched": calendar.to_utc(launch).isoformat() if launch else None,
                "movable": incident.movable,
            }
        )
    return Manifest(
        kind="SIMULATED",
        costsim_version=package_version(),
        time_zone=scenario.time_zone,
        monthly_budget_usd=scenario.monthly_budget_usd,
        price_book=scenario.price_book,
        period=(calendar.origin.isoformat(), end.isoformat()),
        scenario=scenario.name,
        scenario_hash=scenario.hash,
        seed=seed,
        week=(scenario.focus.start.isoformat(), scenario.focus.days),
        alarms=_alarms(scenario),
        incidents=tuple(incidents),
        notes=tuple(
            {"at": calendar.to_utc(note.at).isoformat(), "label": note.label}
            for note in scenario.notes
        ),
        truth=truth,
    )


def _alarms(scenario: Scenario) -> dict[str, float]:
    """Alarm settings that the product has in place, for the detectors that run on its records."""
    layers = scenario.layers
    found = {"z": layers.alarm_z, "user_share": layers.alarm_user_share} if layers else {}
    return {name: value for name, value in found.items() if value is not None}


def _midnight(scenario: Scenario) -> datetime:
    return datetime.combine(scenario.calendar.date_of(scenario.days), time())
