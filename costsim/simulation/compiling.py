"""Kernels as machine code, kept on disk.

numba keeps compiled code beside the source and makes it anew when that file changes. A kernel is
made of several files, so it gets a name with a digest of all of them: an older code is never used.
"""

from __future__ import annotations

import hashlib
import logging
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numba import njit

from costsim.limits import core
from costsim.prices import cost
from costsim.simulation import admission_kernel, event_heap, kernel_layout, pricing, reacting

SOURCES = (core, cost, admission_kernel, event_heap, kernel_layout, pricing, reacting)
"""All that the admission kernel is made of."""


def compiled_kernel() -> Any:
    """The compiled :func:`costsim.simulation.admission_kernel.admit`.

    The first call on a machine compiles for about ten seconds, and says so in the log.
    """
    return kept(admission_kernel.admit, SOURCES, "the admission kernel: about ten seconds")


def kept(
    plain: Callable[..., Any],
    sources: Sequence[types.ModuleType],
    what: str,
    calls: dict[str, Any] | None = None,
) -> Any:
    """A function as machine code, under a name that every one of its sources changes.

    Parameters
    ----------
    plain : callable
        What numba compiles.
    sources : sequence of module
        All that it is made of.
    what : str
        Said in the log where it has to be compiled; nothing where that is a matter of moments.
    calls : dict of str to object, optional
        Compiled functions that it calls by these names.
    """
    digest = hashlib.sha256()
    for module in sources:
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    name = f"{plain.__name__}_{digest.hexdigest()[:12]}"
    code: Any = plain
    names = code.__globals__ | calls if calls else code.__globals__
    named = types.FunctionType(code.__code__, names, name)
    named.__qualname__ = name  # which numba's cache goes by; it would be the code's own
    # without numba's reference counts, which took two thirds of the time: nothing is allocated
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
    kernel = njit(**options)(named)
    if what and not is_kept(kernel):
        logging.getLogger(__name__).warning("Compiling once on this machine: %s.", what)
    return kernel


def is_kept(kernel: Any) -> bool:
    """Whether its machine code is on disk, for any arguments."""
    name = kernel.py_func.__qualname__
    return any(Path(kernel.stats.cache_path).glob(f"*{name}*.nbi"))
