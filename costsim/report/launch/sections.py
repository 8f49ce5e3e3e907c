"""The sections of a launch's page: a finding each, with the figure or table that shows it."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

from costsim.paths import package_version
from costsim.report.launch.requirements import in_words, requirement_rows
from costsim.report.page import Page, Section
from costsim.show import figures
from costsim.show.formats import count, share, usd
from costsim.show.tables import table_html
from costsim.study.launch.runs import OPEN
from costsim.study.launch.words import MANY

if TYPE_CHECKING:
    from pandas import DataFrame

    from costsim.report.launch.rehearsal import LaunchRehearsal

_FILE = (
    "overflow-x:auto;padding:.8em 1em;border-radius:4px;background:rgba(128,132,140,.10);"
    "font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap"
)


def launch_page(found: LaunchRehearsal, command: str = "costsim report launch") -> Page:
    """The page of a rehearsed launch; `command` is said in its footer."""
    sections = (_costs, _five, _limits, _day, _better, _flips, _incidents, _accounting)
    made = [one(found) for one in sections]
    scenario, validation = found.scenario, found.validation
    return Page(
        f"Ready to launch? {scenario.title or scenario.name}",
        found.ribbon,
        found.card(next_step=""),
        tuple(section for section in made if section is not None),
        (
            ("made by", command),
            ("scenario", f"{scenario.name}, hash {scenario.hash}"),
            ("month", validation.month.words),
            ("limits", found.policy.name),
            ("study", f"seed {validation.seed}, {validation.replicates} months"),
            ("time zone", scenario.time_zone),
            ("costsim", package_version()),
        ),
    )


def costs_table(found: LaunchRehearsal) -> str:
    """What a request, a user and the month cost, each amount written as it is read."""
    return table_html(
        found.costs(),
        dict.fromkeys(("without_usd", "low_usd", "high_usd", "with_usd"), usd),
        caption="US$, without limits and with them",
        labels={
            "of": "",
            "without_usd": "without limits",
            "low_usd": "from",
            "high_usd": "to",
            "with_usd": "with the limits",
        },
        max_rows=60,
    )


def _costs(found: LaunchRehearsal) -> Section:
    frame = found.costs().set_index("of")
    month, user = frame.loc["the month"], frame.loc["an active user, the month"]
    request = frame.index[0]
    return Section(
        f"{_sentence(request)} costs {usd(frame['without_usd'].iloc[0])}, the month "
        f"{usd(month['without_usd'], decimals=0)}",
        anchor="costs",
        prose=(
            f"An active user costs {usd(user['without_usd'])} a month. Each number is a mean over "
            f"{found.validation.replicates} simulated months without limits; “from” and “to” are "
            "where the true mean lies, 95% sure. The last column is what is left under the "
            "limits: of a request, of those that are still answered.",
            f"The month is {found.validation.month.words}. Nobody acts on alarms in it.",
        ),
        table=costs_table(found),
    )


def _five(found: LaunchRehearsal) -> Section:
    passed = sum(line.verdict == "PASS" for line in found.lines)
    return Section(
        f"Of the five things that nobody had in the $40k week, {passed} are in place",
        anchor="five",
        prose=(
            "In that week nobody had calculated what a request costs, limited a user, set an alert "
            "on the budget or built a dashboard, and the first signal was the CFO's mail.",
            *(
                f"**{line.verdict}: {_sentence(line.nobody_had)}.** {line.here}"
                for line in found.lines
            ),
        ),
    )


def _limits(found: LaunchRehearsal) -> Section:
    validation = found.validation
    refusals = validation.refusals()
    spent = [validation.mean_of("month_usd", one) for one in (OPEN, None)]
    ordinary = share(validation.mean_of("ordinary_blocked_share"))
    if not len(refusals):
        title, why = "The limits refuse nothing", "No attempt was refused in any month."
    else:
        first = refusals.iloc[0]
        title = (
            f"The limits save {usd(spent[0] - spent[1], decimals=0)} a month and block {ordinary} "
            "of the ordinary users"
        )
        why = (
            f"What binds most is {_cap(first['scope'], first['window'])}: {share(first['share'])} "
            "of all refusals."
        )
    return Section(
        title,
        anchor="limits",
        prose=(
            f"{why} A user is blocked who is refused at least once in the month. Ordinary users "
            "have no part in what goes wrong.",
        ),
        figure=validation.plot,
        html=_refusals(refusals) + _requirements(found),
        caption="Each dot is one simulated month.",
    )


def _requirements(found: LaunchRehearsal) -> str:
    import pandas as pd

    gate, lines = found.validation.gate, found.validation.lines
    if gate is None:
        return ""
    return table_html(
        pd.DataFrame(requirement_rows(lines)), caption=f"What is asked of the launch: {gate.name}"
    )


def _refusals(refusals: DataFrame) -> str:
    if not len(refusals):
        return ""
    caps = [_cap(s, w) for s, w in zip(refusals["scope"], refusals["window"], strict=True)]
    return table_html(
        refusals.assign(cap=caps)[["cap", "attempts", "share"]],
        {"attempts": "count"},
        caption="What refuses, attempts a month on average",
    )


def _cap(scope: str, window: str) -> str:
    """A cap in words.

    Examples
    --------
    >>> _cap("user", "hour"), _cap("request", "input_tokens"), _cap("user", "open")
    ("the user's cap of the hour", "the request's size", "the user's calls in flight")
    """
    if scope == "request":
        return "the request's size"
    if window == "open":
        return f"the {scope}'s calls in flight"
    return f"the {scope}'s cap of the {window}"


def _day(found: LaunchRehearsal) -> Section | None:
    day = found.day
    if day is None:
        return None
    return Section(
        f"A blocked user's day. {day.headline}",
        anchor="day",
        prose=(day.words,),
        figure=day.plot,
        caption=f"Attempts of {day.feature} by hour; below, the dollars of all the user's calls.",
    )


def _better(found: LaunchRehearsal) -> Section:
    better = found.better
    if better is None:
        return Section(
            "Better limits were not searched for",
            anchor="better",
            prose=("`--recommend` searches for limits that save as much and block fewer users.",),
        )
    compared = better.compared()
    names = [f"{name}_blocked_share" for name in found.scenario.features]
    given, suggested = compared.to_dict("records")[1:]
    worst = max(names, key=lambda name: float(given[name]))
    columns = ["limits", "spend_usd", "over_budget_share", "ordinary_blocked_share"]
    feature = worst.removesuffix("_blocked_share")
    table = table_html(
        compared[[*columns, worst]],
        caption=f"On {suggested['seeds']} months that had no part in the search",
        labels={
            "spend_usd": "the month",
            "over_budget_share": "months over budget",
            "ordinary_blocked_share": "ordinary users blocked",
            worst: f"users of {feature} blocked",
        },
    )
    file = f'<pre style="{_FILE}">{escape(better.suggested.to_toml())}</pre>'
    now, before = (share(row[worst]) for row in (suggested, given))
    if suggested[worst] < min(given[worst], MANY):
        title = f"Better limits block {now} of the users of {feature} instead of {before}"
    else:
        title = f"The best limits that were found still block {now} of the users of {feature}"
    return Section(
        title,
        anchor="better",
        prose=(
            better.headline,
            found.room,
            f"{count(len(better.candidates))} limits were tried. Further left fewer ordinary users "
            "are blocked, further up more dollars are saved: no limits lie above the blue line.",
        ),
        figure=better.plot,
        html=f"{table}<p>The file, to begin with:</p>{file}",
        caption="Each dot is one set of limits, its mean over the months it was tried on.",
    )


def _flips(found: LaunchRehearsal) -> Section | None:
    if found.better is None:
        return None
    title = "It stands if tokens grow"
    if any("turns over if" in note for note in found.better.notes):
        title = "What would turn this over"
    if any(line.verdict == "FAIL" for line in found.better.lines):
        title = "What it does not meet, and what would turn the rest over"
    return Section(
        title,
        anchor="assumptions",
        prose=(
            *(in_words(note, found.better.gate.requirements) for note in found.better.notes[1:]),
            "How callers react to a refusal is an assumption of the scenario, not a measurement.",
        ),
    )


def _incidents(found: LaunchRehearsal) -> Section:
    incidents = found.incidents
    return Section(
        f"The limits keep {share(incidents.kept_share)} of what the library's incidents would add",
        anchor="incidents",
        prose=(incidents.headline, *incidents.notes),
        figure=partial(figures.kept_shares, incidents.to_frame(), ribbon=incidents.ribbon),
        caption="The week of each incident, with and without the limits.",
    )


def _accounting(found: LaunchRehearsal) -> Section:
    accounting, looks = found.accounting, found.policy.accounting == "check"
    title = "These limits look first and record afterwards, which lets more through"
    if not looks:
        title = "These limits hold because calls are reserved, not counted afterwards"
    return Section(
        title,
        anchor="accounting",
        prose=(accounting.headline, *accounting.lines),
        figure=accounting.plot,
        caption=f"Calls of {accounting.feature} against one cap; all on the same calls.",
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
