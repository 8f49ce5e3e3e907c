"""A gate's requirements in words that need no manual."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from costsim.study.launch.statistics import percentile

if TYPE_CHECKING:
    from costsim.study import GateLine
    from costsim.study.launch.gate import Requirement

_NAMES = {
    "chance_over_budget": "months over budget",
    "ordinary_blocked_share": "ordinary users blocked",
    "ordinary_blocked_p95_share": "ordinary users blocked, in 95 of 100 months",
    "blocked_share": "active users blocked",
    "left_share": "users who leave for good",
    "hold_denied_share": "attempts refused only because of open reservations",
    "incident_mean_usd": "dollars that incidents add, on average",
    "incident_avoided_share": "part of the incidents' dollars that is kept",
}
_SPENDS = {"month": "the month", "week": "the week", "worst_user": "the dearest user's month"}
_RELATIONS = {"<=": "at most", "<": "below", ">=": "at least", ">": "above"}
_NESTED = {"feature": "users of {} blocked in it", "tier": "ordinary users of tier {} blocked",
           "reaction": "ordinary users who react as {} blocked"}  # fmt: skip


def name_of(wanted: Requirement) -> str:
    """What a requirement is about.

    Examples
    --------
    >>> from costsim.study import parse_gate
    >>> gate = parse_gate({"month_spend_p95_usd": "<= 9", "left_share": "< 0.1",
    ...                    "feature": {"chat": {"blocked_share": "<= 0.2"}}})
    >>> [name_of(one) for one in gate.requirements]
    ['the month, in 95 of 100 runs', 'users who leave for good', 'users of chat blocked in it']
    """
    table, _, rest = wanted.key.partition(".")
    route = re.fullmatch(r"feature\.(.+)\.route\.(.+)\.evaluated", wanted.key)
    if route:
        return f"{route[2]} tried for {route[1]}"
    if rest:
        return _NESTED[table].format(rest.rpartition(".")[0])
    if wanted.key in _NAMES:
        return _NAMES[wanted.key]
    found = re.fullmatch(r"(month|week|worst_user)_spend_(\w+)_usd", wanted.key)
    if found is None:
        return wanted.key.replace("_", " ")
    spend, statistic = _SPENDS[found[1]], found[2]
    if statistic == "mean":
        return f"{spend}, on average"
    if statistic == "p50":
        return f"{spend}, the median run"
    return f"{spend}, in {percentile(statistic) * 100:.0f} of 100 runs"


def asked_of(wanted: Requirement) -> str:
    """The bound: "at most 2.0%"."""
    if wanted.key.endswith(".evaluated"):
        return "evaluated or waived"
    return f"{_RELATIONS[wanted.relation]} {wanted.asked}"


def requirement_rows(lines: Iterable[GateLine]) -> list[dict[str, Any]]:
    """A row a requirement: what, asked, measured, verdict."""
    return [
        {
            "requirement": name_of(line.requirement),
            "asked": asked_of(line.requirement),
            "measured": measured_of(line),
            "verdict": line.verdict,
        }
        for line in lines
    ]


def measured_of(line: GateLine) -> str:
    """What was measured, and of an undecided one how many runs would decide it."""
    if line.note:
        return line.note
    value = line.measured.value
    if value != value:
        return "nobody to measure it on"
    told = line.requirement.told(value)
    if line.verdict == "UNDECIDED" and line.runs:
        told += f"; about {line.runs:,} runs would decide"
    return told


def in_words(text: str, wanted: Iterable[Requirement]) -> str:
    """A sentence in which requirements are said in words instead of by key.

    Examples
    --------
    >>> from costsim.study import parse_gate
    >>> gate = parse_gate({"ordinary_blocked_share": "<= 0.02"})
    >>> in_words("Missed: ordinary_blocked_share <= 2.0%.", gate.requirements)
    'Missed: “ordinary users blocked: at most 2.0%”.'
    """
    # longest first: one key may be the beginning of another's line
    for one in sorted(wanted, key=lambda each: -len(each.key)):
        line = f"{one.key} {one.relation} {one.asked}"
        text = text.replace(line, f"“{name_of(one)}: {asked_of(one)}”")
    return text
