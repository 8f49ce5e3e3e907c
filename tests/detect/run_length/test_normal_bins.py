"""Average run lengths against the published tables, and against plain simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costsim.detect.run_length import (
    cusum_arl,
    cusum_threshold,
    ewma_arl,
    lorden_limit,
    shewhart_arl,
)
from costsim.errors import SettingError

# shift: 1-sided h4, 1-sided h5, 2-sided h4, 2-sided h4 FIR, 2-sided h5, 2-sided h5 FIR; k = .5.
# Lucas and Crosier, Technometrics 24 (1982), table 1 (h = 4), and the same by R's spc (h = 5).
CUSUM_TABLE = {
    0: (335.37, 930.89, 167.68, 148.70, 465.44, 430.39),
    0.25: (77.08, 141.69, 74.22, 62.70, 139.49, 121.69),
    0.5: (26.68, 38.01, 26.63, 20.06, 38.00, 28.67),
    1: (8.38, 10.38, 8.38, 5.29, 10.38, 6.35),
    1.5: (4.75, 5.75, 4.75, 2.86, 5.75, 3.37),
    2: (3.34, 4.01, 3.34, 2.01, 4.01, 2.36),
    3: (2.19, 2.57, 2.19, 1.325, 2.57, 1.54),
}
COLUMNS = ((4, 1, 0.0), (5, 1, 0.0), (4, 2, 0.0), (4, 2, 2.0), (5, 2, 0.0), (5, 2, 2.5))


@pytest.mark.parametrize("shift", CUSUM_TABLE)
@pytest.mark.parametrize("column", range(6))
def test_cusum_gives_every_row_of_the_table(shift, column):
    h, sides, head_start = COLUMNS[column]
    published = CUSUM_TABLE[shift][column]
    last_digit = 0.001 if published == 1.325 else 0.01
    assert cusum_arl(0.5, h, shift, sides, head_start) == pytest.approx(
        published, abs=0.51 * last_digit
    )


def test_cusum_gives_the_values_of_brook_and_evans():
    # 117.5957 is printed as 117.59, hence the whole last digit; the second is at a shift of 1.5.
    assert cusum_arl(0.5, 3.0, 0.0) == pytest.approx(117.59, abs=0.01)
    assert cusum_arl(0.5, 3.0, 1.5) == pytest.approx(3.75, abs=0.0051)


# Vance, Journal of Quality Technology 18 (1986), table 1: k = 0, h = 10, one side.
VANCE = {
    -0.25: 2071.51,
    -0.125: 400.28,
    0: 124.66,
    0.125: 59.30,
    0.25: 36.71,
    0.5: 20.37,
    0.75: 14.06,
    1: 10.75,
}


@pytest.mark.parametrize("shift", VANCE)
def test_cusum_gives_the_table_of_vance(shift):
    # The largest is printed as 2071.51 for 2071.572, which 18 nodes and 200 give alike.
    allowed = 0.07 if shift == -0.25 else 0.0051
    assert cusum_arl(0.0, 10.0, shift) == pytest.approx(VANCE[shift], abs=allowed)


def test_seven_and_more_digits_of_the_sas_manual():
    # SAS/QC manual (1999), as quoted by xcusum.arl and xewma.arl of R's spc. The manual's CUSUM
    # is in the order of 1e-7 off the value that any number of nodes from 20 on agrees on.
    assert cusum_arl(0.25, 8.0, 2.5) == pytest.approx(4.1500836225, abs=2e-7)
    assert cusum_arl(0.25, 8.0, 2.5, head_start=0.1) == pytest.approx(4.1061588131, abs=2e-7)
    assert ewma_arl(0.25, 3.0, 1.0) == pytest.approx(11.154267016, abs=1e-9)


# Lucas and Saccucci, Technometrics 32 (1990), table 3.
SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3)
EWMA_TABLE = {
    (0.5, 3.071): ("500", "255", "88.8", "35.9", "17.5", "6.53", "3.63", "1.93"),
    (0.03, 2.437): ("500", "76.7", "29.3", "17.6", "12.6", "8.07", "5.99", "4.03"),
}


@pytest.mark.parametrize(("lam", "c"), EWMA_TABLE)
@pytest.mark.parametrize("column", range(8))
def test_ewma_gives_every_row_of_the_table(lam, c, column):
    published = EWMA_TABLE[lam, c][column]
    decimals = len(published.partition(".")[2])
    # c is printed with three decimals, which moves an in-control 500 by up to .3%.
    allowed = 0.51 * 10.0**-decimals + (0.003 * 500 if column == 0 else 0.0)
    assert ewma_arl(lam, c, SHIFTS[column]) == pytest.approx(float(published), abs=allowed)


def test_shewhart_has_its_closed_form():
    assert shewhart_arl(3.0, 0.0, sides=2) == pytest.approx(370.398, abs=5e-4)
    assert shewhart_arl(3.0, 0.0, sides=1) == pytest.approx(740.797, abs=5e-4)
    assert shewhart_arl(3.0, 3.0, sides=1) == pytest.approx(2.0)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_charts_that_are_shewhart_charts_in_disguise_agree(sides, shift):
    assert ewma_arl(1.0, 3.0, shift, sides) == shewhart_arl(3.0, shift, sides)
    # With h near 0 a CUSUM alarms at one bin above k.
    assert cusum_arl(3.0, 1e-9, shift, 1) == pytest.approx(shewhart_arl(3.0, shift, 1), rel=1e-6)


def test_upper_ewma_alarms_half_as_often_as_both_sides_in_ordinary_life():
    both, upper = ewma_arl(0.2, 3.0, 0.0, 2), ewma_arl(0.2, 3.0, 0.0, 1)
    assert upper == pytest.approx(2 * both, rel=0.02)
    assert ewma_arl(0.2, 3.0, 1.5, 1) == pytest.approx(ewma_arl(0.2, 3.0, 1.5, 2), rel=1e-3)


# shift: h, exact limit, ln 720 / (d^2/2), best Shewhart; at ARL0 = 720.
LIMITS = {
    0.5: ("7.96", "28.59", "52.6", "157.2"),
    1.0: ("4.75", "9.87", "13.16", "43.1"),
    2.0: ("2.50", "3.25", "3.29", "6.22"),
    3.0: ("1.59", "1.72", "1.46", "1.99"),
}


@pytest.mark.parametrize("shift", LIMITS)
def test_limit_line_gives_the_table(shift):
    best = lorden_limit(720.0, shift)
    for got, published in zip(
        (best.h, best.limit, best.first_order, best.shewhart), LIMITS[shift], strict=True
    ):
        decimals = len(published.partition(".")[2])
        # 157.2 is printed for 157.145, hence a little more than half of the last digit.
        assert got == pytest.approx(float(published), abs=0.56 * 10.0**-decimals)
    assert best.k == shift / 2


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_threshold_is_the_inverse_of_the_run_length(sides, share):
    h = cusum_threshold(500.0, 0.75, sides, share)
    assert cusum_arl(0.75, h, 0.0, sides, share * h) == pytest.approx(500.0, rel=1e-7)


def test_no_other_chart_beats_the_limit():
    best = lorden_limit(720.0, 1.0)
    for k in (0.3, 0.4, 0.6, 0.8):
        assert cusum_arl(k, cusum_threshold(720.0, k), 1.0) > best.limit
    assert best.shewhart > best.limit


def simulated(step, begin, limit, shift, runs, bins, rng):
    """Run lengths by the definition, one bin at a time."""
    state = np.full(runs, float(begin))
    length = np.zeros(runs, dtype=int)
    for t in range(1, bins + 1):
        state = step(state, rng.standard_normal(runs) + shift)
        length[(length == 0) & (state > limit)] = t
    assert (length > 0).all()
    return length


@pytest.mark.parametrize(("k", "h", "begin"), [(0.75, 2.0, 0.0), (1.0, 3.0, 1.5), (0.25, 6.0, 2.0)])
def test_cusum_agrees_with_simulation_off_the_table(k, h, begin):
    rng = np.random.default_rng(11)
    length = simulated(lambda s, z: np.maximum(0, s + z - k), begin, h, 0.8, 20_000, 400, rng)
    error = length.std() / math.sqrt(len(length))
    assert abs(length.mean() - cusum_arl(k, h, 0.8, 1, begin)) < 4 * error


@pytest.mark.parametrize("shift", [-0.2, 1.0])
def test_upper_ewma_agrees_with_simulation(shift):
    rng = np.random.default_rng(12)
    limit = 1.8 * math.sqrt(0.3 / 1.7)
    length = simulated(lambda e, z: 0.7 * e + 0.3 * z, 0.0, limit, shift, 10_000, 1500, rng)
    error = length.std() / math.sqrt(len(length))
    assert abs(length.mean() - ewma_arl(0.3, 1.8, shift, sides=1)) < 4 * error


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cusum_arl(0.5, 4.0, 0.0, sides=3), "sides must be one of 1, 2; got 3"),
        (lambda: cusum_arl(-1.0, 4.0, 0.0), "k must be at least 0; got -1.0"),
        (lambda: cusum_arl(0.5, 0.0, 0.0), "h must be above 0 and finite; got 0.0"),
        (lambda: cusum_arl(0.5, 4.0, math.nan), "shift must be finite; got nan"),
        (lambda: cusum_arl(0.5, 4.0, 0.0, head_start=5.0), "head_start must be from 0 to h = 4"),
        (lambda: cusum_arl(0.5, 1e4, 0.0), "too extreme"),
        (lambda: ewma_arl(0.0, 3.0, 0.0), "lam must be above 0 and at most 1; got 0.0"),
        (lambda: ewma_arl(1e-5, 3.0, 0.0), "too extreme"),
        (lambda: ewma_arl(0.2, -3.0, 0.0), "c must be above 0"),
        (lambda: ewma_arl(0.5, 8.0, 0.0), "an alarm is too rare to be solved for"),
        (lambda: ewma_arl(0.5, 20.0, 0.0), "an alarm is too rare to be solved for"),
        (lambda: shewhart_arl(math.inf, 0.0), "limit must be above 0 and finite; got inf"),
        (lambda: cusum_threshold(0.5, 0.5), "arl0 must be above"),
        (lambda: cusum_threshold(1e40, 0.0), "needs an h above 100"),
        (lambda: lorden_limit(720.0, 0.0), "shift must be above 0 and finite; got 0.0"),
    ],
)
def test_wrong_arguments_say_what_got_and_allowed(call, words):
    with pytest.raises(SettingError, match=words.replace("(", r"\(")):
        call()
