"""How long a start takes: the package, and the command line.

What bounds the command line is typer; pandas, numba and matplotlib load when a command needs them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter


def start(command: list[str], repeats: int = 9) -> float:
    """Median seconds of a process of its own."""
    times = []
    for _ in range(repeats + 1):
        begin = perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(perf_counter() - begin)
    return median(times[1:])  # the first one fills the disk's cache


def rows() -> list[tuple[str, float, str]]:
    """Python alone, ``import costsim``, and ``costsim --help``."""
    python = start([sys.executable, "-c", "pass"])
    package = start([sys.executable, "-c", "import costsim"])
    script = Path(sys.executable).with_name("costsim")
    command = start([str(script), "--help"])
    return [
        ("python -c pass", python, ""),
        ("import costsim", package, f"{package - python:.3f} s more; limit 0.3 s"),
        ("costsim --help", command, f"{command - python:.3f} s more; limit 0.5 s"),
    ]
