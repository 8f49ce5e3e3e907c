"""A run in which every intended call is made: days in any order, on several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from costsim.simulation.recording import RecordedDay, Unseen
from costsim.simulation.written import Days, RecordedDays

if TYPE_CHECKING:
    from costsim.records.writer import DatasetWriter
    from costsim.simulation.calls import Calls
    from costsim.simulation.recording import Recorder


def write_open(recorder: Recorder, writer: DatasetWriter, workers: int, days: Days) -> RecordedDays:
    """Write the days of a run.

    They go to `workers` in runs of neighbours; each begins with the tails of the days before it.
    """
    import pyarrow as pa

    demand = recorder.demand
    calendar = demand.world.scenario.calendar
    reach = max(feature.reach_days for feature in demand.world.scenario.features.values())

    stopped = Event()

    def run(chosen: range) -> list[RecordedDay]:
        done: list[RecordedDay] = []
        before = range(max(chosen[0] - reach, 0), chosen[0])
        spill = [calls for day in before for calls in demand.day(day)]
        for day in chosen:
            if stopped.is_set():
                break
            drawn = [*spill, *demand.day(day)]
            recorded = recorder.day(day, drawn)
            spill = _tail(drawn, calendar.day_range_us(day)[1])
            days.add(day, writer.write(recorded.table, calendar.date_of(day).isoformat()))
            done.append(recorded._replace(table=None))
            del drawn, recorded  # else two days would be held at a time
        return done

    size = -(-calendar.days // workers)
    runs = [range(d, min(d + size, calendar.days)) for d in range(0, calendar.days, size)]
    with ThreadPoolExecutor(workers) as pool:
        try:
            done = [day for part in pool.map(run, runs) for day in part]
        except BaseException:
            stopped.set()  # each thread ends the day that it is at, and begins no other
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    unseen: dict[str, Unseen] = {}
    for day in done:
        for name, more in day.unseen.items():
            so_far = unseen.get(name, Unseen(0, 0))
            unseen[name] = Unseen(so_far.calls + more.calls, so_far.nano + more.nano)
    truth = pa.concat_tables([day.truth for day in done])
    return RecordedDays(truth, unseen, events=tuple(demand.world.events))


def _tail(drawn: list[Calls], end_us: int) -> list[Calls]:
    """Calls of a day's sessions that come after midnight."""
    late = [calls.where(calls.time_us >= end_us) for calls in drawn]
    return [calls for calls in late if len(calls)]
