"""Compare detectors at an equal false-alarm rate: hours to know, and dollars burned by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.detect import SeriesDetector, any_statistic, first_crossings, standard_detectors
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.loading import load_scenario
from costsim.study.calibration import (
    WATCH_DAYS,
    WATCHES,
    calibrate,
    checked_rate,
    quiet_runs,
    training_days,
)
from costsim.study.false_alarms import HOURS_A_MONTH, FalseAlarms

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

CALIBRATION_RUNS = 100


@dataclass(frozen=True, repr=False)
class Comparison:
    """Detectors on one scenario, each at its threshold as shipped and as calibrated.

    ``runs`` has a row per detector, setting and run: `first_h` (hours from the start of the
    incident to the end of the alarm's bin; missing without one), `since_launch_h` (from the
    launch), `burned_usd`, `early`, `false`, `missed`.
    """

    scenario: Scenario
    seed: int
    false_alarms_per_month: float
    lag_hours: int
    detectors: tuple[SeriesDetector, ...]
    summary: pd.DataFrame
    runs: pd.DataFrame

    @property
    def best(self) -> SeriesDetector:
        """Calibrated detector with the fewest dollars burned on average, a miss counted whole."""
        known = self.summary["detector"].isin([d.name for d in self.detectors])
        rows = self.summary[(self.summary["setting"] == "calibrated") & known]
        order = rows.sort_values(["burned_mean_usd", "delay_mean_h", "detector"])
        name = order["detector"].iloc[0]
        return next(d for d in self.detectors if d.name == name)

    def row(self, detector: str, setting: str = "calibrated") -> pd.Series[Any]:
        """Summary of one detector."""
        found = self.summary.query("detector == @detector and setting == @setting")
        if found.empty:
            names = sorted(set(self.summary["detector"]))
            raise SettingError(f"detector must be one of {names}; got {detector!r}")
        return found.iloc[0]

    def to_frame(self) -> pd.DataFrame:
        """A row per detector and setting, fewest dollars burned first."""
        return self.summary

    def plot(self, ax: Any = None, *, setting: str = "calibrated") -> Axes:
        """Dot and whisker: median and p90 of hours and of dollars burned."""
        from costsim.show import figures

        rows = self.summary[self.summary["setting"] == setting]
        return figures.detector_comparison(rows, ax=ax)

    def plot_runs(self, ax: Any = None, *, setting: str = "calibrated") -> Axes:
        """Dollars burned in every run, a row of dots a detector."""
        from costsim.show import figures

        # a false alarm before the launch ends its run: it says nothing of the incident
        runs = self.runs[(self.runs["setting"] == setting) & ~self.runs["false"]]
        foils = self.summary.loc[self.summary["foil"], "detector"]
        return figures.burned_runs(runs.assign(foil=runs["detector"].isin(foils)), ax=ax)

    def __repr__(self) -> str:
        best = self.best.name
        row = self.row(best)
        return (
            f"Comparison({self.scenario.name}, {self.runs['run'].nunique()} runs at "
            f"{self.false_alarms_per_month:g} false alarms a month: {best} first, median "
            f"${row['burned_median_usd']:,.0f} burned after {row['delay_median_h']:.0f} h); "
            "next: .to_frame(), .plot()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.summary, caption=repr(self).split("; next")[0])


def compare_detectors(
    scenario: Scenario | str,
    detectors: Sequence[SeriesDetector] | None = None,
    *,
    false_alarms_per_month: float = 1.0,
    replicates: int = 200,
    calibration_runs: int = CALIBRATION_RUNS,
    seed: int = 0,
    lag_hours: int = 0,
    workers: int = 2,
) -> Comparison:
    """Compare detectors on a scenario's incident, each calibrated to the same false alarms.

    Thresholds are set on runs without launches, their false alarms are measured on fresh ones,
    and delays and dollars on a third set: no threshold is tuned on what it is reported on. All
    detectors see the same runs.

    Parameters
    ----------
    scenario : Scenario or str
        With exactly one incident, and at least 14 days of history before its week.
    detectors : sequence of SeriesDetector, optional
        All presets and rules, set for the scenario's budget, by default; names must differ.
    false_alarms_per_month : float
        For each detector, a month of 720 hours.
    replicates : int
        Runs of the incident, at least 10.
    calibration_runs : int
        Runs of ordinary life to calibrate on, and as many again to measure; each is watched for
        16 weeks.
    seed : int
        Of the study; its runs' seeds follow from it.
    lag_hours : int
        Hours from the end of a bin until its records are in; added to the delay.
    workers : int
        Threads; never changes a number.

    Notes
    -----
    Delay counts from the start of the incident to the end of the first alarm's bin, plus the lag;
    dollars burned are the incident's dollars until then, a miss counted to the end of the
    scenario's week. ``delay_mean_h`` is over the runs that were caught; median and 90th percentile
    count a miss as never.
    Runs that alarmed between the launch and the incident's start (`early`) or before the launch
    (`false`) are reported apart and left out of the delays. Ordinary life has no benign launches
    here, so a rule on new features looks better than it is.

    Examples
    --------
    >>> found = compare_detectors("surprise-40k", replicates=10, calibration_runs=8)
    >>> bool(found.row("naive z-score", "nominal")["burned_median_usd"] > 0)
    True
    """
    import pandas as pd

    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    for name, value, low in (
        ("replicates", replicates, 10),
        ("calibration_runs", calibration_runs, 1),
        ("lag_hours", lag_hours, 0),
        ("seed", seed, 0),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise SettingError(f"{name} must be an integer of at least {low}; got {value!r}")
    watch = IncidentWatch.of(scenario)
    detectors = (
        list(detectors)
        if detectors is not None
        else standard_detectors(scenario.monthly_budget_usd)
    )
    checked_rate(
        false_alarms_per_month, calibration_runs * WATCHES * WATCH_DAYS * 24 / HOURS_A_MONTH
    )
    if not detectors:
        raise SettingError("detectors must not be empty")
    if len({d.name for d in detectors}) < len(detectors):
        raise SettingError(
            f"detectors must have different names; got {[d.name for d in detectors]}"
        )
    tuning = quiet_runs(scenario, study_seeds(seed, 1, calibration_runs), workers=workers)
    fresh = quiet_runs(scenario, study_seeds(seed, 2, calibration_runs), workers=workers)
    incident = sample_hourly(scenario, study_seeds(seed, 3, replicates), workers=workers)
    summaries, runs, calibrated = [], [], []
    for detector in detectors:
        tuned = calibrate(detector, tuning, false_alarms_per_month)
        calibrated.append(tuned)
        for setting, one in (("calibrated", tuned), ("nominal", detector)):
            false = fresh.false_alarms(one)
            each = watch.runs(one, incident, lag_hours)
            each.insert(0, "setting", setting)
            each.insert(0, "detector", one.name)
            runs.append(each)
            summaries.append(_summary(one, setting, each, false))
    summary = pd.DataFrame(summaries).sort_values(
        ["setting", "burned_mean_usd", "delay_mean_h"], ignore_index=True
    )
    return Comparison(
        scenario,
        seed,
        false_alarms_per_month,
        lag_hours,
        tuple(calibrated),
        summary,
        pd.concat(runs, ignore_index=True),
    )


@dataclass(frozen=True)
class IncidentWatch:
    """Hours of a scenario at which watching, the launch and the incident begin, and its end."""

    start: int
    launch: int
    onset: int
    end: int

    @classmethod
    def of(cls, scenario: Scenario) -> IncidentWatch:
        if len(scenario.incidents) != 1:
            raise SettingError(
                f"scenario {scenario.name} must have exactly one incident to compare detectors "
                f"on; it has {len(scenario.incidents)}"
            )
        name, incident = next(iter(scenario.incidents.items()))
        calendar, week = scenario.calendar, scenario.focus
        start = int(calendar.day_starts[training_days(scenario)])
        onset_us = calendar.elapsed_us(incident.starts)
        feature = scenario.features.get(incident.feature)  # an incident may be of all of them
        launch = feature.launch if feature else None
        launch_us = onset_us if launch is None else calendar.elapsed_us(launch)
        if launch_us > onset_us:
            raise SettingError(
                f"incident {name} must start at or after the launch of its feature to compare "
                f"detectors on; {incident.feature} launches {launch}"
            )
        if launch_us // HOUR_US < start:  # long ago: nothing is early
            launch_us = onset_us
        if onset_us % HOUR_US:
            raise SettingError(
                f"incident {name} must start on a whole hour to compare detectors on; "
                f"got {incident.starts}"
            )
        last = (week.start - scenario.start).days + week.days
        found = cls(
            start=start,
            launch=launch_us // HOUR_US,
            onset=onset_us // HOUR_US,
            end=int(calendar.day_starts[last]),
        )
        if not found.start <= found.launch <= found.onset < found.end:
            raise SettingError(
                f"incident {name} and its launch must lie in the scenario's week, "
                f"{week.start} and {week.days} days, to compare detectors on"
            )
        return found

    def runs(self, detector: SeriesDetector, spend: HourlySpend, lag_hours: int) -> pd.DataFrame:
        """First alarm of each run, and the incident's dollars by then."""
        return self.rows(self.first(detector, spend), spend, lag_hours)

    def first(self, detector: SeriesDetector, spend: HourlySpend) -> NDArray[np.int64]:
        """Hour of the first alarm of each run, -1 for none."""
        values = spend.channel(detector.channel)[:, : self.end]
        week = spend.hour_of_week[: self.end]
        if values.ndim == 2:
            return detector.first_alarm(values, week, start=self.start)
        paths = any_statistic(detector, values, week, self.start)
        return first_crossings(paths, detector.threshold)[:, 0]

    def rows(self, first: NDArray[np.int64], spend: HourlySpend, lag_hours: int) -> pd.DataFrame:
        """A row a run, from the hours of the first alarms."""
        import pandas as pd

        hours = self.end
        burned = np.cumsum(spend.excess[:, self.onset : self.end], axis=1)
        known = np.minimum(first + 1 + lag_hours, hours) - self.onset
        caught = first >= self.onset
        at = np.clip(known, 1, burned.shape[1]) - 1
        every = np.arange(len(first))
        early = (first >= self.launch) & (first < self.onset)
        false = (first >= 0) & (first < self.launch)
        return pd.DataFrame(
            {
                "run": every,
                "since_launch_h": np.where(
                    first >= self.launch, first + 1 + lag_hours - self.launch, np.nan
                ),
                "first_h": np.where(caught, first + 1 + lag_hours - self.onset, np.nan),
                "burned_usd": np.where(
                    early, 0.0, np.where(caught, burned[every, at], burned[:, -1])
                ),
                "early": early,
                "false": false,
                "missed": first < 0,
            }
        )


