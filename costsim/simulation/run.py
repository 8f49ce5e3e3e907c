"""Simulate: world, demand, limits, records, truth, committed as one dataset."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError
from costsim.limits import Policy, load_limits
from costsim.paths import package_version
from costsim.records.dataset import Records
from costsim.records.manifest import DataFile, Manifest
from costsim.records.writer import DatasetWriter
from costsim.simulation.demand import Demand
from costsim.simulation.loading import load_scenario
from costsim.simulation.open_run import write_open
from costsim.simulation.recording import Recorder
from costsim.simulation.result import SimulationResult
from costsim.simulation.scenario import Scenario
from costsim.simulation.world import play
from costsim.simulation.written import Days, RecordedDays

if TYPE_CHECKING:
    import pyarrow as pa

    from costsim.simulation.loop import Engine


def simulate(
    scenario: Scenario | str,
    *,
    seed: int = 0,
    limits: Policy | str | Path | None = None,
    out: str | Path | None = None,
    workers: int = 2,
    engine: Engine = "batch",
    keep_stopped: bool = True,
    progress: Callable[[int], object] | None = None,
) -> SimulationResult:
    """Simulate a scenario into call records.

    Parameters
    ----------
    scenario : Scenario or str
        Or the name or path that :func:`load_scenario` takes.
    seed : int
        Not negative. The same scenario, seed and version give the same bytes.
    limits : Policy, str or path, optional
        Limits in force, or their bundled name or file; by default those that the scenario names.
    out : path, optional
        Folder for the dataset; a temporary one, gone with the records, by default.
    workers : int
        Threads, at least 1; never changes a byte.
    engine : {"batch", "event"}
        "event" makes every call a SimPy process against :class:`~costsim.limits.MemoryLedger`:
        the oracle, far slower, with identical records.
    keep_stopped : bool
        Whether a run that is stopped leaves the days that were whole by then.
    progress : callable, optional
        Called with 1 after each simulated day.

    Raises
    ------
    SettingError
        A seed, number of workers or engine that is not allowed; limits that name a tier or
        feature that the scenario does not have.
    PriceError
        A model without a price.
    DatasetError
        `out` holds something that a simulation must not replace.

    Notes
    -----
    Stopped by Ctrl-C, it leaves the days that were whole by then, readable, unless `out` held a
    committed run before: then that one stays.

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
    if engine not in ("batch", "event"):
        raise SettingError(f"engine must be one of 'batch', 'event'; got {engine!r}")
    policy = policy_of(scenario, limits)
    world = play(scenario, seed)
    recorder = Recorder(Demand(world, seed), downgrades_of(scenario, policy))
    _ = recorder.prices  # an unknown book or model is said before anything is written
    keep = _Scratch() if out is None else None
    folder = keep.path if keep else Path(out or "")
    days = Days(progress)
    with DatasetWriter(folder) as writer:
        try:
            found = _write(recorder, policy, engine, writer, workers, days)
        except KeyboardInterrupt:
            kept = days.whole
            if keep_stopped and writer.before is None and kept and out is not None:
                partial = _manifest(scenario.first_days(kept), seed, policy, None, None)
                writer.commit(partial, days.first(kept))
                whole = f"{kept} of {scenario.days} days" if kept > 1 else "day"
                are = "are" if kept > 1 else "is"
                raise KeyboardInterrupt(f"the first {whole} {are} kept in {folder}") from None
            raise
        truth = _write_truth(writer, found.truth)
        files = days.first(scenario.calendar.days)
        manifest = writer.commit(_manifest(scenario, seed, policy, truth, found), files)
    records = Records(manifest, folder=folder, _keep=keep)
    return SimulationResult(scenario, seed, records, found.events)


