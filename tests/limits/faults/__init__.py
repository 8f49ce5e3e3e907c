"""Faults, measured: ``python -m tests.limits.faults`` prints the table."""
