"""A suite on duty: when each of its detectors calls people, and what is gone when they have acted.

Thresholds are the suite's; the runs are others than those that it was set on and those shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario
from costsim.study.announced import beside_the_plan
from costsim.study.candidates import Candidate
from costsim.study.compare import curve_table, runs_table
from costsim.study.comparison import Comparison
from costsim.study.incident_runs import NEVER, IncidentRuns
from costsim.study.ordinary import OrdinaryLife
from costsim.study.quiet import quiet_runs
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from costsim.detect import SeriesDetector, Suite
    from costsim.show.cards import Ribbon
    from costsim.simulation.scenario import Scenario

TOGETHER = "all together"
REACTIONS = {"day": 0.5, "night": 8.0}
"""Hours from an alarm to the act, by day and by night: assumptions, to be set to one's own."""
DAY_HOURS = (8, 20)
"""Local hours that count as day, from and to."""


@dataclass(frozen=True, repr=False)
class OnDuty:
    """A suite on one scenario's incident, over runs that it was not set on.

    Attributes
    ----------
    comparison : Comparison
        Delays and dollars of each detector and of all together, as
        :func:`costsim.study.compare_detectors` counts them, at the suite's thresholds.
    runs : pandas.DataFrame
        A row a detector and run: alarm_h (hours from the incident's start; missing without an
        alarm), night (whether it comes by night), alarm_usd (burned by then), day_usd and
        night_usd (burned when people have acted, had the alarm come by day or by night), acted_usd
        (by the hour at which it comes), left_alone_usd. Alarms before the incident count as
        dismissed.
    """

    suite: Suite
    comparison: Comparison
    runs: pd.DataFrame
    reaction_hours: dict[str, float]

    def to_frame(self) -> pd.DataFrame:
        """A row a detector, medians over the runs; missed is a share, its dollars all burned."""
        columns = ["alarm_usd", "day_usd", "night_usd", "acted_usd", "left_alone_usd"]
        groups = self.runs.groupby("detector", sort=False)
        table = groups[columns].median()
        table.insert(0, "missed", groups["alarm_h"].apply(lambda hours: hours.isna().mean()))
        table.insert(1, "alarm_h", groups["alarm_h"].median())
        table["acted_p90_usd"] = groups["acted_usd"].quantile(0.9)
        return table.sort_values(["acted_usd", "alarm_usd"]).reset_index()

    @property
    def ribbon(self) -> Ribbon:
        """What the numbers stand on."""
        from costsim.show.cards import Ribbon

        scenario, runs = self.comparison.scenario, self.runs["run"].nunique()
        return Ribbon("SIMULATED", f"{scenario.name}, {runs} runs, seed {self.comparison.seed}")

    def plot(self, ax: Any = None) -> Axes:
        """Dollars burned by the alarm, and when people have acted."""
        from costsim.show import figures

        return figures.duty_dollars(self.to_frame(), ribbon=self.ribbon, ax=ax)

    def __repr__(self) -> str:
        row = self.to_frame().set_index("detector").loc[TOGETHER]
        return (
            f"OnDuty(suite {self.suite.name} on {self.comparison.scenario.name}: all together "
            f"${row['alarm_usd']:,.0f} by the alarm, ${row['acted_usd']:,.0f} by the act, "
            f"${row['left_alone_usd']:,.0f} left alone, medians); next: .to_frame(), .plot()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.to_frame(), {"missed": "share"}, caption=repr(self).split(";")[0])


def on_duty(
    scenario: Scenario | str,
    suite: Suite,
    *,
    day_hours: float = REACTIONS["day"],
    night_hours: float = REACTIONS["night"],
    replicates: int = 100,
    calibration_runs: int = 60,
    seed: int = 1,
    workers: int = 2,
) -> OnDuty:
    """Put a suite on duty on a scenario's incident, at its own thresholds.

    Parameters
    ----------
    scenario : Scenario or str
        With exactly one incident in its week.
    suite : Suite
    day_hours, night_hours : float
        From an alarm to the act that ends the incident, at least 0; day is from 08 to 20.
    replicates : int
        Runs of the incident, at least 10.
    calibration_runs : int
        Runs of ordinary life on which the suite's false alarms are measured, at least 1; each is
        watched for 16 weeks.
    seed : int
        Of the runs; another than that of the suite's own tuning.
    workers : int
        Threads; never changes a number.

    Raises
    ------
    SettingError
        A number is out of bounds, the scenario has not one incident in its week, or the suite
        plans a campaign of some features in it: what is sampled by tier is not known by
        feature.

    Notes
    -----
    Campaigns that the suite was told of are taken out of what it hears. Within an hour dollars
    are taken as evenly spent. People end the incident whole, nothing else, and for good. Alarms
    before the incident are part of `comparison`, and dismissed in `runs`: a detector is begun
    anew where the incident begins, as someone would who looked and saw nothing.

    Examples
    --------
    >>> from costsim.detect import Suite, seasonal_cusum
    >>> found = on_duty("surprise-40k", Suite("one", (seasonal_cusum(),)), replicates=10,
    ...                 calibration_runs=2)
    >>> row = found.to_frame().set_index("detector").loc["all together"]
    >>> bool(row["alarm_usd"] <= row["day_usd"] <= row["night_usd"] <= row["left_alone_usd"])
    True
    """

    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    for name, value, low in (
        ("replicates", replicates, 10),
        ("calibration_runs", calibration_runs, 1),
        ("day_hours", day_hours, 0),
        ("night_hours", night_hours, 0),
    ):
        if isinstance(value, bool) or not value >= low:
            raise SettingError(f"{name} must be at least {low}; got {value!r}")
    incident = IncidentRuns.of(
        wanted,
        study_seeds(seed, 3, replicates),
        bin_minutes=suite.bin_minutes,
        workers=workers,
    )
    heard = beside_the_plan(wanted, incident.spend, suite.planned)
    incident = replace(incident, spend=heard)
    fresh = quiet_runs(
        wanted,
        study_seeds(seed, 2, calibration_runs),
        bin_minutes=suite.bin_minutes,
        workers=workers,
    )
    rate = suite.false_alarms_per_month or inf  # of a suite that was not calibrated
    everyone: list[SeriesDetector | Suite] = [*suite.detectors, replace(suite, name=TOGETHER)]
    candidates = tuple(Candidate.as_set(one, fresh, rate) for one in everyone)
    runs = {one.name: one.rows(incident) for one in candidates}
    comparison = Comparison(
        scenario=wanted,
        seed=seed,
        false_alarms_per_month=rate,
        lag_hours=0,
        ordinary=OrdinaryLife(),
        candidates=candidates,
        runs=runs_table(candidates, runs, rate),
        curve=curve_table(candidates, runs, [rate]),
    )
    reaction = {"day": float(day_hours), "night": float(night_hours)}
    return OnDuty(suite, comparison, acted_runs(suite.detectors, incident, reaction), reaction)


def by_hour(reaction_hours: dict[str, float]) -> list[float]:
    """Minutes from an alarm to the act by the local hour of the alarm, as scenarios state them.

    Examples
    --------
    >>> by_hour({"day": 0.5, "night": 8})[7:9]
    [480.0, 30.0]
    """
    return [60.0 * reaction_hours["night" if _is_night(hour) else "day"] for hour in range(24)]


def _is_night(hour: int) -> bool:
    return not DAY_HOURS[0] <= hour < DAY_HOURS[1]


def acted_runs(
    detectors: Sequence[SeriesDetector], incident: IncidentRuns, reaction_hours: dict[str, float]
) -> pd.DataFrame:
    """A row a detector and run, each begun anew where the incident begins."""
    import pandas as pd

    names = [*(d.name for d in detectors), TOGETHER]
    tables, before = [], 0
    for part in incident.by_onset():
        onset, end = part.start, int(part.end[0])
        firsts = [part.first(detector) for detector in detectors]
        per_hour, clock = part.spend.per_hour, part.spend.hour_of_week % 24
        burned = np.cumsum(part.spend.excess[:, onset:end], axis=1)
        burned = np.pad(burned, ((0, 0), (1, 0)))
        for name, first in zip(names, [*firsts, np.minimum.reduce(firsts)], strict=True):
            caught = first != NEVER
            heard = np.where(caught, first, 0) + 1
            known = np.where(caught, (heard - onset) / per_hour, np.inf)
            hours = clock[np.minimum(heard, len(clock) - 1)]
            night = np.array([_is_night(int(hour)) for hour in hours])
            delay = np.where(night, reaction_hours["night"], reaction_hours["day"])
            tables.append(
                pd.DataFrame(
                    {
                        "detector": name,
                        "run": before + np.arange(len(first)),
                        "alarm_h": np.where(caught, known, np.nan),
                        "night": night & caught,
                        "alarm_usd": gone(burned, known * per_hour),
                        "day_usd": gone(burned, (known + reaction_hours["day"]) * per_hour),
                        "night_usd": gone(burned, (known + reaction_hours["night"]) * per_hour),
                        "acted_usd": gone(burned, (known + delay) * per_hour),
                        "left_alone_usd": burned[:, -1],
                    }
                )
            )
        before += len(part.end)
    return pd.concat(tables, ignore_index=True)


def gone(burned: NDArray[np.float64], bins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dollars gone after so many bins of each run, evenly spent within one.

    Parameters
    ----------
    burned : ndarray, shape (runs, bins + 1)
        Cumulative, from 0.
    bins : ndarray, shape (runs,)
        Infinity for never.

    Examples
    --------
    >>> import numpy as np
    >>> gone(np.array([[0.0, 10.0, 30.0]] * 3), np.array([0.5, 1.5, np.inf])).tolist()
    [5.0, 20.0, 30.0]
    """
    at = np.clip(bins, 0, burned.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, burned.shape[1] - 1)
    run = np.arange(len(burned))
    return np.asarray(burned[run, low] + (at - low) * (burned[run, high] - burned[run, low]))
