"""Compare detectors at an equal false-alarm rate: hours to know, and dollars burned by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from costsim.detect import SeriesDetector, Suite, standard_detectors, suite_members
from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario
from costsim.spend.bins import checked_minutes
from costsim.study.calibration import checked_rate
from costsim.study.candidates import NOMINAL, Candidate
from costsim.study.comparison import Comparison
from costsim.study.false_alarms import HOURS_A_MONTH
from costsim.study.incident_runs import IncidentRuns, IncidentWatch
from costsim.study.named_causes import naming
from costsim.study.oracle import limit_of, oracle_of
from costsim.study.ordinary import OrdinaryLife
from costsim.study.outcome import outcome, relative_error
from costsim.study.quiet import WATCH_DAYS, WATCHES, Quiet, quiet_runs
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.scenario import Scenario
    from costsim.study.oracle import Limit

CALIBRATION_RUNS: Final = 100
MOST_BATCHES: Final = 10
LEAST_ALARMS: Final = 10
NOTCHES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the wanted rate, at which operating curves are drawn."""
FOILS: Final = ("naive z-score", "random", "always", "never")


def compare_detectors(
    scenario: Scenario | str,
    detectors: Sequence[SeriesDetector | Suite] | None = None,
    *,
    false_alarms_per_month: float = 1.0,
    replicates: int = 200,
    calibration_runs: int = CALIBRATION_RUNS,
    seed: int = 0,
    lag_hours: int = 0,
    precision: float | None = None,
    life: OrdinaryLife | None = None,
    bin_minutes: int = 60,
    naming_runs: int = 0,
    workers: int = 2,
    say: Callable[[str], None] | None = None,
) -> Comparison:
    """Compare detectors on a scenario's incident, each calibrated to the same false alarms.

    Thresholds are set on runs of ordinary life, their false alarms are measured on fresh ones,
    and delays and dollars on a third set: no threshold is tuned on what it is reported on. All
    detectors see the same runs.

    Parameters
    ----------
    scenario : Scenario or str
        With exactly one incident, and at least 14 days of history before it.
    detectors : sequence of SeriesDetector or Suite, optional
        Names must differ; a suite is calibrated as one. By default the presets and rules, set for
        the scenario's budget, and the default suite; :func:`costsim.detect.compared_detectors` are
        all kinds, with the dummies.
    false_alarms_per_month : float
        For each detector, a month of 720 hours; for all of the suite together.
    replicates : int
        Runs of the incident, at least 10.
    calibration_runs : int
        Runs of ordinary life to calibrate on, and as many again to measure; each is watched for
        16 weeks.
    seed : int
        Of the study; its runs' seeds follow from it.
    lag_hours : int
        Hours from the end of a bin until its records are in; added to the delay.
    precision : float, optional
        With it, runs are added, `replicates` at a time and at most ten times, until the mean
        dollars of each detector are known within this share of themselves (95% sure).
    life : OrdinaryLife, optional
        How many launches and campaigns ordinary life has.
    bin_minutes : {5, 15, 30, 60}
        Width of the bins that detectors read. Finer bins cost time in proportion.
    naming_runs : int
        Runs of the incident, played call by call, in which it is looked at what the first alarm of
        each detector names (:func:`costsim.study.naming`); at least 0. They take far longer than
        the others.
    workers : int
        Threads; never changes a number.
    say : callable, optional
        Is told in words what is being done.

    Raises
    ------
    SettingError
        A number is out of bounds, or the scenario cannot be watched.

    Notes
    -----
    Delay counts from the start of the incident to the end of the first alarm's bin, plus the lag;
    dollars burned are the incident's dollars until then, a miss counted to the end of the
    watch. ``delay_mean_h`` is over the runs that were caught; median and 90th percentile count a
    miss as never. Runs that alarmed between the launch and the incident's start (`early`) or
    before the launch (`false`) are reported apart and left out of the delays.

    A movable incident begins at hours spread over the week. Stopping at a wanted width keeps the
    interval's level as runs grow (Chow and Robbins, Annals of Mathematical Statistics 36, 1965).

    Examples
    --------
    >>> found = compare_detectors("surprise-40k", replicates=10, calibration_runs=8)
    >>> bool(found.row("naive z-score", "nominal")["burned_median_usd"] > 0)
    True
    """
    scenario = load_scenario(scenario) if isinstance(scenario, str) else scenario
    if detectors is None:
        budget = scenario.monthly_budget_usd
        detectors = (*standard_detectors(budget), default_suite(budget))
    _check(detectors, replicates, calibration_runs, lag_hours, seed, precision, naming_runs)
    checked_minutes(bin_minutes)
    IncidentWatch.of(scenario)
    months = calibration_runs * WATCHES * WATCH_DAYS * 24 / HOURS_A_MONTH
    checked_rate(false_alarms_per_month, months)
    told = say or (lambda _: None)
    told("ordinary life, to set thresholds on and to check them")
    tuning, fresh = (
        quiet_runs(
            scenario,
            study_seeds(seed, purpose, calibration_runs),
            life=life,
            bin_minutes=bin_minutes,
            workers=workers,
        )
        for purpose in (1, 2)
    )
    rates = [false_alarms_per_month * notch for notch in NOTCHES]
    rates = [rate for rate in rates if rate * months >= LEAST_ALARMS]
    candidates = [Candidate.of(one, tuning, fresh, rates) for one in detectors]
    told("the incident")
    sampled: dict[str, Any] = {"bin_minutes": bin_minutes, "workers": workers}
    incident = IncidentRuns.of(scenario, study_seeds(seed, 3, replicates), **sampled)
    runs = {c.name: c.rows(incident, lag_hours) for c in candidates}
    for batch in range(1, MOST_BATCHES if precision else 1):
        wide = max(relative_error(rows[false_alarms_per_month]) for rows in runs.values())
        if precision is None or wide <= precision:
            break
        told(f"{batch * replicates} runs know mean dollars within {wide:.0%}: more runs")
        seeds = study_seeds(seed, 1000 * batch + 3, replicates)
        more = IncidentRuns.of(scenario, seeds, **sampled)
        for candidate in candidates:
            _add(runs[candidate.name], candidate.rows(more, lag_hours), batch * replicates)
    named = None
    if naming_runs:
        watching = [one.suite(false_alarms_per_month, bin_minutes) for one in candidates]
        named = naming(scenario, watching, study_seeds(seed, 5, naming_runs), say=told)
    told("the limit line")
    return Comparison(
        scenario=scenario,
        seed=seed,
        false_alarms_per_month=false_alarms_per_month,
        lag_hours=lag_hours,
        ordinary=life or OrdinaryLife(),
        candidates=tuple(candidates),
        runs=runs_table(candidates, runs, false_alarms_per_month),
        curve=curve_table(candidates, runs, rates),
        limit=_limit(scenario, tuning, incident, seed, false_alarms_per_month, sampled),
        named=named,
    )


