"""What a suite of detectors says of some records: incidents in dollars, and who watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.detect import Findings, Incident, Incidents, Suite
from costsim.detect.incident_words import cause_words, culprit_words, rate_words
from costsim.show.cards import Card, Ribbon
from costsim.show.formats import UNKNOWN, count, moment, usd, weekday_time
from costsim.show.text import NO_TEX

if TYPE_CHECKING:
    import pandas as pd


def suite_words(suite: Suite) -> str:
    """Which suite watches, its budget of false alarms, and what it was calibrated on."""
    number = len(suite.detectors)
    names = f"{count(number)} detector{'s' * (number != 1)} of the suite {suite.name}"
    if suite.false_alarms_per_month is None:
        return f"{names}: thresholds as they come, not calibrated."
    return (
        f"{names}, {rate_words(suite.false_alarms_per_month)} of all together, "
        f"calibrated on {suite.calibrated_on or 'what is not said'}."
    )


def incident_line(incidents: Incidents, findings: Findings, suite: Suite) -> str:
    """One sentence for a verdict; empty where no detector could judge."""
    if not len(incidents):
        return "" if findings.notes else f"No alarm by the suite {suite.name}."
    number = len(incidents) + incidents.left_out
    dearest = max(incidents, key=lambda one: _or_zero(one.excess_usd))
    many = "1 incident" if number == 1 else f"{count(number)} incidents; dearest"
    since = weekday_time(dearest.start, findings.time_zone)
    known = weekday_time(dearest.known_at, findings.time_zone)
    what = f"{many}: {dearest.feature or dearest.words()} from {since}, known {known}"
    if dearest.excess_usd > 0:
        what += f", {usd(dearest.excess_usd)} above the weeks before"
    return f"{what} (suite {suite.name})."


def incident_table(incidents: Incidents, *, show_users: bool = False) -> pd.DataFrame:
    """A row an incident as pages show it, culprits in dollars and masked unless asked.

    Returns
    -------
    pandas.DataFrame
        from, known, last_alarm (UTC), above_usual_usd, feature, cause, culprits (with their
        dollars), first (the detector that spoke first), alarming (how many did).
    """
    import pandas as pd

    rows = [
        {
            "from": one.start,
            "known": one.known_at,
            "last_alarm": one.end,
            "above_usual_usd": one.excess_usd,
            "feature": one.feature or UNKNOWN,
            "cause": cause_words(one),
            "culprits": culprit_words(one, show_users=show_users) or UNKNOWN,
            "first": one.detectors[0],
            "alarming": len(one.detectors),
        }
        for one in incidents
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True, repr=False)
class IncidentCards:
    """Incidents as cards, one below the other: legible on a phone, where a wide table is not."""

    incidents: Incidents
    suite: Suite
    ribbon: Ribbon
    time_zone: str
    show_users: bool = False

    def to_frame(self) -> pd.DataFrame:
        """As :func:`incident_table`."""
        return incident_table(self.incidents, show_users=self.show_users)

    def cards(self) -> list[Card]:
        """A card an incident, the first first."""
        return [
            incident_card(
                one,
                self.suite,
                self.ribbon,
                time_zone=self.time_zone,
                show_users=self.show_users,
            )
            for one in self.incidents
        ]

    @property
    def _older(self) -> str:
        number = self.incidents.left_out
        return f"{count(number)} older ones are not looked into." if number else ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, [*map(repr, self.cards()), self._older]))

    def _repr_html_(self) -> str:
        older = f'<p class="{NO_TEX}">{self._older}</p>' if self._older else ""
        return "".join(card._repr_html_() for card in self.cards()) + older


def incident_card(
    incident: Incident,
    suite: Suite,
    ribbon: Ribbon,
    *,
    time_zone: str,
    show_users: bool = False,
    notes: tuple[str, ...] = (),
) -> Card:
    """One incident: from when to when, its dollars, its cause, and who brought it."""
    who = culprit_words(incident, show_users=show_users)
    dear = incident.excess_usd > 0
    cause = cause_words(incident)
    what = f"{usd(incident.excess_usd)} above the weeks before" if dear else cause
    span = f"{weekday_time(incident.start, time_zone)} to {weekday_time(incident.end, time_zone)}"
    lines = (
        f"Known {moment(incident.known_at, time_zone)} by {incident.detectors[0]}; "
        f"{len(incident.detectors)} of {len(suite.detectors)} detectors alarmed.",
        f"Cause: {cause}.",
        f"Who: {who}." if who else "",
        *notes,
    )
    kept = tuple(line for line in lines if line)
    title = f"{incident.feature or 'LLM spend'}: {what}, {span}."
    return Card(title, kept, ribbon, "bad" if dear else "warn")


def _or_zero(value: float) -> float:
    return value if value == value else 0.0
