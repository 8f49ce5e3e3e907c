"""For all tests and for the examples in docstrings, which run as they are written."""

from __future__ import annotations

import os

import pytest

import costsim
from tests.simulated import simulated

# Several test processes share the cores already: processes of joblib's beside each, and in each
# kernel of a notebook, would only import everything anew. Tests of processes ask for two by number.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")


@pytest.fixture(autouse=True)
def _examples_share_simulations(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each simulation in an example is made once."""
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.setattr(costsim, "simulate", simulated)
