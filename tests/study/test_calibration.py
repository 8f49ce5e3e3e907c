"""False alarms: counted right, with the right interval, and calibrated to a wanted rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from costsim.detect import (
    CUSUM,
    Detector,
    FixedThreshold,
    HourOfWeek,
    NaiveZScore,
    TrailingMean,
    UserShare,
    any_statistic,
)
from costsim.detect.charts import Shewhart
from costsim.errors import SettingError
from costsim.simulation.bin_sampler import BinnedSpend
from costsim.study import FalseAlarms, calibrate, quiet_runs
from costsim.study.calibration import set_together
from costsim.study.false_alarms import Paths
from costsim.study.quiet import WATCH_DAYS, WATCHES, Quiet, training_days

# Garwood (1936), 95% limits of a Poisson mean.
PUBLISHED = {0: (0, 3.689), 1: (0.0253, 5.572), 5: (1.623, 11.668), 10: (4.795, 18.390)}
PUBLISHED |= {20: (12.217, 30.888), 50: (37.111, 65.919)}

DETECTORS = [
    FixedThreshold(channel="total"),
    UserShare(daily_budget_usd=100),
    NaiveZScore(),
    Detector(TrailingMean(window_hours=336), Shewhart(3.0), name="z-score"),
    Detector(HourOfWeek(), CUSUM(k=1.0, h=5.0), name="CUSUM"),
    Detector(HourOfWeek(), Shewhart(), name="by user", channel="top_user"),
    Detector(HourOfWeek(), CUSUM(k=1.0), name="gated", gate_ratio=1.1, gate_usd=0.2, gate_hours=3),
]


@pytest.mark.parametrize("alarms", PUBLISHED)
def test_the_interval_is_garwood_s(alarms):
    low, high = FalseAlarms(alarms, 720).interval()
    assert (low, high) == pytest.approx(PUBLISHED[alarms], abs=6e-4)


@pytest.mark.parametrize("alarms", [1, 7, 240])
@pytest.mark.parametrize("level", [0.8, 0.99])
def test_the_interval_by_its_definition(alarms, level):
    months = 12.5
    low, high = FalseAlarms(alarms, int(720 * months)).interval(level)
    tail = (1 - level) / 2
    assert poisson.sf(alarms - 1, low * months) == pytest.approx(tail)
    assert poisson.cdf(alarms, high * months) == pytest.approx(tail)


def test_the_rate_is_alarms_over_exposure():
    assert FalseAlarms(30, 720 * 15).per_month == 2
    assert FalseAlarms(0, 100).per_month == 0


def quiet_of(total, training=0):
    """Ordinary life that is written down: dollars of shape (runs, hours)."""
    total = np.asarray(total, dtype=float)
    week = np.arange(total.shape[1]) % 168
    return Quiet(BinnedSpend(total, total, total, total * 0, week), training, 0)


def test_a_watch_ends_with_its_first_alarm_and_exposure_with_it():
    hours = WATCH_DAYS * 24
    dollars = np.ones((2, 2 * hours))
    dollars[0, 9] = dollars[0, 20] = 100  # tenth hour; what follows does not count
    dollars[0, hours + 99] = 100
    found = quiet_of(dollars).false_alarms(FixedThreshold(50.0, channel="total"))
    assert (found.alarms, found.exposure_hours) == (2, 10 + 100 + 2 * hours)


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_a_watch_is_four_weeks_and_exposure_is_hours_whatever_the_bin(minutes):
    per_hour, hours = 60 // minutes, WATCH_DAYS * 24
    dollars = np.ones((2, (24 + 2 * hours) * per_hour)) / per_hour
    dollars[0, (24 + 10) * per_hour - 1] = 100  # the last bin of the tenth hour
    dollars[1, 3] = 100  # in training
    week = np.arange(24 + 2 * hours).repeat(per_hour) % 168
    spend = BinnedSpend(dollars, dollars, dollars, dollars * 0, week, {}, minutes)
    quiet = Quiet(spend, 24, 0)
    found = quiet.false_alarms(FixedThreshold(50.0, channel="total"))
    assert (found.alarms, found.exposure_hours) == (1, 10 + 3 * hours)
    assert found.per_month == pytest.approx(720 / (10 + 3 * hours))
    assert quiet.months == pytest.approx(2 * 2 * hours / 720)
    shared = Detector(HourOfWeek(), Shewhart(), channel="total")
    alone = shared.statistic(dollars[:, : (24 + hours) * per_hour], week[: (24 + hours) * per_hour],
                             24 * per_hour, minutes)  # fmt: skip
    np.testing.assert_array_equal(quiet.watches(shared)[0], alone[:, 24 * per_hour :])


def test_a_gate_holds_back_in_ordinary_life_as_on_a_series_of_each_feature():
    """In dollars of the channel: a price does not add up over the bins of an hour."""
    hours, week = WATCH_DAYS * 24, np.arange((WATCH_DAYS + 2) * 96) // 4 % 168
    prices = np.random.default_rng(2).gamma(4.0, 5.0, (3, len(week), 2))
    total = prices.sum(axis=2)
    spend = BinnedSpend(total, total, total, total * 0, week, {"unit_cost": prices}, 15)
    quiet, start = Quiet(spend, 48, 2), 48 * 4
    free = Detector(TrailingMean(), Shewhart(), channel="unit_cost")
    held = replace(free, gate_ratio=1.05, gate_usd=4.0, gate_hours=2)
    for detector in (free, held):
        [watch] = quiet.watches(detector)
        alone = any_statistic(detector, prices, week, start, 15)[:, start:]
        np.testing.assert_array_equal(watch, alone)
        assert watch.shape == (3, hours * 4)
    [one], [two] = quiet.watches(free), quiet.watches(held)
    # eight bins of two hours: their mean price is 4 / 2 dollars above the usual one
    past = np.lib.stride_tricks.sliding_window_view(prices - 20.0, 8, axis=1).mean(axis=3)
    open_ = (past[:, start - 7 :] > 2.0).any(axis=2)
    assert ((two > 0) == ((one > 0) & open_)).mean() > 0.9
    assert 0 < (two > 0).sum() < 0.6 * (one > 0).sum()


def test_alarms_that_come_together_are_fewer_pieces_of_news():
    hours = WATCH_DAYS * 24
    dollars = np.ones((40, 4 * hours))
    dollars[::2, ::hours] = 100  # half of the runs alarm in all four watches
    found = quiet_of(dollars).false_alarms(FixedThreshold(50.0, channel="total"))
    assert found.alarms == 80
    # 4 x Bernoulli(1/2) against Binomial(4, 1/2): variance 4 against 1
    assert found.clustering == pytest.approx(4 * 40 / 39)
    one, two = found.interval(), FalseAlarms(80, found.exposure_hours).interval()
    assert one[1] - one[0] > 1.9 * (two[1] - two[0])
    alone = np.ones((40, 4 * hours))
    for run in range(40):
        alone[run, (run % 4) * hours] = 100  # one alarm each: less than independent
    assert quiet_of(alone).false_alarms(FixedThreshold(50.0, channel="total")).clustering == 1


@pytest.fixture(scope="module")
def scenario(small):
    busy = {"calls_per_week": 20_000}
    return small(days=21, time_zone="America/New_York", features={"chat": busy, "batch": busy})


@pytest.fixture(scope="module")
def tuning(scenario):
    return quiet_runs(scenario, range(60))


@pytest.fixture(scope="module")
def fresh(scenario):
    return quiet_runs(scenario, range(1000, 1060))


def test_ordinary_life_is_the_history_and_then_four_watches(scenario, tuning):
    assert training_days(scenario) == 14
    hours = tuning.spend.total.shape[1]
    days = 14 + WATCHES * WATCH_DAYS
    # from March to July: one hour less where clocks spring forward
    assert hours == days * 24 - 1
    assert tuning.training_hours == 14 * 24 - 1
    assert not tuning.spend.excess.any()
    assert tuning.ordinary_features == 2
    assert len(tuning.watches(DETECTORS[0])) == WATCHES
    assert tuning.months == pytest.approx(60 * WATCHES * WATCH_DAYS / 30)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_a_watch_is_what_the_detector_itself_would_say(tuning, detector):
    values, week = tuning.spend.channel(detector.channel), tuning.spend.hour_of_week
    watch = WATCH_DAYS * 24
    for number, paths in enumerate(tuning.watches(detector)):
        start = tuning.training_hours + number * watch
        whole = detector.statistic(values[:5, : start + watch], week[: start + watch], start)
        np.testing.assert_allclose(paths[:5], whole[:, start:], rtol=1e-12)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_the_wanted_rate_is_met_on_its_own_runs_and_nearly_on_fresh_ones(
    tuning, fresh, detector, wanted
):
    tuned = calibrate(detector, tuning, wanted)
    own = tuning.false_alarms(tuned)
    assert own.per_month <= wanted
    # the lowest such threshold: a little lower, and the rate is too high
    lower = calibrated_below(tuned)
    assert tuning.false_alarms(lower).per_month > 0.97 * wanted
    found = fresh.false_alarms(tuned)
    low, high = found.interval(0.999)
    tolerance = 4.5 * np.sqrt(max(own.clustering, found.clustering) / own.alarms)
    assert low / (1 + tolerance) < wanted < high * (1 + tolerance)
    assert type(tuned) is type(detector)
    assert tuned.name == detector.name


def calibrated_below(tuned):
    return tuned.with_threshold(tuned.threshold * 0.995)


def test_rates_that_cannot_be_shown_are_refused(tuning):
    detector = DETECTORS[0]
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="false_alarms_per_month must be above 0 and finite"):
            calibrate(detector, tuning, rate)
    with pytest.raises(
        SettingError, match=r"at least 10 expected false alarms; 224 months at 0.01"
    ):
        calibrate(detector, tuning, 0.01)


def test_two_weeks_of_history_are_needed(small):
    with pytest.raises(SettingError, match=r"at least 14 days of history before its week .* got 7"):
        quiet_runs(small(days=14), [1])


def test_the_lowest_threshold_for_a_rate_is_found_among_all_of_them():
    rng = np.random.default_rng(0)
    for trial in range(6):
        watches = [rng.normal(size=(20, 50)).round(1 if trial % 2 else 9) for _ in range(2)]
        watches[0][3] = np.nan  # never judged
        watches[1][0, 7] = np.inf  # alarms at any threshold
        paths = Paths.of(watches)
        every = np.unique(np.concatenate([w[np.isfinite(w)] for w in watches]))
        rates = np.array([paths.false_alarms(paths.first(t)).per_month for t in every])
        for wanted in (10.0, 20.0, 40.0, 100.0):
            enough = every[rates <= wanted]
            best = enough[0] if len(enough) else np.inf
            found = paths.threshold(wanted)
            if np.isfinite(best):
                assert paths.false_alarms(paths.first(found)).per_month <= wanted
                assert found <= best
            else:
                assert found == np.inf


def test_a_detector_that_has_no_threshold_of_the_rate_takes_nothing_from_the_others():
    """As behind a gate: nearly always at 0, so that any threshold above has less than the rate."""
    rng = np.random.default_rng(4)
    noise = Paths.of([rng.normal(size=(40, 672))])
    gated = np.zeros((40, 672))
    gated[0, 100] = 1.0  # below the threshold that it comes with
    pair = [FixedThreshold(3.0, channel="total", name=name) for name in ("noise", "gated")]
    alone = set_together(pair[:1], [noise], 0.9)
    both = set_together(pair, [noise, Paths.of([gated])], 0.9)
    assert both[1].threshold == 3.0
    assert both[0].threshold == alone[0].threshold
