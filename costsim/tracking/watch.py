"""Watch records as they come in: which incidents people have to be told of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from costsim.detect import Findings, group_incidents
from costsim.detect.incident_words import cause_words, culprit_words
from costsim.detect.incidents import of_silence
from costsim.errors import DataError, SettingError
from costsim.show.formats import moment, usd, weekday_time
from costsim.tracking.alerts import Alert, Kind
from costsim.tracking.memory import Memory, Told

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import Incident, Suite
    from costsim.records.dataset import Records

FIRST_DAYS: Final = 7
"""A first watch looks back so far; what lies before only teaches the detectors."""
RATE_HOURS: Final = 3
"""Hours to the last alarm over which dollars an hour are told."""
LATE: Final = timedelta(days=1)
"""Age of the last record from which on it is told."""
GROWTH: Final = 2.0
"""An incident is told again each time its dollars have grown by this factor."""


@dataclass(frozen=True)
class Watch:
    """What one watch found.

    Attributes
    ----------
    alerts : tuple of Alert
        To be told now; empty where there is nothing new.
    open : int
        Incidents that go on, told now or before.
    since, as_of : datetime
        Aware: what was watched.
    notes : tuple of str
        Why detectors were silent, where they were.
    memory : Memory
        What will have been told once the alerts are delivered.
    """

    alerts: tuple[Alert, ...]
    open: int
    since: datetime
    as_of: datetime
    notes: tuple[str, ...]
    memory: Memory

    @property
    def calm(self) -> bool:
        """Whether nothing is new: no incident began or grew."""
        return all(alert.kind == "ended" for alert in self.alerts)


def watch_records(
    records: Records,
    suite: Suite,
    memory: Memory | None = None,
    *,
    as_of: datetime | None = None,
    since: datetime | None = None,
    quiet_hours: int = 24,
    show_users: bool = False,
    look: str = "costsim report incident DIR",
) -> Watch:
    """Run a suite over some records, and say which incidents are news.

    Parameters
    ----------
    records : Records
        History included: at least 17 days before `since` for detectors that learn the week.
    suite : Suite
    memory : Memory, optional
        What was told before; nothing by default.
    as_of : aware datetime, optional
        The time it is. Hours until then without a call count as empty, so that silence is heard.
        By default now; of simulated records, their end.
    since : aware datetime, optional
        When watching begins; by default as before, and at first a week before `as_of`.
    quiet_hours : int
        An incident is over after so many hours without an alarm, at least 1.
    show_users : bool
        User ids as they are; masked by default.
    look : str
        Command that shows an incident; its time is added as ``--at``.

    Returns
    -------
    Watch
        An incident is told when it is new, each time its dollars have doubled, and when it is
        over.

    Raises
    ------
    SettingError
        A time is naive or out of order, or a number out of bounds.
    DataError
        There is no record before `as_of`.

    Examples
    --------
    >>> import pandas as pd
    >>> from costsim.detect import load_suite
    >>> from costsim.records import Records
    >>> hours = pd.date_range("2024-07-01", periods=24 * 24, freq="h", tz="UTC")
    >>> frame = pd.DataFrame({"timestamp": hours, "call_id": hours.strftime("%j-%H"),
    ...     "feature_name": "chat", "status": "ok", "source": "example",
    ...     "total_cost_nano": [1_000_000_000] * 570 + [50_000_000_000] * 6})
    >>> records, suite = Records.from_frame(frame), load_suite("default")
    >>> first = watch_records(records, suite, as_of=hours[-1])
    >>> [(alert.kind, alert.feature) for alert in first.alerts]
    [('new', 'chat')]
    >>> watch_records(records, suite, first.memory, as_of=hours[-1]).alerts
    ()
    """
    before = memory or Memory()
    if quiet_hours < 1:
        raise SettingError(f"quiet_hours must be at least 1; got {quiet_hours!r}")
    now = _now(records, as_of)
    begin = _aware(since, "since") or before.since or _hour(now) - timedelta(days=FIRST_DAYS)
    if begin >= now:
        raise SettingError(f"since must lie before {now.isoformat()}; got {begin.isoformat()}")
    heard = _until(records, now)
    findings = suite.scan(heard, start=max(begin, _first(heard)), quiet_hours=quiet_hours)
    over = {
        quiet: max((t.end for t in before.told if t.ended and t.silent == quiet), default=None)
        for quiet in (False, True)
    }
    findings = _not_over(findings, over)  # told to the end: not looked into again
    incidents = group_incidents(heard, findings, quiet_hours=quiet_hours, not_before=over[False])
    teller = _Teller(findings, timedelta(hours=quiet_hours), _hour(now), show_users, look)
    alerts, told = teller.news(tuple(incidents), before.told)
    notes = (*_late(records, now), *findings.notes, *findings.planned)
    if incidents.left_out:
        notes = (*notes, f"{incidents.left_out} older incidents are not looked into")
    going_on = sum(not one.ended for one in told)
    return Watch(alerts, going_on, begin, now, notes, Memory(begin, told))


def _not_over(findings: Findings, over: Mapping[bool, datetime | None]) -> Findings:
    """Alarms after what is over, those of missing spend apart from those of too much."""
    alarms, silent = findings.alarms, of_silence(findings)
    for quiet, end in over.items():
        if end is not None and len(alarms):
            kept = (silent != quiet) | (alarms["end"] > end)
            alarms, silent = alarms[kept], silent[kept]
    return replace(findings, alarms=alarms.reset_index(drop=True))


@dataclass(frozen=True)
class _Teller:
    findings: Findings
    quiet: timedelta
    last: datetime
    show_users: bool
    look: str

    def news(
        self, found: Sequence[Incident], known: Sequence[Told]
    ) -> tuple[tuple[Alert, ...], tuple[Told, ...]]:
        """What to tell, and what will have been told then."""
        alerts: list[Alert] = []
        told = [one for one in known if one.ended]
        waiting = [one for one in known if not one.ended]
        for incident in found:
            same = [one for one in waiting if self._same(one, incident)]
            waiting = [one for one in waiting if one not in same]
            dollars = incident.excess_usd
            now = None if dollars != dollars else float(dollars)
            kind = self._kind(incident, same, now)
            said = now if kind or not same else _largest(same)
            if kind:
                alerts.append(self._alert(kind, incident))
            told.append(
                Told(_time(incident.start), _time(incident.end), said, incident.feature,
                     kind == "ended" or (not same and self._over(incident.end)),
                     incident.silent)
            )  # fmt: skip
        # records that came late may have taken the alarms of an incident away
        told += [replace(one, ended=self._over(one.end)) for one in waiting]
        return tuple(alerts), tuple(sorted(told, key=lambda one: one.start))

    def _same(self, told: Told, incident: Incident) -> bool:
        start, end = _time(incident.start), _time(incident.end)
        near = start <= told.end + self.quiet and end >= told.start
        return near and told.silent == incident.silent

    def _over(self, end: Any) -> bool:
        return self.last - _time(end) > self.quiet

    def _kind(self, incident: Incident, same: list[Told], dollars: float | None) -> Kind | None:
        if not same:
            return "new"
        if self._over(incident.end):
            return "ended"
        before = _largest(same)
        if dollars is not None and dollars > 0 and dollars >= GROWTH * max(before or 0.0, 0.0):
            return "grown"
        return None

    def _alert(self, kind: Kind, incident: Incident) -> Alert:
        zone = self.findings.time_zone
        start, known, end = map(_time, (incident.start, incident.known_at, incident.end))
        dollars = None if incident.excess_usd != incident.excess_usd else incident.excess_usd
        rate = _rate(self.findings.spend, start, end)
        cause = cause_words(incident)
        who = culprit_words(incident, show_users=self.show_users)
        since, until = weekday_time(start, zone), weekday_time(end, zone)
        name = incident.feature or "LLM spend"
        what = f"{usd(dollars)} above usual" if dollars and dollars > 0 else cause
        over = self._over(end)
        title = {
            "new": f"{name}: {what} since {since}",
            "grown": f"{name} goes on: {what} since {since}",
            "ended": f"{name} is over: {what}, {since} to {until}",
        }[kind]
        if kind == "new" and over:
            title = f"{name}: {what}, {since} to {until}"
        look = f"{self.look} --at {start.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
        money = f"{usd(dollars)} above the weeks before"
        pace = f"; {usd(rate)} an hour above them by its last alarm" if rate and rate > 0 else ""
        lines = (
            f"from {start.astimezone(_zone(zone)):%a %Y-%m-%d %H:%M} ({zone}), known "
            f"{weekday_time(known, zone)}, last alarm {until}",
            f"cause: {cause}",
            f"{'in all' if over else 'so far'}: {money}{'' if over else pace}"
            if dollars is not None
            else "",
            f"who: {who}" if who else "",
            f"alarms: {', '.join(incident.detectors)}",
            f"look: {look}",
        )
        return Alert(
            kind, title, tuple(line for line in lines if line), start, known, end,
            incident.feature, incident.cause, who, dollars, rate, incident.detectors, look,
        )  # fmt: skip


def _rate(spend: pd.DataFrame, start: datetime, end: datetime) -> float | None:
    """Dollars an hour above the same hours of up to four weeks before, over the last hours."""
    import pandas as pd

    series = pd.Series(spend["usd"].to_numpy(dtype=float), pd.DatetimeIndex(spend["time"]))
    last = slice(max(start, end - timedelta(hours=RATE_HOURS)), end - timedelta(microseconds=1))
    now = series[last]
    week = timedelta(weeks=1)
    before = [series[last.start - n * week : last.stop - n * week] for n in range(1, 5)]
    usual = [part.mean() for part in before if len(part) == len(now)]
    found = float(now.mean() - (sum(usual) / len(usual) if usual else 0.0))
    return found if found == found else None


def _largest(told: Sequence[Told]) -> float | None:
    return max((one.usd for one in told if one.usd is not None), default=None)


def _now(records: Records, as_of: datetime | None) -> datetime:
    given = _aware(as_of, "as_of")
    if given is not None:
        return given
    span = records.period
    if records.simulated and span is not None:
        return span[1]
    return datetime.now(UTC)


def _until(records: Records, now: datetime) -> Records:
    """Records before a moment, said to cover all of it where they are real."""
    heard = records.between(None, now)
    span = heard.period
    if span is None:
        raise DataError(f"there is no record before {now.isoformat()} to watch")
    if records.simulated:
        return heard
    stated = (span[0].isoformat(), now.isoformat())
    return replace(heard, manifest=replace(heard.manifest, period=stated))


def _late(records: Records, now: datetime) -> tuple[str, ...]:
    """Say how old the last record is, where a day or more has passed since: no feed is so slow."""
    heard = records.between(None, now)
    span = heard.period
    if records.simulated or span is None or now - span[1] < LATE:
        return ()
    days = (now - span[1]) // timedelta(days=1)
    when = moment(span[1], records.time_zone)
    return (
        f"The last record is {days:,} day{'s' * (days != 1)} old, of {when}: either the feed is "
        "dead, or nothing is spent.",
    )


def _first(records: Records) -> datetime:
    span = records.period
    assert span is not None
    return _hour(span[0])


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _aware(moment: datetime | None, name: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise SettingError(f"{name} must have a time zone; got {moment.isoformat()}")
    return moment


def _time(stamp: Any) -> datetime:
    """A plain datetime of a timestamp."""
    found: datetime = stamp.to_pydatetime() if hasattr(stamp, "to_pydatetime") else stamp
    return found


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
