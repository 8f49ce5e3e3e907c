"""Many simulations: calibrate detectors, and compare them fairly."""

from costsim.study.calibration import FalseAlarms, calibrate, quiet_runs
from costsim.study.comparison import Comparison, compare_detectors

__all__ = [
    "Comparison",
    "FalseAlarms",
    "calibrate",
    "compare_detectors",
    "quiet_runs",
]
