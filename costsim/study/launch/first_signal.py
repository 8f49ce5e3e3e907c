"""When a suite on watch would first speak of a scenario's incident, over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from costsim.errors import SettingError
from costsim.simulation.settings import Effect, Incident
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
SUPPOSED: Final = "supposed"
"""Name of the incident of :func:`what_if`."""
TIMES: Final = 5.0
"""So many times its calls that feature then has."""


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


def what_if(scenario: Scenario) -> Scenario:
    """A scenario in which nothing goes wrong, with something that does.

    The feature that costs the most has five times its calls for two days, from any hour of the
    week on. A scenario with incidents, or without ordinary traffic, stays as it is.

    Examples
    --------
    >>> import costsim
    >>> [found] = what_if(costsim.load_scenario("quiet")).incidents.values()
    >>> found.feature, found.effect.calls_scale
    ('code_review', 5.0)
    """
    traffic = [name for name, each in scenario.features.items() if each.calls_per_week]
    if scenario.incidents or not traffic:
        return scenario
    usd = scenario.expected().to_frame().groupby("feature_name")["usd"].sum()
    starts = datetime.combine(scenario.focus.start, time(0))
    incident = Incident(
        feature=max(traffic, key=lambda name: float(usd[name])),
        cause="volume",
        starts=starts,
        ends=starts + timedelta(days=2),
        effect=Effect(calls_scale=TIMES),
        movable=True,
    )
    return scenario.model_copy(update={"incidents": {SUPPOSED: incident}})


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
