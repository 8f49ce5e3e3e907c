"""Detectors on duty: scanned in batch to their first acting alarm, then the run is resumed.

What people do at a moment cannot change what detectors saw before it. So a run is played without
the next act, its bins are scanned, the first alarm that calls people becomes an act at its time,
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
from costsim.simulation.duty_channels import HeardBins
from costsim.simulation.loop import BUDGET_ALERT, MINUTE_US, Act, act_of, added_up, reaction_us
from costsim.simulation.world import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.detect.series_detector import SeriesDetector
    from costsim.simulation.admission import Attempts
    from costsim.simulation.loop_tables import LoopTables
    from costsim.simulation.scenario import Scenario
    from costsim.spend.planned import Planned

Play = Callable[[tuple[Act, ...]], Iterable["Attempts"]]


class Alarm(NamedTuple):
    """A detector's first alarm: when people hear of it, and the bin that it is about."""

    at_us: int
    bin_us: int
    detector: str


class Group(NamedTuple):
    """Detectors that hear bins of one width, beside the same plan."""

    detectors: tuple[SeriesDetector, ...]
    bin_minutes: int = 60
    planned: tuple[Planned, ...] = ()


@dataclass(frozen=True)
class Watch:
    """Who acted when, and whom they heard from."""

    acts: tuple[Act, ...] = ()
    events: tuple[Event, ...] = ()


def on_duty(scenario: Scenario) -> list[Group]:
    """Detectors of a scenario's operations, which hear hours, and its suite in bins of its own."""
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
    groups = [Group(tuple(found))] if found else []
    if operations.suite:
        suite = load_suite(operations.suite)
        groups.append(Group(suite.detectors, suite.bin_minutes, suite.planned))
    return groups


def keep_watch(tables: LoopTables, play: Play) -> Watch:
    """Find what people do in a run, and when.

    Parameters
    ----------
    play : callable
        Plays the run with some acts and yields the attempts of each day.
    """
    scenario = tables.scenario
    operations = scenario.operations
    groups = on_duty(scenario)
    if operations is None or not groups:
        return Watch()
    acts: list[Act] = []
    events: list[Event] = []
    since = 0 if operations.starts is None else scenario.calendar.elapsed_us(operations.starts)
    while len(acts) < operations.most_actions:
        heard = [HeardBins(tables, group.bin_minutes, group.planned) for group in groups]
        hourly = _listen(tables, play(tuple(acts)), heard)
        first = (_first_alarm(scenario, *pair, since) for pair in zip(groups, heard, strict=True))
        alarm = min((one for one in first if one is not None), default=None)
        if alarm is None:
            break
        events.append(Event(alarm.at_us, f"alarm of {alarm.detector}", "all"))
        at = alarm.at_us + reaction_us(scenario, alarm.at_us)
        if operations.action == "none" or at >= tables.end_us:
            break
        acts.append(act_of(tables, at, hourly, alarm.bin_us))
        since = at
    return Watch(tuple(acts), tuple(events))


def _first_alarm(scenario: Scenario, group: Group, heard: HeardBins, since_us: int) -> Alarm | None:
    """First alarm that surfaces after a moment."""
    assert scenario.operations is not None
    lag, width = round(scenario.operations.ingestion_lag_minutes * MINUTE_US), heard.bin_us
    first = max(-(-(since_us - lag) // width) - 1, 0)  # the bin whose records are in by then
    hours = np.repeat(scenario.calendar.hour_of_week, HOUR_US // width)
    minutes, channels = group.bin_minutes, heard.channels()
    found = []
    for detector in group.detectors:
        values = channels[detector.channel]
        if values.ndim == 1:
            at = int(detector.first_alarm(values, hours, first, bin_minutes=minutes)[0])
        else:  # a series a feature or tier
            paths = any_statistic(detector, values[None], hours, first, minutes)
            at = int(first_crossings(paths, detector.threshold)[0, 0])
        if 0 <= at < len(values):
            found.append(Alarm((at + 1) * width + lag, at * width, detector.name))
    return min(found, default=None)


def _listen(
    tables: LoopTables, days: Iterable[Attempts], heard: list[HeardBins]
) -> NDArray[np.int64]:
    """Let all hear what arrives; and nano-dollars by hour and feature, which people look at."""
    hourly = np.zeros((tables.end_us // HOUR_US, len(tables.features)), np.int64)
    for attempts in days:
        arrived = attempts.where(~tables.silent[attempts.variant]) if len(attempts) else attempts
        for bins in heard:
            bins.take(arrived)
        if len(arrived):
            hourly = added_up(hourly, arrived)
    return hourly
