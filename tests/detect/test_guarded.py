"""A guarded baseline against plain ones that were shown other series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costsim.detect import (
    CUSUM,
    Detector,
    ExponentialSmoothing,
    Guarded,
    HourOfWeek,
    IncludingWindow,
    NegativeBinomialGLM,
    SeasonalTrend,
    Shewhart,
    SmoothedHourOfWeek,
    TrailingMean,
)
from costsim.errors import SettingError

WEEK = 168
PATIENT = [
    HourOfWeek(),
    SmoothedHourOfWeek(),
    TrailingMean(),
    SeasonalTrend(refit_hours=84),
    ExponentialSmoothing(refit_hours=84),
    NegativeBinomialGLM(refit_hours=84),
]
named = pytest.mark.parametrize("baseline", PATIENT, ids=lambda b: type(b).__name__)


def read(baseline, values):
    """Expected and z of each bin, of shape (2, T, n_series)."""
    values = np.atleast_2d(np.asarray(values, float).T).T
    state = baseline.begin(values.shape[1])
    return np.array([state.step(row, i % WEEK) for i, row in enumerate(values)]).swapaxes(0, 1)


def ordinary(weeks, n=1, seed=0):
    hours = np.arange(weeks * WEEK)
    profile = np.where((hours % 24 > 7) & (hours % WEEK < 120), 90.0, 15.0)
    return profile[:, None] * np.random.default_rng(seed).lognormal(0, 0.1, (len(hours), n))


@named
def test_a_guard_that_never_closes_is_not_there(baseline):
    values = ordinary(4, seed=1)
    values[400:410] = np.nan
    values[500:520] *= 30
    guarded = Guarded(baseline, guard_hours=0, h=math.inf)
    np.testing.assert_array_equal(read(guarded, values), read(baseline, values))


def test_the_guard_band_is_the_trailing_mean_s_own():
    values = ordinary(3, n=2, seed=2)
    guarded = Guarded(TrailingMean(), guard_hours=30, h=math.inf)
    plain = TrailingMean(guard_hours=30)
    np.testing.assert_array_equal(read(guarded, values), read(plain, values))


def test_a_model_fitted_to_late_history_still_forecasts_the_right_hours():
    hours = np.arange(5 * WEEK)
    values = 20.0 + 10.0 * (hours % 24)
    for baseline in (SeasonalTrend(refit_hours=24), NegativeBinomialGLM(refit_hours=24)):
        expected = read(Guarded(baseline, guard_hours=31), values)[0, :, 0]
        assert np.isnan(expected[: 2 * WEEK + 31]).all()
        np.testing.assert_allclose(expected[-WEEK:], values[-WEEK:], rtol=0.05)


@named
def test_two_weeks_of_incident_are_not_learnt(baseline):
    """What is expected in them and after them is about what it would be without them."""
    calm = ordinary(8, seed=3)
    values = calm.copy()
    values[4 * WEEK : 6 * WEEK] += 300.0
    expected, z = read(Guarded(baseline), values)[:, :, 0]
    without = read(baseline, calm)[0, :, 0]
    ratio = expected[4 * WEEK :] / without[4 * WEEK :]
    assert 1 / 1.8 < ratio.min() < ratio.max() < 1.8
    assert (z[4 * WEEK : 6 * WEEK] > 4.0).all()
    if not isinstance(baseline, HourOfWeek):  # its medians are robust by themselves
        learnt = read(baseline, values)[0, 6 * WEEK :, 0]
        assert (learnt / without[6 * WEEK :]).max() > 4.0


def test_a_frozen_mean_stands_still():
    values = ordinary(6, seed=3)
    values[4 * WEEK : 6 * WEEK] += 300.0
    expected = read(Guarded(TrailingMean(), guard_hours=24), values)[0, :, 0]
    frozen = expected[4 * WEEK + 2 :]
    # the mean of the 336 bins before the guard band, whatever has come since
    kept = values[4 * WEEK + 1 - 24 - 336 : 4 * WEEK + 1 - 24].mean()
    np.testing.assert_allclose(frozen, kept, rtol=1e-12)


def test_only_the_frozen_series_is_held_and_as_if_it_were_alone():
    values = ordinary(9, n=3, seed=4)
    values[5 * WEEK :, 1] *= 8.0
    together = read(Guarded(), values)
    for one in range(3):
        alone = read(Guarded(), values[:, one])
        np.testing.assert_array_equal(together[:, :, one], alone[:, :, 0])
    for one in (0, 2):
        late = read(Guarded(h=math.inf), values[:, one])
        np.testing.assert_allclose(together[:, :, one], late[:, :, 0], rtol=1e-6)


@pytest.mark.parametrize("days", [7, 21])
def test_a_permanent_step_rings_for_the_stated_time_and_then_never_again(days):
    onset = 5 * WEEK
    values = ordinary(16, n=8, seed=5)
    values[onset:] *= 8.0
    detector = Detector(Guarded(HourOfWeek(), freeze_days=days), Shewhart(8.0))
    above = detector.statistic(values.T, np.arange(len(values)) % WEEK, start=onset) > 8.0
    assert above[:, : onset + 24 * days].sum(axis=1).tolist() == [24 * days] * 8
    assert not above[:, onset + 24 * days :].any()


def test_after_the_freeze_it_is_a_baseline_that_began_with_the_step():
    onset, days = 5 * WEEK, 21
    values = ordinary(12, seed=6)
    values[onset:] *= 4.0
    guarded = read(Guarded(guard_hours=24, freeze_days=days), values)
    # begun at the step's first bin, with the same guard
    fresh = read(Guarded(guard_hours=24, h=math.inf), np.roll(values, -onset, axis=0)[:-onset])
    shift = onset % WEEK
    assert shift == 0  # else hours of the week would not be those of the fresh one
    np.testing.assert_array_equal(guarded[:, onset + 24 * days :], fresh[:, 24 * days :])
    # three weeks suffice to judge at once
    assert not np.isnan(guarded[1, onset + 24 * days :]).any()


def test_a_wild_hour_freezes_for_as_long_as_it_takes_to_come_back_to_zero():
    values = np.full(400, 10.0)
    values[300] = 200.0
    guarded = Guarded(TrailingMean(), guard_hours=0, k=1.0, h=6.0)
    state = guarded.begin(1)
    frozen = []
    for i, usd in enumerate(values):
        state.step(np.array([usd]), i % WEEK)
        frozen.append(bool(state._frozen[0]))
    # z = 0 takes k from the sum each bin, and at 0 the guard is open again
    assert np.flatnonzero(frozen).tolist() == list(range(300, 306))


def test_hours_without_data_neither_freeze_nor_thaw():
    values = ordinary(6, seed=7)
    values[5 * WEEK : 5 * WEEK + 10] *= 20.0
    values[5 * WEEK + 10 : 5 * WEEK + 100] = np.nan
    state = Guarded().begin(1)
    frozen = []
    for i, row in enumerate(values):
        state.step(row, i % WEEK)
        frozen.append(int(state._frozen[0]))
    assert frozen[5 * WEEK - 1] == 0
    assert frozen[5 * WEEK : 5 * WEEK + 100] == list(range(1, 101))
    assert frozen[5 * WEEK + 130] == 0


def test_a_guarded_detector_alarms_on_the_same_first_hour():
    """The guard changes what is learnt later, never the first reading of an incident."""
    values = ordinary(6, n=20, seed=8).T
    values[:, 5 * WEEK :] *= 1.6
    hours = np.arange(values.shape[1]) % WEEK
    plain = Detector(HourOfWeek(guard_hours=48), CUSUM(h=8.0))
    guarded = Detector(Guarded(HourOfWeek(guard_hours=24), h=8.0), CUSUM(h=8.0))
    one, two = (d.first_alarm(values, hours, 5 * WEEK - 24) for d in (plain, guarded))
    assert np.abs(one - two).max() <= 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Guarded(IncludingWindow()), "judge a bin before it learns from it"),
        (lambda: Guarded(Guarded()), "judge a bin before it learns from it"),
        (lambda: Guarded(CUSUM()), "baseline must be a Baseline"),
        (lambda: Guarded(guard_hours=-1), "guard_hours must be from 0 to below 504"),
        (lambda: Guarded(freeze_days=1), "guard_hours must be from 0 to below 24, the 1 days"),
        (lambda: Guarded(freeze_days=0), "freeze_days must be at least 1; got 0"),
        (lambda: Guarded(k=-1.0), "k must be at least 0"),
        (lambda: Guarded(h=0.0), "h must be at least"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
