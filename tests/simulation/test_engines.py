"""The admission kernel and the per-call SimPy oracle give identical attempts.

`COSTSIM_CASES=20000 pytest -s tests/simulation/test_engines.py` runs more; a case that fails is
kept in `regressions/` and run for ever after.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.simulation.engine_cases import case, difference

KEPT = Path(__file__).parent / "regressions"
CASES = int(os.environ.get("COSTSIM_CASES", "600"))
BLOCKS = 8


@pytest.mark.parametrize("block", range(BLOCKS))
def test_both_engines_are_identical_on_random_products(block, capsys):
    numbers = range(block, CASES, BLOCKS)
    for number in numbers:
        trial = case(number)
        found = difference(trial)
        if found:
            KEPT.mkdir(exist_ok=True)
            (KEPT / f"{number}.json").write_text(json.dumps(trial, indent=1) + "\n")
            pytest.fail(f"case {number}: {found} (kept in {KEPT.name}/{number}.json)")
    with capsys.disabled():
        sys.stdout.write(f" {len(numbers)} cases identical")


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_cases_that_once_failed_stay_mended(path):
    assert difference(json.loads(path.read_text())) == ""
