"""Runs without files, for tests against theory: attempts as the loop gives them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from costsim.simulation.admission import Attempts
from costsim.simulation.closed_run import Feed
from costsim.simulation.demand import Demand
from costsim.simulation.loop import Loop
from costsim.simulation.loop_tables import tables_of
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play


def attempts_by_day(scenario, seed, policy=None) -> list[Attempts]:
    """What is attempted on each local day, admitted or not."""
    recorder = Recorder(Demand(play(scenario, seed), seed))
    tables = tables_of(recorder)
    loop = Loop(tables, policy)
    with ThreadPoolExecutor(1) as pool:
        return [
            loop.day(intents, scenario.calendar.day_range_us(day)[1])
            for day, intents, _ in Feed(recorder, tables, pool, both=False)
        ]
