"""The page of an incident that a suite found in any records: when, what drove it, and who."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from costsim import spend
from costsim.detect import Incident, Suite, group_incidents, load_suite
from costsim.detect.incident_words import cause_words
from costsim.errors import DataError
from costsim.paths import package_version
from costsim.records.dataset import read_records
from costsim.report.page import Page, Section, check_target
from costsim.report.verdict import ribbon_of
from costsim.report.week_alarms import incident_card, suite_words
from costsim.show import figures
from costsim.show.cards import Card
from costsim.show.formats import moment
from costsim.show.mask import mask_users
from costsim.show.tables import table_html

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records

BEFORE_DAYS = 7
"""Days before the wanted time from which on the suite watches; earlier ones teach."""
AROUND = timedelta(hours=24)


@dataclass(frozen=True, repr=False)
class FoundIncident:
    """An incident of some records, as a page and its verdict."""

    records: Records
    suite: Suite
    incident: Incident
    alarms: pd.DataFrame
    show_users: bool = False

    def card(self) -> Card:
        """The verdict."""
        return incident_card(
            self.incident,
            self.suite,
            ribbon_of(self.records),
            time_zone=self.records.time_zone,
            show_users=self.show_users,
            notes=(suite_words(self.suite),),
        )

    def page(self, command: str = "costsim report incident") -> Page:
        """The page; `command` is said in its footer."""
        zone = self.records.time_zone
        sections = [self._hours()]
        if self.incident.drivers is not None:
            sections += [self._drove(), self._who()]
        columns = ["known_at", "detector", "value_usd", "expected_usd", "top_feature", "end"]
        sections.append(
            Section(
                "Which detectors spoke",
                anchor="alarms",
                prose="Each is told when its first alarm could be known: at the end of its hour.",
                table=table_html(self.alarms[columns], time_zone=zone),
            )
        )
        made = (
            ("made by", command),
            ("alarms", suite_words(self.suite)),
            ("time zone", zone),
            ("costsim", package_version()),
        )
        card = self.card()
        title = f"Incident of {moment(self.incident.start, zone)}"
        return Page(title, card.ribbon, card, tuple(sections), made)

    def _hours(self) -> Section:
        one = self.incident
        shown = self.records.between(one.start - AROUND, one.end + AROUND)
        hours = spend.hourly(shown, by="feature")
        named = hours["feature_name"].notna().any()
        return Section(
            "Hour by hour",
            anchor="hours",
            figure=partial(
                figures.hourly_spend,
                hours if named else spend.hourly(shown),
                by="feature_name" if named else None,
                alarms=self.alarms.assign(time=self.alarms["known_at"]),
                incident=(one.start, one.end, cause_words(one)),
                highlight=one.feature,
                time_zone=self.records.time_zone,
            ),
            caption="Dollars an hour, a day before and after; above, the alarms.",
        )

    def _drove(self) -> Section:
        drivers = self.incident.drivers
        assert drivers is not None
        columns = ["feature_name", "before_usd", "after_usd", "change_usd"]
        weeks = f"{drivers.weeks} week{'s' * (drivers.weeks != 1)} before"
        against = f"the same hours of the {weeks}, on average" if drivers.weeks else "nothing"
        return Section(
            f"What drove it: {cause_words(self.incident)}",
            anchor="drivers",
            prose=f"Held against {against}.",
            figure=drivers.plot,
            table=table_html(drivers.features[columns].head(8)),
            caption="Dollars more or less than usual, by feature and factor.",
        )

    def _who(self) -> Section:
        drivers = self.incident.drivers
        assert drivers is not None
        users = drivers.users.head(10)
        names = users["user_id"] if self.show_users else mask_users(users["user_id"])
        columns = ["user", "feature_name", "before_usd", "after_usd", "change_usd", "new"]
        table = users.assign(user=list(names))[columns]
        return Section(
            "Who brought it",
            anchor="who",
            prose=() if self.show_users else "Users are shown by pseudonym.",
            table=table_html(table, caption="Largest rises; new: not in the records before"),
        )

    def __repr__(self) -> str:
        return f"{self.card()!r}\n  next: .page().write(path)"

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()


def find_incident(
    records: Records, suite: Suite, at: datetime | None = None, *, show_users: bool = False
) -> FoundIncident:
    """The incident that a suite finds at a time, or the last one.

    Parameters
    ----------
    records : Records
        History included.
    suite : Suite
    at : aware datetime, optional
        A time within it, as ``costsim watch`` names it; the last incident by default.
    show_users : bool
        User ids as they are; masked by default.

    Raises
    ------
    DataError
        There is no incident, or none at that time; those there are are named.

    Examples
    --------
    >>> import costsim
    >>> records = costsim.simulate("surprise-40k", seed=7).records
    >>> found = find_incident(records, costsim.load_suite("default"))
    >>> found.incident.feature, found.incident.cause
    ('deep_analysis', 'volume')
    """
    span = records.period
    if span is None:
        raise DataError("there is no record to look at")
    begin = max(span[0], (at or span[1]) - timedelta(days=BEFORE_DAYS))
    findings = suite.scan(records, start=begin.replace(minute=0, second=0, microsecond=0))
    incidents = group_incidents(records, findings)
    zone = records.time_zone
    fitting = [one for one in incidents if at is None or one.start <= at <= one.end]
    if not fitting:
        there = ", ".join(moment(one.start, zone) for one in incidents)
        when = "" if at is None else f" at {moment(at, zone)}"
        also = f"there are some from {there}" if there else " ".join(findings.notes)
        raise DataError(
            f"the suite {suite.name} finds no incident{when}{f'; {also}' if also else ''}"
        )
    one = fitting[-1]
    alarms = findings.alarms
    mine = alarms[(alarms["start"] >= one.start) & (alarms["end"] <= one.end)]
    return FoundIncident(records, suite, one, mine.reset_index(drop=True), show_users)


def incident_report(
    folder: str | Path,
    out: str | Path = "reports",
    *,
    suite: str | Path = "default",
    at: datetime | None = None,
    show_users: bool = False,
) -> tuple[FoundIncident, Path]:
    """Write the page of an incident into a folder, named after the records and its start."""
    records, watching = read_records(folder), load_suite(suite)
    found = find_incident(records, watching, at, show_users=show_users)
    start = found.incident.start
    name = re.sub(r"[^\w.-]+", "-", Path(folder).resolve().name)
    target = check_target(Path(out) / f"incident-{name}-{start:%Y-%m-%dT%H%MZ}.html")
    words = ["costsim", "report", "incident", str(folder), "--suite", str(suite)]
    words += ["--at", f"{start:%Y-%m-%dT%H:%MZ}", *(["--show-users"] if show_users else [])]
    return found, found.page(shlex.join(words)).write(target)
