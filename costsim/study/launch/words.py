"""What limits would do, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costsim.limits.core import NO_LIMIT
from costsim.limits.rules import rules_of
from costsim.show.formats import count, ratio, share, usd
from costsim.study.launch.passed_limits import pays_late
from costsim.study.launch.runs import OPEN

if TYPE_CHECKING:
    from costsim.limits import Policy
    from costsim.simulation.scenario import Scenario
    from costsim.study.launch.validation import LimitsValidation

MANY = 0.5
"""A feature most of whose users are blocked is a feature that is not there."""


def headline(found: LimitsValidation) -> str:
    """The verdict in a sentence: whom the limits block, and what the month costs."""
    name, scenario = found.policy.name, found.month.scenario
    features = found.blocked()
    features = features[features["kind"] == "feature"]
    said = []
    if len(features) and features["blocked_share"].max() >= MANY:
        worst = features.iloc[0]  # most blocked first
        said.append(f"block {share(worst['blocked_share'])} of the users of {worst['name']}")
    ordinary = found.mean_of("ordinary_blocked_share")
    said.append(f"{'' if said else 'block '}{share(ordinary)} of the ordinary users")
    with_, without = (found.mean_of("month_usd", v) for v in (None, OPEN))
    over = found.mean_of("over_budget")
    verdict = "" if found.verdict == "NO GATE" else f"{found.verdict}: "
    return (
        f"{verdict}{name} would {' and '.join(said)}; the month costs {usd(with_)} on average "
        f"({usd(without)} without limits) and passes the budget of "
        f"{usd(scenario.monthly_budget_usd)} in {share(over)} of {found.replicates} runs."
    )


def notes(found: LimitsValidation) -> list[str]:
    """What a reader must know beside the headline."""
    said = [f"The month is {found.month.words}. Nobody acts on alarms in it."]
    said.append(cap_words(found.policy, found.month.scenario))
    refused = found.refusals()
    if len(refused):
        first = refused.iloc[0]
        said.append(
            f"Most refusals, {share(first['share'])}, come from {first['scope']}."
            f"{first['window']}; {count(found.mean_of('hold_denied'))} of "
            f"{count(found.mean_of('denied'))} a month because of open reservations alone."
        )
    said.append(level_words(found))
    said.append(passed_words(found))
    if "incident_avoided_usd" in found.runs:
        open_usd, kept = (
            found.mean_of("incident_usd", OPEN),
            found.mean_of("incident_avoided_usd"),
        )
        said.append(_avoided(open_usd, kept))
    left, unsent = found.mean_of("left_share"), found.mean_of("unsent")
    if unsent:
        said.append(
            f"{share(left)} of the active users leave for good after a refusal and do not make "
            f"{count(unsent)} calls; how callers react is an assumption of the scenario."
        )
    return [line for line in said if line]


def _avoided(adds_usd: float, avoided_usd: float) -> str:
    """What the limits avoid of an incident; of users whom they refuse, ordinary calls besides."""
    beyond = avoided_usd - adds_usd
    if adds_usd <= 0 or beyond <= 0.005:
        return f"Of {usd(adds_usd)} that the incident adds, the limits avoid {usd(avoided_usd)}."
    return (
        f"Of {usd(adds_usd)} that the incident adds, the limits avoid all, and {usd(beyond)} of "
        "ordinary calls besides: who is refused makes fewer of them."
    )


def level_words(found: LimitsValidation) -> str:
    """How long the month stands at each level of the ladder; empty where there is none."""
    levels = found.levels()
    if not len(levels):
        return ""
    told = [
        f"{count(round(row['with']))} {'after ' if at else ''}{row['level']}"
        for at, (_, row) in enumerate(levels.iterrows())
        if not at or row["with"] > 0
    ]
    never = levels.loc[levels["reached"] == 0, "level"].tolist()
    text = f"Of the month's {count(round(levels['with'].sum()))} hours, on average "
    text += f"{', '.join(told)}"
    return f"{text}; never reached: {', '.join(never)}." if never else f"{text}."


def passed_words(found: LimitsValidation) -> str:
    """How far limits in dollars were passed, and by how much they may be; empty without any."""
    rows = found.overshoot().to_dict("records")
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row["worst_usd"])
    limit, most = worst["limit"], usd(worst["worst_usd"])
    if not worst["worst_usd"]:
        return (
            f"No window of {', '.join(row['limit'] for row in rows)} took more than its limit in "
            f"any of {found.replicates} runs, to the nano-dollar."
        )
    if not pays_late(found.policy):
        return f"{limit} was overshot by {most}, though holds are the most a call costs: a defect."
    mean, open_ = usd(worst["mean_usd"]), "open answers cost beyond their holds"
    if found.policy.accounting == "check":
        mean += f" ({usd(worst['formula_usd'])} by the closed form at their concurrency)"
        open_ = "calls in flight or not yet recorded cost"
    text = (
        f"{limit} is overshot in {count(worst['windows'])} windows a month, by {mean} on average "
        f"and {most} at most; what {open_} allows up to {usd(worst['bound_usd'])}."
    )
    beyond = max(row["beyond_usd"] for row in rows)
    return f"{text} {usd(beyond)} go beyond that: a defect." if beyond else text


def cap_words(policy: Policy, scenario: Scenario) -> str:
    """Users times their caps against the budget; empty where users have no cap of dollars.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> from costsim.simulation import load_scenario
    >>> print(cap_words(load_limits("flat-caps"), load_scenario("surprise-40k")))
    5,000 users x $50.00 a month = $250,000, 4.5x the budget of $55,000: the users' caps alone do
    not keep the budget.
    """
    found = user_caps_usd(policy, scenario)
    if found is None:
        return ""
    total, each, window = found
    budget, users = scenario.monthly_budget_usd, scenario.population.users
    most = usd(each) if each is not None else "their tiers' caps"
    equals = f"{users:,} users x {most} a {window} = {usd(total)}"
    if total > budget:
        return (
            f"{equals}, {ratio(total / budget)} the budget of {usd(budget)}: the users' caps alone "
            "do not keep the budget."
        )
    return f"{equals}, within the budget of {usd(budget)}."


def user_caps_usd(policy: Policy, scenario: Scenario) -> tuple[float, float | None, str] | None:
    """What all users may take together in a month of 31 days: dollars, the cap, its window.

    The cap is None where tiers differ. Its window is the month, else the tightest there is.
    """
    days = {"month_usd": 1, "day_usd": 31, "hour_usd": 744}
    tiers = scenario.population.tiers
    shares = {tier.name: tier.share for tier in tiers} or {"": 1.0}
    for cap, times in days.items():
        rule = next((r for r in rules_of(policy) if r.scope == "user" and r.cap == cap), None)
        if rule is None:
            continue
        each = {name: rule.limit_of("", name) for name in shares}
        if NO_LIMIT in each.values():
            continue
        users = scenario.population.users
        edges = np.rint(np.cumsum(list(shares.values())) * users).astype(int)
        counts = np.diff(edges, prepend=0)
        total = sum(int(n) * each[name] for n, name in zip(counts, each, strict=True)) * times
        one = set(each.values())
        window = "month" if cap == "month_usd" else f"{rule.window} in {times} {rule.window}s"
        return total / 1e9, next(iter(one)) / 1e9 if len(one) == 1 else None, window
    return None
