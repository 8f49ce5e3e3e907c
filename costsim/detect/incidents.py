"""Alarms of several detectors as incidents: when each began, what caused it, and who."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.detect.baselines import HourOfWeek
from costsim.detect.charts import CUSUM
from costsim.detect.detector import Detector
from costsim.detect.hours import bin_start, hour_of_week
from costsim.detect.rules import FeedSilence
from costsim.errors import DataError, SettingError
from costsim.spend.drivers import Drivers, drivers

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect.scan import Findings
    from costsim.records.dataset import Records

LOOK_BACK_HOURS: Final = 72
"""An incident is dated at most so long before its first alarm."""
COLUMNS: Final = (
    "start", "known_at", "end", "detectors", "excess_usd", "feature_name", "cause", "users",
    "what",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Incident:
    """One incident: alarms that belong together, and what their hours cost more than usual.

    Attributes
    ----------
    start : pandas.Timestamp
        Change point: when the alarming series began to add up to the alarm, that of the feature
        or tier or the total; else the first alarm's bin.
    known_at : pandas.Timestamp
        End of the first alarm's bin.
    end : pandas.Timestamp
        End of the last alarming bin.
    detectors : tuple of str
        Those that alarmed, the first to do so first.
    drivers : Drivers or None
        Features, users and cause, from `start` to `end`; None where no call with a price was
        made: the feed is silent.
    silent : bool
        It is of spend that is missing, and not of too much.
    """

    start: pd.Timestamp
    known_at: pd.Timestamp
    end: pd.Timestamp
    detectors: tuple[str, ...]
    drivers: Drivers | None
    silent: bool = False

    @property
    def excess_usd(self) -> float:
        """Dollars from `start` to `end` above the weeks before; NaN where there was no call."""
        return float("nan") if self.drivers is None else self.drivers.change_usd

    @property
    def feature(self) -> str | None:
        """Feature with the largest rise; of a silence, none."""
        return None if self.drivers is None or self.silent else self.drivers.feature

    @property
    def cause(self) -> str | None:
        """As of :attr:`costsim.spend.drivers.Drivers.cause`; ``silence`` where calls stay away."""
        return "silence" if self.drivers is None or self.silent else self.drivers.cause

    @property
    def culprits(self) -> tuple[tuple[str, float], ...]:
        """Users who each bring a tenth of that feature's rise or more, and their dollars."""
        if self.drivers is None or self.silent:
            return ()
        rows = self.drivers.culprits
        return tuple(zip(rows["user_id"].tolist(), rows["change_usd"].tolist(), strict=True))

    def words(self) -> str:
        """Say what rose, by what, and who brings it."""
        if self.drivers is None:
            return "no call with a price"
        if not self.silent:
            return self.drivers.words()
        less = -self.excess_usd
        return f"calls stayed away{f': ${less:,.2f} less than usual' if less > 0 else ''}"

    def __str__(self) -> str:
        return f"{self.start:%a %Y-%m-%d %H:%M} UTC: {self.words()}"


