"""Simulations that several tests and docstrings look at, made once in a process."""

from __future__ import annotations

import shutil
from pathlib import Path

from costsim.simulation import Scenario, SimulationResult, load_scenario, simulate
from costsim.simulation.sizes import smaller

_made: dict[tuple[str, int], SimulationResult] = {}


def simulated(scenario: str | Scenario, seed: int) -> SimulationResult:
    """The run of :func:`costsim.simulate`, kept: nothing changes one that is made."""
    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    # the hash goes by everything in it, so a changed scenario is another
    key = (wanted.hash, seed)
    if key not in _made:
        _made[key] = simulate(wanted, seed=seed)
    return _made[key]


def night_script() -> Scenario:
    """A tenth of the product; its incident is one user's, and stands out as in the whole."""
    return smaller(load_scenario("night-script"), 0.1)


def simulated_folder(scenario: str | Scenario, seed: int, folder: Path) -> Path:
    """The same in a folder of one's own, as ``out=folder`` would leave it."""
    shutil.copytree(simulated(scenario, seed).records.folder, folder)
    return folder