def default_suite(monthly_budget_usd: float) -> Suite:
    """The members of the default suite as they come, for a budget; to be calibrated."""
    return Suite("suite", suite_members(monthly_budget_usd / 30))


def _check(
    detectors: Sequence[SeriesDetector | Suite],
    replicates: int,
    calibration_runs: int,
    lag_hours: int,
    seed: int,
    precision: float | None,
    naming_runs: int,
) -> None:
    for name, value, low in (
        ("replicates", replicates, 10),
        ("calibration_runs", calibration_runs, 1),
        ("lag_hours", lag_hours, 0),
        ("seed", seed, 0),
        ("naming_runs", naming_runs, 0),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise SettingError(f"{name} must be an integer of at least {low}; got {value!r}")
    if precision is not None and not 0 < precision < 1:
        raise SettingError(f"precision must be above 0 and below 1; got {precision!r}")
    if not detectors:
        raise SettingError("detectors must not be empty")
    names = [d.name for d in detectors]
    if len(set(names)) < len(names):
        raise SettingError(f"detectors must have different names; got {names}")


def _add(rows: dict[float, pd.DataFrame], more: dict[float, pd.DataFrame], after: int) -> None:
    import pandas as pd

    for rate, table in more.items():
        later = table.assign(run=table["run"] + after)
        rows[rate] = pd.concat([rows[rate], later], ignore_index=True)


def runs_table(
    candidates: Sequence[Candidate], runs: dict[str, dict[float, pd.DataFrame]], rate: float
) -> pd.DataFrame:
    """Runs at the wanted rate and at nominal thresholds: a row per detector, setting and run."""
    import pandas as pd

    tables = []
    for candidate in candidates:
        for setting, key in (("calibrated", rate), ("nominal", NOMINAL)):
            if key in runs[candidate.name]:
                rows = runs[candidate.name][key]
                rows.insert(0, "setting", setting)
                rows.insert(0, "detector", candidate.name)
                tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def curve_table(
    candidates: Sequence[Candidate],
    runs: dict[str, dict[float, pd.DataFrame]],
    rates: Sequence[float],
) -> pd.DataFrame:
    """A row per detector and wanted rate."""
    import pandas as pd

    table = []
    for candidate in candidates:
        for rate in rates:
            false = candidate.false_alarms[rate]
            low, high = false.interval()
            table.append(
                {
                    "detector": candidate.name,
                    "wanted": rate,
                    "measured": false.per_month,
                    "low": low,
                    "high": high,
                    **outcome(runs[candidate.name][rate]),
                    "foil": candidate.name in FOILS,
                }
            )
    return pd.DataFrame(table)


def _limit(
    scenario: Scenario,
    tuning: Quiet,
    incident: IncidentRuns,
    seed: int,
    rate: float,
    sampled: dict[str, Any],
) -> Limit:
    known = IncidentRuns.of(scenario, study_seeds(seed, 4, 48), **sampled)
    return limit_of(oracle_of(tuning, known, rate), incident, rate)
