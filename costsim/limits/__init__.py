"""What may be spent: policies as files, the integer decision, and the ledger that holds it."""

from costsim.limits.accounts import Alert, Scopes
from costsim.limits.answers import Denied, Granted, Observed
from costsim.limits.ledger import MemoryLedger
from costsim.limits.policy import Policy, limit_names, load_limits, parse_limits

__all__ = [
    "Alert",
    "Denied",
    "Granted",
    "MemoryLedger",
    "Observed",
    "Policy",
    "Scopes",
    "limit_names",
    "load_limits",
    "parse_limits",
]
