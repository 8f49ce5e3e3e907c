"""The five things that nobody had in the $40k week, each passed or failed by a launch."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal, NamedTuple

from costsim.limits import Policy
from costsim.prices import load_price_book
from costsim.show.formats import count, day, hours, share, usd
from costsim.simulation.request_cost import RequestCost
from costsim.study.launch.first_signal import what_if
from costsim.study.launch.recommendation import user_words
from costsim.study.launch.words import cap_words

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario
    from costsim.study.launch.first_signal import FirstSignal
    from costsim.study.launch.month import LaunchMonth

MOST_SURE = 0.9
"""Share of the runs in which a first signal must come soon."""

Passed = Literal["PASS", "FAIL", "UNDECIDED"]


class LaunchLine(NamedTuple):
    """What nobody had, whether this launch has it, and why."""

    nobody_had: str
    verdict: Passed
    here: str


def launch_lines(
    month: LaunchMonth, policy: Policy, signal: FirstSignal | None, suite: str
) -> tuple[LaunchLine, ...]:
    """The five lines of a launch.

    Parameters
    ----------
    month : LaunchMonth
    policy : Policy
        Limits in force.
    signal : FirstSignal or None
        What the suite on watch does; None where it was not tried.
    suite : str
        Who is on watch; empty for nobody.
    """
    return (
        _cost_known(month.scenario, policy),
        _user_limits(month.scenario, policy),
        _budget_alert(month, policy),
        _dashboard(month.scenario),
        _signal(month.scenario, signal, suite),
    )


def _cost_known(scenario: Scenario, policy: Policy) -> LaunchLine:
    dearest, mean = _dearest(scenario)
    unbounded = []
    for name, feature in scenario.features.items():
        caps = (policy.request.max_input_tokens, feature.input_tokens.max)
        if all(cap is None for cap in caps):
            unbounded.append(name)
    said = f"A request of {dearest}, the dearest, costs {usd(mean)} on average"
    if unbounded:
        few = ", ".join(unbounded[:3]) + (" and others" if len(unbounded) > 3 else "")
        return LaunchLine(
            "the cost of a request",
            "FAIL",
            f"{said}, but nothing bounds a request of {few}: set max_input_tokens.",
        )
    most = {name: _most_usd(scenario, name, policy) for name in scenario.features}
    worst = max(most, key=lambda name: most[name])
    said += f"; under the limits no request can cost more than {usd(most[worst])}"
    said += f" ({worst})" if worst != dearest else ""
    if most[dearest] < mean:
        said += ", which is less than that average"
    return LaunchLine("the cost of a request", "PASS", f"{said}.")


def _dearest(scenario: Scenario) -> tuple[str, float]:
    """The feature whose requests cost the most on average, and how much."""
    from costsim.study.launch.overshoot import dearest

    name = dearest(scenario)
    frame = scenario.expected().to_frame()
    own = frame[frame["feature_name"] == name]
    mean = float(own["usd"].sum() / own["calls"].sum())
    return name, mean * scenario.features[name].passes


def _most_usd(scenario: Scenario, name: str, policy: Policy) -> float:
    """The most that a request of a feature can cost under the limits."""
    feature, caps = scenario.features[name], policy.request
    known = (caps.max_input_tokens, feature.input_tokens.max)
    tokens_in = min(one for one in known if one is not None)
    tokens_out = min(feature.output_tokens.max or caps.max_output_tokens, caps.max_output_tokens)
    unit = load_price_book(scenario.price_book).unit(
        feature.model,
        at=scenario.focus.start,
        service_tier=None if feature.service_tier == "default" else feature.service_tier,
        provider=feature.provider,
    )
    return RequestCost(unit, feature.passes).at(tokens_in, tokens_out)


def _user_limits(scenario: Scenario, policy: Policy) -> LaunchLine:
    if not _every_user_capped(scenario, policy):
        return LaunchLine("limits for each user", "FAIL", f"{policy.name} caps no user's dollars.")
    tiers = ", more or less by tier" if policy.user.by_tier else ""
    said = f"{user_words(policy)}{tiers}" if user_words(policy) else "each tier has caps of its own"
    sums = cap_words(policy, scenario)
    return LaunchLine(
        "limits for each user", "PASS", f"{said[:1].upper()}{said[1:]}. {sums}".strip()
    )


def _every_user_capped(scenario: Scenario, policy: Policy) -> bool:
    """Whether each tier's users have some cap of dollars, their own or everybody's."""
    own = [policy.user.by_tier.get(tier.name) for tier in scenario.population.tiers] or [None]
    return all(
        any(cap.endswith("_usd") for each in (policy.user, caps) if each for cap in each.stated)
        for caps in own
    )


def _budget_alert(month: LaunchMonth, policy: Policy) -> LaunchLine:
    what, whole = "an alert on the month's budget", policy.organisation
    budget = month.scenario.monthly_budget_usd
    if not whole.levels or whole.month_usd is None:
        return LaunchLine(
            what, "FAIL", f"{policy.name} alerts nobody: set organisation.month_usd and alert_at."
        )
    first = whole.levels[0].at * whole.month_usd
    if first >= budget:
        return LaunchLine(
            what, "FAIL", f"The first alert comes at {usd(first)}; the budget is {usd(budget)}."
        )
    reached = reached_on(month, first)
    when = f"expected {day(reached)} if nothing is refused" if reached else "not reached on average"
    return LaunchLine(
        what, "PASS", f"The first alert comes at {usd(first)} of {usd(budget)}, {when}."
    )


def reached_on(month: LaunchMonth, spent_usd: float) -> date | None:
    """The day on which the month's expected dollars reach a sum; None where they do not.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> from costsim.study.launch.month import launch_month
    >>> reached_on(launch_month(load_scenario("surprise-40k")), 44_000)
    datetime.date(2024, 8, 15)
    """
    calendar = month.scenario.calendar
    days = month.scenario.expected().days
    begin, end = (calendar.date_of(at) for at in (month.month[0], month.month[1] - 1))
    of_month = days[(days["date"] >= begin) & (days["date"] <= end)]
    summed = of_month.groupby("date")["usd"].sum().cumsum()
    over = summed[summed >= spent_usd]
    found: date | None = over.index[0] if len(over) else None
    return found


def _dashboard(scenario: Scenario) -> LaunchLine:
    what = "a dashboard of what is spent"
    if scenario.layers is not None and scenario.layers.logging:
        return LaunchLine(
            what, "PASS", "Calls are recorded one by one; `costsim report weekly` shows them."
        )
    return LaunchLine(
        what,
        "FAIL",
        "Nothing says that calls are recorded. Once they are, state [layers] logging = true in "
        "the scenario; `costsim report weekly` is the dashboard then.",
    )


def _signal(scenario: Scenario, signal: FirstSignal | None, suite: str) -> LaunchLine:
    what = "a first signal within hours"
    if not suite:
        return LaunchLine(what, "FAIL", "Nobody is on watch: name a suite of detectors.")
    if signal is None:
        why = "it was not tried" if scenario.incidents else "the scenario has nothing go wrong"
        return LaunchLine(what, "UNDECIDED", f"The suite {suite} is on watch; {why}.")
    soon = (
        f"With the suite {suite} on watch an alarm comes within 4 hours of the incident's start in "
        f"{count(signal.soon)} of {count(signal.runs)} runs"
    )
    if not scenario.incidents:
        [supposed] = what_if(scenario).incidents.values()
        soon = (
            f"The scenario has nothing go wrong. Supposed that {supposed.feature} has "
            f"{supposed.effect.calls_scale:g} times its calls: w{soon[1:]}"
        )
    if signal.never == signal.runs:
        return LaunchLine(what, "FAIL", f"{soon}, and in none later.")
    said = f"{soon}, in the median run after {hours(signal.median_hours)} and "
    said += f"{usd(signal.median_usd)} ({signal.detector} is mostly first)."
    passed: Passed = "PASS" if signal.soon_share >= MOST_SURE else "FAIL"
    if passed == "FAIL":
        said += f" {share(MOST_SURE)} are asked for."
    return LaunchLine(what, passed, said)
