"""The admission kernel as machine code, kept on disk.

numba keeps compiled code beside the source and makes it anew when that file changes. The kernel is
made of several files, so it gets a name with a digest of all of them: an older code is never used.
"""

from __future__ import annotations

import hashlib
import logging
import types
from pathlib import Path
from typing import Any

from numba import njit

from costsim.limits import core
from costsim.prices import cost
from costsim.simulation import admission_kernel, event_heap, kernel_layout, pricing, reacting

_SOURCES = (core, cost, admission_kernel, event_heap, kernel_layout, pricing, reacting)


def compiled_kernel() -> Any:
    """The compiled :func:`costsim.simulation.admission_kernel.admit`.

    The first call on a machine compiles for about ten seconds, and says so in the log.
    """
    digest = hashlib.sha256()
    for module in _SOURCES:
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    plain = admission_kernel.admit
    name = f"admit_{digest.hexdigest()[:12]}"
    named = types.FunctionType(plain.__code__, plain.__globals__, name)
    named.__qualname__ = name  # which numba's cache goes by; it would be the code's own
    # without numba's reference counts, which took two thirds of the time: nothing is allocated
    options: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
    kernel = njit(**options)(named)
    if not any(Path(kernel.stats.cache_path).glob(f"*{name}*.nbi")):
        logging.getLogger(__name__).warning(
            "Compiling the admission kernel, once on this machine: about ten seconds."
        )
    return kernel
