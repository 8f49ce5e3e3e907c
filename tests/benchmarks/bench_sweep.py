"""A sweep on one and on two processes: runs a second, and what the second process adds.

What bounds a run is admission and writing its records. What keeps two processes from twice the
rate is memory, which both fill, and the compression of Parquet on shared cores.
"""

from __future__ import annotations

from time import perf_counter

import joblib

from costsim.simulation import load_scenario
from costsim.study import sweep

SEEDS = 6
VARIANTS = {"no limits": {}, "flat caps": {"limits": "flat-caps"}}


def rows() -> list[tuple[str, float, str]]:
    """Twelve runs of one week, about 0.8 million calls each; processes are started before."""
    scenario = load_scenario("quiet").first_days(7)
    found = []
    rates = {}
    for jobs in (1, 2):
        with joblib.parallel_config(n_jobs=jobs):
            sweep(scenario, VARIANTS, seeds=range(jobs))
            start = perf_counter()
            runs = sweep(scenario, VARIANTS, seeds=range(SEEDS))
            seconds = perf_counter() - start
        rates[jobs] = len(runs) / seconds
        note = f"{rates[jobs]:.2f} runs/s, {rates[jobs] / rates[1]:.2f} x one process"
        found.append(
            (f"{len(runs)} runs of a week under limits and none, n_jobs={jobs}", seconds, note)
        )
    return found
