"""Thresholds for a wanted run length are the inverse of the run lengths, and of the tables."""

from __future__ import annotations

import math

import pytest

from costsim.detect.run_length import (
    cusum_arl,
    ewma_arl,
    ewma_threshold,
    shewhart_arl,
    shewhart_threshold,
)
from costsim.errors import SettingError


# Lucas and Saccucci, Technometrics 32 (1990), table 3: both limits give 500 in ordinary life.
@pytest.mark.parametrize(("lam", "published"), [(0.5, 3.071), (0.03, 2.437)])
def test_ewma_threshold_gives_the_limits_of_the_table(lam, published):
    assert ewma_threshold(500.0, lam) == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize("lam", [0.02, 0.2, 0.9])
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("arl0", [15.0, 720.0, 1e6])
def test_ewma_threshold_is_the_inverse_of_the_run_length(lam, sides, arl0):
    c = ewma_threshold(arl0, lam, sides)
    assert ewma_arl(lam, c, 0.0, sides) == pytest.approx(arl0, rel=1e-7)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("arl0", [2.5, 720.0, 1e12])
def test_shewhart_threshold_is_the_inverse_of_the_run_length(sides, arl0):
    limit = shewhart_threshold(arl0, sides)
    assert shewhart_arl(limit, 0.0, sides) == pytest.approx(arl0, rel=1e-9)
    assert ewma_threshold(arl0, 1.0, sides) == limit


def test_shewhart_threshold_gives_three_scatters():
    assert shewhart_threshold(370.398) == pytest.approx(3.0, abs=1e-6)
    assert shewhart_threshold(740.797, sides=1) == pytest.approx(3.0, abs=1e-6)


@pytest.mark.parametrize("h", [20.0, 40.0])
def test_huge_run_lengths_of_a_cusum_keep_their_digits(h):
    # Siegmund (1985), for k = 1/2: 2 (exp(b) - b - 1) with b = h + 1.166, good to 1% here.
    b = h + 1.166
    assert cusum_arl(0.5, h, 0.0) == pytest.approx(2 * (math.exp(b) - b - 1), rel=0.01)
    assert cusum_arl(0.5, h, 0.0, sides=2) == pytest.approx(cusum_arl(0.5, h, 0.0) / 2)


def test_alarms_too_rare_for_a_float_never_come():
    assert cusum_arl(3.0, 290.0, 0.0) == cusum_arl(3.0, 290.0, 0.0, 2, 100.0) == math.inf
    # Only the upper side alarms: 290 at 3 a bin.
    assert cusum_arl(3.0, 290.0, 6.0, sides=2) == cusum_arl(3.0, 290.0, 6.0)
    assert cusum_arl(3.0, 290.0, 6.0) == pytest.approx(97.2, abs=0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ewma_threshold(1.0, 0.5), r"arl0 must be above 1.* and finite; got 1.0"),
        (lambda: ewma_threshold(math.inf, 0.5), "finite; got inf"),
        (lambda: ewma_threshold(1e30, 0.5), "arl0 = 1e.30 needs a c above 7 at lam = 0.5"),
        (lambda: ewma_threshold(720.0, 1.5), "lam must be above 0 and at most 1; got 1.5"),
        (lambda: ewma_threshold(720.0, 0.5, sides=0), "sides must be one of 1, 2; got 0"),
        (lambda: shewhart_threshold(1.0), "arl0 must be above 1 and finite; got 1.0"),
        (lambda: shewhart_threshold(2.0, sides=1), "arl0 must be above 2 and finite; got 2.0"),
        (lambda: shewhart_threshold(math.nan), "arl0 must be above 1 and finite; got nan"),
    ],
)
def test_wrong_arguments_say_what_got_and_allowed(call, words):
    with pytest.raises(SettingError, match=words):
        call()
