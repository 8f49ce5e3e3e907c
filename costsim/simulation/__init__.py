"""What would happen: scenarios, and their simulation into call records."""

from costsim.simulation.result import SimulationResult, incident_frame, read_truth
from costsim.simulation.run import simulate
from costsim.simulation.scenario import Scenario, load_scenario, parse_scenario, scenario_names

__all__ = [
    "Scenario",
    "SimulationResult",
    "incident_frame",
    "load_scenario",
    "parse_scenario",
    "read_truth",
    "scenario_names",
    "simulate",
]
