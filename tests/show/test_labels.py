"""Placing labels: apart, in order, and as near as can be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from costsim.show.figures.labels import spread

PLACES = st.lists(st.floats(0, 10), min_size=1, max_size=6)


@given(PLACES, st.floats(0.01, 1.5))
def test_apart_inside_and_in_order(wanted: list[float], gap: float) -> None:
    placed = spread(wanted, gap, 0, 10)
    assert min(placed) >= -1e-9
    assert max(placed) <= 10 + 1e-9
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap - 1e-9).all()


@given(PLACES)
def test_moved_as_little_as_a_general_solver_moves_them(wanted: list[float]) -> None:
    gap = 1.0
    target = np.sort(np.array(wanted))
    steps = [
        {"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - gap}
        for i in range(len(target) - 1)
    ]
    start = np.arange(len(target)) * gap
    best = minimize(
        lambda x: ((x - target) ** 2).sum(),
        start,
        jac=lambda x: 2 * (x - target),
        bounds=[(-50, 50)] * len(target),
        constraints=steps,
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    ours = np.sort(np.array(spread(wanted, gap, -50, 50)))
    assert ((ours - target) ** 2).sum() <= best.fun + 1e-5


def test_labels_already_apart_stay() -> None:
    assert spread([1.0, 5.0, 9.0], 2.0, 0, 10) == [1.0, 5.0, 9.0]
