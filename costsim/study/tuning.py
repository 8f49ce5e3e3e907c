"""Tune a suite: one budget of false alarms, and what one notch of it costs and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.detect import SeriesDetector, Suite, suite_members
from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario
from costsim.spend.bins import checked_minutes
from costsim.study.calibration import checked_rate, set_together
from costsim.study.incident_runs import IncidentRuns
from costsim.study.ordinary import OrdinaryLife
from costsim.study.outcome import outcome
from costsim.study.quiet import TRAINING_DAYS, WATCH_DAYS, WATCHES, quiet_runs
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records
    from costsim.show.cards import Ribbon
    from costsim.show.notches import Notches
    from costsim.simulation.scenario import Scenario

NOTCHES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the wanted rate, at which the operating curve is drawn."""
SHORT_DAYS: Final = 28
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
    suites : mapping
        The suite at each notch, by its wanted rate.
    """

    scenario: Scenario
    suite: Suite
    curve: pd.DataFrame
    members: pd.DataFrame
    seed: int
    warnings: tuple[str, ...] = ()
    suites: Mapping[float, Suite] = field(default_factory=dict)

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

    def slider(self, save: str | Path = "suite.toml") -> Notches:
        """A slider over the notches, and a button that writes the suite of the chosen one.

        Parameters
        ----------
        save : str or path
            File to write; one that is there is replaced.
        """
        from costsim.show.notches import Notches

        def write(rate: float) -> str:
            path = self.suites[rate].write(save, overwrite=True)
            return f"{path} written: {self.suites[rate].budget_words()}"

        chosen = self.suite.false_alarms_per_month or 1.0
        return Notches(self.curve, chosen, self.ribbon, write)

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


def tune(
    scenario: Scenario | str,
    detectors: Sequence[SeriesDetector] | None = None,
    *,
    false_alarms_per_month: float = 1.0,
    calibration_runs: int = 100,
    replicates: int = 200,
    seed: int = 0,
    name: str = "",
    notches: Sequence[float] = NOTCHES,
    bin_minutes: int = 60,
    life: OrdinaryLife | None = None,
    workers: int = 2,
) -> Tuning:
    """Set a suite's thresholds on ordinary life, and show what each notch costs and saves.

    Parameters
    ----------
    scenario : Scenario or str
        Its ordinary life, without launches and incidents, is what thresholds are set on; its
        incident, where it has exactly one in its week, is what they are judged by.
    detectors : sequence of SeriesDetector, optional
        :func:`costsim.detect.suite_members` for the scenario's budget by default.
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
    notches : sequence of float
        Times the wanted rate, above 0 and rising, 1 among them: where the curve is drawn. Those
        too rare for so many runs are left out.
    bin_minutes : {5, 15, 30, 60}
        Width of the bins that detectors read: no alarm is known before its bin ends. Finer bins
        cost time in proportion.
    life : OrdinaryLife, optional
        How many launches and campaigns ordinary life has.
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
    if 1 not in notches or list(notches) != sorted({*notches}) or notches[0] <= 0:
        raise SettingError(f"notches must be above 0, rise, and hold 1; got {list(notches)}")
    checked_minutes(bin_minutes)
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
            life=life,
            bin_minutes=bin_minutes,
            workers=workers,
        )
        for purpose in (1, 2)
    )
    paths = [quiet.paths(detector) for detector in members]
    later = [fresh.paths(detector) for detector in members]
    incident = _incident(wanted, seed, replicates, bin_minutes, workers)
    rates = [false_alarms_per_month * notch for notch in notches]
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
    on = (
        f"{calibration_runs} runs of ordinary life of {wanted.name} with "
        f"{(life or OrdinaryLife()).words()}, seed {seed}"
    )
    suites = {
        rate: Suite(name or wanted.name, at[rate], float(rate), on, bin_minutes) for rate in rates
    }
    suite = suites[false_alarms_per_month]
    return Tuning(wanted, suite, pd.DataFrame(rows), table, seed, suites=suites)


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


def _history(scenario: Scenario) -> int:
    return (scenario.focus.start - scenario.start).days


def _incident(
    scenario: Scenario, seed: int, replicates: int, bin_minutes: int, workers: int
) -> IncidentRuns | None:
    if not scenario.incidents:
        return None
    seeds = study_seeds(seed, 3, replicates)
    return IncidentRuns.of(scenario, seeds, bin_minutes=bin_minutes, workers=workers)


def _judged(detectors: Sequence[SeriesDetector], incident: IncidentRuns | None) -> dict[str, float]:
    """The suite on the incident's runs."""
    if incident is None:
        return dict.fromkeys(JUDGED, float("nan"))
    firsts = [incident.first(detector) for detector in detectors]
    found = outcome(incident.rows(np.minimum.reduce(firsts)))
    return {name: found[name] for name in JUDGED}


def _first_of(detectors: Sequence[SeriesDetector], incident: IncidentRuns | None) -> list[float]:
    """Share of the runs in which each detector was the first, or one of those, to see it."""
    if incident is None:
        return [float("nan")] * len(detectors)
    each = [incident.first(detector) for detector in detectors]
    earliest = np.minimum.reduce(each)
    return [float((incident.seen(first) & (first == earliest)).mean()) for first in each]
