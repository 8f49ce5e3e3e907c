"""Many simulations: calibrate detectors, compare them fairly, sweep over variants."""

from costsim.study.aggregates import spend_totals
from costsim.study.calibration import calibrate
from costsim.study.compare import compare_detectors
from costsim.study.comparison import Comparison
from costsim.study.duty import OnDuty, on_duty
from costsim.study.false_alarms import FalseAlarms
from costsim.study.launch.accounting import AccountingComparison
from costsim.study.launch.gate import Gate, GateLine, load_gate, parse_gate
from costsim.study.launch.incidents import LimitedIncidents, limit_incidents
from costsim.study.launch.overshoot import compare_accounting
from costsim.study.launch.recommend import recommend_limits
from costsim.study.launch.recommendation import Recommendation
from costsim.study.launch.refused_user import BlockedDay, blocked_day
from costsim.study.launch.replay import replay_limits
from costsim.study.launch.replay_result import LimitsReplay
from costsim.study.launch.validate import validate_limits
from costsim.study.launch.validation import LimitsValidation
from costsim.study.library import LibraryComparison, benign_weeks, compare_library, tune_library
from costsim.study.named_causes import naming
from costsim.study.ordinary import OrdinaryLife
from costsim.study.quiet import quiet_runs
from costsim.study.sweep import sweep
from costsim.study.sweep_result import Sweep
from costsim.study.tune_suite import tune, tune_records
from costsim.study.tuning import Tuning

__all__ = [
    "AccountingComparison",
    "BlockedDay",
    "Comparison",
    "FalseAlarms",
    "Gate",
    "GateLine",
    "LibraryComparison",
    "LimitedIncidents",
    "LimitsReplay",
    "LimitsValidation",
    "OnDuty",
    "OrdinaryLife",
    "Recommendation",
    "Sweep",
    "Tuning",
    "benign_weeks",
    "blocked_day",
    "calibrate",
    "compare_accounting",
    "compare_detectors",
    "compare_library",
    "limit_incidents",
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
