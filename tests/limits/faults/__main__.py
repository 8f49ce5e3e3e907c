"""The table of faults, on the newest server of this machine."""

from __future__ import annotations

import sys
import textwrap

from tests.limits.faults import of_the_store, of_the_way, of_those_who_call
from tests.limits.servers import binaries

WIDTHS = (30, 32, 30, 40)


def line(*cells: str) -> str:
    wrapped = [textwrap.wrap(c, w) or [""] for c, w in zip(cells, WIDTHS, strict=True)]
    rows = []
    for n in range(max(map(len, wrapped))):
        parts = [
            (lines[n] if n < len(lines) else "").ljust(width)
            for lines, width in zip(wrapped, WIDTHS, strict=True)
        ]
        rows.append("  ".join(parts).rstrip())
    return "\n".join(rows)


def main() -> int:
    found = binaries()
    binary = found["valkey-server"] or found["redis-server"] or found["redis-6.2"]
    print(f"on {binary}\n")
    print(line("fault", "the story's limiter", "must hold", "measured") + "\n")
    failed = 0
    for case in (*of_the_store.CASES, *of_the_way.CASES, *of_those_who_call.CASES):
        row = case(binary)
        failed += not row.holds
        verdict = "" if row.holds else "  (does NOT hold)"
        print(line(row.fault, row.sketch, row.must, row.measured + verdict) + "\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
