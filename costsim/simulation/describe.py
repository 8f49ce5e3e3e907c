"""A scenario in words: everything that it states, and what it is expected to cost."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.formats import count, day, share, usd
from costsim.simulation.noise import Noise
from costsim.simulation.settings import Effect, Sessions

if TYPE_CHECKING:
    from costsim.simulation.distributions import Tokens
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import (
        Cache,
        Cohort,
        Feature,
        Incident,
        Operations,
        Reaction,
    )

WIDTH = 100


def describe(scenario: Scenario) -> str:
    """A scenario in words, with its expected dollars.

    Says what the file states and what differs from doing nothing: a key at its default is left
    out.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    str
        Lines of at most 100 characters, names and versions apart.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> text = describe(load_scenario("surprise-40k"))
    >>> next(line for line in text.splitlines() if "Cohort scripted" in line)
    '  Cohort scripted: 1 user, 211.75 calls a day; hours of scripted.'
    """
    sections = [
        list(_head(scenario)),
        list(_expected(scenario)),
        list(_users(scenario)),
        *(list(_feature(scenario, name, f)) for name, f in scenario.features.items()),
        list(_happenings(scenario)),
        *(list(_incident(name, i)) for name, i in scenario.incidents.items()),
        list(_control(scenario)),
    ]
    lines = [line for section in sections for line in section if line.strip()]
    return "\n".join(wrapped for line in lines for wrapped in _wrap(line))


def _wrap(line: str) -> list[str]:
    """Long lines broken between words; what follows is indented below what it belongs to."""
    margin = " " * (len(line) - len(line.lstrip()) + 2)
    broken = textwrap.wrap(
        line, WIDTH, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return broken or [line]


def _when(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M}"


def _head(scenario: Scenario) -> Iterator[str]:
    last = scenario.calendar.date_of(scenario.days - 1)
    yield f"{scenario.title or scenario.name} ({scenario.name}, hash {scenario.hash})"
    yield scenario.account
    yield (
        f"{scenario.days} days, {day(scenario.start)} to {day(last)} {last.year} in "
        f"{scenario.time_zone}; prices {scenario.price_book}; budget "
        f"{usd(scenario.monthly_budget_usd)} a month."
    )


def _users(scenario: Scenario) -> Iterator[str]:
    people = scenario.population
    law = people.activity
    shape = (
        f"activity by Zipf's law, exponent {law.exponent:g}"
        if law.law == "zipf"
        else f"activity lognormal, log-sd {law.log_sd:g}"
    )
    parts = [f"{count(people.users)} users, {shape}"]
    if people.tiers:
        tiers = (
            f"{t.name} {share(t.share)}"
            + (f" at {usd(t.price_usd_per_month)} a month" if t.price_usd_per_month else "")
            for t in people.tiers
        )
        parts.append(", ".join(tiers))
    if people.growth_per_week:
        parts.append(f"traffic grows {share(people.growth_per_week)} a week")
    if people.churn_per_month:
        parts.append(f"{share(people.churn_per_month)} leave within 30 days")
    yield "; ".join(parts) + "."
    noise = scenario.noise
    if noise == Noise(hour_sigma=0, hour_phi=0, day_sigma=0):
        return
    days = f" (correlation {noise.day_phi:g})" if noise.day_phi else ""
    again = f", {noise.same_hour_phi:g} a day on" if noise.same_hour_phi else ""
    yield (
        f"Noise: log-sd {noise.hour_sigma:g} by hour (correlation {noise.hour_phi:g} from one to "
        f"the next{again}), {noise.day_sigma:g} by day{days}."
    )


def _feature(scenario: Scenario, name: str, feature: Feature) -> Iterator[str]:
    tier = "" if feature.service_tier == "default" else f", {feature.service_tier}"
    yield (
        f"Feature {name}: {feature.model}{f' of {feature.provider}' if feature.provider else ''}"
        f"{tier}, hours of {_profile(scenario, feature.profile)}"
        + (f", live from {_when(feature.launch)}." if feature.launch else ".")
    )
    calls = f"{count(feature.calls_per_week)} calls a week" if feature.calls_per_week else ""
    if feature.sessions != Sessions():
        calls = f"{calls} in {_sessions(feature.sessions)}".strip()
    parts = [calls, f"{feature.passes} calls a request" if feature.passes > 1 else ""]
    parts += _tokens(feature.input_tokens, feature.output_tokens, feature.cache)
    if feature.truncated_rate:
        parts.append(f"{share(feature.truncated_rate)} run into the limit of the answer")
    if feature.prompt_version != "1":
        parts.append(f"prompt version {feature.prompt_version}")
    yield "  " + "; ".join(part for part in parts if part) + "."
    if feature.errors.rate:
        how = _billed(feature.errors.billed)
        yield f"  {share(feature.errors.rate)} of attempts fail, {how}."
    if feature.errors.rate or feature.reaction != "human":
        yield f"  {_reaction(feature.reaction, scenario.reaction(feature.reaction))}."
    if feature.cheaper:
        yield f"  Some move to {feature.cheaper} when refused."
    for cohort, settings in feature.cohorts.items():
        yield from _cohort(scenario, cohort, settings)


def _profile(scenario: Scenario, name: str) -> str:
    there = scenario.profiles[name].time_zone
    return f"{name} ({there})" if there else name


def _sessions(sessions: Sessions) -> str:
    if sessions.mean_calls == 1:
        return "sessions of one call"
    return f"sessions of {sessions.mean_calls:g} calls, {sessions.think_seconds:g} s apart"


def _billed(how: str) -> str:
    return {"nothing": "unbilled", "input": "their input billed", "all": "billed in full"}[how]


def _tokens(inner: Tokens | None, outer: Tokens | None, cache: Cache | None) -> list[str]:
    parts = []
    for tokens, words in ((inner, "input"), (outer, "output")):
        if tokens:
            most = f", at most {count(tokens.max)}" if tokens.max is not None else ""
            parts.append(f"{words} {count(round(tokens.expected))} tokens on average{most}")
    if cache and cache.share:
        hits = "" if cache.hit_rate == 1 else f" in {share(cache.hit_rate)} of the calls"
        parts.append(f"{share(cache.share)} of the input cached{hits}")
    return parts


def _reaction(name: str, reaction: Reaction) -> str:
    """What callers do, from the keys that say so."""
    parts = []
    if reaction.max_retries:
        what = "refusals and errors" if reaction.retries_errors else "refusals"
        longest = (
            f"at once, up to {reaction.max_retries} times"
            if reaction.base_seconds == 0 or reaction.cap_seconds == 0
            else f"up to {reaction.max_retries} times, waiting up to {reaction.cap_seconds:g} s"
        )
        sure = "" if reaction.retry_share == 1 else f" by {share(reaction.retry_share)}"
        parts.append(f"retry {what}{sure} {longest}")
    for part, words in (
        (reaction.come_back_at_reset, "come back after the reset"),
        (reaction.move_to_cheaper, "move to a cheaper feature"),
        (reaction.leave, "leave for good"),
    ):
        if part:
            parts.append(f"{share(part)} {words}")
    return f"Callers ({name}) {', '.join(parts) or 'give up when refused'}"


def _cohort(scenario: Scenario, name: str, cohort: Cohort) -> Iterator[str]:
    people = f"{count(cohort.users)} user{'s' * (cohort.users != 1)}"
    parts = [f"{people}, {cohort.calls_per_day:g} calls{' each' * (cohort.users != 1)} a day"]
    if cohort.activity_log_sd:
        parts[0] += f" (log-sd {cohort.activity_log_sd:g} between them)"
    if cohort.profile:
        parts.append(f"hours of {_profile(scenario, cohort.profile)}")
    if cohort.first_use:
        bass = cohort.first_use.bass
        over = bass.over_days if bass else len(cohort.first_use.days)
        law = f" by Bass diffusion, p {bass.innovation:g}, q {bass.imitation:g}" if bass else ""
        parts.append(f"first use within {over} days of the launch{law}")
    if cohort.starts:
        parts.append(f"from {_when(cohort.starts)}")
    if cohort.ends:
        parts.append(f"until {_when(cohort.ends)}")
    if cohort.sessions:
        parts.append(_sessions(cohort.sessions))
    parts += _tokens(cohort.input_tokens, cohort.output_tokens, cohort.cache)
    yield f"  Cohort {name}: {'; '.join(parts)}."
    if cohort.reaction:
        yield f"    {_reaction(cohort.reaction, scenario.reaction(cohort.reaction))}."


def _expected(scenario: Scenario) -> Iterator[str]:
    expected, week = scenario.expected(), scenario.focus
    yield f"Expected in the {week.days} days from {week.start}: {usd(expected.week_usd)}:"
    for row in expected.to_frame().itertuples():
        each = f" at ${row.usd_per_call:.4f}" if row.calls else ""
        yield f"  {row.feature_name}, {row.cohort}: {count(row.calls)} calls{each} = {usd(row.usd)}"


def _happenings(scenario: Scenario) -> Iterator[str]:
    for name, surge in scenario.surges.items():
        of = ", ".join(surge.features) or "every feature"
        yield (
            f"Surge {name}, {_when(surge.starts)} to {_when(surge.ends)}: {surge.calls_scale:g} "
            f"times the calls of {of}. {surge.account}"
        )
    for holiday in scenario.holidays:
        called = f" ({holiday.name})" if holiday.name else ""
        yield f"Holiday {holiday.day:%a %Y-%m-%d}{called}: {holiday.calls_scale:g} times the calls."
    for change in scenario.price_changes:
        kinds = (("input", "input"), ("cache_read", "cached input"), ("output", "output"))
        prices = ", ".join(
            f"{words} {usd(getattr(change, key))}"
            for key, words in kinds
            if getattr(change, key) is not None
        )
        whose = f" of {change.provider}" if change.provider else ""
        yield f"Price of {change.model}{whose} from {_when(change.at)}: {prices} a million tokens."
    for note in scenario.notes:
        yield f"{_when(note.at)}: {note.label}."


def _incident(name: str, incident: Incident) -> Iterator[str]:
    until = f" to {_when(incident.ends)}" if incident.ends else " on"
    where = "every feature" if incident.feature == "all" else incident.feature
    moves = "may start at any time" if incident.movable else "bound to the calendar"
    yield (
        f"Incident {name} ({incident.cause}, {moves}), {where} from {_when(incident.starts)}"
        f"{until}: {incident.account}"
    )
    yield f"  Changes: {_changes(incident)}."
    yield f"  A good detector: {incident.detect}" if incident.detect else ""


def _changes(incident: Incident) -> str:
    if incident.cohort:
        return f"the calls of cohort {incident.cohort} are there because of it"
    effect = incident.effect
    if effect == Effect():
        return "all calls of the feature are there because of it"
    parts = []
    for value, words in (
        (effect.calls_scale, "calls"),
        (effect.input_tokens_scale, "input tokens"),
        (effect.output_tokens_scale, "output tokens"),
    ):
        if value != 1:
            parts.append(f"{words} times {value:g}")
    if effect.calls_growth_per_day:
        parts.append(f"calls grow {share(effect.calls_growth_per_day)} a day")
    if effect.cache_share is not None:
        parts.append(f"{share(effect.cache_share)} of the input from the cache")
    if effect.model:
        parts.append(f"{effect.model}{f' of {effect.provider}' * bool(effect.provider)} answers")
    if effect.prompt_version is not None:
        parts.append(f"prompt version {effect.prompt_version}")
    if effect.error_rate is not None:
        parts.append(f"{share(effect.error_rate)} of attempts fail")
    if effect.silent:
        parts.append("records do not arrive")
    return "; ".join(parts)


def _control(scenario: Scenario) -> Iterator[str]:
    if scenario.limits:
        yield f"Limits in force: {scenario.limits}."
    for provider, limit in scenario.provider_limits.items():
        ends = ((limit.calls_per_minute, "calls"), (limit.tokens_per_minute, "tokens"))
        parts = [f"{count(value)} {words}" for value, words in ends if value is not None]
        yield f"{provider} admits {' and '.join(parts) or 'everything'} a minute."
    if scenario.operations:
        yield _operations(scenario.operations)
    if scenario.layers:
        yield (
            "Layers in the file: logging and alarms run; caps and the budget ladder are recorded "
            "but not enforced by this version."
        )


def _operations(operations: Operations) -> str:
    on_duty = []
    for name in operations.detectors:
        at = operations.thresholds.get(name)
        on_duty.append(f"{name} at {at:g}" if at is not None else name)
    if operations.suite is not None:
        on_duty.append(f"the suite {operations.suite}")
    delay = operations.reaction_minutes
    reacts = f"{delay:g}" if not isinstance(delay, list) else f"{min(delay):g} to {max(delay):g}"
    feature = operations.feature or "the feature that rose the most"
    act = {
        "none": "nobody acts",
        "kill": f"{feature} is switched off",
        "downgrade": f"{feature} is answered by {operations.model}",
        "limit": f"limits {operations.limits} are put in force",
    }[operations.action]
    return (
        f"On duty: {', '.join(on_duty) or 'no detector'}; records arrive "
        f"{operations.ingestion_lag_minutes:g} min late; {reacts} min after an alarm {act}"
        + (f", up to {operations.most_actions} times." if operations.most_actions > 1 else ".")
    )
