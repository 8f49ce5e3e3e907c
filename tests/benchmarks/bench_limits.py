"""A search over limits: candidates tried on common demand, halved over 20 seeds.

What bounds it is drawing the demand, once a seed, and the admission of the users whom a candidate
refuses something. Processor seconds are those of all processes: on shared cores they say more than
the wall's.
"""

from __future__ import annotations

from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter

import joblib
from joblib.externals.loky import get_reusable_executor

from costsim.simulation import load_scenario
from costsim.study import recommend_limits
from costsim.study.launch.month import launch_month
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.rehearsal import Rehearsal

JOBS, SEEDS, CHECKED = 2, 20, 8


def rows() -> list[tuple[str, float, str]]:
    """64 and 256 candidates on the $40k week's month, beside drawing its demand."""
    scenario = load_scenario("surprise-40k")
    month = launch_month(scenario)
    start = perf_counter()
    calls = len(MonthCalls(Rehearsal(month, 0)).by_user.block.time_us)
    found = [(f"draw a month of {calls / 1e6:.1f}M calls", perf_counter() - start, "one process")]
    for count in (64, 256):
        before, start = _processor_seconds(), perf_counter()
        with joblib.parallel_config(n_jobs=JOBS):
            recommend_limits(scenario, "flat-caps", count=count, seeds=SEEDS, check_seeds=CHECKED)
        seconds = perf_counter() - start
        get_reusable_executor().shutdown(wait=True)  # only then are its seconds known
        spent = _processor_seconds() - before
        note = f"{spent:.0f} s of processors, {spent / JOBS:.0f} s on each of {JOBS} if alone"
        found.append((f"search {count} candidates, {SEEDS} months, n_jobs={JOBS}", seconds, note))
    return found


def _processor_seconds() -> float:
    used = [getrusage(whose) for whose in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
