"""CUSUMs of counts against published tables, exact fractions, closed forms and simulation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import nbinom, norm, poisson

from costsim.detect.run_length import (
    negative_binomial_cusum_arl,
    negative_binomial_cusum_threshold,
    poisson_cusum_arl,
    poisson_cusum_threshold,
)
from costsim.errors import SettingError


# Lucas, Technometrics 27 (1985), tables 2 to 5, first block, row h = 10, k = .25, column 1.0, as
# quoted by pois.cusum.arl of R's spc; the head start is h/2.
@pytest.mark.parametrize(
    ("side", "head_start", "published"),
    [("upper", 0, 438), ("upper", 5, 333), ("lower", 0, 437), ("lower", 5, 318)],
)
def test_poisson_cusum_gives_the_tables_of_lucas(side, head_start, published):
    got = poisson_cusum_arl(0.25, 10, 0.25, head_start, side)
    assert got == pytest.approx(published, abs=0.51)


# Documented output of arl() in R's IAcsSPCR (Lawson), after Lucas: h = 6, k = 2, and a mean .9627
# scatters above 1.88.
@pytest.mark.parametrize(
    ("mean", "head_start", "published"),
    [(1.88, 0, 37.2), (1.88, 3, 29.19), (3.2, 0, 5.49), (3.2, 3, 3.33)],
)
def test_poisson_cusum_gives_the_values_of_lawson(mean, head_start, published):
    decimals = len(str(published).partition(".")[2])
    got = poisson_cusum_arl(2, 6, mean, head_start)
    assert got == pytest.approx(published, abs=0.51 * 10.0**-decimals)


def test_poisson_threshold_gives_the_design_in_the_manual_of_spc():
    # pois.cusum.crit.L0L1(0.52, 500, 7): k = .948 and an alarm above 3.832 always, at 3.832 in 12%
    # of cases, give 500 in ordinary life and 7 at a mean of 1.563777. A step of the grid is .004.
    assert poisson_cusum_threshold(500.0, 0.948, 0.52) == pytest.approx(3.836)
    for mean, wanted in ((0.52, 500.0), (1.563777, 7.0)):
        never, always = (poisson_cusum_arl(0.948, h, mean) for h in (3.836, 3.832))
        assert always < wanted < never + 0.001
        assert always == pytest.approx(never, rel=0.01)


def test_poisson_threshold_gives_the_h_of_lucas():
    assert poisson_cusum_threshold(430.0, 0.25, 0.25) == 10.0


def test_a_threshold_for_poisson_counts_fails_on_wilder_ones():
    # Mean 20, k = 24: set for 875 bins between false alarms, and 14 with the same mean and r = 5.
    h = poisson_cusum_threshold(875.0, 24, 20.0)
    assert poisson_cusum_arl(24, h, 20.0) == pytest.approx(875, abs=0.51)
    assert negative_binomial_cusum_arl(24, h, 20.0, 5.0) == pytest.approx(14, abs=0.1)
    wider = negative_binomial_cusum_threshold(875.0, 24, 20.0, 5.0)
    assert wider > 4 * h
    assert negative_binomial_cusum_arl(24, wider, 20.0, 5.0) >= 875.0


def walked(k, h, counts, head_start, side, most=400):
    """Second implementation: chances of each exact value of S, bin by bin, until all alarmed."""
    chances = [float(counts.pmf(x)) for x in range(most)]
    alive, length = {Fraction(head_start): 1.0}, 0.0
    while (left := sum(alive.values())) > 1e-13:
        length += left
        after: dict[Fraction, float] = {}
        for s, weight in alive.items():
            for x, chance in enumerate(chances):
                stands = max(Fraction(0), s + (x - k if side == "upper" else k - x))
                if stands < h:
                    after[stands] = after.get(stands, 0.0) + weight * chance
                elif side == "upper":
                    break
        alive = after
    return length


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize(
    ("k", "h", "head_start"),
    [
        (Fraction(3, 2), Fraction(3), Fraction(0)),
        (Fraction(5, 3), Fraction(2), Fraction(1, 2)),  # two denominators
        (Fraction(2), Fraction(7, 3), Fraction(1)),  # h is off the grid
        (Fraction(1), Fraction(1, 3), Fraction(0)),
    ],
)
def test_exact_walk_agrees(k, h, head_start, side):
    head_start = min(head_start, h / 2)
    got = poisson_cusum_arl(k, h, 1.4, head_start, side)
    assert got == pytest.approx(walked(k, h, poisson(1.4), head_start, side, 40), rel=1e-9)
    got = negative_binomial_cusum_arl(k, h, 1.4, 2.5, head_start, side)
    counts = nbinom(2.5, 2.5 / 3.9)
    assert got == pytest.approx(walked(k, h, counts, head_start, side, 120), rel=1e-9)


def exact_geometric(k, h):
    """Run length for chances 2^-(x+1) of x, by elimination in fractions: no rounding at all."""

    def chance(x):
        return Fraction(1, 2 ** (x + 1)) if x >= 0 else Fraction(0)

    rows = []
    for i in range(h):
        row = [-chance(j - i + k) for j in range(h)] + [Fraction(1)]
        row[0] = -sum(chance(x) for x in range(max(0, k - i + 1)))
        row[i] += 1
        rows.append(row)
    for i in reversed(range(1, h)):  # the last place first, so that place 0 is left
        for above in range(i):
            share = rows[above][i] / rows[i][i]
            rows[above] = [a - share * b for a, b in zip(rows[above], rows[i], strict=True)]
    return float(rows[0][-1] / rows[0][0])


@pytest.mark.parametrize(("k", "h"), [(1, 5), (2, 12), (3, 25), (8, 60)])
def test_run_lengths_keep_their_digits_however_large(k, h):
    truth = exact_geometric(k, h)
    assert negative_binomial_cusum_arl(k, h, 1.0, 1.0) == pytest.approx(truth, rel=1e-10)
    assert (k, h) != (8, 60) or truth > 1e18


@pytest.mark.parametrize("k", [3, 4.5, Fraction(22, 7)])
def test_with_the_least_h_it_is_a_shewhart_chart_on_counts(k):
    for h in (1e-6, Fraction(1, Fraction(k).denominator)):
        upper = 1 / poisson(2.0).sf(math.floor(k))
        assert poisson_cusum_arl(k, h, 2.0) == pytest.approx(upper, rel=1e-12)
        lower = 1 / poisson(5.0).cdf(math.ceil(k) - 1)
        assert poisson_cusum_arl(k, h, 5.0, side="lower") == pytest.approx(lower, rel=1e-12)
        # Geometric counts: P(X > x) = (mean / (1 + mean))^(x + 1).
        geometric = (3.0 / 2.0) ** (math.floor(k) + 1)
        got = negative_binomial_cusum_arl(k, h, 2.0, 1.0)
        assert got == pytest.approx(geometric, rel=1e-12)


def test_counts_that_are_certain_alarm_on_time():
    # No counts at all: S grows by k a bin. Very many: the first bin alarms.
    assert poisson_cusum_arl(0.5, 3, 1e-13, side="lower") == pytest.approx(6)
    assert poisson_cusum_arl(0.5, 3, 1e-13, 1, side="lower") == pytest.approx(4)
    assert poisson_cusum_arl(2, 10, 1e3) == pytest.approx(1)
    assert poisson_cusum_arl(2, 10, 1e4, side="lower") == math.inf


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_dispersion_without_end_is_poisson(side):
    steady = poisson_cusum_arl(5.5, 8, 5.0, 2, side)
    for dispersion in (1e7, 4e8, 6e8, 1e15):
        nearly = negative_binomial_cusum_arl(5.5, 8, 5.0, dispersion, 2, side)
        assert nearly == pytest.approx(steady, rel=30 / dispersion + 1e-6)
    assert negative_binomial_cusum_arl(5.5, 8, 5.0, 5.0, 2, side) < 0.9 * steady


def test_large_counts_are_normal_bins():
    # (X - mean) / sqrt(mean) for a mean of 10^4, against the CUSUM with k = .5 and h = 4; its
    # skewness of .01 and the grid of .01 scatters are worth some percent.
    from costsim.detect.run_length import cusum_arl

    got = poisson_cusum_arl(10_050, 400, 10_000.0)
    assert got == pytest.approx(cusum_arl(0.5, 4.0, 0.0), rel=0.05)


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize(("k", "h", "head_start"), [(6.5, 7, 0), (6, 9, 4.5)])
@pytest.mark.parametrize("dispersion", [None, 3.0])
def test_simulation_agrees(side, k, h, head_start, dispersion):
    rng = np.random.default_rng(21)
    mean = 8.0 if side == "upper" else 5.0
    runs, sign = 20_000, 1 if side == "upper" else -1
    state, length = np.full(runs, float(head_start)), np.zeros(runs, dtype=int)
    for t in range(1, 2000):
        if dispersion is None:
            counts = rng.poisson(mean, runs)
        else:
            counts = rng.poisson(rng.gamma(dispersion, mean / dispersion, runs))
        state = np.maximum(0, state + sign * (counts - k))
        length[(length == 0) & (state >= h)] = t
        if (length > 0).all():
            break
    assert (length > 0).all()
    if dispersion is None:
        exact = poisson_cusum_arl(k, h, mean, head_start, side)
    else:
        exact = negative_binomial_cusum_arl(k, h, mean, dispersion, head_start, side)
    # The widest of 8 at 99.99% together.
    wide = norm.isf(1e-4 / 16)
    assert abs(length.mean() - exact) < wide * length.std() / math.sqrt(runs)


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize(("k", "head_start"), [(11, 0), (9, 0), (10.5, 0), (10.2, 1), (10.25, 3)])
@pytest.mark.parametrize("arl0", [1.0, 30.0, 720.0])
def test_threshold_is_the_least_that_is_enough(side, k, head_start, arl0):
    step = 1 / Fraction(k).limit_denominator(100).denominator
    h = poisson_cusum_threshold(arl0, k, 10.0, head_start, side)
    assert poisson_cusum_arl(k, h, 10.0, head_start, side) >= arl0
    if h - step > head_start + step / 2:
        assert poisson_cusum_arl(k, h - step, 10.0, head_start, side) < arl0
    h = negative_binomial_cusum_threshold(arl0, k, 10.0, 4.0, head_start, side)
    assert negative_binomial_cusum_arl(k, h, 10.0, 4.0, head_start, side) >= arl0
    if h - step > head_start + step / 2:
        assert negative_binomial_cusum_arl(k, h - step, 10.0, 4.0, head_start, side) < arl0


def test_a_float_stands_for_its_fraction():
    # .1 + .2 is not .3, but three steps of the grid all the same.
    assert poisson_cusum_arl(0.1, 0.1 + 0.2, 0.1) == poisson_cusum_arl(0.1, 0.3, 0.1)
    third = poisson_cusum_arl(Fraction(1, 3), 2, 0.3)
    assert poisson_cusum_arl(1 / 3, 2, 0.3) == third


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: poisson_cusum_arl(math.log(3), 5, 1.0), r"k must be a fraction .* 1.0986.*1.10"),
        (lambda: poisson_cusum_arl(2, 5, 1.0, math.pi), "head_start must be a fraction"),
        (lambda: poisson_cusum_arl(0, 5, 1.0), "k must be above 0 and finite; got 0"),
        (lambda: poisson_cusum_arl(math.nan, 5, 1.0), "k must be above 0 and finite; got nan"),
        (lambda: poisson_cusum_arl(2, -1, 1.0), "h must be above 0 and finite; got -1"),
        (lambda: poisson_cusum_arl(2, math.inf, 1.0), "h must be above 0 and finite; got inf"),
        (lambda: poisson_cusum_arl(0.001, 5, 1.0), "h = 5 is 5000 steps of the grid 1/1000"),
        (lambda: poisson_cusum_arl(2, 5, 0.0), "mean must be above 0 and finite; got 0.0"),
        (lambda: poisson_cusum_arl(2, 5, 1.0, 5), "head_start .* below h = 5; got 5"),
        (lambda: poisson_cusum_arl(2, 5, 1.0, -1), "head_start must be at least 0 .* got -1"),
        (lambda: poisson_cusum_arl(2, 5, 1.0, side="both"), "side must be one of .* got 'both'"),
        (lambda: negative_binomial_cusum_arl(2, 5, 1.0, 0), "dispersion must be above 0"),
        (lambda: negative_binomial_cusum_arl(2, 5, -1.0, 5), "mean must be above 0 .*; got -1.0"),
        (lambda: poisson_cusum_threshold(0.5, 2, 1.0), "arl0 must be at least 1 .* got 0.5"),
        (lambda: poisson_cusum_threshold(math.nan, 2, 1.0), "arl0 must be at least 1 .* got nan"),
        (
            lambda: negative_binomial_cusum_threshold(1e6, 1.01, 9.0, 2.0),
            r"arl0 = 1e\+06 needs an h above 30",
        ),
    ],
)
def test_wrong_arguments_say_what_got_and_allowed(call, words):
    with pytest.raises(SettingError, match=words):
        call()
