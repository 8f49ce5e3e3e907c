"""A suite on duty: when each of its detectors calls people, and what is gone when they have acted.

Thresholds are the suite's; the runs are others than those that it was set on and those shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly
from costsim.simulation.loading import load_scenario
from costsim.study.calibration import quiet_runs
from costsim.study.comparison import Comparison, IncidentWatch, outcome, study_seeds

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
        A number is out of bounds, or the scenario has not one incident in its week.

    Notes
    -----
    Within an hour dollars are taken as evenly spent. People end the incident whole, nothing else,
    and for good. Alarms before the incident are part of `comparison`, and dismissed in `runs`: a
    detector is begun anew where the incident begins, as someone would who looked and saw nothing.

    Examples
    --------
    >>> from costsim.detect import Suite, seasonal_cusum
    >>> found = on_duty("surprise-40k", Suite("one", (seasonal_cusum(),)), replicates=10,
    ...                 calibration_runs=2)
    >>> row = found.to_frame().set_index("detector").loc["all together"]
    >>> bool(row["alarm_usd"] <= row["day_usd"] <= row["night_usd"] <= row["left_alone_usd"])
    True
    """
    import pandas as pd

    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    for name, value, low in (
        ("replicates", replicates, 10),
        ("calibration_runs", calibration_runs, 1),
        ("day_hours", day_hours, 0),
        ("night_hours", night_hours, 0),
    ):
        if isinstance(value, bool) or not value >= low:
            raise SettingError(f"{name} must be at least {low}; got {value!r}")
    watch = IncidentWatch.of(wanted)
    spend = sample_hourly(wanted, study_seeds(seed, 3, replicates), workers=workers)
    fresh = quiet_runs(wanted, study_seeds(seed, 2, calibration_runs), workers=workers)
    paths = [fresh.paths(d) for d in suite.detectors]
    false = [p.first(d.threshold) for d, p in zip(suite.detectors, paths, strict=True)]
    names = [d.name for d in suite.detectors]
    firsts = [watch.first(detector, spend) for detector in suite.detectors]
    summaries, runs = [], []
    for name, first, rings in [
        *zip(names, firsts, [[one] for one in false], strict=True),
        (TOGETHER, _earliest(firsts), false),
    ]:
        rate = paths[0].false_alarms(*rings)
        low_rate, high_rate = rate.interval()
        each = watch.rows(first, spend, 0)
        each.insert(0, "setting", "calibrated")
        each.insert(0, "detector", name)
        runs.append(each)
        summaries.append(
            {"detector": name, "setting": "calibrated", "channel": _channel(suite, name),
             "false_alarms_per_month": rate.per_month, "fa_low": low_rate, "fa_high": high_rate}
            | outcome(each) | {"foil": False}
        )  # fmt: skip
    summary = pd.DataFrame(summaries).sort_values(
        ["burned_mean_usd", "delay_mean_h"], ignore_index=True
    )
    budget = suite.false_alarms_per_month or float("nan")
    comparison = Comparison(
        wanted, seed, budget, 0, suite.detectors, summary, pd.concat(runs, ignore_index=True)
    )
    reaction = {"day": float(day_hours), "night": float(night_hours)}
    return OnDuty(suite, comparison, _acted(suite.detectors, watch, spend, reaction), reaction)


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


def _acted(
    detectors: Sequence[SeriesDetector],
    watch: IncidentWatch,
    spend: HourlySpend,
    reaction_hours: dict[str, float],
) -> pd.DataFrame:
    """A row a detector and run, from the incident's start on."""
    import pandas as pd

    awake = replace(watch, start=watch.onset)
    firsts = [awake.first(detector, spend) for detector in detectors]
    names = [*(d.name for d in detectors), TOGETHER]
    excess = spend.excess[:, watch.onset : watch.end]
    burned = np.pad(np.cumsum(excess, axis=1), ((0, 0), (1, 0)))
    clock = spend.hour_of_week % 24
    tables = []
    for name, first in zip(names, [*firsts, _earliest(firsts)], strict=True):
        known = np.where(first >= 0, first + 1 - watch.onset, np.inf).astype(float)
        heard = np.clip(first + 1, 0, len(clock) - 1)
        night = np.array([_is_night(int(hour)) for hour in clock[heard]])
        delay = np.where(night, reaction_hours["night"], reaction_hours["day"])
        tables.append(
            pd.DataFrame(
                {
                    "detector": name,
                    "run": np.arange(len(first)),
                    "alarm_h": np.where(np.isfinite(known), known, np.nan),
                    "night": night & np.isfinite(known),
                    "alarm_usd": gone(burned, known),
                    "day_usd": gone(burned, known + reaction_hours["day"]),
                    "night_usd": gone(burned, known + reaction_hours["night"]),
                    "acted_usd": gone(burned, known + delay),
                    "left_alone_usd": burned[:, -1],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def gone(burned: NDArray[np.float64], hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dollars gone after so many hours of each run, evenly spent within one.

    Parameters
    ----------
    burned : ndarray, shape (runs, hours + 1)
        Cumulative, from 0.
    hours : ndarray, shape (runs,)
        Infinity for never.

    Examples
    --------
    >>> import numpy as np
    >>> gone(np.array([[0.0, 10.0, 30.0]] * 3), np.array([0.5, 1.5, np.inf])).tolist()
    [5.0, 20.0, 30.0]
    """
    at = np.clip(hours, 0, burned.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, burned.shape[1] - 1)
    run = np.arange(len(burned))
    return np.asarray(burned[run, low] + (at - low) * (burned[run, high] - burned[run, low]))


def _earliest(firsts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """First alarm of all, -1 for none."""
    never = np.iinfo(np.int64).max
    found = np.stack([np.where(first < 0, never, first) for first in firsts]).min(axis=0)
    return np.where(found == never, -1, found)


def _channel(suite: Suite, name: str) -> str:
    return next((d.channel for d in suite.detectors if d.name == name), "all")
