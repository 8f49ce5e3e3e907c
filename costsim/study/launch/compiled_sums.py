"""The kernels of :mod:`costsim.study.launch.sums_kernel` as machine code, kept on disk."""

from __future__ import annotations

from functools import cache
from typing import Any

from costsim.simulation import loop_tables
from costsim.simulation.compiling import SOURCES, compiled_kernel, kept
from costsim.study.launch import sums_kernel


@cache
def sums_kernel_of(name: str) -> Any:
    """One of them by its name; the first use on a machine compiles it, and says so in the log."""
    calls = {"admit": compiled_kernel()} if name == "admit_users" else None
    sources = (*SOURCES, loop_tables, sums_kernel)
    return kept(getattr(sums_kernel, name), sources, f"{name}, a few seconds", calls)
