"""Detectors on duty: scanned in batch to their first acting alarm, then the run is resumed.

What people do at a moment cannot change what detectors saw before it. So a run is played without
the next act, its hours are scanned, the first alarm that calls people becomes an act at its time,
and the run is played again with it: the same draws, the same run up to that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.detect import FixedThreshold, UserShare, any_statistic, first_crossings, load_suite
from costsim.detect.presets import presets
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.loop import BUDGET_ALERT, MINUTE_US, Act, act_of, reaction_us
from costsim.simulation.world import Event
from costsim.spend.series import since_first_call, unit_cost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.detect.series_detector import SeriesDetector
    from costsim.simulation.admission import Attempts
    from costsim.simulation.loop_tables import LoopTables
    from costsim.simulation.scenario import Scenario

Play = Callable[[tuple[Act, ...]], Iterable["Attempts"]]


class Alarm(NamedTuple):
    """A detector's first alarm: when people hear of it, and the hour that it is about."""

    at_us: int
    hour: int
    detector: str


@dataclass(frozen=True)
class Watch:
    """Who acted when, and whom they heard from."""

    acts: tuple[Act, ...] = ()
    events: tuple[Event, ...] = ()


def on_duty(scenario: Scenario) -> list[SeriesDetector]:
    """Detectors of a scenario's operations and of its suite, at their thresholds."""
    operations = scenario.operations
    if operations is None:
        return []
    day = scenario.monthly_budget_usd / 30
    known = presets() | {
        "user_share": lambda: UserShare(daily_budget_usd=day),
        "fixed_threshold": lambda: FixedThreshold(),
    }
    found: list[SeriesDetector] = []
    for name in operations.detectors:
        if name != BUDGET_ALERT:
            detector = known[name]()
            at = operations.thresholds.get(name)
            found.append(detector if at is None else detector.with_threshold(at))
    return found + list(load_suite(operations.suite).detectors if operations.suite else ())


def keep_watch(tables: LoopTables, play: Play) -> Watch:
    """Find what people do in a run, and when.

    Parameters
    ----------
    play : callable
        Plays the run with some acts and yields the attempts of each day.
    """
    scenario = tables.scenario
    operations = scenario.operations
    detectors = on_duty(scenario)
    if operations is None or not detectors:
        return Watch()
    acts: list[Act] = []
    events: list[Event] = []
    since = 0 if operations.starts is None else scenario.calendar.elapsed_us(operations.starts)
    while len(acts) < operations.most_actions:
        hourly, channels = _hours(tables, play(tuple(acts)))
        alarm = _first_alarm(scenario, detectors, channels, since)
        if alarm is None:
            break
        events.append(Event(alarm.at_us, f"alarm of {alarm.detector}", "all"))
        at = alarm.at_us + reaction_us(scenario, alarm.at_us)
        if operations.action == "none" or at >= tables.end_us:
            break
        acts.append(act_of(tables, at, hourly, alarm.hour * HOUR_US))
        since = at
    return Watch(tuple(acts), tuple(events))


def _first_alarm(
    scenario: Scenario,
    detectors: list[SeriesDetector],
    channels: dict[str, NDArray[np.float64]],
    since_us: int,
) -> Alarm | None:
    """First alarm that surfaces after a moment."""
    assert scenario.operations is not None
    lag = round(scenario.operations.ingestion_lag_minutes * MINUTE_US)
    first = max(-(-(since_us - lag) // HOUR_US) - 1, 0)  # the hour whose records are in by then
    found = []
    hours = scenario.calendar.hour_of_week
    for detector in detectors:
        values = channels[detector.channel]
        if values.ndim == 1:
            hour = int(np.atleast_1d(detector.first_alarm(values, hours, first))[0])
        else:  # a series a feature
            paths = any_statistic(detector, values[None], hours, first)
            hour = int(first_crossings(paths, detector.threshold)[0, 0])
        if 0 <= hour < len(values):
            found.append(Alarm((hour + 1) * HOUR_US + lag, hour, detector.name))
    return min(found, default=None)


def _hours(
    tables: LoopTables, days: Iterable[Attempts]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Nano-dollars by hour and feature, and the channels that detectors read."""
    features, users = len(tables.features), len(tables.users)
    hours = tables.end_us // HOUR_US
    hourly = np.zeros((hours, features), np.int64)
    calls = np.zeros((hours, features))
    top_user = np.zeros(hours)
    for attempts in days:
        if not len(attempts):
            continue
        heard = attempts.where(~tables.silent[attempts.variant])
        hour = heard.time_us // HOUR_US
        first = int(hour[0]) if len(hour) else 0
        last = int(hour[-1]) + 1 if len(hour) else 0
        cell = (hour - first) * features + heard.feature
        part = np.bincount(cell, heard.total_nano, minlength=(last - first) * features)
        hourly[first:last] += part.reshape(-1, features).astype(np.int64)
        part = np.bincount(cell, minlength=(last - first) * features)
        calls[first:last] += part.reshape(-1, features)
        cell = (hour - first) * users + heard.user
        part = np.bincount(cell, heard.total_nano, minlength=(last - first) * users)
        if last > first:
            top_user[first:last] = part.reshape(-1, users).max(axis=1) / 1e9
    usd = hourly / 1e9
    return hourly, {
        "feature": since_first_call(usd, calls),
        "unit_cost": unit_cost(usd, calls),
        "total": hourly.sum(axis=1) / 1e9,
        "top_user": top_user,
        "top_feature": hourly.max(axis=1) / 1e9,
        "calls": calls.sum(axis=1),
    }
