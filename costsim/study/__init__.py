"""Many simulations: calibrate detectors, compare them fairly, sweep over variants."""

from costsim.study.aggregates import spend_totals
from costsim.study.calibration import calibrate
from costsim.study.compare import compare_detectors
from costsim.study.comparison import Comparison
from costsim.study.false_alarms import FalseAlarms
from costsim.study.library import LibraryComparison, benign_weeks, compare_library, tune_library
from costsim.study.naming import naming
from costsim.study.on_duty import OnDuty, on_duty
from costsim.study.ordinary import OrdinaryLife
from costsim.study.quiet import quiet_runs
from costsim.study.sweep import sweep
from costsim.study.sweep_result import Sweep
from costsim.study.tuning import Tuning, tune, tune_records

__all__ = [
    "Comparison",
    "FalseAlarms",
    "LibraryComparison",
    "OnDuty",
    "OrdinaryLife",
    "Sweep",
    "Tuning",
    "benign_weeks",
    "calibrate",
    "compare_detectors",
    "compare_library",
    "naming",
    "on_duty",
    "quiet_runs",
    "spend_totals",
    "sweep",
    "tune",
    "tune_library",
    "tune_records",
]
