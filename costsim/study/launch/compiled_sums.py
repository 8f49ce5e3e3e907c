"""The kernels that add months up, as machine code, kept on disk."""

from __future__ import annotations

from functools import cache
from typing import Any

from costsim.simulation import loop_tables
from costsim.simulation.compiling import SOURCES, compiled_kernel, kept
from costsim.study.launch import as_meant_kernel, sums_kernel

_KERNELS = (
    sums_kernel.add_up,
    sums_kernel.admit_users,
    as_meant_kernel.noted,
    as_meant_kernel.made_as_meant,
)


@cache
def sums_kernel_of(name: str) -> Any:
    """One of them by its name; the first use on a machine compiles it, in a few seconds."""
    calls = {"admit": compiled_kernel()} if name == "admit_users" else None
    sources = (*SOURCES, loop_tables, sums_kernel, as_meant_kernel)
    plain = next(one for one in _KERNELS if one.__name__ == name)
    return kept(plain, sources, "", calls)
