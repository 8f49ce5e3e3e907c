"""Docstrings' examples are run as written, but each simulation in them is made once."""

from __future__ import annotations

import pytest

import costsim
from tests.simulated import simulated


@pytest.fixture(autouse=True)
def _examples_share_simulations(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.setattr(costsim, "simulate", simulated)
