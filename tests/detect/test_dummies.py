"""Detectors that know nothing do so at the rate they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costsim.detect import AlwaysAlarm, NeverAlarm, RandomAlarm
from costsim.detect.dummies.random_alarm import _mixed
from costsim.errors import SettingError

HOURS = np.arange(2000) % 168


def test_splitmix64_is_the_published_one():
    """The first numbers of the reference generator with seed 1234567."""
    state = np.array([1234567], dtype=np.uint64)
    drawn = []
    for _ in range(3):
        drawn.append(int(_mixed(state)[0]))
        state = state + np.uint64(0x9E3779B97F4A7C15)
    assert drawn == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("rate", [0.3, 0.02])
def test_random_alarms_at_its_rate_whatever_it_sees(rate):
    values = np.random.default_rng(1).lognormal(3, 1, (100, 2000))
    values[:, 1000:] *= 50.0
    raised = RandomAlarm(rate=rate, seed=4).statistic(values, HOURS) > 1 / rate
    error = 4 * math.sqrt(rate * (1 - rate) / 100_000)
    assert abs(raised[:, :1000].mean() - rate) < error
    assert abs(raised[:, 1000:].mean() - rate) < error
    # And one hour says nothing about the next, nor one series about another.
    centred = raised - raised.mean()
    assert abs((centred[:, 1:] * centred[:, :-1]).mean()) < 5 * rate / math.sqrt(200_000)
    assert abs((centred[1:] * centred[:-1]).mean()) < 5 * rate / math.sqrt(200_000)


def test_random_is_uniform_and_moves_with_the_seed():
    from scipy.stats import kstest

    values = np.random.default_rng(2).lognormal(size=2000)
    one = 1 / RandomAlarm(seed=1).statistic(values, HOURS)
    other = 1 / RandomAlarm(seed=2).statistic(values, HOURS)
    assert kstest(one, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    np.testing.assert_array_equal(one, 1 / RandomAlarm(seed=1).statistic(values, HOURS))


def test_rates_at_the_ends():
    values = np.zeros((1, 2000))
    assert RandomAlarm(rate=1.0).first_alarm(values, HOURS).tolist() == [0]
    assert RandomAlarm(rate=0.0).first_alarm(values, HOURS).tolist() == [-1]
    assert RandomAlarm(rate=0.0).threshold == math.inf
    np.testing.assert_array_equal(
        RandomAlarm().statistic(values, HOURS), RandomAlarm().statistic(-values, HOURS)
    )


def test_always_and_never():
    values = np.array([[1.0, np.nan, 2.0], [np.nan, 0.0, 0.0]])
    assert AlwaysAlarm().first_alarm(values, [0, 1, 2]).tolist() == [0, 1]
    assert AlwaysAlarm().first_alarm_for(values, [0, 1, 2], [1e300], 1).tolist() == [[2], [1]]
    assert NeverAlarm().first_alarm_for(values, [0, 1, 2], [1e-300]).tolist() == [[-1], [-1]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomAlarm(rate=-0.1), "rate must be at least 0 and finite; got -0.1"),
        (lambda: RandomAlarm(seed=-1), "seed must be from 0"),
        (lambda: RandomAlarm().with_threshold(0.0), "threshold must be above 0; got 0.0"),
        (lambda: AlwaysAlarm(limit=0.0), "limit must be above 0; got 0.0"),
        (lambda: NeverAlarm(channel="all"), "channel must be one of 'total'"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