@dataclass(frozen=True, repr=False)
class Incidents:
    """Incidents of some records, the first first; `left_out` are older ones not looked into."""

    incidents: tuple[Incident, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.incidents)

    def __iter__(self) -> Iterator[Incident]:
        return iter(self.incidents)

    def to_frame(self) -> pd.DataFrame:
        """A row an incident.

        Returns
        -------
        pandas.DataFrame
            start, known_at, end (UTC), detectors, excess_usd (above the weeks before; missing
            where there was no call), feature_name, cause, users (culprits, a list of ids), what
            (in words).
        """
        import pandas as pd

        rows = [
            {
                "start": one.start,
                "known_at": one.known_at,
                "end": one.end,
                "detectors": ", ".join(one.detectors),
                "excess_usd": one.excess_usd,
                "feature_name": one.feature,
                "cause": one.cause,
                "users": [user for user, _ in one.culprits],
                "what": one.words(),
            }
            for one in self.incidents
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def __repr__(self) -> str:
        first = f": {self.incidents[0]}" if self.incidents else ""
        return f"Incidents({len(self)} of them{first}); next: .to_frame()"

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        shown = self.to_frame().drop(columns=["users"])
        return table_html(shown, caption=repr(self).split("; next")[0])


def group_incidents(
    records: Records,
    findings: Findings,
    *,
    quiet_hours: int = 24,
    most: int = 10,
    not_before: Any = None,
    explain: Callable[[Records, Any, Any], Drivers] = drivers,
) -> Incidents:
    """Group alarms into incidents, date them, and name their causes and culprits.

    Parameters
    ----------
    records : Records
        The same that were scanned, history included.
    findings : Findings
        Of :func:`costsim.detect.scan`.
    quiet_hours : int
        Alarms with at most so many hours between them are one incident, at least 0; so are
        those whose change point lies before the last alarm of the incident before. Alarms of
        missing spend are grouped by themselves: a feed that falls silent after a spike is
        another incident.
    most : int
        The last so many incidents are looked into, at least 1.
    not_before : aware time, optional
        No incident is dated before it: what came before is known to be over.
    explain : callable
        Says what drove the spend of some records between two moments; one who asks again and
        again of the same moments may remember.

    Raises
    ------
    SettingError
        A number is out of bounds.

    Notes
    -----
    The change point is the bin after the last zero of a CUSUM (k = 1 scatter) against the hour of
    the week, read at the first alarm (Page 1954): of the feature or tier that alarmed first, and of
    the total where a detector of something else did or the series is too young to be judged. Where
    the series does not show the incident, or has fallen, it is the first alarm's bin. Causes are
    those of :func:`costsim.spend.drivers`.

    Examples
    --------
    >>> import costsim
    >>> records = costsim.simulate("surprise-40k", seed=7).records
    >>> found = costsim.detect.scan(records, start="2024-08-12T11:00Z")
    >>> [one] = costsim.detect.group_incidents(records, found)
    >>> one.drivers.feature, one.drivers.cause, len(one.detectors) > 3
    ('deep_analysis', 'volume', True)
    """
    if quiet_hours < 0:
        raise SettingError(f"quiet_hours must be at least 0; got {quiet_hours!r}")
    if most < 1:
        raise SettingError(f"most must be at least 1; got {most!r}")
    since = None if not_before is None else bin_start(not_before, "not_before")
    alarms, silent = findings.alarms, of_silence(findings)
    dating = _Dating(findings, since)
    groups = [
        (start, mine, quiet)
        for quiet in (False, True)
        for start, mine in _dated(
            list(_groups(alarms[silent == quiet], quiet_hours)),
            (lambda first: first["time"]) if quiet else dating.start,
        )
    ]
    groups.sort(key=lambda group: group[:1])
    found = []
    drove: Drivers | None
    for start, alarms, quiet in groups[-most:]:
        first, end = alarms.iloc[0], alarms["end"].max()
        try:
            drove = explain(records, start, end)
        except DataError:  # nothing priced was called in it: silence is an incident too
            drove = None
        names = tuple(dict.fromkeys(alarms["detector"]))
        found.append(Incident(start, first["known_at"], end, names, drove, quiet))
    return Incidents(tuple(found), len(groups[:-most]))


def of_silence(findings: Findings) -> pd.Series[bool]:
    """Which alarms are of missing spend."""
    names = [one.name for one in findings.detectors if isinstance(one, FeedSilence)]
    found: pd.Series[bool] = findings.alarms["detector"].isin(names)
    return found


def _groups(alarms: pd.DataFrame, quiet_hours: int) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if not len(alarms):
        return
    rows = alarms.sort_values(["start", "end"], ignore_index=True)
    reached = rows["end"].cummax().shift()
    begins = (rows["start"] - reached) > pd.Timedelta(hours=quiet_hours)
    for _, group in rows.groupby(begins.cumsum(), sort=True):
        yield group


def _dated(
    groups: list[pd.DataFrame], start_of: Callable[[pd.Series[Any]], pd.Timestamp]
) -> list[tuple[pd.Timestamp, pd.DataFrame]]:
    """Change point and alarms of each group; what began before the last one ended goes on.

    `start_of` gives the change point of a first alarm.
    """
    import pandas as pd

    found: list[tuple[pd.Timestamp, pd.DataFrame]] = []
    for group in groups:
        alarms = group.sort_values(["known_at", "detector"])
        start = start_of(alarms.iloc[0])
        if found and start < found[-1][1]["end"].max():
            start, before = found.pop()
            alarms = pd.concat([before, alarms])
        found.append((start, alarms))
    return found


class _Dating:
    """Change points of alarms, by the series that alarmed."""

    def __init__(self, findings: Findings, since: pd.Timestamp | None) -> None:
        self._findings, self._since = findings, since
        self._channel = {one.name: one.channel for one in findings.detectors}
        self._known: dict[tuple[str, str], pd.Series[float]] = {}

    def start(self, alarm: pd.Series[Any]) -> pd.Timestamp:
        if alarm.get("value_usd", 0.0) < alarm.get("expected_usd", 0.0):
            found: pd.Timestamp = alarm["time"]
            return found
        channel = self._channel.get(alarm["detector"], "total")
        own = {"feature": "top_feature", "unit_cost": "top_feature", "tier": "tier"}.get(channel)
        key = (channel, str(alarm.get(own))) if own else ("total", "")
        sums = self._sums(key)
        if np.isnan(sums.get(alarm["time"], np.nan)):
            sums = self._sums(("total", ""))  # too young to be judged by itself
        return _change_point(sums.fillna(0.0) > 0, alarm["time"])

    def _sums(self, key: tuple[str, str]) -> pd.Series[float]:
        """A series' sum of excess over its hour of the week, above zero in bins that rise."""
        import pandas as pd

        if key not in self._known:
            findings = self._findings
            total = findings.spend.set_index("time")["usd"]
            series = findings.heard.get(key, total)
            index = pd.DatetimeIndex(series.index)
            usd: Any = series.to_numpy(dtype=float)
            week = hour_of_week(index, findings.time_zone)
            detector = Detector(HourOfWeek(), CUSUM(k=1.0), channel=key[0])
            sums = detector.statistic(usd, week, 0, findings.bin_minutes)
            self._known[key] = pd.Series(sums, index=index)[self._since :]
        return self._known[key]


def _change_point(rising: pd.Series[bool], alarm: pd.Timestamp) -> pd.Timestamp:
    """First bin of the run of rising bins that the alarm's bin ends."""
    import pandas as pd

    before = rising[alarm - pd.Timedelta(hours=LOOK_BACK_HOURS) : alarm]
    if before.empty or not before.iloc[-1]:
        return alarm
    index = pd.DatetimeIndex(before.index)
    calm = np.flatnonzero(~before.to_numpy())
    return index[int(calm[-1]) + 1 if len(calm) else 0]
