"""What would happen: scenarios, and their simulation into call records."""

from costsim.simulation.loading import load_scenario, parse_scenario, scenario_names
from costsim.simulation.result import SimulationResult
from costsim.simulation.run import simulate
from costsim.simulation.sampling.cube import SpendCube, sample_cube
from costsim.simulation.scenario import Scenario
from costsim.simulation.truth import hourly_excess, incident_frame, read_truth

__all__ = [
    "Scenario",
    "SimulationResult",
    "SpendCube",
    "hourly_excess",
    "incident_frame",
    "load_scenario",
    "parse_scenario",
    "read_truth",
    "sample_cube",
    "scenario_names",
    "simulate",
]
