"""Tune a suite: set its thresholds on ordinary life, and see what each notch costs and saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from costsim.detect import SeriesDetector, Suite, suite_members
from costsim.errors import SettingError
from costsim.show.cards import Ribbon
from costsim.simulation.loading import load_scenario
from costsim.spend.bins import checked_minutes
from costsim.study.calibration import checked_rate, set_together
from costsim.study.history import bootstrap_runs, history_weeks
from costsim.study.incident_runs import IncidentRuns
from costsim.study.ordinary import OrdinaryLife
from costsim.study.outcome import outcome
from costsim.study.quiet import TRAINING_DAYS, WATCH_DAYS, WATCHES, Quiet, quiet_runs
from costsim.study.seeds import study_seeds
from costsim.study.tuning import Tuning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario

    Ints = NDArray[np.int64]

NOTCHES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the wanted rate, at which the operating curve is drawn."""
SHORT_DAYS: Final = 28
MONTHS_TIMES_RATE: Final = 10
"""So many alarms a history must be able to hold, at the wanted rate, to set thresholds by it."""
JUDGED: Final = (
    "caught_within_1h",
    "caught_within_1h_low",
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
    "burned_median_all_usd",
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
    notches: Sequence[float] = NOTCHES,
    bin_minutes: int = 60,
    life: OrdinaryLife | None = None,
    workers: int = 2,
    say: Callable[[str], object] | None = None,
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
    say : callable, optional
        Is told in words what is being done.

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
    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    _check(calibration_runs, replicates, notches, bin_minutes, false_alarms_per_month, seed)
    told = say or (lambda _: None)
    told("drawing ordinary life")
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
    on = (
        f"{calibration_runs} runs of ordinary life of {wanted.name} with "
        f"{(life or OrdinaryLife()).words()}, seed {seed}"
    )
    ribbon = Ribbon("SIMULATED", f"{wanted.name}, study seed {seed}, hash {wanted.hash}")
    told("drawing the incident")
    incident = _incident(wanted, seed, replicates, bin_minutes, workers)
    told("setting thresholds")
    rates = [false_alarms_per_month * notch for notch in notches]
    suite = Suite(name or wanted.name, members, false_alarms_per_month, on, bin_minutes)
    return _tuned(suite, quiet, fresh, incident, rates, seed, ribbon)


def tune_records(
    records: Records,
    *,
    ordinary: str = "fitted",
    leave_out: Sequence[tuple[datetime, datetime]] = (),
    level: str = "product",
    **options: Any,
) -> Tuning:
    """Set a suite's thresholds on ordinary life like that of your own records.

    Parameters
    ----------
    records : Records
        At least two days; two complete weeks for their own history. Where they are short there is a
        warning.
    ordinary : {"fitted", "history"}
        Ordinary life of a scenario fitted to the records
        (:func:`costsim.simulation.fit.fit_scenario`), or their own weeks in other orders
        (:func:`costsim.study.history.bootstrap_runs`). Incidents in the records widen the noise of
        the one and are taken as ordinary by the other.
    leave_out : sequence of (start, end)
        For ``"history"``: aware times of known incidents, whose weeks are left out.
    level : {"product", "api"}
        For ``"fitted"``: what is assumed where the records cannot tell.
    **options
        As of :func:`tune`.

    Raises
    ------
    SettingError
        An option is out of bounds.
    DataError
        There is too little history.
    """
    if ordinary == "history":
        return _tuned_on_history(records, leave_out, **options)
    if ordinary != "fitted":
        raise SettingError(f"ordinary must be 'fitted' or 'history'; got {ordinary!r}")
    if leave_out:
        raise SettingError("leave_out needs ordinary='history': a fit reads all of the records")
    from costsim.simulation.fit import fit_scenario

    fit = fit_scenario(records, level=level, name=options.get("name") or "fitted")
    found = tune(fit.scenario, **options)
    span = records.period
    assert span is not None
    days = (span[1] - span[0]).total_seconds() / 86_400
    warnings = []
    rate = found.suite.false_alarms_per_month or 1.0
    if days < SHORT_DAYS:
        warnings.append(
            f"{days:.0f} days of records: too short to know the noise of a month, on which "
            f"{rate:g} false alarms a month stands; four weeks or more are needed"
        )
    elif days / 30 * rate < 1:
        warnings.append(
            f"{rate:g} false alarms a month is one in {30 / rate:.0f} days, and the records are "
            f"of {days:.0f}: how rare such hours are is the fitted scenario's word, not theirs"
        )
    guessed = [key for key in fit.assumed if key.startswith("noise.")]
    if guessed:
        warnings.append(f"assumed, not learnt from the records: {', '.join(guessed)}")
    return replace(found, warnings=tuple(warnings))


def _tuned_on_history(
    records: Records,
    leave_out: Sequence[tuple[datetime, datetime]],
    *,
    detectors: Sequence[SeriesDetector] | None = None,
    false_alarms_per_month: float = 1.0,
    calibration_runs: int = 100,
    replicates: int = 200,
    seed: int = 0,
    name: str = "",
    notches: Sequence[float] = NOTCHES,
    bin_minutes: int = 60,
    **_: Any,
) -> Tuning:
    _check(calibration_runs, replicates, notches, bin_minutes, false_alarms_per_month, seed)
    budget = records.manifest.monthly_budget_usd
    members = suite_members(budget and budget / 30) if detectors is None else tuple(detectors)
    quiet, fresh = (
        bootstrap_runs(
            records,
            study_seeds(seed, purpose, calibration_runs),
            leave_out=leave_out,
            bin_minutes=bin_minutes,
        )
        for purpose in (1, 2)
    )
    weeks = len(history_weeks(records, leave_out=leave_out)["total"])
    on = f"{calibration_runs} runs made of {weeks} weeks of own records, seed {seed}"
    rates = [false_alarms_per_month * notch for notch in notches]
    suite = Suite(name or "history", members, false_alarms_per_month, on, bin_minutes)
    kind: Literal["SIMULATED", "REAL"] = "SIMULATED" if records.simulated else "REAL"
    found = _tuned(suite, quiet, fresh, None, rates, seed, Ribbon(kind, on))
    warnings = ["fresh runs are made of the same weeks: they tell how often, not how unlike"]
    months = weeks * 7 / 30
    if months * false_alarms_per_month < MONTHS_TIMES_RATE:
        needed = ceil(MONTHS_TIMES_RATE / false_alarms_per_month * 30 / 7)
        warnings.append(
            f"{weeks} weeks of history are {months:.1f} months: a rate of "
            f"{false_alarms_per_month:g} a month stands on the few dearest hours in them; "
            f"{needed} weeks would show it ten times"
        )
    return replace(found, warnings=tuple(warnings))


def _check(
    calibration_runs: int,
    replicates: int,
    notches: Sequence[float],
    bin_minutes: int,
    rate: float,
    seed: int,
) -> None:
    for what, value, low in (
        ("calibration_runs", calibration_runs, 1),
        ("replicates", replicates, 10),
        ("seed", seed, 0),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise SettingError(f"{what} must be an integer of at least {low}; got {value!r}")
    if 1 not in notches or list(notches) != sorted({*notches}) or notches[0] <= 0:
        raise SettingError(f"notches must be above 0, rise, and hold 1; got {list(notches)}")
    checked_minutes(bin_minutes)
    checked_rate(rate, calibration_runs * WATCHES * WATCH_DAYS / 30)


def _tuned(
    suite: Suite,
    quiet: Quiet,
    fresh: Quiet,
    incident: IncidentRuns | None,
    rates: Sequence[float],
    seed: int,
    ribbon: Ribbon,
) -> Tuning:
    """Thresholds of the suite's members for each rate, checked and judged."""
    import pandas as pd

    members, wanted = suite.detectors, suite.false_alarms_per_month
    paths = [quiet.paths(detector) for detector in members]
    later = [fresh.paths(detector) for detector in members]
    suites = {}
    for rate in rates:
        if rate * quiet.months >= 10:
            at = set_together(members, paths, rate)
            suites[float(rate)] = replace(suite, detectors=at, false_alarms_per_month=float(rate))
    assert wanted is not None
    chosen = suites[float(wanted)]
    seen = None if incident is None else _firsts(members, suites, incident)
    rows = []
    for rate, one in suites.items():
        firsts = [p.first(d.threshold) for d, p in zip(one.detectors, later, strict=True)]
        found = later[0].false_alarms(*firsts)
        low, high = found.interval()
        row = {"wanted": rate, "measured": found.per_month, "low": low, "high": high}
        rows.append(row | _judged(incident, seen[rate] if seen else None))
    table = pd.DataFrame(
        {
            "detector": [d.name for d in chosen.detectors],
            "channel": [d.channel for d in chosen.detectors],
            "threshold": [d.threshold for d in chosen.detectors],
            "alone_per_month": [
                p.false_alarms(p.first(d.threshold)).per_month
                for d, p in zip(chosen.detectors, later, strict=True)
            ],
            "first": _first_of(len(members), incident, seen[float(wanted)] if seen else None),
        }
    )
    return Tuning(chosen, pd.DataFrame(rows), table, seed, ribbon, suites=suites)


def _history(scenario: Scenario) -> int:
    return (scenario.focus.start - scenario.start).days


def _incident(
    scenario: Scenario, seed: int, replicates: int, bin_minutes: int, workers: int
) -> IncidentRuns | None:
    if not scenario.incidents:
        return None
    seeds = study_seeds(seed, 3, replicates)
    return IncidentRuns.of(scenario, seeds, bin_minutes=bin_minutes, workers=workers)


def _firsts(
    members: Sequence[SeriesDetector], suites: Mapping[float, Suite], incident: IncidentRuns
) -> dict[float, list[Ints]]:
    """By rate, the bins of each detector's first alarms: a threshold moves nothing else of one."""
    each = [
        incident.first_for(member, [one.detectors[number].threshold for one in suites.values()])
        for number, member in enumerate(members)
    ]
    return {rate: [found[:, place] for found in each] for place, rate in enumerate(suites)}


def _judged(incident: IncidentRuns | None, firsts: list[Ints] | None) -> dict[str, float]:
    """The suite on the incident's runs."""
    if incident is None or firsts is None:
        return dict.fromkeys(JUDGED, float("nan"))
    found = outcome(incident.rows(np.minimum.reduce(firsts)))
    return {name: found[name] for name in JUDGED}


def _first_of(count: int, incident: IncidentRuns | None, firsts: list[Ints] | None) -> list[float]:
    """Share of the runs in which each detector was the first, or one of those, to see it."""
    if incident is None or firsts is None:
        return [float("nan")] * count
    earliest = np.minimum.reduce(firsts)
    return [float((incident.seen(first) & (first == earliest)).mean()) for first in firsts]
