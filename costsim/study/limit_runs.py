"""One seed's month with and without limits, and what the limits keep of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.records.dataset import was_stopped
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.study.limit_measures import Intended, intended, measures
from costsim.study.limit_tally import LimitTally, rule_count, tally
from costsim.study.one_thread import one_thread
from costsim.study.rehearsal import Rehearsal, RehearsedDay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.intents import Intents
    from costsim.study.launch_month import LaunchMonth

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
    try:
        with one_thread():
            return task.seed, _rows(task)
    except RuntimeError as error:
        if was_stopped(error):
            raise KeyboardInterrupt from error
        raise


def _rows(task: MonthTask) -> list[dict[str, float | str]]:
    rehearsal = Rehearsal(task.month, task.seed, task.downgrades)
    runs = PairedRuns(rehearsal, {OPEN: None, task.policy.name: task.policy})
    for day in rehearsal:
        runs.add(day)
    return runs.rows()


class PairedRuns:
    """Several limits over one seed's days, each with and without what goes wrong."""

    def __init__(self, rehearsal: Rehearsal, policies: dict[str, Policy | None]) -> None:
        self.rehearsal = rehearsal
        self.policies = policies
        self._paired = bool(rehearsal.month.scenario.incidents)
        closed = [n for n, policy in policies.items() if policy or not rehearsal.open]
        self._loops = {name: rehearsal.loop(policies[name]) for name in closed}
        self._plain = {n: rehearsal.loop(policies[n]) for n in closed if self._paired}
        self._found: dict[str, LimitTally] = {}
        self._plain_nano = dict.fromkeys(policies, 0)
        users = len(rehearsal.tables.arrays.tier_of)
        self._calls = np.zeros((len(rehearsal.tables.streams), users), np.int64)

    def add(self, day: RehearsedDay) -> None:
        """Play one more day."""
        rehearsal = self.rehearsal
        self._calls += intended_calls(rehearsal, day.intents)
        for name, policy in self.policies.items():
            if name in self._loops:
                attempts = self._loops[name].day(day.intents, day.end_us)
                part = tally(attempts, rehearsal, rule_count(policy))
            else:
                part = open_tally(rehearsal, day.intents)
            self._found[name] = self._found[name] + part if name in self._found else part
            if self._paired:
                self._plain_nano[name] += self._without(name, day)

    def _without(self, name: str, day: RehearsedDay) -> int:
        """Nano-dollars of the month's part of a day on which nothing goes wrong."""
        month = self.rehearsal.month.month
        if name in self._plain:
            attempts = self._plain[name].day(day.plain, day.end_us)
            nano = attempts.total_nano
            return int(nano[self.rehearsal.within(attempts, month)].sum())
        nano = self.rehearsal.cost(day.plain)
        return int(nano[self.rehearsal.within(day.plain, month)].sum())

    @property
    def intended(self) -> Intended:
        """What the users meant to do."""
        return intended(self._calls, self.rehearsal.tables)

    def rows(self) -> list[dict[str, float | str]]:
        """A row for each of the limits."""
        wanted, tables = self.intended, self.rehearsal.tables
        rows: list[dict[str, float | str]] = []
        for name, policy in self.policies.items():
            row: dict[str, float | str] = {"variant": name}
            row["seed"] = self.rehearsal.recorder.demand.seed
            row |= measures(self._found[name], wanted, tables, policy)
            if self._paired:
                paid = int(self._found[name].month_nano.sum())
                row["incident_usd"] = (paid - self._plain_nano[name]) / 1e9
            rows.append(row)
        return rows


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

    def summed(days: tuple[int, int]) -> NDArray[np.int64]:
        there = rehearsal.within(intents, days)
        found = np.bincount(cell[there], nano[there], minlength=streams * users)
        return found.astype(np.int64).reshape(streams, users)

    nothing = np.zeros((streams, users), np.int64)
    return LimitTally(
        month_nano=summed(month.month),
        week_nano=summed(month.week),
        calls=intended_calls(rehearsal, intents),
        retries=nothing,
        denied=nothing,
        holds=nothing,
        downgraded=nothing,
        unsent=nothing,
        reasons=np.zeros((rule_count(None) + 3, users), np.int64),
    )
