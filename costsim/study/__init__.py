"""Many simulations: calibrate detectors, compare them fairly, sweep over variants."""

from costsim.study.aggregates import spend_totals
from costsim.study.calibration import calibrate, quiet_runs
from costsim.study.comparison import Comparison, compare_detectors
from costsim.study.false_alarms import FalseAlarms
from costsim.study.on_duty import OnDuty, on_duty
from costsim.study.sweep import sweep
from costsim.study.sweep_result import Sweep
from costsim.study.tuning import Tuning, tune, tune_library, tune_records

__all__ = [
    "Comparison",
    "FalseAlarms",
    "OnDuty",
    "Sweep",
    "Tuning",
    "calibrate",
    "compare_detectors",
    "on_duty",
    "quiet_runs",
    "spend_totals",
    "sweep",
    "tune",
    "tune_library",
    "tune_records",
]
