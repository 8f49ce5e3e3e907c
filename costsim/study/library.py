"""The library of incidents: a suite tuned for each, and all detectors compared on all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.detect import SeriesDetector, Suite, compared_detectors
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import sample_bins
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.spend import Planned
from costsim.study.announced import beside_the_plan
from costsim.study.compare import compare_detectors, default_suite
from costsim.study.comparison import Comparison
from costsim.study.incident_runs import NEVER, IncidentRuns, IncidentWatch
from costsim.study.named_causes import naming, shares_right
from costsim.study.quiet import training_days
from costsim.study.seeds import study_seeds
from costsim.study.tune_suite import tune

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.simulation.scenario import Scenario

Say = Callable[[str], None]
BENIGN: Final = ("benign-launch", "benign-surge", "dst-week")
"""Scenarios in which nothing is wrong, and all the same the hours are not as usual."""


@dataclass(frozen=True, repr=False)
class LibraryComparison:
    """Detectors compared on every incident of the library.

    Attributes
    ----------
    comparisons : mapping of str to Comparison
        By scenario.
    """

    comparisons: Mapping[str, Comparison]

    def __getitem__(self, scenario: str) -> Comparison:
        return self.comparisons[scenario]

    def limits(self) -> pd.DataFrame:
        """What can be found at all: the oracle's results, a row an incident.

        Returns
        -------
        pandas.DataFrame
            scenario, cause, channel (where it tells most), caught (share of the runs), detectable,
            median_h, median_usd, iid_h (least delay to be promised were bins independent).
        """
        import pandas as pd

        rows = []
        for name, found in self.comparisons.items():
            limit = found.limit
            assert limit is not None
            [incident] = found.scenario.incidents.values()
            rows.append(
                {
                    "scenario": name,
                    "cause": incident.cause,
                    "channel": limit.oracle.channel,
                    "caught": limit.caught,
                    "detectable": limit.detectable,
                    "median_h": limit.delay_median_h,
                    "median_usd": limit.burned_median_usd,
                    "iid_h": limit.iid_h,
                }
            )
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """A row per scenario and calibrated detector, as :meth:`Comparison.to_frame` has them.

        With scenario in front, and at the end ``times_best``: median dollars burned over those of
        the single detector that burns least, known with hindsight: on the same runs.
        """
        import pandas as pd

        tables = []
        for name, found in self.comparisons.items():
            rows = found.summary[found.summary["setting"] == "calibrated"].copy()
            single = rows["detector"].isin([d.name for d in found.detectors]) & ~rows["foil"]
            least = rows.loc[single, "burned_median_usd"].min()
            rows["times_best"] = rows["burned_median_usd"] / least
            rows.insert(0, "scenario", name)
            tables.append(rows)
        return pd.concat(tables, ignore_index=True)

    def plot(self, ax: Any = None) -> Axes:
        """Heat map: median dollars burned, detector by incident."""
        from costsim.show import figures
        from costsim.show.cards import Ribbon

        first = next(iter(self.comparisons.values()))
        ribbon = Ribbon("SIMULATED", f"the incident library, study seed {first.seed}")
        return figures.detector_heat(self.to_frame(), self.limits(), ribbon=ribbon, ax=ax)

    def __repr__(self) -> str:
        found = self.limits()["detectable"].sum()
        return (
            f"LibraryComparison({len(self.comparisons)} incidents, {found} of them detectable); "
            "next: .limits(), .to_frame(), .plot()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        wide = self.to_frame().pivot(
            index="detector", columns="scenario", values="burned_median_usd"
        )
        caption = f"{repr(self).split('; next')[0]}. Median USD burned until the first alarm."
        return table_html(self.limits(), caption="What can be found at all") + table_html(
            wide.reset_index(), caption=caption
        )


def compare_library(
    scenarios: Sequence[str] | None = None,
    detectors: Sequence[SeriesDetector | Suite] | None = None,
    *,
    refitted: bool = False,
    say: Say | None = None,
    **options: Any,
) -> LibraryComparison:
    """Compare detectors on incidents of the library, each scenario with its own ordinary life.

    Parameters
    ----------
    scenarios : sequence of str, optional
        Names; by default all with an incident.
    detectors : sequence of SeriesDetector or Suite, optional
        By default every kind, with the dummies, for each scenario's budget, and the default suite.
    refitted : bool
        Whether the slow baselines of statsmodels are among the default detectors.
    say : callable, optional
        Is told in words what is being done.
    **options
        As of :func:`compare_detectors`.

    Examples
    --------
    >>> from costsim.detect import seasonal_z_score
    >>> found = compare_library(["night-script"], [seasonal_z_score()], replicates=10,
    ...                         calibration_runs=8)
    >>> found.limits()["detectable"].tolist()
    [True]
    """
    told = say or (lambda _: None)
    found = {}
    for name in scenarios or incident_scenarios():
        scenario = load_scenario(name)
        budget = scenario.monthly_budget_usd
        every = compared_detectors(budget, refitted=refitted)
        watching = detectors or (*every, default_suite(budget))

        def tell(words: str, name: str = name) -> None:
            told(f"{name}: {words}")

        found[name] = compare_detectors(scenario, watching, say=tell, **options)
    return LibraryComparison(found)


def incident_scenarios() -> list[str]:
    """Names of the bundled scenarios with an incident that can be watched."""
    found = []
    for name in scenario_names():
        try:
            IncidentWatch.of(load_scenario(name))
        except SettingError:  # no incident, or none that lies in the week
            continue
        found.append(name)
    return found


def tune_library(*, naming_runs: int = 0, say: Say | None = None, **options: Any) -> pd.DataFrame:
    """Tune a suite for every incident of the library, each on its own ordinary life.

    Parameters
    ----------
    naming_runs : int
        Runs a scenario, simulated as call records, in which it is looked at what the first alarm
        names; at least 0.
    say : callable, optional
        Is told in words what is being done.
    **options
        As of :func:`tune`.

    Returns
    -------
    pandas.DataFrame
        A row a scenario with an incident: scenario, cause, false_alarms (a month, on fresh runs),
        within_2h and within_4h (shares of the runs without an alarm before the incident), missed,
        left_out (share of the runs with one), median_h, median_usd and p90_usd (burned), first
        (the detector that is most often the first); with naming runs also feature_right,
        cause_right and user_right (shares; missing where nothing is named).
    """
    import pandas as pd

    if not isinstance(naming_runs, int) or naming_runs < 0:
        raise SettingError(f"naming_runs must be an integer of at least 0; got {naming_runs!r}")
    told = say or (lambda _: None)
    table = []
    for name in incident_scenarios():
        told(name)
        scenario = load_scenario(name)
        found = tune(scenario, **options)
        row = found.chosen
        first = found.members.sort_values(["first", "detector"], ascending=[False, True])
        entry = {
            "scenario": name,
            "cause": next(iter(scenario.incidents.values())).cause,
            "false_alarms": row["measured"],
            "within_2h": row["caught_within_2h"],
            "within_4h": row["caught_within_4h"],
            "missed": row["missed"],
            "left_out": row["early"] + row["false_before_launch"],
            "median_h": row["delay_median_h"],
            "median_usd": row["burned_median_usd"],
            "p90_usd": row["burned_p90_usd"],
            "first": first["detector"].iloc[0],
        }
        if naming_runs:
            seeds = study_seeds(options.get("seed", 0), 5, naming_runs)
            entry |= shares_right(naming(scenario, found.suite, seeds))
        table.append(entry)
    return pd.DataFrame(table)


def benign_weeks(suite: Suite, *, runs: int = 200, seed: int = 0, workers: int = 2) -> pd.DataFrame:
    """How often a suite rings in weeks of the library in which nothing is wrong.

    Parameters
    ----------
    suite : Suite
        Calibrated on ordinary life like that of ``quiet``.
    runs : int
        Runs a scenario, at least 10.
    seed : int
        Of the study; not the one that the suite was calibrated on.

    Returns
    -------
    pandas.DataFrame
        A row a scenario, ``quiet`` first: scenario, announced, days (watched), rings (share of the
        runs with an alarm in them), allowed (share that the suite's budget comes to, were alarms
        to come at random). A scenario with a campaign has a second row, in which the campaign
        was announced: taken out as :class:`costsim.spend.Planned` does, on the same runs.
    """
    import pandas as pd

    if runs < 10:
        raise SettingError(f"runs must be at least 10; got {runs!r}")
    budget = suite.false_alarms_per_month
    rows = []
    for name in ("quiet", *BENIGN):
        scenario = load_scenario(name)
        minutes = suite.bin_minutes
        spend = sample_bins(
            scenario, study_seeds(seed, 6, runs), bin_minutes=minutes, workers=workers
        )
        start, end, days = _span(scenario)
        start, end = start * spend.per_hour, end * spend.per_hour
        watch = IncidentWatch(start, start, start, end, minutes)
        beside = beside_the_plan(scenario, spend, _planned(scenario))
        for announced, heard in enumerate((spend,) if beside is spend else (spend, beside)):
            watched = IncidentRuns.at([watch] * runs, heard)
            first = np.minimum.reduce([watched.first(detector) for detector in suite.detectors])
            rows.append(
                {
                    "scenario": name,
                    "announced": bool(announced),
                    "days": days,
                    "rings": float((first != NEVER).mean()),
                    "allowed": None if budget is None else 1 - exp(-budget * days / 30),
                }
            )
    return pd.DataFrame(rows)


def _planned(scenario: Scenario) -> list[Planned]:
    """The campaigns of all features."""
    every = (surge for surge in scenario.surges.values() if not surge.features)
    return [Planned(surge.starts, surge.ends, surge.calls_scale) for surge in every]


def _span(scenario: Scenario) -> tuple[int, int, int]:
    """First and last hour of a scenario's week, from its launch on where that is before."""
    starts = scenario.calendar.day_starts
    first = training_days(scenario)
    last = first + scenario.focus.days
    launches = [f.launch.date() for f in scenario.features.values() if f.launch]
    if launches:
        first = min(first, max(14, (min(launches) - scenario.start).days))
    return int(starts[first]), int(starts[last]), last - first