def _summary(
    detector: SeriesDetector, setting: str, runs: pd.DataFrame, false: FalseAlarms
) -> dict[str, object]:
    low, high = false.interval()
    return {
        "detector": detector.name,
        "setting": setting,
        "channel": detector.channel,
        "threshold": detector.threshold,
        "false_alarms_per_month": false.per_month,
        "fa_low": low,
        "fa_high": high,
        **outcome(runs),
        "foil": detector.name == "naive z-score",
    }


def outcome(runs: pd.DataFrame) -> dict[str, float]:
    """Delays and dollars over some runs' first alarms, as :meth:`IncidentWatch.rows` gives them.

    Those with an alarm before the incident are left out, and their shares told. A miss is a delay
    of infinity: a quantile that falls on one is missing.
    """
    from scipy.stats import beta

    kept = runs[~runs["early"] & ~runs["false"]]
    delays = kept["first_h"].fillna(np.inf).to_numpy()
    burned = kept["burned_usd"].to_numpy()
    count, within = len(kept), int((delays <= 4).sum())
    met = kept["first_h"].dropna()
    nan = float("nan")
    low = float(beta.ppf(0.05, within, count - within + 1)) if within else 0.0

    def quantile(values: NDArray[np.float64], q: float) -> float:
        found = np.quantile(values, q, method="higher") if count else np.nan
        return float(found) if np.isfinite(found) else nan

    return {
        "delay_median_h": quantile(delays, 0.5),
        "delay_mean_h": float(met.mean()) if len(met) else nan,
        "delay_p90_h": quantile(delays, 0.9),
        "caught_within_1h": float((delays <= 1).mean()) if count else nan,
        "caught_within_2h": float((delays <= 2).mean()) if count else nan,
        "caught_within_4h": within / count if count else nan,
        "caught_within_4h_low": low,
        "missed": float(kept["missed"].mean()) if count else nan,
        "burned_median_usd": quantile(burned, 0.5),
        "burned_mean_usd": float(burned.mean()) if count else nan,
        "burned_p90_usd": quantile(burned, 0.9),
        "early": float(runs["early"].mean()),
        "false_before_launch": float(runs["false"].mean()),
        "kept_runs": count,
    }


def study_seeds(seed: int, purpose: int, count: int) -> list[int]:
    """Seeds of a study's runs, different for each purpose."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(purpose,))
    return [int(value) for value in sequence.generate_state(count, np.uint64) >> np.uint64(1)]
