"""A run under limits, day by day: demand, the loop, records, and the same without incidents."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from costsim.simulation.attempt_records import AttemptRecords
from costsim.simulation.duty import Watch, keep_watch
from costsim.simulation.intents import Intents, intents_of, without_incidents
from costsim.simulation.loop import Act, Engine, Loop
from costsim.simulation.loop_tables import LoopTables, tables_of
from costsim.simulation.pairing import Pairing
from costsim.simulation.written import Days, RecordedDays

if TYPE_CHECKING:
    from costsim.limits import Policy
    from costsim.records.writer import DatasetWriter
    from costsim.simulation.admission import Attempts
    from costsim.simulation.calls import Calls
    from costsim.simulation.recording import Recorder
    from costsim.simulation.scenario import Scenario

AHEAD = 2
"""Days drawn before they are needed."""


def needs_loop(scenario: Scenario, policy: Policy | None) -> bool:
    """Whether anything stands between what users intend and what is called."""
    incidents = scenario.incidents.values()
    fails = any(f.errors.rate for f in scenario.features.values())
    fails = fails or any(i.effect.error_rate for i in incidents)
    watched = scenario.operations is not None and scenario.operations.watched
    return bool(policy or scenario.provider_limits or watched or fails)


class DayOfIntents(NamedTuple):
    """Intended calls of a local day, and as they would have been without incidents."""

    day: int
    intents: Intents
    plain: Intents | None


@dataclass(frozen=True)
class Feed:
    """Intended calls day by day, drawn ahead by other threads.

    `both` gives them without incidents too.
    """

    recorder: Recorder
    tables: LoopTables
    pool: ThreadPoolExecutor
    both: bool

    def __iter__(self) -> Iterator[DayOfIntents]:
        calendar = self.tables.scenario.calendar
        demand = self.recorder.demand
        waiting = iter(range(calendar.days))
        drawn: deque[Future[list[Calls]]] = deque()
        ready: deque[tuple[int, Future[Intents], Future[Intents] | None]] = deque()
        spill: list[Calls] = []
        for day in range(calendar.days):
            for next_day in waiting:
                drawn.append(self.pool.submit(demand.day, next_day))
                if len(drawn) > AHEAD:
                    break
            start, end = calendar.day_range_us(day)
            groups = [*spill, *drawn.popleft().result()]
            today = [g.where((g.time_us >= start) & (g.time_us < end)) for g in groups]
            late = [g.where(g.time_us >= end) for g in groups]
            spill = [g for g in late if len(g)]
            ready.append((day, *self._submit([g for g in today if len(g)])))
            if len(ready) > 1:
                yield _resolved(*ready.popleft())
        while ready:
            yield _resolved(*ready.popleft())

    def _submit(self, groups: list[Calls]) -> tuple[Future[Intents], Future[Intents] | None]:
        plain = without_incidents(groups)
        for calls in (*groups, *plain):  # numbered here, so that no thread's pace matters
            self.tables.variant(calls.variant)
        made = self.pool.submit(intents_of, groups, self.recorder, self.tables)
        if not self.both:
            return made, None
        return made, self.pool.submit(intents_of, plain, self.recorder, self.tables)


def _resolved(day: int, made: Future[Intents], plain: Future[Intents] | None) -> DayOfIntents:
    return DayOfIntents(day, made.result(), None if plain is None else plain.result())


def write_closed(
    recorder: Recorder,
    policy: Policy | None,
    engine: Engine,
    writer: DatasetWriter,
    workers: int,
    days: Days,
) -> RecordedDays:
    """Play a run under limits and write its days.

    Parameters
    ----------
    days : Days
        Takes each day as it is written.
    """
    tables = tables_of(recorder)
    scenario = tables.scenario
    paired = bool(scenario.incidents)
    calendar = scenario.calendar
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        watch = _watch(recorder, tables, policy, engine, pool, plain=False)
        loop = Loop(tables, policy, watch.acts, engine)
        other = None
        if paired:
            acts = _watch(recorder, tables, policy, engine, pool, plain=True).acts
            other = Loop(tables, policy, acts, engine)
        records = AttemptRecords(tables, loop.admission.policies)
        pairing = Pairing(tables)
        writing: deque[Future[Any]] = deque()

        def write(day: int, attempts: Attempts) -> None:
            table = records.table(attempts)
            days.add(day, writer.write(table, calendar.date_of(day).isoformat()))

        try:
            for day, intents, plain in Feed(recorder, tables, pool, paired):
                end = calendar.day_range_us(day)[1]
                attempts = loop.day(intents, end)
                if other is not None and plain is not None:
                    pairing.day(attempts, other.day(plain, end))
                writing.append(pool.submit(write, day, attempts))
                while len(writing) > AHEAD:
                    writing.popleft().result()
            for task in writing:
                task.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    events = (*recorder.demand.world.events, *watch.events, *loop.events)
    return RecordedDays(
        truth=pairing.table(),
        unseen=records.unseen,
        decisions=records.decisions,
        events=tuple(sorted(events, key=lambda event: event.at_us)),
    )


def _watch(
    recorder: Recorder,
    tables: LoopTables,
    policy: Policy | None,
    engine: Engine,
    pool: ThreadPoolExecutor,
    *,
    plain: bool,
) -> Watch:
    """What people do in the run, or in the run without incidents."""

    def play(acts: tuple[Act, ...]) -> Iterable[Attempts]:
        loop = Loop(tables, policy, acts, engine)
        for day in Feed(recorder, tables, pool, plain):
            intents = day.plain if plain else day.intents
            assert intents is not None
            yield loop.day(intents, tables.scenario.calendar.day_range_us(day.day)[1])

    return keep_watch(tables, play)
