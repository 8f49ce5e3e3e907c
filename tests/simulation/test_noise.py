"""Hour noise and day effect: mean one, and the autocorrelation that is asked for."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.signal import lfilter

from costsim.simulation.calendar import Calendar
from costsim.simulation.fading import fading
from costsim.simulation.noise import BURN_IN_DAYS, Noise, hour_covariance
from costsim.simulation.streams import stream

LONG = Calendar(date(2015, 1, 1), 3650, "UTC")


def factors(seed=1, calendar=LONG, **settings):
    return Noise(**settings).factors(seed, calendar)


def test_the_mean_is_one():
    week = Calendar(date(2024, 1, 1), 7, "UTC")
    runs = np.array([factors(seed, week).mean() for seed in range(2000)])
    assert abs(runs.mean() - 1) < 3.5 * runs.std(ddof=1) / np.sqrt(len(runs))


@pytest.mark.parametrize("phi", [0.0, 0.4, 0.7, 0.95])
def test_hours_are_an_autoregression_with_the_stated_sigma(phi):
    log = np.log(factors(hour_sigma=0.15, hour_phi=phi, day_sigma=0))
    log -= log.mean()
    effective = len(log) * (1 - phi) / (1 + phi)
    assert log.std() == pytest.approx(0.15, rel=6 / np.sqrt(2 * effective))
    for lag in (1, 2, 5):
        found = (log[lag:] * log[:-lag]).mean() / log.var()
        assert abs(found - phi**lag) < 6 / np.sqrt(effective)


def test_the_first_hour_is_as_noisy_as_any_other():
    first = np.log([factors(s, Calendar(date(2024, 1, 1), 1, "UTC"))[0] for s in range(3000)])
    sigma = np.sqrt(0.15**2 + 0.08**2)
    assert first.std() == pytest.approx(sigma, rel=0.06)
    assert first.mean() == pytest.approx(-(sigma**2) / 2, abs=4 * sigma / np.sqrt(3000))


def test_a_day_has_one_effect():
    log = np.log(factors(hour_sigma=0, day_sigma=0.08)).reshape(-1, 24)
    assert (np.ptp(log, axis=1) < 1e-12).all()
    assert log[:, 0].std() == pytest.approx(0.08, rel=0.05)
    assert abs(np.corrcoef(log[1:, 0], log[:-1, 0])[0, 1]) < 0.07


def test_days_are_an_autoregression_where_that_is_asked_for():
    log = np.log(factors(hour_sigma=0, day_sigma=0.2, day_phi=0.6)).reshape(-1, 24)
    assert (np.ptp(log, axis=1) < 1e-12).all()
    days = log[:, 0] - log[:, 0].mean()
    effective = len(days) * (1 - 0.6) / (1 + 0.6)
    assert days.std() == pytest.approx(0.2, rel=6 / np.sqrt(2 * effective))
    for lag in (1, 3):
        found = (days[lag:] * days[:-lag]).mean() / days.var()
        assert abs(found - 0.6**lag) < 6 / np.sqrt(effective)


@pytest.mark.parametrize(("phi", "again"), [(0.7, 0.4), (0.0, 0.8), (0.5, 0.9)])
def test_an_hour_is_like_that_of_the_day_before_by_the_closed_form(phi, again):
    log = np.log(factors(hour_sigma=0.2, hour_phi=phi, same_hour_phi=again, day_sigma=0))
    log -= log.mean()
    wanted = hour_covariance(phi, again, 72)
    effective = len(log) * (1 - phi) / (1 + phi) * (1 - again) / (1 + again)
    assert log.std() == pytest.approx(0.2, rel=6 / np.sqrt(2 * effective))
    for lag in (1, 5, 12, 24, 25, 48, 72):
        found = (log[lag:] * log[:-lag]).mean() / log.var()
        assert abs(found - wanted[lag] / wanted[0]) < 6 / np.sqrt(effective)


def test_days_are_local_also_where_they_have_25_hours():
    calendar = Calendar(date(2024, 10, 26), 3, "Europe/Berlin")
    log = factors(calendar=calendar, hour_sigma=0)
    changes = np.flatnonzero(np.diff(log)) + 1
    assert changes.tolist() == [24, 49]


def test_a_longer_run_begins_the_same():
    short = factors(calendar=Calendar(date(2024, 1, 1), 7, "UTC"))
    longer = factors(calendar=Calendar(date(2024, 1, 1), 70, "UTC"))
    np.testing.assert_array_equal(longer[: len(short)], short)


def test_without_sigma_there_is_no_noise():
    assert (factors(hour_sigma=0, day_sigma=0) == 1).all()


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.95])
def test_a_fading_sum_is_the_filter_bit_for_bit(keep):
    values = np.random.default_rng(3).standard_normal(2000)
    assert (fading(values, keep) == lfilter([1.0], [1.0, -keep], values)).all()
    assert fading(values[:0], keep).shape == (0,)


def test_the_same_hour_s_memory_is_a_filter_of_24_hours():
    """The whole factor, with its draws: hours of yesterday come again in part."""
    calendar = Calendar(date(2024, 1, 1), 20, "UTC")
    got = np.log(factors(4, calendar, hour_phi=0.5, same_hour_phi=0.6, day_sigma=0.0))
    burn_in = 24 * BURN_IN_DAYS
    shocks = stream(4, "noise", "hours").standard_normal(burn_in + calendar.hours)
    shocks[1:] *= np.sqrt(1 - 0.5**2)
    hourly = lfilter([1.0], [1.0, -0.5], shocks)
    hourly = lfilter([1.0], [1.0, *[0.0] * 23, -0.6], hourly)[burn_in:]
    hourly /= np.sqrt(hour_covariance(0.5, 0.6, 0)[0] / (1 - 0.6**2))
    np.testing.assert_allclose(got, 0.15 * hourly - 0.15**2 / 2, rtol=0, atol=1e-14)
