"""Is the right thing named? What the alarm says of who and why, read from the records so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from costsim.detect import group_incidents
from costsim.simulation.run import simulate
from costsim.simulation.truth import read_truth

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import Suite
    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario

SAME: Final[dict[str, tuple[str, ...]]] = {"errors": ("retries", "volume"), "silence": ()}
"""What a cause of the scenario language is called among the drivers, where it differs."""


def naming(scenario: Scenario, suite: Suite, seeds: Sequence[int]) -> pd.DataFrame:
    """What a suite's first alarm names, as it would be read in the hour that it is raised.

    Parameters
    ----------
    scenario : Scenario
        With exactly one incident; call records are simulated, and only those until the alarm are
        looked at.
    suite : Suite
    seeds : sequence of int
        A run each.

    Returns
    -------
    pandas.DataFrame
        A row a run: seed, known_h (hours since the incident began; missing without an alarm),
        feature_right, cause_right, user_right (whether the first culprit made calls of the
        incident; missing where nobody is named), said.
    """
    import pandas as pd

    rows = [_named(scenario, suite, seed) for seed in seeds]
    columns = ["seed", "known_h", "feature_right", "cause_right", "user_right", "said"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _named(scenario: Scenario, suite: Suite, seed: int) -> dict[str, object]:
    import pandas as pd

    [incident] = scenario.incidents.values()
    records = simulate(scenario, seed=seed).records
    onset = pd.Timestamp(scenario.calendar.to_utc(incident.starts))
    alarms = suite.scan(records, start=onset).alarms
    row: dict[str, object] = {"seed": seed}
    if not len(alarms):
        return row
    known = alarms["known_at"].min()
    row["known_h"] = (known - onset) / pd.Timedelta(hours=1)
    so_far = records.between(None, known)
    for one in group_incidents(so_far, suite.scan(so_far, start=onset), most=1):
        drove = one.drivers
        if drove is None:  # the feed was silent: an alarm of silence names it by itself
            row |= {"cause_right": incident.cause == "silence", "said": str(one)}
            continue
        row["feature_right"] = incident.feature in ("all", drove.feature)
        row["cause_right"] = drove.cause in SAME.get(incident.cause, (incident.cause,))
        row["said"] = drove.words()
        if len(drove.culprits):
            row["user_right"] = drove.culprits["user_id"].iloc[0] in _callers(so_far, onset)
    return row


def _callers(records: Records, onset: pd.Timestamp) -> set[str]:
    """Users of the calls that the incident added or made dearer."""
    truth = read_truth(records)[["call_id", "counterfactual_cost_nano"]]
    calls = records.between(onset).to_pandas(["call_id", "user_id", "total_cost_nano"])
    both = calls.merge(truth, on="call_id")
    return set(both.loc[both["total_cost_nano"] > both["counterfactual_cost_nano"], "user_id"])
