"""What a simulation gives: records, incidents and the truth about them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import DatasetError
from costsim.records.dataset import Records
from costsim.simulation.world import Event

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.scenario import Scenario


@dataclass(frozen=True, repr=False)
class SimulationResult:
    """Records of a run with the truth beside them; the world's events tell why.

    Examples
    --------
    >>> import costsim
    >>> result = costsim.simulate("surprise-40k", seed=7)
    >>> result.incidents["feature_name"].tolist()
    ['deep_analysis']
    """

    scenario: Scenario
    seed: int
    records: Records
    events: tuple[Event, ...]
    _keep: Any = field(default=None, compare=False)

    @property
    def incidents(self) -> pd.DataFrame:
        """A row per incident: name, feature_name, cause, starts, ends, launched (UTC)."""
        return incident_frame(self.records)

    @property
    def truth(self) -> pd.DataFrame:
        """A row per call of an incident: call_id, incident, counterfactual_cost_nano."""
        return read_truth(self.records)

    @property
    def timeline(self) -> pd.DataFrame:
        """What happened in the world: time (UTC), kind, feature_name, cohort, user_id."""
        import pandas as pd

        names = _user_names(self.scenario, self.seed)
        origin = pd.Timestamp(self.scenario.calendar.origin)
        rows = [
            (
                origin + pd.Timedelta(microseconds=event.at_us),
                event.kind,
                event.feature,
                event.cohort or None,
                names[event.user] if event.user >= 0 else None,
            )
            for event in self.events
        ]
        return pd.DataFrame(rows, columns=["time", "kind", "feature_name", "cohort", "user_id"])

    def write(self, folder: str | Path) -> SimulationResult:
        """Copy the dataset to a folder of its own; the result then reads from there."""
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DatasetError(f"folder must be new or empty; got {target}")
        assert self.records.folder is not None
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.records.folder, partial, ignore=shutil.ignore_patterns(".lock"))
        if target.exists():
            target.rmdir()
        partial.rename(target)
        return replace(self, records=replace(self.records, folder=target), _keep=None)

    def __repr__(self) -> str:
        return (
            f"SimulationResult({self.scenario.name}, seed {self.seed}: {len(self.records):,} "
            f"calls, {len(self.incidents)} incidents); "
            "next: costsim.spend.by_feature(result.records)"
        )


def incident_frame(records: Records) -> pd.DataFrame:
    """Incidents that a dataset's manifest states, times as UTC timestamps."""
    import pandas as pd

    columns = ["name", "feature_name", "cause", "starts", "ends", "launched", "movable"]
    frame = pd.DataFrame(list(records.manifest.incidents), columns=columns)
    for name in ("starts", "ends", "launched"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def read_truth(records: Records) -> pd.DataFrame:
    """Truth of a simulated dataset; an empty frame where it states none."""
    import pandas as pd
    import pyarrow.parquet as pq

    file = records.manifest.truth
    if file is None or records.folder is None:
        return pd.DataFrame(columns=["call_id", "incident", "counterfactual_cost_nano"])
    frame: pd.DataFrame = pq.read_table(records.folder / file.path).to_pandas()
    return frame


def _user_names(scenario: Scenario, seed: int) -> list[str]:
    from costsim.simulation.population import Users

    return Users(scenario.population, seed).names
