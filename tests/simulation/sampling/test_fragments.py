"""Sessions cut into bins, against sessions drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.simulation.sampling.fragments import FIRST, LAST, MIDDLE, WHOLE, fragments_of
from costsim.simulation.settings import Sessions

CASES = [
    (Sessions(mean_calls=4, think_seconds=75), 60),
    (Sessions(mean_calls=4, think_seconds=75), 5),
    (Sessions(mean_calls=2, think_seconds=900), 15),
    (Sessions(mean_calls=30, think_seconds=40), 5),
    (Sessions(mean_calls=1), 30),
    (Sessions(mean_calls=5, think_seconds=0), 5),
]


def drawn(sessions, minutes, count=200_000, seed=1):
    """Kind and number of calls of each fragment, and bins that each session reaches."""
    rng = np.random.default_rng(seed)
    size = rng.geometric(1 / sessions.mean_calls, count)
    session = np.repeat(np.arange(count), size)
    gap = rng.exponential(1, len(session)) * sessions.think_seconds
    begins = np.cumsum(size) - size
    gap[begins] = 0
    elapsed = np.cumsum(gap)
    elapsed -= elapsed[begins][session]
    at = ((rng.random(count)[session] * minutes * 60 + elapsed) // (minutes * 60)).astype(int)
    reach = np.maximum.reduceat(at, begins)
    calls = np.bincount(session * (reach.max() + 1) + at, minlength=count * (reach.max() + 1))
    calls = calls.reshape(count, -1)
    step = np.arange(calls.shape[1])
    kind = np.where(step == 0, FIRST, np.where(step < reach[:, None], MIDDLE, LAST))
    kind[reach == 0, 0] = WHOLE
    there = step <= reach[:, None]
    return kind[there], calls[there], reach


@pytest.mark.parametrize(("sessions", "minutes"), CASES)
def test_fragments_have_the_calls_of_sessions_drawn_one_by_one(sessions, minutes):
    """Three factorial moments of each kind, and the reach; z-tests at 4.5."""
    cut = fragments_of(sessions, minutes)
    kind, calls, reach = drawn(sessions, minutes)
    for each in range(4):
        k = calls[kind == each].astype(float)
        if len(k) < 1000:
            continue
        for n, values in enumerate((k, k * (k - 1), k * (k - 1) * (k - 2))):
            error = values.std() / np.sqrt(len(values))
            assert abs(values.mean() - cut.calls[each, n]) <= 4.5 * error + 1e-9, (each, n)
    for bins, share in enumerate(cut.reach[:-1]):
        error = np.sqrt(share * (1 - share) / len(reach))
        assert abs((reach == bins).mean() - share) < 4.5 * error + 1e-9
    assert cut.reach.sum() == pytest.approx(1)


@pytest.mark.parametrize(("sessions", "minutes"), CASES)
def test_no_call_is_lost_between_the_kinds(sessions, minutes):
    cut = fragments_of(sessions, minutes)
    starts = np.zeros(400)
    starts[0] = 100.0
    made = cut.calls[:, 0] @ cut.expected(starts)
    assert made.sum() == pytest.approx(100 * sessions.mean_calls, rel=1e-3)


def test_sessions_of_days_are_followed_in_the_mean():
    """They outlast too many bins to be followed one by one."""
    sessions = Sessions(mean_calls=50, think_seconds=1800)
    cut = fragments_of(sessions, 5)
    assert not cut.linked
    starts = np.zeros(6000)
    starts[0] = 100.0
    assert (cut.calls[:, 0] @ cut.expected(starts)).sum() == pytest.approx(5000, rel=1e-2)


def test_drawn_fragments_are_as_many_as_expected_and_belong_together():
    cut = fragments_of(Sessions(mean_calls=4, think_seconds=75), 5)
    starts = np.full(2000, 3.0)
    found = cut.draw(np.random.default_rng(1), starts)
    expected = cut.expected(starts)
    for each in range(4):
        total = expected[each].sum()
        assert abs(found[each].sum() - total) < 12 * np.sqrt(total)
    # each session that goes on ends once; a few of the last bins do not end in time
    assert 0 <= found[FIRST].sum() - found[LAST].sum() <= 30
