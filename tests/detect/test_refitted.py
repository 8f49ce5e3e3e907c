"""Baselines refitted once a day against statsmodels called directly, and the smoothed one."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from costsim.detect import (
    ExponentialSmoothing,
    HourOfWeek,
    MultiSeasonalTrend,
    NegativeBinomialGLM,
    Scatter,
    SeasonalTrend,
    SmoothedHourOfWeek,
)
from costsim.errors import SettingError

LONG = 3 * 168
HOURS = np.arange(LONG + 100) % 168
REFITTED = [SeasonalTrend, MultiSeasonalTrend, ExponentialSmoothing, NegativeBinomialGLM]


def read(baseline, values, hours=None):
    """Expected values and z of one series."""
    hours = np.arange(len(values)) % 168 if hours is None else hours
    state = baseline.begin(1)
    readings = [state.step(np.array([v]), int(h)) for v, h in zip(values, hours, strict=True)]
    return (
        np.array([reading.expected_usd[0] for reading in readings]),
        np.array([reading.z[0] for reading in readings]),
    )


@pytest.fixture
def weekly():
    rng = np.random.default_rng(1)
    profile = (40 + 30 * np.sin(HOURS / 24 * 2 * np.pi)) * np.where(HOURS >= 120, 0.6, 1.0)
    return np.round(profile * rng.lognormal(0, 0.15, len(HOURS)))


def raw(make, **settings):
    """Without winsor, so that the history is what was seen."""
    return make(weeks=2, winsor=math.inf, **settings)


def first_fit(make, refit_hours, first=0):
    """Hour of the first forecast of a series that begins at an hour."""
    least = first + make().min_weeks * 168
    return least + -least % refit_hours


def test_seasonal_trend_is_the_last_season_on_the_last_trend(weekly):
    from statsmodels.tsa.seasonal import STL

    expected, _ = read(raw(SeasonalTrend, refit_hours=84), weekly[: 336 + 2 * 84])
    assert np.isnan(expected[:336]).all()
    for begin in (336, 420):
        history = np.log(weekly[begin - 336 : begin] + 1.0)
        parts = STL(history, period=168, robust=True, trend_jump=26, low_pass_jump=17).fit()
        wanted = np.exp(parts.seasonal[-168 : -168 + 84] + parts.trend[-1]) - 1.0
        np.testing.assert_allclose(expected[begin : begin + 84], wanted, rtol=1e-9)


def test_jumps_of_the_loess_change_little(weekly):
    from statsmodels.tsa.seasonal import STL

    expected, _ = read(raw(SeasonalTrend, refit_hours=84), weekly[:420])
    exact = STL(np.log(weekly[:336] + 1.0), period=168, robust=True).fit()
    wanted = np.exp(exact.seasonal[-168:-84] + exact.trend[-1]) - 1.0
    assert np.abs(np.log(expected[336:] / wanted)).max() < 0.05


def test_multi_seasonal_trend_is_the_last_day_and_week_on_the_last_trend(weekly):
    from statsmodels.tsa.seasonal import MSTL

    values = np.concatenate([weekly[:504], weekly[:84]])
    expected, _ = read(MultiSeasonalTrend(weeks=3, winsor=math.inf, refit_hours=84), values)
    assert np.isnan(expected[:504]).all()
    history = np.log(values[:504] + 1.0)
    smooth = {"windows": (21, 15), "stl_kwargs": {"seasonal_deg": 0}}  # without jumps
    parts = MSTL(history, periods=(24, 168), **smooth).fit()
    day, week = parts.seasonal[:, 0], parts.seasonal[:, 1]
    wanted = np.tile(day[-24:], 4)[:84] + week[-168:-84] + parts.trend[-1]
    np.testing.assert_allclose(np.log(expected[504:] + 1.0), wanted, atol=0.01)


def test_multi_seasonal_trend_learns_the_hours_of_the_day_from_all_days():
    """What four weeks tell scatters less than an hour does; a season of the week alone does not."""
    hours = np.arange(5 * 168)
    profile = (40 + 30 * np.sin(hours / 24 * 2 * np.pi)) * np.where(hours % 168 >= 120, 0.6, 1.0)
    values = profile * np.random.default_rng(7).lognormal(0, 0.25, len(hours))
    weekend = slice(4 * 168 + 120, None)
    error = {}
    for make in (SeasonalTrend, MultiSeasonalTrend):
        expected, _ = read(make(refit_hours=168), values)
        error[make] = np.log(expected[4 * 168 :] / profile[4 * 168 :]).std()
        if make is MultiSeasonalTrend:  # the weekend is not that of the days before it
            assert abs(np.log(expected[weekend] / profile[weekend]).mean()) < 0.1
    assert error[MultiSeasonalTrend] < 0.17 < 0.22 < error[SeasonalTrend]


def test_exponential_smoothing_is_the_forecast_of_ets(weekly):
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    expected, _ = read(raw(ExponentialSmoothing, refit_hours=48), weekly[: 336 + 96])
    for begin in (336, 384):
        model = ETSModel(
            np.log(weekly[begin - 336 : begin] + 1.0),
            error="add",
            seasonal="add",
            seasonal_periods=168,
            initialization_method="heuristic",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = np.exp(model.fit(disp=False, maxiter=50).forecast(48)) - 1.0
        np.testing.assert_allclose(expected[begin : begin + 48], wanted, rtol=1e-9)


def test_negative_binomial_is_the_formula_of_statsmodels(weekly):
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    baseline = raw(NegativeBinomialGLM, refit_hours=84, scatter=Scatter(min_hours=24, floor=1e3))
    rng = np.random.default_rng(8)
    values = rng.negative_binomial(10, 10 / (10 + weekly[:504])).astype(float)
    expected, z = read(baseline, values)
    frame = pd.DataFrame({"y": values + 0.5, "hour": HOURS[:504] % 24, "day": HOURS[:504] // 24})
    first, ahead = frame.iloc[84:420], frame.iloc[420:504]
    formula = "y ~ C(hour) + C(day)"
    poisson = smf.glm(formula, first, family=sm.families.Poisson()).fit().fittedvalues
    freedom = 336 / (336 - 30)
    alpha = (freedom * (first["y"] - poisson) ** 2 - poisson).sum() / (poisson**2).sum()
    assert 0.05 < alpha < 0.2  # 0.1, and what the hours of weekly itself stray
    family = sm.families.NegativeBinomial(alpha=alpha)
    mean = smf.glm(formula, first, family=family).fit().predict(ahead)
    np.testing.assert_allclose(expected[420:], mean - 0.5, rtol=1e-5)
    pearson = (ahead["y"] - mean) / np.sqrt(mean + alpha * mean**2)
    # The floor stands in for the scatter, which is never so large.
    np.testing.assert_allclose(z[420:] * 1e3, pearson, rtol=1e-4, atol=1e-6)


def test_negative_binomial_finds_rates_and_dispersion_that_are_there():
    rng = np.random.default_rng(2)
    hours = np.arange(7 * 168) % 168
    mean = np.exp(2.5 + 1.2 * np.sin(hours / 24 * 2 * np.pi) - 0.7 * (hours >= 120))
    counts = rng.negative_binomial(4, 4 / (4 + mean)).astype(float)
    expected, z = read(NegativeBinomialGLM(weeks=6, refit_hours=168), counts)
    last = slice(6 * 168, 7 * 168)
    assert np.abs(np.log(expected[last] / mean[last])).mean() < 0.12
    assert z[last].std() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("make", REFITTED)
def test_gaps_short_histories_and_new_series_are_survived(make, weekly):
    weekly = np.concatenate([weekly[:504], weekly[:400]])
    both = np.column_stack([weekly, weekly])
    both[50:90, 0] = np.nan
    both[4::9, 0] = np.nan
    both[:200, 1] = np.nan  # a feature launched then
    state = make(weeks=4, refit_hours=48).begin(2)
    rows = zip(both, (np.arange(904) % 168).tolist(), strict=True)
    expected = np.array([state.step(row, hour).expected_usd for row, hour in rows])
    begin = first_fit(make, 48)
    assert np.isnan(expected[:begin]).all()
    assert np.isfinite(expected[begin:, 0]).all()
    # So many weeks from its first hour, and at the next refit.
    later = first_fit(make, 48, 200)
    assert np.isnan(expected[:later, 1]).all()
    assert np.isfinite(expected[later:, 1]).all()
    assert np.abs(np.log(expected[begin:, 0] / weekly[begin:])).mean() < 0.4


@pytest.mark.parametrize("make", REFITTED)
@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_constants_are_never_unusual(make, level):
    begin = first_fit(make, 48)
    values = np.full(begin + 144, level)
    values[100:110] = np.nan
    expected, z = read(make(refit_hours=48), values)
    assert np.isfinite(z[begin + 96 :]).all()
    assert np.all(np.isnan(z) | (np.abs(z) < 1e-4))
    np.testing.assert_allclose(expected[begin + 96 :], level, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", REFITTED)
@pytest.mark.parametrize("level", [0.0, 1.0, 1e5])
def test_breaks_and_absurd_values_break_nothing(make, level):
    """What is expected stays near what was seen, even without winsor."""
    begin = first_fit(make, 48)
    values = np.full(begin + 264, level)
    values[[50, 200]] = 1e7
    values[begin - 6 :] = 0.0
    expected, z = read(make(refit_hours=48, winsor=math.inf), values)
    assert np.isfinite(expected[begin:]).all()
    assert expected[begin:].max() <= 2.0001e7
    assert np.isfinite(z[begin + 144 :]).all()


@pytest.mark.parametrize("make", REFITTED)
def test_a_fit_knows_nothing_of_what_comes_after(make, weekly):
    state, other = make(refit_hours=24).begin(1), make(refit_hours=24).begin(1)
    break_at = first_fit(make, 24) + 18
    for t, value in enumerate(weekly[: break_at + 30]):
        later = 9_000.0 if t >= break_at else value
        one = state.step(np.array([value]), int(HOURS[t]))
        two = other.step(np.array([later]), int(HOURS[t]))
        assert t >= break_at + 6 or one.expected_usd.tobytes() == two.expected_usd.tobytes()


@pytest.mark.parametrize("make", REFITTED)
def test_a_wild_day_is_remembered_as_a_moderate_one(make):
    rng = np.random.default_rng(3)
    after = (make().min_weeks + 1) * 168  # it has been forecasting for most of a week then
    values = np.round(50 * rng.lognormal(0, 0.1, after + 168))
    values[after - 24 : after] *= 20
    kept, _ = read(make(refit_hours=24), values)
    wild, _ = read(make(refit_hours=24, winsor=math.inf), values)
    week_later = slice(after + 144, None)
    off = [abs(math.log(np.median(x[week_later]) / 50)) for x in (kept, wild)]
    assert off[0] < off[1] + 0.05
    assert off[0] < math.log(2.0)


def test_a_trend_is_followed():
    values = 50 * 1.2 ** (np.arange(5 * 168) / 168)
    values *= np.random.default_rng(4).lognormal(0, 0.05, len(values))
    last = slice(4 * 168, 5 * 168)
    trend, _ = read(SeasonalTrend(refit_hours=24), values)
    still, _ = read(HourOfWeek(), values)
    assert np.median(np.log(values[last] / trend[last])) < 0.12
    assert np.median(np.log(values[last] / still[last])) > 0.3


def test_smoothed_hour_of_week_is_its_formula():
    rng = np.random.default_rng(5)
    values = rng.lognormal(3, 0.5, 3 * 168)
    values[rng.random(len(values)) < 0.1] = np.nan
    settings = SmoothedHourOfWeek(winsor=math.inf, prior_weeks=1.5, weeks=2)
    expected, _ = read(settings, values)
    level = np.log(values + 1.0)
    for t in range(len(values)):
        day, hour = t // 24 % 7, t % 24
        days = range(5) if day < 5 else range(5, 7)
        before = {d: [u for u in range(t) if u % 168 == 24 * d + hour] for d in days}
        known = {d: [level[u] for u in before[d] if not np.isnan(level[u])][-2:] for d in days}
        shared = [value for d in days for value in known[d]]
        own = known[day]
        place = np.median(shared) if len(shared) >= 2 else np.nan
        if own and len(shared) >= 2:
            place = (len(own) * np.median(own) + 1.5 * place) / (len(own) + 1.5)
        elif own:
            place = np.median(own)
        wanted = max(math.exp(place) - 1.0, 0.0) if not math.isnan(place) else math.nan
        assert expected[t] == pytest.approx(wanted, rel=1e-9, nan_ok=True)


def test_smoothed_hour_of_week_judges_from_the_second_week_and_scatters_less_in_the_third():
    rng = np.random.default_rng(6)
    profile = (40 + 30 * np.sin(HOURS / 24 * 2 * np.pi)) * np.where(HOURS >= 120, 0.6, 1.0)
    values = profile * rng.lognormal(0, 0.3, len(HOURS))
    smooth, early = read(SmoothedHourOfWeek(), values)
    plain, late = read(HourOfWeek(), values)
    assert np.isfinite(smooth[2 * 24 : 5 * 24]).all()  # Wednesday to Friday
    assert np.flatnonzero(np.isfinite(early))[0] == 168
    assert np.flatnonzero(np.isfinite(late))[0] == 2 * 168 + 72
    third = slice(2 * 168, 3 * 168)
    error = [np.log(x[third] / profile[third]).std() for x in (smooth, plain)]
    assert error[0] < 0.85 * error[1]


def test_smoothed_without_prior_is_hour_of_week_where_that_has_a_say(weekly):
    smooth, _ = read(SmoothedHourOfWeek(prior_weeks=0.0, min_weeks=2, winsor=math.inf), weekly)
    plain, _ = read(HourOfWeek(winsor=math.inf), weekly)
    np.testing.assert_allclose(smooth[336:], plain[336:], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SeasonalTrend(min_weeks=1), "min_weeks must be at least 2; got 1"),
        (lambda: MultiSeasonalTrend(min_weeks=2), "min_weeks must be at least 3; got 2"),
        (lambda: MultiSeasonalTrend(weeks=2), "weeks must be at least 3; got 2"),
        (lambda: ExponentialSmoothing(weeks=1), "weeks must be at least 2; got 1"),
        (lambda: NegativeBinomialGLM(refit_hours=0), "refit_hours must be at least 1; got 0"),
        (lambda: SeasonalTrend(offset_usd=0.0), "offset_usd must be at least"),
        (lambda: SeasonalTrend(winsor=0.0), "winsor must be at least"),
        (lambda: Scatter(min_hours=1), "min_hours must be at least 2; got 1"),
        (lambda: Scatter(hours=12), "hours must be at least 48; got 12"),
        (lambda: Scatter(guard_hours=-1), "guard_hours must be at least 0; got -1"),
        (lambda: Scatter(floor=0.0), "floor must be at least"),
        (lambda: SmoothedHourOfWeek(prior_weeks=-1.0), "prior_weeks must be at least 0.0"),
        (lambda: SmoothedHourOfWeek(min_days=0), "min_days must be at least 1; got 0"),
        (lambda: SmoothedHourOfWeek(weeks=0), "weeks must be at least 1; got 0"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
