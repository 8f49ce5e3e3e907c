"""Detectors that know nothing: what stands beside every table of those that should."""

from costsim.detect.dummies.always_alarm import AlwaysAlarm
from costsim.detect.dummies.never_alarm import NeverAlarm
from costsim.detect.dummies.random_alarm import RandomAlarm

__all__ = ["AlwaysAlarm", "NeverAlarm", "RandomAlarm"]
