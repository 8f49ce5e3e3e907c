"""Charts against the exact run lengths and against their definitions, bin by bin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costsim.detect import CUSUM, EWMA, GLR, CusumBank, Shewhart, first_crossings
from costsim.detect.run_length import cusum_arl, cusum_threshold, ewma_arl, shewhart_arl
from costsim.errors import SettingError


def run_lengths(chart, z):
    """Bins to the first alarm of each of (T, n) series; all must alarm."""
    first = first_crossings(chart.path(z).T, chart.threshold)[:, 0]
    assert (first >= 0).all()
    return first + 1


@pytest.mark.parametrize(
    ("chart", "shift", "exact"),
    [
        (CUSUM(k=0.5, h=4.0), 1.0, cusum_arl(0.5, 4.0, 1.0)),
        (CUSUM(k=0.5, h=3.0), 0.0, cusum_arl(0.5, 3.0, 0.0)),
        (CUSUM(k=0.5, h=4.0, head_start_share=0.5), 1.0, cusum_arl(0.5, 4.0, 1.0, head_start=2.0)),
        (CUSUM(k=1.0, h=2.0, head_start_share=0.3), 0.4, cusum_arl(1.0, 2.0, 0.4, head_start=0.6)),
        (EWMA(lam=0.2, c=2.0), 0.5, ewma_arl(0.2, 2.0, 0.5, sides=1)),
        (EWMA(lam=0.5, c=3.071), 1.5, ewma_arl(0.5, 3.071, 1.5, sides=1)),
        (Shewhart(2.0), 0.5, shewhart_arl(2.0, 0.5, sides=1)),
    ],
)
def test_mean_run_length_is_the_exact_one(chart, shift, exact):
    rng = np.random.default_rng(2024)
    bins = max(60, int(16 * exact))
    z = rng.standard_normal((bins, min(20_000, 6_000_000 // bins))) + shift
    length = run_lengths(chart, z)
    error = length.std(ddof=1) / math.sqrt(len(length))
    assert abs(length.mean() - exact) < 4 * error


@pytest.mark.parametrize("noise", ["lognormal", "ar1"])
def test_nominal_thresholds_lie(noise):
    """Set for one alarm in 720 normal bins, it gives one in 137 skewed or 123 dependent ones."""
    published = {"lognormal": 137.0, "ar1": 123.0}[noise]
    rng = np.random.default_rng(5)
    bins, n = 2500, 1500
    if noise == "lognormal":
        z = (rng.lognormal(size=(bins, n)) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)
    else:
        z = rng.standard_normal((bins, n))
        for t in range(1, bins):
            z[t] = 0.4 * z[t - 1] + math.sqrt(1 - 0.4**2) * z[t]
    length = run_lengths(CUSUM(k=0.5, h=cusum_threshold(720.0, 0.5)), z)
    error = length.std(ddof=1) / math.sqrt(n)
    assert abs(length.mean() - published) < 4 * error + 0.5


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("clip", [None, 2.5])
def test_one_path_serves_every_threshold_of_a_head_start(share, clip):
    """The statistic crosses h exactly where a sum that begins at share * h first exceeds h."""
    rng = np.random.default_rng(8)
    z = rng.standard_normal((400, 60)) + 0.3
    path = CUSUM(k=0.5, h=1.0, head_start_share=share, clip=clip).path(z)
    for h in (0.7, 2.0, 4.4, 9.0):
        total = np.full(60, share * h)
        expected = np.full(60, -1)
        for t, row in enumerate(z):
            total = np.maximum(0.0, total + np.minimum(row, np.inf if clip is None else clip) - 0.5)
            expected[(expected < 0) & (total > h)] = t
        assert first_crossings(path.T, h)[:, 0].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "chart",
    [
        CUSUM(k=0.5),
        CUSUM(k=1.0, head_start_share=0.5),
        CUSUM(k=0.0, clip=2.0, head_start_share=0.2),
        EWMA(lam=0.1),
        EWMA(lam=1.0),
        Shewhart(),
        CusumBank(),
        GLR(window=7),
        GLR(window=1000),
    ],
)
def test_many_series_at_once_are_each_as_one_by_one(chart):
    rng = np.random.default_rng(9)
    z = rng.standard_normal((80, 5))
    z[rng.random(z.shape) < 0.2] = np.nan
    path = chart.path(z)
    for column, series in zip(path.T, z.T, strict=True):
        state = chart.begin()
        np.testing.assert_array_equal(column, [state.step(value) for value in series.tolist()])


def test_a_gap_leaves_the_sum_as_it_is():
    gapped = CUSUM(k=1.0).path(np.array([[3.0], [np.nan], [3.0]]))[:, 0]
    np.testing.assert_array_equal(gapped, [2.0, np.nan, 4.0])
    gapped = EWMA(lam=0.5).path(np.array([[2.0], [np.nan], [2.0]]))[:, 0]
    np.testing.assert_allclose(gapped * EWMA(lam=0.5).scatter, [1.0, np.nan, 1.5])


def test_restart_forgets_the_sum_and_the_head_start():
    state = CUSUM(k=1.0, h=5.0, head_start_share=0.5).begin()
    assert state.step(4.0) == pytest.approx(6.0)  # 3 from zero; 2.5 + 3 > 5 with the head start
    state.restart()
    assert state.step(4.0) == 3.0
    state = EWMA(lam=0.5).begin()
    first = state.step(4.0)
    state.step(4.0)
    state.restart()
    assert state.step(4.0) == first


def test_ewma_statistic_has_scatter_one_in_the_long_run():
    z = np.random.default_rng(3).standard_normal((300, 4000))
    last = EWMA(lam=0.1).path(z)[-1]
    assert last.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * 4000))


def test_clip_takes_more_than_one_wild_bin_to_alarm():
    wild = np.array([[0.0], [50.0], [0.0]])
    assert CUSUM(k=1.0, h=5.0).path(wild).max() > 5.0
    assert CUSUM(k=1.0, h=5.0, clip=6.0).path(wild).max() == 5.0


def test_glr_is_the_largest_of_all_window_lengths():
    z = np.random.default_rng(13).standard_normal((90, 2)) + 0.2
    path = GLR(window=12).path(z)
    for t in range(90):
        for i in range(2):
            lengths = range(1, min(12, t + 1) + 1)
            sums = [z[t + 1 - n : t + 1, i].sum() / math.sqrt(n) for n in lengths]
            assert path[t, i] == pytest.approx(max(sums), rel=1e-9)
    np.testing.assert_array_equal(GLR(window=1).path(z), z)


def test_glr_of_a_clean_shift_grows_with_the_root_of_its_age():
    z = np.concatenate([np.zeros(20), np.full(30, 1.5)])[:, None]
    path = GLR(window=48).path(z)[:, 0]
    np.testing.assert_allclose(path[20:], 1.5 * np.sqrt(np.arange(1, 31)))


def test_glr_alarms_about_once_in_720_normal_bins_at_its_stated_limit():
    z = np.random.default_rng(14).standard_normal((2000, 1000))
    first = first_crossings(GLR(window=48).path(z).T, 3.37)[:, 0]
    exposure = np.where(first < 0, 2000, first + 1).sum()
    assert exposure / (first >= 0).sum() == pytest.approx(720, rel=0.12)


def test_each_sum_of_a_bank_has_an_equal_share_of_its_false_alarms():
    bank = CusumBank(ks=(0.25, 1.0, 2.0), arl0=720.0)
    for k, weight in zip(bank.ks, bank.weights, strict=True):
        assert cusum_arl(k, weight, 0.0) == pytest.approx(3 * 720.0, rel=1e-6)


def test_a_bank_is_the_largest_of_its_sums():
    bank = CusumBank(ks=(0.5, 1.5), arl0=100.0)
    z = np.random.default_rng(15).standard_normal((200, 3)) + 0.4
    parts = [CUSUM(k=k).path(z) / w for k, w in zip(bank.ks, bank.weights, strict=True)]
    np.testing.assert_array_equal(bank.path(z), np.maximum(*parts))
    assert CusumBank(ks=(0.5,), arl0=300.0).weights == (cusum_threshold(300.0, 0.5),)


def test_a_bank_meets_its_run_length_from_the_safe_side():
    """Above the length it is made for, and below that of one share alone."""
    bank = CusumBank(arl0=100.0)
    z = np.random.default_rng(16).standard_normal((1200, 4000))
    first = first_crossings(bank.path(z).T, bank.threshold)[:, 0]
    length = np.where(first < 0, 1200, first + 1).sum() / (first >= 0).sum()
    assert 100.0 < length < 150.0


def test_a_bank_is_never_far_behind_the_best_of_its_sums():
    rng = np.random.default_rng(17)
    bank = CusumBank(arl0=720.0)
    for shift in (0.5, 1.0, 2.0, 4.0):
        z = rng.standard_normal((400, 2000)) + shift
        mean = run_lengths(bank, z).mean()
        alone = [cusum_arl(k, cusum_threshold(720.0, k), shift) for k in bank.ks]
        assert mean < 1.35 * min(alone)


def test_with_threshold_changes_the_threshold_alone():
    chart = CUSUM(k=1.5, h=5.0, head_start_share=0.4, clip=8.0)
    other = chart.with_threshold(10.0)
    assert (other.h, other.threshold, other.k, other.clip) == (10.0, 10.0, 1.5, 8.0)
    assert (chart.head_start, other.head_start) == (2.0, 4.0)
    assert EWMA(lam=0.3, c=3.0).with_threshold(2.0) == EWMA(lam=0.3, c=2.0)
    assert Shewhart(3.0).with_threshold(4.0) == Shewhart(4.0)
    assert GLR(window=9).with_threshold(4.5) == GLR(limit=4.5, window=9)
    bank = CusumBank(ks=(0.5, 1.0), arl0=300.0)
    assert bank.with_threshold(2.0).weights == bank.weights


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Shewhart(0.0), "limit must be above 0; got 0.0"),
        (lambda: Shewhart(math.nan), "limit must be above 0; got nan"),
        (lambda: CUSUM(k=-0.5), "k must be at least 0; got -0.5"),
        (lambda: CUSUM(h=0.0), "h must be above 0; got 0.0"),
        (lambda: CUSUM(head_start_share=1.0), "head_start_share must be from 0 to below 1"),
        (lambda: CUSUM(k=1.0, clip=1.0), "clip must be above k = 1 or None; got 1.0"),
        (lambda: EWMA(lam=0.0), "lam must be above 0 and at most 1; got 0.0"),
        (lambda: EWMA(c=-1.0), "c must be above 0; got -1.0"),
        (lambda: CusumBank(ks=()), "ks must be numbers of at least 0, none twice"),
        (lambda: CusumBank(ks=(1.0, 1.0)), "ks must be numbers of at least 0, none twice"),
        (lambda: CusumBank(ks=(-1.0,)), "ks must be numbers of at least 0, none twice"),
        (lambda: CusumBank(limit=0.0), "limit must be above 0; got 0.0"),
        (lambda: CusumBank(arl0=1.0), "arl0 must be above 1 and finite; got 1.0"),
        (lambda: GLR(limit=0.0), "limit must be above 0; got 0.0"),
        (lambda: GLR(window=0), "window must be at least 1; got 0"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
