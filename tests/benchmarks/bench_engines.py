"""The admission kernel against the per-call SimPy oracle, and each against the clock.

Intended calls are drawn before the clock starts, so that the loops alone are timed, on one core.
What bounds the kernel is memory: it reads a call's row, a user's windows, and writes an attempt.
The open loop is bound by memory too: gathers into the order of time, then random numbers. The
oracle is bound by SimPy's heap and generators, some 60 microseconds an attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from costsim.limits import Policy, parse_limits
from costsim.simulation import Scenario, load_scenario
from costsim.simulation.closed_run import DayOfIntents, Feed
from costsim.simulation.demand import Demand
from costsim.simulation.loop import Engine, Loop
from costsim.simulation.loop_tables import LoopTables, tables_of
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

CAPS = parse_limits(
    {
        "name": "user-and-global",
        "user": {"hour_usd": 1, "day_usd": 5, "month_usd": 50},
        "organisation": {"day_usd": 2000, "month_usd": 55_000, "alert_at": [0.5, 0.8]},
    }
)


def best_of(repeats: int, work: Callable[[], int]) -> tuple[float, int]:
    """Shortest of some timings in seconds, and what the work counted."""
    times, count = [], 0
    for _ in range(repeats):
        start = perf_counter()
        count = work()
        times.append(perf_counter() - start)
    return min(times), count


def drawn(scenario: Scenario) -> tuple[Recorder, LoopTables, list[DayOfIntents]]:
    """A run's intended calls, ready to be admitted."""
    recorder = Recorder(Demand(play(scenario, 7), 7))
    tables = tables_of(recorder)
    with ThreadPoolExecutor(1) as pool:
        return recorder, tables, list(Feed(recorder, tables, pool, both=False))


def admitted(tables: LoopTables, days: list[DayOfIntents], policy: Policy, engine: Engine) -> int:
    """Attempts of a whole run under limits."""
    loop = Loop(tables, policy, engine=engine)
    ends = tables.scenario.calendar
    return sum(len(loop.day(d.intents, ends.day_range_us(d.day)[1])) for d in days)


def recorded(recorder: Recorder, days: int) -> int:
    """Full records of an open run, not written."""
    demand = recorder.demand
    tables = (recorder.day(day, demand.day(day)).table for day in range(days))
    return sum(len(table) for table in tables if table is not None)


def rows() -> list[tuple[str, float, str]]:
    """Open loop, closed loop, and the oracle on a day of the same scenario."""
    scenario = load_scenario("surprise-40k")
    recorder, tables, days = drawn(scenario.first_days(14))
    seconds, count = best_of(3, lambda: recorded(recorder, 14))
    found = [("open loop, full records, not written", seconds, f"{count / seconds / 1e6:.1f} M/s")]
    seconds, count = best_of(4, lambda: admitted(tables, days, CAPS, "batch"))
    note = f"{count / seconds / 1e6:.1f} M attempts/s"
    found.append(("closed loop, user and global caps", seconds, note))
    _, tables, days = drawn(scenario.first_days(1))
    batch, count = best_of(5, lambda: admitted(tables, days, CAPS, "batch"))
    event, same = best_of(2, lambda: admitted(tables, days, CAPS, "event"))
    assert count == same, "the engines disagree"
    found.append((f"the kernel on a day, {count:,} attempts", batch, "1 x"))
    found.append(
        ("SimPy and the ledger on the same day", event, f"{event / batch:.0f} x the kernel")
    )
    return found
