"""Tune a suite: one budget of false alarms, and what one notch of it costs and saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.detect import (
    CUSUM,
    Detector,
    FeedSilence,
    HourOfWeek,
    NewFeature,
    SeriesDetector,
    Shewhart,
    UserShare,
)
from costsim.detect.presets import seasonal_cusum, seasonal_ewma, seasonal_z_score
from costsim.detect.suite import Suite
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.study.calibration import (
    TRAINING_DAYS,
    WATCH_DAYS,
    WATCHES,
    checked_rate,
    quiet_runs,
    set_together,
)
from costsim.study.comparison import IncidentWatch, outcome, study_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records
    from costsim.show.cards import Ribbon
    from costsim.simulation.scenario import Scenario

NOTCHES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the wanted rate, at which the operating curve is drawn."""
SHORT_DAYS: Final = 28
NEW_FEATURE_SHARE: Final = 0.02
"""Share of a day's budget that a new feature may cost in an hour."""
JUDGED: Final = (
    "caught_within_2h",
    "caught_within_4h",
    "caught_within_4h_low",
    "missed",
    "early",
    "false_before_launch",
    "delay_median_h",
    "burned_median_usd",
    "burned_mean_usd",
    "burned_p90_usd",
)


@dataclass(frozen=True, repr=False)
class Tuning:
    """A suite at its budget of false alarms, and its operating curve.

    Attributes
    ----------
    suite : Suite
        At the wanted rate.
    curve : pandas.DataFrame
        A row a notch: wanted (false alarms a month), measured, low, high (on fresh runs, 95%),
        and for the scenario's incident caught_within_2h, caught_within_4h, caught_within_4h_low
        (one-sided 95%), missed, early and false_before_launch (shares of runs with an alarm
        between launch and incident, and before the launch, which all others leave out),
        delay_median_h, burned_median_usd, burned_mean_usd, burned_p90_usd; missing without an
        incident.
    members : pandas.DataFrame
        A row a detector at the wanted rate: detector, channel, threshold, alone_per_month (on
        fresh runs), first (share of the incident's runs that it was first to alarm in).
    warnings : tuple of str
    """

    scenario: Scenario
    suite: Suite
    curve: pd.DataFrame
    members: pd.DataFrame
    seed: int
    warnings: tuple[str, ...] = ()

    @property
    def chosen(self) -> pd.Series[Any]:
        """The row of the curve at the wanted rate."""
        return self.curve[self.curve["wanted"] == self.suite.false_alarms_per_month].iloc[0]

    def to_frame(self) -> pd.DataFrame:
        return self.curve.copy()

    def plot(self, ax: Any = None) -> Axes:
        """Dollars burned against false alarms a month."""
        from costsim.show import figures

        return figures.operating_curve(
            self.curve, chosen=self.suite.false_alarms_per_month, ribbon=self.ribbon, ax=ax
        )

    @property
    def ribbon(self) -> Ribbon:
        """What the numbers stand on."""
        from costsim.show.cards import Ribbon

        text = f"{self.scenario.name}, study seed {self.seed}, hash {self.scenario.hash}"
        return Ribbon("SIMULATED", text)

    def words(self) -> str:
        """Say what the suite does at its budget."""
        row = self.chosen
        said = (
            f"{row['measured']:.2f} false alarms a month on fresh runs "
            f"({row['low']:.2f} to {row['high']:.2f}), {row['wanted']:g} wanted"
        )
        if row["burned_median_usd"] == row["burned_median_usd"]:
            said += (
                f"; the incident caught within 4 h in {row['caught_within_4h']:.1%} of runs (at "
                f"least {row['caught_within_4h_low']:.1%}), median "
                f"${row['burned_median_usd']:,.0f} burned"
            )
        return said

    def __repr__(self) -> str:
        return f"Tuning({self.scenario.name}: {self.words()}); next: .plot(), .suite.write(path)"

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        caption = f"{self.ribbon}: {self.words()}"
        return table_html(self.curve, caption=caption) + table_html(self.members)


