"""The library of incidents: a suite tuned for each, and all detectors compared on all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.study.incident_runs import IncidentWatch
from costsim.study.tuning import tune

if TYPE_CHECKING:
    import pandas as pd


def tune_library(**options: Any) -> pd.DataFrame:
    """Tune a suite for every incident of the library, each on its own ordinary life.

    Parameters
    ----------
    **options
        As of :func:`tune`.

    Returns
    -------
    pandas.DataFrame
        A row a scenario with an incident in its week: scenario, cause, false_alarms (a month, on
        fresh runs), within_2h and within_4h (shares of the runs without an alarm before the
        incident), missed, left_out (share of the runs with one), median_h, median_usd and p90_usd
        (burned), first (the detector that is most often the first). Scenarios whose incident
        begins before their week are left out.
    """
    import pandas as pd

    table = []
    for name in scenario_names():
        scenario = load_scenario(name)
        try:
            IncidentWatch.of(scenario)
        except SettingError:  # no incident, or none that lies in the week
            continue
        found = tune(scenario, **options)
        row = found.chosen
        first = found.members.sort_values(["first", "detector"], ascending=[False, True])
        table.append(
            {
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
        )
    return pd.DataFrame(table)
