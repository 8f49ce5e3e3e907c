"""Runs of an incident: when a watch begins, when it is first heard, what has burned by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from costsim.detect import SeriesDetector, any_statistic, first_crossings
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import HourlySpend, sample_hourly
from costsim.simulation.calendar import HOUR_US
from costsim.study.quiet import LEAST_HISTORY_DAYS, training_days

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Ints = NDArray[np.int64]

STRATA: Final = 24
"""Onsets of a movable incident: 7 hours apart they meet each hour of the day, and each day."""
GRACE_HOURS: Final = 24
"""After an incident's end an alarm still counts as its own for so long."""
NEVER: Final = np.iinfo(np.int64).max


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
        onset_us = calendar.elapsed_us(incident.starts)
        start = int(calendar.day_starts[training_days(scenario)])
        if onset_us // HOUR_US < start:  # it begins before its week: watch from that day on
            day = int(calendar.day_of_hour[max(0, onset_us // HOUR_US)])
            if day < LEAST_HISTORY_DAYS:
                raise SettingError(
                    f"incident {name} must begin at least {LEAST_HISTORY_DAYS} days after the "
                    f"start of its scenario to train detectors on; got {day}"
                )
            start = int(calendar.day_starts[day])
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
        end = int(calendar.day_starts[last])
        if incident.ends is not None:
            end = min(end, -(-calendar.elapsed_us(incident.ends) // HOUR_US) + GRACE_HOURS)
        found = cls(start, launch_us // HOUR_US, onset_us // HOUR_US, end)
        if not found.start <= found.launch <= found.onset < found.end:
            raise SettingError(
                f"incident {name} and its launch must lie in the scenario's week, "
                f"{week.start} and {week.days} days, to compare detectors on"
            )
        return found

    def runs(self, detector: SeriesDetector, spend: HourlySpend, lag_hours: int) -> pd.DataFrame:
        """First alarm of each run, and the incident's dollars by then."""
        return self.rows(self.first(detector, spend), spend, lag_hours)

    def moved(self, hours: int) -> IncidentWatch:
        """The same watch of an incident that begins so many hours later."""
        launch = self.launch + hours if self.launch == self.onset else self.launch
        return replace(self, launch=launch, onset=self.onset + hours, end=self.end + hours)

    def first(self, detector: SeriesDetector, spend: HourlySpend) -> Ints:
        """Hour of the first alarm of each run, -1 for none."""
        return self.first_for(detector, spend, [detector.threshold])[:, 0]

    def first_for(
        self, detector: SeriesDetector, spend: HourlySpend, thresholds: Sequence[float]
    ) -> Ints:
        """Hour of the first alarm of each run at each threshold, shape (runs, m); -1 for none."""
        values = spend.channel(detector.channel)[:, : self.end]
        week = spend.hour_of_week[: self.end]
        if values.ndim == 2:
            return detector.first_alarm_for(values, week, thresholds, self.start)
        paths = any_statistic(detector, values, week, self.start)
        return first_crossings(paths, thresholds)

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
                "known_h": np.where(early | (first < 0), burned.shape[1], known),
                "burned_usd": np.where(
                    early, 0.0, np.where(caught, burned[every, at], burned[:, -1])
                ),
                "early": early,
                "false": false,
                "missed": first < 0,
            }
        )


@dataclass(frozen=True)
class IncidentRuns:
    """Runs of a scenario's incident, in parts that differ by when it begins.

    An incident that is bound to the calendar has one part; a movable one begins at hours spread
    evenly over the week. Run i is in part i modulo their number.
    """

    parts: tuple[tuple[IncidentWatch, HourlySpend], ...]

    @classmethod
    def of(cls, scenario: Scenario, seeds: Sequence[int], *, workers: int = 2) -> IncidentRuns:
        """Sample the incident.

        Raises
        ------
        SettingError
            The scenario has not exactly one incident, or it cannot be watched.
        """
        watch = IncidentWatch.of(scenario)
        incident = next(iter(scenario.incidents.values()))
        strata = min(STRATA, len(seeds)) if incident.movable else 1
        parts = []
        for one in range(strata):
            later = one * 168 // strata
            spend = sample_hourly(_moved(scenario, later), seeds[one::strata], workers=workers)
            parts.append((watch.moved(later), spend))
        return cls(tuple(parts))

    def first(self, detector: SeriesDetector) -> list[Ints]:
        """Hour of the first alarm of each run, by part; :data:`NEVER` for none."""
        return [first[:, 0] for first in self.first_for(detector, [detector.threshold])]

    def first_for(self, detector: SeriesDetector, thresholds: Sequence[float]) -> list[Ints]:
        """As :meth:`first`, at each of (m,) thresholds: arrays of shape (runs, m)."""
        firsts = [watch.first_for(detector, spend, thresholds) for watch, spend in self.parts]
        return [np.where(first < 0, NEVER, first) for first in firsts]

    def rows(self, first: Sequence[Ints], lag_hours: int = 0) -> pd.DataFrame:
        """A row a run, in the order of the seeds; `first` as :meth:`first` gives it."""
        import pandas as pd

        tables = []
        for number, ((watch, spend), hours) in enumerate(zip(self.parts, first, strict=True)):
            rows = watch.rows(np.where(hours == NEVER, -1, hours), spend, lag_hours)
            rows["run"] = rows["run"] * len(self.parts) + number
            tables.append(rows)
        return pd.concat(tables).sort_values("run", ignore_index=True)

    def seen(self, first: Sequence[Ints]) -> NDArray[np.bool_]:
        """Whether the incident was on when each run alarmed, by part and then by run."""
        return np.concatenate(
            [
                (hours >= watch.onset) & (hours < watch.end)
                for (watch, _), hours in zip(self.parts, first, strict=True)
            ]
        )


def _moved(scenario: Scenario, hours: int) -> Scenario:
    """The scenario with its incident so many hours later, and as much longer."""
    if not hours:
        return scenario
    zone = ZoneInfo(scenario.time_zone)

    def later(local: datetime) -> datetime:
        moved = scenario.calendar.to_utc(local) + timedelta(hours=hours)
        return moved.astimezone(zone).replace(tzinfo=None)

    incidents = {
        name: one.model_copy(
            update={"starts": later(one.starts), "ends": one.ends and later(one.ends)}
        )
        for name, one in scenario.incidents.items()
    }
    days = scenario.days + -(-hours // 24)
    return scenario.model_copy(
        update={"incidents": incidents, "days": days, "week": scenario.focus}
    )
