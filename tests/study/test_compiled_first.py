"""Workers find the kernel compiled."""

from __future__ import annotations

import pytest

from costsim.simulation import admission, compiling
from costsim.simulation.kernel_layout import DONE, ROWS
from costsim.study.compiled_first import compile_first


def test_what_is_kept_is_left_as_it_is(small, monkeypatch):
    monkeypatch.setattr(compiling, "is_kept", lambda kernel: True)
    monkeypatch.setattr("costsim.simulation.world.play", lambda *_: pytest.fail("played"))
    compile_first(small())


def test_what_is_not_is_compiled_by_a_call_of_nothing(small, monkeypatch):
    rows = []

    def compiles(until, rules, tables, state, *arrays):
        rows.append(state.scalars[ROWS])
        return DONE

    monkeypatch.setattr(compiling, "is_kept", lambda kernel: False)
    monkeypatch.setattr(admission, "kernel", lambda: compiles)
    compile_first(small())
    assert rows == [0]
