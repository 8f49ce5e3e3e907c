"""A whole study: hourly dollars of thousands of weeks, thresholds calibrated, 200 incidents."""

from __future__ import annotations

from time import perf_counter

from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import sample_hourly
from costsim.study import compare_detectors, quiet_runs


def rows() -> list[tuple[str, float, str]]:
    """Drawing hours, ordinary life, and the study at its defaults."""
    scenario = load_scenario("surprise-40k")
    found = []
    start = perf_counter()
    sample_hourly(scenario, range(200))
    seconds = perf_counter() - start
    calls = 200 * 3.8e6
    note = f"{calls / seconds / 1e6:,.0f} M calls/s stood for"
    found.append(("hourly dollars of 200 runs of five weeks", seconds, note))
    start = perf_counter()
    quiet = quiet_runs(scenario, range(100))
    seconds = perf_counter() - start
    found.append(("ordinary life, 100 runs of 20 weeks", seconds, f"{quiet.months:.0f} months"))
    start = perf_counter()
    study = compare_detectors(scenario)
    seconds = perf_counter() - start
    count = len(study.detectors)
    found.append((f"compare_detectors: {count} detectors, 200 incidents", seconds, "two workers"))
    return found