def suite_members(daily_budget_usd: float | None = None) -> tuple[SeriesDetector, ...]:
    """Detectors of the default suite: by hour of the week, for total, feature and user.

    Parameters
    ----------
    daily_budget_usd : float, optional
        With it a user's hour and a new feature's are held against a share of it; without, a
        user's against the dearest user's of that hour of the week, and a new feature's, which
        has no history to be held against, not at all.

    Examples
    --------
    >>> [detector.name for detector in suite_members()][:2]
    ['seasonal CUSUM', 'seasonal z-score']
    """
    user: SeriesDetector = (
        UserShare(daily_budget_usd)
        if daily_budget_usd is not None
        else Detector(HourOfWeek(), Shewhart(), name="dearest user", channel="top_user")
    )
    new = () if daily_budget_usd is None else (NewFeature(NEW_FEATURE_SHARE * daily_budget_usd),)
    return (
        seasonal_cusum(),
        seasonal_z_score(),
        seasonal_ewma(),
        Detector(HourOfWeek(), CUSUM(k=1.0), name="feature CUSUM", channel="feature"),
        Detector(HourOfWeek(), Shewhart(), name="feature z-score", channel="feature"),
        Detector(HourOfWeek(), CUSUM(k=1.0), name="unit cost CUSUM", channel="unit_cost"),
        Detector(HourOfWeek(), Shewhart(), name="top feature z-score", channel="top_feature"),
        user,
        *new,
        FeedSilence(HourOfWeek()),
    )


