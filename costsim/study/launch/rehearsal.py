"""One month's demand of one seed, drawn once and admitted under any number of limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.closed_run import needs_loop
from costsim.simulation.demand import Demand
from costsim.simulation.intents import Intents, intents_of, without_incidents
from costsim.simulation.loop import Loop
from costsim.simulation.loop_tables import LoopTables, tables_of
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.admission import Attempts
    from costsim.simulation.calls import Calls
    from costsim.simulation.kernel_layout import Block
    from costsim.study.launch.month import LaunchMonth


class RehearsedDay(NamedTuple):
    """Intended calls of a local day, and as they would have been without incidents."""

    end_us: int
    intents: Intents
    plain: Intents


class Rehearsal:
    """The days of a launch month, drawn from one seed.

    Limits come into force as the first simulated day begins, with nothing used before.

    Parameters
    ----------
    month : LaunchMonth
    seed : int
    downgrades : tuple of (feature, model)
        Where limits may send calls.
    """

    def __init__(
        self, month: LaunchMonth, seed: int, downgrades: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.month = month
        scenario = month.scenario
        self.recorder = Recorder(Demand(play(scenario, seed), seed), downgrades)
        self.tables: LoopTables = tables_of(self.recorder)

    def __iter__(self) -> Iterator[RehearsedDay]:
        for end, groups in self.groups():
            yield self._day(end, groups)

    def groups(self) -> Iterator[tuple[int, list[Calls]]]:
        """The end of each local day, and the calls that begin on it."""
        calendar, demand = self.month.scenario.calendar, self.recorder.demand
        first, after = self.month.days
        spill: list[Calls] = []
        # sessions that began the day before may run past midnight
        for day in range(max(first - 1, 0), after):
            start, end = calendar.day_range_us(day)
            groups = [*spill, *demand.day(day)]
            spill = [late for g in groups if len(late := g.where(g.time_us >= end))]
            if day >= first:
                today = [g.where((g.time_us >= start) & (g.time_us < end)) for g in groups]
                yield end, [g for g in today if len(g)]

    def _day(self, end_us: int, groups: list[Calls]) -> RehearsedDay:
        intents = intents_of(groups, self.recorder, self.tables)
        if all(g.variant.incident is None for g in groups):
            return RehearsedDay(end_us, intents, intents)
        if any(g.before is not None for g in groups):
            plain = intents_of(without_incidents(groups), self.recorder, self.tables)
            return RehearsedDay(end_us, intents, plain)
        touched = np.array([v.incident is not None for v in self.tables.variants])
        return RehearsedDay(end_us, intents, intents.take(~touched[intents.variant]))

    @cached_property
    def open(self) -> bool:
        """Whether without limits every intended call is made, once."""
        return not needs_loop(self.month.scenario, None)

    def loop(self, policy: Policy | None) -> Loop:
        """A run under limits, to be fed day by day."""
        return Loop(self.tables, policy)

    def cost(self, intents: Intents | Block) -> NDArray[np.int64]:
        """Nano-dollars of each intended call, made as intended."""
        found = np.zeros(len(intents.time_us), np.int64)
        for route in np.flatnonzero(np.bincount(intents.route)).tolist():
            rows = np.flatnonzero(intents.route == route)
            columns = (intents.time_us, intents.input_tokens, intents.cached_tokens)
            found[rows] = self.recorder.prices.cost(
                route, *(column[rows] for column in (*columns, intents.output_tokens))
            )[1]
        return found

    def within(self, attempts: Attempts | Intents, days: tuple[int, int]) -> NDArray[np.bool_]:
        """Which of them begin in a range of days."""
        start, end = self.month.range_us(days)
        return np.asarray((attempts.time_us >= start) & (attempts.time_us < end))
