"""A whole study: hourly dollars of thousands of weeks, thresholds calibrated, 200 incidents.

What bounds the sampler is random numbers: a gamma for each hour and watched user. Detectors are
bound by their baselines' windows, which go over memory once for each detector.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np

from costsim.detect import compared_detectors
from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import sample_bins
from costsim.simulation.sampling.cube import TOP_USERS, sample_cube
from costsim.study import compare_detectors, quiet_runs
from costsim.study.compare import default_suite

CUBES = 100


def cube_rows() -> list[tuple[str, float, str]]:
    """The cube, and what bounds it: a Poisson and a gamma number a feature, hour and user."""
    scenario = load_scenario("surprise-40k")
    sample_cube(scenario, [0])  # tables and time zones
    start = perf_counter()
    cube = sample_cube(scenario, range(CUBES), workers=2)
    seconds = perf_counter() - start
    dense = (
        TOP_USERS
        * cube.usd.shape[1]
        * sum(bool(f.calls_per_week) for f in scenario.features.values())
    )
    rates = np.random.default_rng(0).gamma(0.5, 5.0, dense)  # mean 2.5, as theirs

    def draws(seed: int) -> None:
        rng = np.random.Generator(np.random.SFC64(seed))
        rng.standard_gamma(rng.poisson(rates).astype(np.float32), dtype=np.float32)

    start = perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(draws, range(CUBES)))
    floor = perf_counter() - start
    return [
        (
            f"cube of {CUBES} runs of five weeks, {cube.user.shape[1]} users",
            seconds,
            f"{CUBES / seconds:,.0f} runs/s, {seconds / floor:.1f} x its users' random numbers",
        ),
        ("random numbers of its watched users alone", floor, f"{CUBES / floor:,.0f} runs/s"),
    ]


def rows() -> list[tuple[str, float, str]]:
    """Drawing hours, ordinary life, and the study at its defaults."""
    scenario = load_scenario("surprise-40k")
    found = cube_rows()
    start = perf_counter()
    sample_bins(scenario, range(200))
    seconds = perf_counter() - start
    calls = 200 * 3.8e6
    note = f"{calls / seconds / 1e6:,.0f} M calls/s stood for"
    found.append(("hourly dollars of 200 runs of five weeks", seconds, note))
    start = perf_counter()
    quiet = quiet_runs(scenario, range(100))
    seconds = perf_counter() - start
    found.append(("ordinary life, 100 runs of 20 weeks", seconds, f"{quiet.months:.0f} months"))
    budget = scenario.monthly_budget_usd
    every = [*compared_detectors(budget), default_suite(budget)]
    for name, watching in (("the presets and rules", None), ("every kind", every)):
        start = perf_counter()
        study = compare_detectors(scenario, watching)
        seconds = perf_counter() - start
        what = f"compare_detectors, {name}: {len(study.candidates)}, 200 incidents"
        found.append((what, seconds, f"{held_gb():.1f} GB held at most"))
    return found


def held_gb() -> float:
    """Most memory that this process has held so far; not known outside Linux."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6
