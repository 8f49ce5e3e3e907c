"""Measured figures: ``python -m tests.benchmarks [name ...]`` prints one table of them all.

Each ``bench_<name>.py`` gives ``rows()``: what was timed, seconds, and a note (or the ratio to a
floor). Machines differ; what counts is the ratio of two rows of one run.
"""
