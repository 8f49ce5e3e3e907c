"""One seed's month with and without limits, and what the limits keep of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.intents import without_incidents
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.study.launch.folding import FoldedMonth, can_fold
from costsim.study.launch.level_hours import SpendByMinute
from costsim.study.launch.measures import intended, measures
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.passed_limits import PassedLimits, pays_late
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.tally import LimitTally, nothing_tallied, rule_count, tally
from costsim.study.one_thread import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.intents import Intents
    from costsim.study.launch.month import LaunchMonth

OPEN = "without limits"
"""Name of the variant that has none."""


class MonthTask(NamedTuple):
    """One seed: all that a worker needs to know."""

    month: LaunchMonth
    policy: Policy
    downgrades: tuple[tuple[str, str], ...]
    seed: int


def month_rows(task: MonthTask) -> tuple[int, list[dict[str, float | str]]]:
    """The seed, and a row without and one with the limits; see :func:`measures`.

    ``incident_usd`` is what the incidents add to the month: its dollars less those of the same
    month, under the same limits, where nothing goes wrong.
    """
    with one_thread():
        return task.seed, _rows(task)


def _rows(task: MonthTask) -> list[dict[str, float | str]]:
    rehearsal = Rehearsal(task.month, task.seed, task.downgrades)
    if can_fold(rehearsal, task.policy) and not pays_late(task.policy):
        return rows_of(rehearsal, task.policy, folded_month(rehearsal, task.policy))
    return rows_of(rehearsal, task.policy, streamed_month(rehearsal, task.policy))


class PairedMonth(NamedTuple):
    """A month without limits and with them, each also where nothing goes wrong.

    `calls` are those intended, by stream and user; `plain_nano` the month's nano-dollars where
    nothing goes wrong; `spent` when the dollars were known; `passed` by how much the limits were.
    """

    calls: NDArray[np.int64]
    found: dict[str, LimitTally]
    plain_nano: dict[str, int]
    spent: dict[str, SpendByMinute]
    passed: PassedLimits


def rows_of(
    rehearsal: Rehearsal, policy: Policy, month: PairedMonth
) -> list[dict[str, float | str]]:
    """A row without and one with the limits."""
    tables = rehearsal.tables
    wanted = intended(month.calls, tables)
    rows = []
    for name, limits in ((OPEN, None), (policy.name, policy)):
        row: dict[str, float | str] = {"variant": name}
        row["seed"] = rehearsal.recorder.demand.seed
        row |= measures(month.found[name], wanted, tables, limits)
        row |= month.spent[name].hours()
        if limits is not None:
            row |= month.passed.measures()
        if rehearsal.month.scenario.incidents:
            paid = int(month.found[name].month_nano.sum())
            row["incident_usd"] = (paid - month.plain_nano[name]) / 1e9
        rows.append(row)
    return rows


def streamed_month(rehearsal: Rehearsal, policy: Policy) -> PairedMonth:
    """Day by day, all of them through the admission kernel: any limits, any scenario."""
    policies: dict[str, Policy | None] = {OPEN: None, policy.name: policy}
    paired = bool(rehearsal.month.scenario.incidents)
    closed = [n for n, limits in policies.items() if limits or not rehearsal.open]
    loops = {name: rehearsal.loop(policies[name]) for name in closed}
    plain = {name: rehearsal.loop(policies[name]) for name in closed if paired}
    found = {n: nothing_tallied(rehearsal, rule_count(limits)) for n, limits in policies.items()}
    nano = dict.fromkeys(policies, 0)
    spent = {name: SpendByMinute(rehearsal, policy) for name in policies}
    passed = PassedLimits(rehearsal, policy)
    calls = nothing_tallied(rehearsal, 0).calls
    for day in rehearsal:
        calls = calls + intended_calls(rehearsal, day.intents)
        for name, limits in policies.items():
            if name in loops:
                attempts = loops[name].day(day.intents, day.end_us)
                spent[name].add_attempts(attempts)
                if limits is not None:
                    passed.add_attempts(attempts)
                part = tally(attempts, rehearsal, rule_count(limits))
            else:
                spent[name].add_intents(day.intents)
                part = open_tally(rehearsal, day.intents)
            found[name] = found[name].plus(part)
            if name in plain:
                attempts = plain[name].day(day.plain, day.end_us)
                there = rehearsal.within(attempts, rehearsal.month.month)
                nano[name] += int(attempts.total_nano[there].sum())
            elif paired:
                nano[name] += _open_nano(rehearsal, day.plain)
    passed.add_accounts(loops[policy.name].overspent)
    return PairedMonth(calls, found, nano, spent, passed)


def folded_month(rehearsal: Rehearsal, policy: Policy) -> PairedMonth:
    """The same integers where users have nothing to do with each other; see :mod:`folding`.

    Where nothing goes wrong, only users whom an incident touches fare otherwise.
    """
    days = [groups for _, groups in rehearsal.groups()]
    spent = {name: SpendByMinute(rehearsal, policy) for name in (OPEN, policy.name)}
    passed = PassedLimits(rehearsal, policy)
    month = FoldedMonth(rehearsal, MonthCalls(rehearsal, days))
    limited, open_ = month.run(policy, spent[policy.name], passed), month.open
    everybody = np.ones(month.users, np.bool_)
    if spent[OPEN].needed:
        month.note(spent[OPEN], None, everybody)
    nano = dict.fromkeys((OPEN, policy.name), 0)
    if rehearsal.month.scenario.incidents:
        touched = ~everybody
        for groups in days:
            for calls in groups:
                if calls.variant.incident is not None:
                    touched[calls.user] = True
        plain = [
            [calls.where(touched[calls.user]) for calls in without_incidents(groups)]
            for groups in days
        ]
        other = FoldedMonth(rehearsal, MonthCalls(rehearsal, plain))
        other_limited, other_open = other.run(policy), other.open  # in this order: it looks once
        for name, all_, run in (
            (OPEN, open_, other_open), (policy.name, limited, other_limited)
        ):  # fmt: skip
            nano[name] = int(run.month_nano.sum() + all_.month_nano[:, ~touched].sum())
    return PairedMonth(month.calls, {OPEN: open_, policy.name: limited}, nano, spent, passed)


def _open_nano(rehearsal: Rehearsal, intents: Intents) -> int:
    """Nano-dollars of the month's part of a day, made as it is meant."""
    nano = rehearsal.cost(intents)
    return int(nano[rehearsal.within(intents, rehearsal.month.month)].sum())


