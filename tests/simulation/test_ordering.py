"""Both orders of calls are those of Python's sort of tuples, ties and wide spans included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.simulation.ordering import in_order, in_order_by_user

SPANS = {
    "a day's, with ties": 9,
    "a day's": 90_000_000_000,
    "months": 10**13,
    "no room in one number": 2**62 - 1,
}


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@given(data=st.data())
def test_orders(span, data):
    rows = data.draw(st.lists(st.tuples(st.integers(0, span), st.integers(0, 5)), max_size=30))
    time = np.array([time for time, _ in rows], np.int64)
    user = np.array([user for _, user in rows], np.int32)
    sequence = np.array(data.draw(st.permutations(range(len(rows)))), np.int64)
    keys = list(zip(time.tolist(), user.tolist(), sequence.tolist(), strict=True))
    order, ordered = in_order(time, user, sequence)
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: keys[row])
    np.testing.assert_array_equal(ordered, time[order])
    by_user = in_order_by_user(time, user, sequence)
    wanted = sorted(range(len(rows)), key=lambda r: (keys[r][1], keys[r][0], keys[r][2]))
    assert by_user.tolist() == wanted