def tune(
    scenario: Scenario | str,
    detectors: Sequence[SeriesDetector] | None = None,
    *,
    false_alarms_per_month: float = 1.0,
    calibration_runs: int = 100,
    replicates: int = 200,
    seed: int = 0,
    name: str = "",
    workers: int = 2,
) -> Tuning:
    """Set a suite's thresholds on ordinary life, and show what each notch costs and saves.

    Parameters
    ----------
    scenario : Scenario or str
        Its ordinary life, without launches and incidents, is what thresholds are set on; its
        incident, where it has exactly one in its week, is what they are judged by.
    detectors : sequence of SeriesDetector, optional
        :func:`suite_members` for the scenario's budget by default.
    false_alarms_per_month : float
        Of all detectors together, above 0.
    calibration_runs : int
        Runs of ordinary life to set thresholds on, and as many others to measure false alarms;
        each is watched for 16 weeks. At least 1.
    replicates : int
        Runs of the incident, on seeds of their own; at least 10.
    seed : int
        Of the study.
    name : str
        Of the suite; the scenario's by default.
    workers : int
        Threads; never changes a number.

    Raises
    ------
    SettingError
        A number is out of bounds, or so few runs cannot show the wanted rate.

    Examples
    --------
    >>> found = tune("quiet", calibration_runs=8, false_alarms_per_month=2)
    >>> found.suite.false_alarms_per_month, len(found.curve)
    (2.0, 5)
    """
    import pandas as pd

    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    for what, value, low in (
        ("calibration_runs", calibration_runs, 1),
        ("replicates", replicates, 10),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise SettingError(f"{what} must be an integer of at least {low}; got {value!r}")
    months = calibration_runs * WATCHES * WATCH_DAYS / 30
    checked_rate(false_alarms_per_month, months)
    daily = wanted.monthly_budget_usd / 30
    members = suite_members(daily) if detectors is None else tuple(detectors)
    # a scenario of one's own records has no week that it is about
    training = None if wanted.incidents or _history(wanted) >= 14 else TRAINING_DAYS
    quiet, fresh = (
        quiet_runs(
            wanted,
            study_seeds(seed, purpose, calibration_runs),
            training=training,
            workers=workers,
        )
        for purpose in (1, 2)
    )
    paths = [quiet.paths(detector) for detector in members]
    later = [fresh.paths(detector) for detector in members]
    incident = _incident(wanted, seed, replicates, workers)
    rates = [false_alarms_per_month * notch for notch in NOTCHES]
    rates = [rate for rate in rates if rate * months >= 10]
    rows, at = [], {}
    for rate in rates:
        at[rate] = set_together(members, paths, rate)
        firsts = [p.first(d.threshold) for d, p in zip(at[rate], later, strict=True)]
        found = later[0].false_alarms(*firsts)
        low_rate, high_rate = found.interval()
        row = {"wanted": rate, "measured": found.per_month, "low": low_rate, "high": high_rate}
        rows.append(row | _judged(at[rate], incident))
    chosen = at[false_alarms_per_month]
    table = pd.DataFrame(
        {
            "detector": [d.name for d in chosen],
            "channel": [d.channel for d in chosen],
            "threshold": [d.threshold for d in chosen],
            "alone_per_month": [
                p.false_alarms(p.first(d.threshold)).per_month
                for d, p in zip(chosen, later, strict=True)
            ],
            "first": _first_of(chosen, incident),
        }
    )
    on = f"{calibration_runs} runs of ordinary life of {wanted.name}, seed {seed}"
    suite = Suite(name or wanted.name, chosen, float(false_alarms_per_month), on)
    return Tuning(wanted, suite, pd.DataFrame(rows), table, seed)


def tune_records(records: Records, *, level: str = "product", **options: Any) -> Tuning:
    """Set a suite's thresholds on ordinary life like that of your own records.

    A scenario is fitted to the records (:func:`costsim.simulation.fit.fit_scenario`), and its
    ordinary life simulated. Incidents in the records widen its noise, and so the thresholds.

    Parameters
    ----------
    records : Records
        At least two days; under four weeks there is a warning.
    level : {"product", "api"}
        What is assumed where the records cannot tell.
    **options
        As of :func:`tune`.
    """
    from costsim.simulation.fit import fit_scenario

    fit = fit_scenario(records, level=level, name=options.get("name") or "fitted")
    found = tune(fit.scenario, **options)
    span = records.period
    assert span is not None
    days = (span[1] - span[0]).total_seconds() / 86_400
    warnings = []
    if days < SHORT_DAYS:
        warnings.append(
            f"{days:.0f} days of records: too short to know the noise of a month, on which "
            f"{found.suite.false_alarms_per_month:g} false alarms a month stands; four weeks or "
            "more are needed"
        )
    guessed = [key for key in fit.assumed if key.startswith("noise.")]
    if guessed:
        warnings.append(f"assumed, not learnt from the records: {', '.join(guessed)}")
    return replace(found, warnings=tuple(warnings))


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


def _history(scenario: Scenario) -> int:
    return (scenario.focus.start - scenario.start).days


Judged = tuple[IncidentWatch, HourlySpend]


def _incident(scenario: Scenario, seed: int, replicates: int, workers: int) -> Judged | None:
    if not scenario.incidents:
        return None
    watch = IncidentWatch.of(scenario)
    return watch, sample_hourly(scenario, study_seeds(seed, 3, replicates), workers=workers)


def _firsts(detectors: Sequence[SeriesDetector], judged: Judged) -> Any:
    """First alarms, shape ``(detectors, runs)``, a large number for none."""
    watch, spend = judged
    firsts = np.stack([watch.first(detector, spend) for detector in detectors])
    return np.where(firsts < 0, np.iinfo(np.int64).max, firsts)


def _judged(detectors: Sequence[SeriesDetector], judged: Judged | None) -> dict[str, float]:
    """The suite on the incident's runs."""
    if judged is None:
        return dict.fromkeys(JUDGED, float("nan"))
    watch, spend = judged
    first = _firsts(detectors, judged).min(axis=0)
    found = outcome(watch.rows(np.where(first > watch.end, -1, first), spend, 0))
    return {name: found[name] for name in JUDGED}


def _first_of(detectors: Sequence[SeriesDetector], judged: Judged | None) -> list[float]:
    """Share of the runs in which each detector was the first, or one of those, to see it."""
    if judged is None:
        return [float("nan")] * len(detectors)
    firsts = _firsts(detectors, judged)
    seen = (firsts >= judged[0].onset) & (firsts == firsts.min(axis=0)) & (firsts < judged[0].end)
    return [float(share) for share in seen.mean(axis=1)]