def intended_calls(rehearsal: Rehearsal, intents: Intents) -> NDArray[np.int64]:
    """How many calls of each stream each user means to make; shape (streams, users)."""
    tables = rehearsal.tables
    users = len(tables.arrays.tier_of)
    cell = (intents.sequence >> (DAY_BITS + INDEX_BITS)) * users + intents.user
    size = len(tables.streams) * users
    return np.bincount(cell, minlength=size).reshape(len(tables.streams), users)


def open_tally(rehearsal: Rehearsal, intents: Intents) -> LimitTally:
    """What a day comes to where nothing stands between what is meant and what is called."""
    month = rehearsal.month
    tables = rehearsal.tables
    users, streams = len(tables.arrays.tier_of), len(tables.streams)
    nano = rehearsal.cost(intents)
    cell = (intents.sequence >> (DAY_BITS + INDEX_BITS)) * users + intents.user

    def summed(days: tuple[int, int], *, dollars: bool = True) -> NDArray[np.int64]:
        there = rehearsal.within(intents, days)
        weights = nano[there] if dollars else None
        found = np.bincount(cell[there], weights, minlength=streams * users)
        return found.astype(np.int64).reshape(streams, users)

    return nothing_tallied(rehearsal, 0)._replace(
        month_nano=summed(month.month),
        week_nano=summed(month.week),
        made=summed(month.month, dollars=False),
        calls=intended_calls(rehearsal, intents),
    )
