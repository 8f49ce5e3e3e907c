"""One table of all benchmarks, or of those named on the command line."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark there is: start, prices, simulation, ..."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"benchmark must be one of {names()}; got {unknown[0]!r}", file=sys.stderr)
        return 2
    for name in wanted or names():
        module = import_module(f"tests.benchmarks.bench_{name}")
        assert module.__doc__
        print(f"\n{name}: {module.__doc__.strip()}\n", flush=True)
        for what, seconds, note in module.rows():
            said = note if isinstance(note, str) else f"{note:.1f} x floor"
            print(f"  {what:<56} {seconds:9.3f} s  {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
