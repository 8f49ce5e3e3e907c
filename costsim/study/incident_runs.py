"""Runs of an incident: when a watch begins, when it is first heard, what has burned by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from costsim.detect import SeriesDetector, any_statistic, first_crossings
from costsim.detect.hours import HOURS_IN_WEEK
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import BinnedSpend, sample_bins
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
    """Bins of a scenario at which watching, the launch and the incident begin, and its end."""

    start: int
    launch: int
    onset: int
    end: int
    bin_minutes: int = 60

    @classmethod
    def of(cls, scenario: Scenario, bin_minutes: int = 60) -> IncidentWatch:
        if len(scenario.incidents) != 1:
            raise SettingError(
                f"scenario {scenario.name} must have exactly one incident to compare detectors "
                f"on; it has {len(scenario.incidents)}"
            )
        name, incident = next(iter(scenario.incidents.items()))
        calendar, week = scenario.calendar, scenario.focus
        per_hour, bin_us = 60 // bin_minutes, HOUR_US * bin_minutes // 60
        onset_us = calendar.elapsed_us(incident.starts)
        first_day = training_days(scenario)
        if onset_us // HOUR_US < calendar.day_starts[first_day]:  # before its week
            first_day = int(calendar.day_of_hour[max(0, onset_us // HOUR_US)])
            if first_day < LEAST_HISTORY_DAYS:
                raise SettingError(
                    f"incident {name} must begin at least {LEAST_HISTORY_DAYS} days after the "
                    f"start of its scenario to train detectors on; got {first_day}"
                )
        start = int(calendar.day_starts[first_day]) * per_hour
        feature = scenario.features.get(incident.feature)  # an incident may be of all of them
        launch = feature.launch if feature else None
        launch_us = onset_us if launch is None else calendar.elapsed_us(launch)
        if launch_us > onset_us:
            raise SettingError(
                f"incident {name} must start at or after the launch of its feature to compare "
                f"detectors on; {incident.feature} launches {launch}"
            )
        if launch_us // bin_us < start:  # long ago: nothing is early
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
        found = cls(start, launch_us // bin_us, onset_us // bin_us, end * per_hour, bin_minutes)
        if not found.start <= found.launch <= found.onset < found.end:
            raise SettingError(
                f"incident {name} and its launch must lie in the scenario's week, "
                f"{week.start} and {week.days} days, to compare detectors on"
            )
        return found

    def moved(self, hours: int) -> IncidentWatch:
        """The same watch of an incident that begins so many hours later."""
        bins = hours * 60 // self.bin_minutes
        launch = self.launch + bins if self.launch == self.onset else self.launch
        return replace(self, launch=launch, onset=self.onset + bins, end=self.end + bins)


@dataclass(frozen=True)
class IncidentRuns:
    """Runs of a scenario's incident, each with its own bins at which it begins and ends.

    Attributes
    ----------
    spend : BinnedSpend
        Of all runs, in the order of their seeds.
    start : int
        Bin at which watching begins.
    launch, onset, end : ndarray of int, shape (runs,)
        As of :class:`IncidentWatch`; an incident that is bound to the calendar begins alike in all
        runs, a movable one at hours spread evenly over the week.
    """

    spend: BinnedSpend
    start: int
    launch: Ints
    onset: Ints
    end: Ints

    @classmethod
    def at(cls, watches: Sequence[IncidentWatch], spend: BinnedSpend) -> IncidentRuns:
        """From runs that are there already, and the watch of each; all start at one hour."""
        launch, onset, end = (
            np.array([getattr(watch, name) for watch in watches])
            for name in ("launch", "onset", "end")
        )
        return cls(spend, watches[0].start, launch, onset, end)

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        seeds: Sequence[int],
        *,
        bin_minutes: int = 60,
        workers: int = 2,
    ) -> IncidentRuns:
        """Sample the incident.

        Raises
        ------
        SettingError
            The scenario has not exactly one incident, or it cannot be watched.
        """
        watch = IncidentWatch.of(scenario, bin_minutes)
        [incident] = scenario.incidents.values()
        strata = min(STRATA, len(seeds)) if incident.movable else 1
        later = [one * HOURS_IN_WEEK // strata for one in range(strata)]
        days = scenario.days + (7 if strata > 1 else 0)
        parts = [
            sample_bins(
                _moved(scenario, hours, days),
                seeds[one::strata],
                bin_minutes=bin_minutes,
                workers=workers,
            )
            for one, hours in enumerate(later)
        ]
        place = np.concatenate([np.arange(one, len(seeds), strata) for one in range(strata)])
        spend = BinnedSpend.joined(parts).runs(np.argsort(place))
        watches = [watch.moved(later[run % strata]) for run in range(len(seeds))]
        return cls.at(watches, spend)

    def first(self, detector: SeriesDetector) -> Ints:
        """Bin of the first alarm of each run, shape (runs,); :data:`NEVER` for none."""
        return self.first_for(detector, [detector.threshold])[:, 0]

    def first_for(self, detector: SeriesDetector, thresholds: Sequence[float]) -> Ints:
        """As :meth:`first`, at each of (m,) thresholds: shape (runs, m)."""
        last = int(self.end.max())
        values = self.spend.channel(detector.channel)[:, :last]
        week, minutes = self.spend.hour_of_week[:last], self.spend.bin_minutes
        if values.ndim == 2:
            first = detector.first_alarm_for(values, week, thresholds, self.start, minutes)
        else:
            paths = any_statistic(detector, values, week, self.start, minutes)
            first = first_crossings(paths, thresholds)
        return np.where((first < 0) | (first >= self.end[:, None]), NEVER, first)

    def rows(self, first: Ints, lag_hours: int = 0) -> pd.DataFrame:
        """A row a run, from the bins of the first alarms."""
        import pandas as pd

        every, per_hour = np.arange(len(first)), self.spend.per_hour
        burned = np.cumsum(self.spend.excess, axis=1)
        before = burned[every, self.onset] - self.spend.excess[every, self.onset]
        missed = first == NEVER
        caught = ~missed & (first >= self.onset)
        early = (first >= self.launch) & (first < self.onset)
        since = np.where(missed, 0, first) + 1 + lag_hours * per_hour
        known = np.where(caught, np.minimum(since, self.end), self.end)
        return pd.DataFrame(
            {
                "run": every,
                "since_launch_h": np.where(
                    ~missed & (first >= self.launch), (since - self.launch) / per_hour, np.nan
                ),
                "first_h": np.where(caught, (since - self.onset) / per_hour, np.nan),
                "known_h": np.where(caught, known - self.onset, self.end - self.onset) / per_hour,
                "burned_usd": np.where(early, 0.0, burned[every, known - 1] - before),
                "early": early,
                "false": ~missed & (first < self.launch),
                "missed": missed,
            }
        )

    def by_onset(self) -> list[IncidentRuns]:
        """The runs that begin together, watched from that bin on; a part an onset."""
        parts = []
        for onset in np.unique(self.onset):
            picked = np.flatnonzero(self.onset == onset)
            begins = self.onset[picked]
            parts.append(
                IncidentRuns(self.spend.runs(picked), int(onset), begins, begins, self.end[picked])
            )
        return parts

    def seen(self, first: Ints) -> NDArray[np.bool_]:
        """Whether the incident was on when each run alarmed."""
        return np.asarray((first >= self.onset) & (first < self.end))


def _moved(scenario: Scenario, hours: int, days: int) -> Scenario:
    """The scenario with its incident so many hours later, and of another length."""
    zone = ZoneInfo(scenario.time_zone)

    def later(local: datetime) -> datetime:
        moved = scenario.calendar.to_utc(local) + timedelta(hours=hours)
        return moved.astimezone(zone).replace(tzinfo=None)

    change: dict[str, object] = {"days": days, "week": scenario.focus}
    if hours:
        change["incidents"] = {
            name: one.model_copy(
                update={"starts": later(one.starts), "ends": one.ends and later(one.ends)}
            )
            for name, one in scenario.incidents.items()
        }
    return scenario.model_copy(update=change)
