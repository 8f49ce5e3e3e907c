"""What a simulation gives: records, incidents and the truth about them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import DatasetError
from costsim.records.dataset import Records
from costsim.simulation.attempt_records import Decision
from costsim.simulation.truth import incident_frame, read_truth
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

    @property
    def incidents(self) -> pd.DataFrame:
        """A row per incident: name, feature_name, cause, starts, ends, launched (UTC)."""
        return incident_frame(self.records)

    @property
    def truth(self) -> pd.DataFrame:
        """A row per call of an incident: call_id, incident, counterfactual_cost_nano."""
        return read_truth(self.records)

    @property
    def decisions(self) -> pd.DataFrame:
        """How attempts were decided under limits, counted.

        Returns
        -------
        pandas.DataFrame
            feature_name, user_tier, decision (allow, deny, downgrade, throttle), denied_scope,
            denied_window, by_holds (only open reservations were in the way), attempts. Empty
            without limits.
        """
        import pandas as pd

        rows = list(self.records.manifest.decisions)
        return pd.DataFrame(rows, columns=[*Decision._fields, "attempts"])

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
        return replace(self, records=replace(self.records, folder=target, _keep=None))

    def __repr__(self) -> str:
        return (
            f"SimulationResult({self.scenario.name}, seed {self.seed}: {len(self.records):,} "
            f"calls, {len(self.incidents)} incidents); "
            "next: costsim.spend.by_feature(result.records)"
        )


def _user_names(scenario: Scenario, seed: int) -> list[str]:
    from costsim.simulation.population import Users

    return Users(scenario.population, seed).names
