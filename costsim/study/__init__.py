"""Many simulations: calibrate detectors, compare them fairly, sweep over variants."""

from costsim.study.aggregates import spend_totals
from costsim.study.calibration import calibrate
from costsim.study.compare import compare_detectors
from costsim.study.comparison import Comparison
from costsim.study.false_alarms import FalseAlarms
from costsim.study.gate import Gate, GateLine, load_gate, parse_gate
from costsim.study.library import LibraryComparison, benign_weeks, compare_library, tune_library
from costsim.study.limits_replay import LimitsReplay
from costsim.study.limits_validation import LimitsValidation
from costsim.study.naming import naming
from costsim.study.on_duty import OnDuty, on_duty
from costsim.study.ordinary import OrdinaryLife
from costsim.study.quiet import quiet_runs
from costsim.study.recommend_limits import recommend_limits
from costsim.study.recommendation import Recommendation
from costsim.study.replay_limits import replay_limits
from costsim.study.sweep import sweep
from costsim.study.sweep_result import Sweep
from costsim.study.tune_suite import tune, tune_records
from costsim.study.tuning import Tuning
from costsim.study.validate_limits import validate_limits

__all__ = [
    "Comparison",
    "FalseAlarms",
    "Gate",
    "GateLine",
    "LibraryComparison",
    "LimitsReplay",
    "LimitsValidation",
    "OnDuty",
    "OrdinaryLife",
    "Recommendation",
    "Sweep",
    "Tuning",
    "benign_weeks",
    "calibrate",
    "compare_detectors",
    "compare_library",
    "load_gate",
    "naming",
    "on_duty",
    "parse_gate",
    "quiet_runs",
    "recommend_limits",
    "replay_limits",
    "spend_totals",
    "sweep",
    "tune",
    "tune_library",
    "tune_records",
    "validate_limits",
]