def policy_of(scenario: Scenario, limits: Policy | str | Path | None) -> Policy | None:
    """The limits in force in a run, checked against the scenario's names.

    Raises
    ------
    SettingError
        They name a tier or feature that the scenario does not have.
    """
    wanted = scenario.limits if limits is None else limits
    policy = wanted if isinstance(wanted, Policy) or wanted is None else load_limits(wanted)
    tiers = {tier.name for tier in scenario.population.tiers}
    for known in (policy, _later_limits(scenario)):
        if known is not None:
            known.check_names(tiers=tiers, features=set(scenario.features))
    return policy


def _later_limits(scenario: Scenario) -> Policy | None:
    """Limits that people may put in force."""
    operations = scenario.operations
    if operations is None or operations.limits is None or operations.action != "limit":
        return None
    return load_limits(operations.limits)


def downgrades_of(scenario: Scenario, policy: Policy | None) -> tuple[tuple[str, str], ...]:
    """The models that limits or people may send a feature's calls to."""
    found: dict[tuple[str, str], None] = {}
    for known in (policy, _later_limits(scenario)):
        for feature, caps in known.feature.items() if known else ():
            found |= dict.fromkeys((feature, model) for model in caps.downgrade_to)
    operations = scenario.operations
    if operations and operations.action == "downgrade" and operations.model:
        chosen = [operations.feature] if operations.feature else scenario.features
        found |= dict.fromkeys((feature, operations.model) for feature in chosen)
    return tuple(found)


def _write(
    recorder: Recorder,
    policy: Policy | None,
    engine: Engine,
    writer: DatasetWriter,
    workers: int,
    days: Days,
) -> RecordedDays:
    from costsim.simulation.closed_run import needs_loop, write_closed

    if engine == "event" or needs_loop(recorder.demand.world.scenario, policy):
        return write_closed(recorder, policy, engine, writer, workers, days)
    return write_open(recorder, writer, workers, days)


class _Scratch:
    """A temporary folder, gone when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="costsim-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _write_truth(writer: DatasetWriter, truth: pa.Table) -> DataFile | None:
    return writer.write(truth, "truth", where=".") if len(truth) else None


def _manifest(
    scenario: Scenario,
    seed: int,
    policy: Policy | None,
    truth: DataFile | None,
    found: RecordedDays | None,
) -> Manifest:
    """What the dataset is; without `found` the run was stopped before its end."""
    calendar = scenario.calendar
    end = calendar.to_utc(_midnight(scenario))
    incidents = [_incident(scenario, name, found) for name in scenario.incidents]
    decisions = sorted(found.decisions.items(), key=lambda item: repr(item[0])) if found else []
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
        limits=policy.name if policy else None,
        decisions=tuple({**key._asdict(), "attempts": count} for key, count in decisions if policy),
    )


def _incident(scenario: Scenario, name: str, found: RecordedDays | None) -> dict[str, Any]:
    incident, calendar = scenario.incidents[name], scenario.calendar
    one = scenario.features.get(incident.feature)
    launch = one.launch if one else None
    end = calendar.to_utc(_midnight(scenario))
    stated = end if incident.ends is None else min(calendar.to_utc(incident.ends), end)
    told: dict[str, Any] = {
        "name": name,
        "feature_name": incident.feature,
        "cause": incident.cause,
        "starts": calendar.to_utc(incident.starts).isoformat(),
        "ends": stated.isoformat(),
        "launched": calendar.to_utc(launch).isoformat() if launch else None,
        "movable": incident.movable,
    }
    if incident.effect.silent and found:
        unseen = found.unseen.get(name)
        told |= {"unseen_calls": unseen.calls, "unseen_nano": unseen.nano} if unseen else {}
    return told


def _alarms(scenario: Scenario) -> dict[str, float]:
    """Alarm settings that the product has in place, for the detectors that run on its records."""
    layers = scenario.layers
    found = {"z": layers.alarm_z, "user_share": layers.alarm_user_share} if layers else {}
    return {name: value for name, value in found.items() if value is not None}


def _midnight(scenario: Scenario) -> datetime:
    return datetime.combine(scenario.calendar.date_of(scenario.days), time())
