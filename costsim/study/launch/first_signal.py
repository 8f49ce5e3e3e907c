"""When a suite on watch would first speak of a scenario's incident, over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.errors import SettingError
from costsim.study.duty import TOGETHER, acted_runs
from costsim.study.incident_runs import IncidentRuns
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    from costsim.detect import Suite
    from costsim.simulation.scenario import Scenario

PURPOSE = 16
"""Of the seeds."""
SOON_HOURS = 4.0
"""Within so many hours of an incident's start a signal counts as soon."""


@dataclass(frozen=True)
class FirstSignal:
    """A suite's first alarm in runs of one incident; medians are of the runs with an alarm."""

    suite: str
    runs: int
    soon: int
    never: int
    median_hours: float
    median_usd: float
    detector: str

    @property
    def soon_share(self) -> float:
        """Share of the runs with an alarm within four hours."""
        return self.soon / self.runs


def first_signal(
    scenario: Scenario, suite: Suite, *, replicates: int = 20, seed: int = 0
) -> FirstSignal:
    """Watch a scenario's incident with a suite that is begun as the incident begins.

    Earlier alarms count as dismissed, as by someone who looked and saw nothing.

    Parameters
    ----------
    scenario : Scenario
        With exactly one incident in its week.
    suite : Suite
    replicates : int
        Runs of the incident, at least 1.
    seed : int
        Of the study; not negative.

    Raises
    ------
    SettingError
        The scenario has not one incident in its week, or a number is not allowed.

    Examples
    --------
    >>> import costsim
    >>> from costsim.detect import Suite, UserShare
    >>> scenario = costsim.load_scenario("surprise-40k")
    >>> suite = Suite("one", (UserShare(daily_budget_usd=1800.0),))
    >>> found = first_signal(scenario, suite, replicates=2)
    >>> found.soon, found.detector
    (2, 'user share')
    """
    for name, value, least in (("replicates", replicates, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingError(f"{name} must be an integer of at least {least}; got {value!r}")
    runs = IncidentRuns.of(
        scenario, study_seeds(seed, PURPOSE, replicates), bin_minutes=suite.bin_minutes
    )
    table = acted_runs(suite.detectors, runs, {"day": 0.0, "night": 0.0})
    whole = table[table["detector"] == TOGETHER]
    each = table[table["detector"] != TOGETHER].dropna(subset=["alarm_h"])
    first = each.sort_values("alarm_h", kind="stable").drop_duplicates("run")["detector"]
    heard = whole.dropna(subset=["alarm_h"])
    return FirstSignal(
        suite.name,
        len(whole),
        int((heard["alarm_h"] <= SOON_HOURS).sum()),
        len(whole) - len(heard),
        float(heard["alarm_h"].median()),
        float(heard["alarm_usd"].median()),
        str(first.mode().iloc[0]) if len(first) else "",
    )
