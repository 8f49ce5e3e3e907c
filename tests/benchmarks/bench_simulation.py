"""How fast the $40k week is simulated and written, and what bounds it.

Five weeks, about 3.8 million calls, to a committed dataset. The phases are those of one worker:
what stands first is what bounds the run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from costsim.records.writer import DatasetWriter
from costsim.simulation import Scenario, load_scenario, simulate
from costsim.simulation.demand import Demand
from costsim.simulation.ordering import in_order
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Shortest of some timings, in seconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def phases(scenario: Scenario) -> dict[str, float]:
    """Seconds of one worker by what it does."""
    spent = dict.fromkeys(("draw demand", "sort", "price and make tables", "write Parquet"), 0.0)
    demand = Demand(play(scenario, 7), 7)
    recorder = Recorder(demand)
    with tempfile.TemporaryDirectory() as folder, DatasetWriter(Path(folder) / "run") as writer:
        for day in range(scenario.days):
            start = perf_counter()
            calls = demand.day(day)
            drawn = perf_counter()
            columns = [
                np.concatenate([getattr(c, name) for c in calls])
                for name in ("time_us", "user", "index")
            ]
            before = perf_counter()
            in_order(*columns)
            sort = perf_counter() - before
            before = perf_counter()
            table = recorder.day(day, calls).table
            made = perf_counter()
            writer.write(table, str(day))
            spent["draw demand"] += drawn - start
            spent["sort"] += sort
            spent["price and make tables"] += made - before - sort
            spent["write Parquet"] += perf_counter() - made
    return spent


def rows() -> list[tuple[str, float, str]]:
    """Whole runs with one and two workers, and the phases of one."""
    scenario = load_scenario("surprise-40k")
    count = len(simulate(scenario, seed=7).records)
    found = []
    for workers in (1, 2):
        seconds = best_of(2, lambda workers=workers: simulate(scenario, seed=7, workers=workers))  # type: ignore[misc]
        note = f"{count / seconds / 1e6:.2f} M records/s"
        found.append((f"simulate and write {count:,} records, workers={workers}", seconds, note))
    spent = phases(scenario)
    total = sum(spent.values())
    for what, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        note = f"{seconds / total:.0%} of one worker, {count / seconds / 1e6:.1f} M records/s"
        found.append((f"  {what}", seconds, note))
    return found
