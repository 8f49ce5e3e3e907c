"""Rules against their sentences, written out hour by hour with lists."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from costsim.detect import (
    CUSUM,
    FeedSilence,
    HourOfWeek,
    LiteLLMRule,
    NewFeature,
    NewUser,
    SustainedGrowth,
    TrailingMean,
    WeekOverWeek,
    hour_of_week,
    scan,
)
from costsim.errors import SettingError
from costsim.records import Records
from costsim.spend.series import channels


@pytest.fixture
def gappy():
    """Six weeks over a change of clocks, with gaps."""
    rng = np.random.default_rng(1)
    index = pd.date_range("2024-03-04 11:00", periods=6 * 168, freq="h", tz="UTC")
    hours = hour_of_week(index, "Europe/Berlin")
    values = (6 + 5 * np.sin(hours / 24 * 2 * np.pi)) * rng.lognormal(0, 0.6, len(index))
    values[rng.random(len(index)) < 0.06] = np.nan
    values[400:460] = np.nan
    return pd.Series(values, index=index), hours


def test_week_over_week_is_the_last_same_local_hour(gappy):
    series, hours = gappy
    got = WeekOverWeek(least_usd=4.0).statistic(series.to_numpy(), hours, 50)
    last = {}
    for t, (value, hour) in enumerate(zip(series, hours.tolist(), strict=True)):
        before = last.get(hour, math.nan)
        last[hour] = value
        wanted = value / max(before, 4.0) if value >= 4.0 or math.isnan(value + before) else 0.0
        wanted = math.nan if math.isnan(before) or t < 50 else wanted
        assert got[t] == pytest.approx(wanted, rel=1e-12, nan_ok=True)


def test_week_over_week_needs_dollars_and_not_only_a_ratio():
    usd = np.full(336, 0.01)
    usd[300] = 4.9  # 490 times as much, and too little to care
    assert WeekOverWeek(least_usd=5.0).first_alarm(usd, np.arange(336) % 168).tolist() == [-1]
    usd[300] = 10.1
    assert WeekOverWeek(least_usd=5.0).first_alarm(usd, np.arange(336) % 168).tolist() == [300]


def test_litellm_rule_is_a_table_of_local_days(gappy):
    series, hours = gappy
    got = LiteLLMRule(least_usd=30.0, channel="total").statistic(series.to_numpy(), hours)
    date = series.index.tz_convert("Europe/Berlin").date
    days = series.groupby(date).sum(min_count=1)
    so_far = series.fillna(0.0).groupby(date).cumsum()
    for t, day in enumerate(date):
        mean = days[days.index < day].iloc[-7:].mean()  # skips days of which nothing is known
        ratio = so_far.iloc[t] / max(mean, 0.01)
        wanted = ratio if so_far.iloc[t] >= 30.0 or math.isnan(ratio) else 0.0
        wanted = math.nan if math.isnan(series.iloc[t]) else wanted
        assert got[t] == pytest.approx(wanted, rel=1e-9, nan_ok=True)


def test_litellm_rule_alarms_once_a_day_and_counts_from_ten_dollars():
    index = pd.date_range("2024-07-01", periods=9 * 24, freq="h", tz="UTC")
    usd = pd.Series(0.1, index=index)
    usd.iloc[-24:] = 1.0  # $10 are reached in the tenth hour, though 3 x $2.40 in the eighth
    alarms = LiteLLMRule(channel="top_user").alarms(usd)
    assert [time.isoformat() for time in alarms.frame["time"]] == ["2024-07-09T09:00:00+00:00"]


def test_sustained_growth_is_the_least_of_the_last_days(gappy):
    series, hours = gappy
    values = series.to_numpy()
    got = SustainedGrowth(days=2, least_usd=500.0).statistic(values, hours)
    growths = []
    for t in range(len(values)):
        growths.append(math.nan)
        if t < 335:
            continue
        now, before = values[t - 167 : t + 1], values[t - 335 : t - 167]
        both = ~np.isnan(now) & ~np.isnan(before)
        if both.sum() >= 84:
            mean, week_before = now[both].mean(), before[both].mean()
            growth = mean / max(week_before, 500.0 / 168) - 1
            growths[-1] = growth if mean * 168 >= 500.0 else min(growth, 0.0)
        wanted = np.min(growths[-48:]) if not math.isnan(values[t]) else math.nan
        assert got[t] == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)
    assert np.isfinite(got).sum() > 300


def test_sustained_growth_waits_for_days_and_is_over_a_week_after_a_step():
    growing = 10.0 * 1.3 ** (np.arange(6 * 168) / 168)
    hours = np.arange(6 * 168) % 168
    rule = SustainedGrowth(growth=0.25, days=3)
    # 30% a week at every hour: the first two weeks are complete at hour 335, then three days.
    assert rule.first_alarm(growing, hours).tolist() == [335 + 71]
    assert rule.with_threshold(0.31).first_alarm(growing, hours).tolist() == [-1]
    one_hour = np.full(6 * 168, 10.0)
    one_hour[600] = 5_000.0
    late = rule.statistic(one_hour, hours)
    assert np.nanmax(late[:671]) == pytest.approx(0.0, abs=1e-12)
    assert rule.first_alarm(one_hour, hours).tolist() == [600 + 71]


def test_sustained_growth_hears_a_small_feature_under_a_large_one_and_names_it():
    """A twentieth of the spend grows by 60% a week; what is launched is judged later."""
    weeks, launch, quiet_hours = 5, 4 * 24, 14 * 24
    index = pd.date_range("2024-07-01", periods=weeks * 168, freq="h", tz="UTC")
    small = np.where(np.arange(len(index)) < quiet_hours + launch, 0.45, 0.0)
    small += 0.45 * 1.6 ** ((np.arange(len(index)) - quiet_hours - launch) / 168) * (small == 0)
    small[:launch] = 0.0
    streams = {"chat": np.full(len(index), 9.0), "agent": small}
    rows = pd.concat(
        pd.DataFrame({"timestamp": index, "feature_name": name, "usd": usd}).query("usd > 0")
        for name, usd in streams.items()
    ).sort_values(["timestamp", "feature_name"], ignore_index=True)
    rows["total_cost_nano"] = (rows.pop("usd") * 1e9).astype("int64")
    rows["call_id"] = [f"c{number}" for number in range(len(rows))]
    records = Records.from_frame(rows.assign(status="ok", source="test", model="gpt-4o"))
    rule = SustainedGrowth()
    found = scan(records, [rule]).to_frame()
    assert found["top_feature"].tolist() == ["agent"]
    heard = channels(records).each("feature")["agent"].to_numpy()
    hours = hour_of_week(index, "UTC")
    [first] = rule.first_alarm(heard, hours)
    assert found["time"].tolist() == [index[first]]
    # Its week before begins with its first call, half of it and three days more must be known.
    judged = np.flatnonzero(np.isfinite(rule.statistic(heard, hours)))
    assert judged[0] == launch + 168 + 84 - 1 + 71
    largest_alone = SustainedGrowth(channel="top_feature")  # nobody hears it there
    assert len(scan(records, [largest_alone])) == 0


@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_silence_is_the_log_probability_of_no_call(dispersion):
    from scipy.stats import nbinom, poisson

    calls = np.random.default_rng(2).poisson(5.0, 120).astype(float)
    calls[100:104] = 0.0
    calls[102] = np.nan
    base = TrailingMean(min_hours=24)
    rule = FeedSilence(base, usd_per_call=0.5, dispersion=dispersion)
    got = rule.statistic(0.5 * calls, np.arange(120))
    state = base.begin(1)
    mean = [float(state.step(np.array([c]), 0).expected_usd[0]) for c in calls]
    none = [
        poisson.logpmf(0, m) if dispersion == 0 else nbinom.logpmf(0, 1 / 0.3, 1 / (1 + 0.3 * m))
        for m in mean
    ]
    assert got[101] == pytest.approx(-(none[100] + none[101]), rel=1e-9)
    assert math.isnan(got[102])
    assert got[103] == pytest.approx(-(none[100] + none[101] + none[103]), rel=1e-9)
    assert (got[24:100][calls[24:100] > 0] == 0.0).all()
    assert got[104] == 0.0


def test_a_dead_feed_is_noticed_by_day_sooner_than_at_night():
    hours = np.arange(5 * 168) % 168
    calls = np.where((hours % 24 >= 8) & (hours % 24 < 20), 60.0, 2.0)
    rule = FeedSilence(HourOfWeek(), usd_per_call=1.0)
    day, night = calls.copy(), calls.copy()
    day[4 * 168 + 10 :] = 0.0
    night[4 * 168 :] = 0.0
    assert rule.first_alarm(day, hours, 600).tolist() == [4 * 168 + 11]
    assert rule.first_alarm(night, hours, 600).tolist() == [4 * 168 + 8]


@pytest.mark.parametrize(("days", "absent", "share"), [(7, 7, 12.0), (2, 0, 6.0), (3, 20, 24.0)])
def test_a_new_feature_is_a_table_of_hours_since_its_first_call(days, absent, share):
    rng = np.random.default_rng(5)
    values = rng.gamma(1.0, 4.0, (3, 30 * 24))
    firsts = [0, 8 * 24 + 5, 21 * 24]
    for row, first in zip(values, firsts, strict=True):
        row[:first] = np.nan
    values[:, 600:610] = np.nan
    rule = NewFeature(days=days, absent_days=absent, day_hours=share)
    got = rule.statistic(values, np.arange(values.shape[1]) % 168)
    for row, first, found in zip(values, firsts, got, strict=True):
        for t, value in enumerate(row):
            new = first <= t < first + 24 * days and first >= 24 * absent
            wanted = max(value, np.nansum(row[max(t - 23, 0) : t + 1]) / share) if new else 0.0
            wanted = math.nan if math.isnan(value) else wanted
            assert found[t] == pytest.approx(wanted, rel=1e-12, nan_ok=True)


def test_what_a_new_feature_may_cost_at_the_least_is_no_news_at_any_threshold():
    values = np.random.default_rng(4).gamma(1.0, 4.0, (3, 20 * 24))
    values[:, : 8 * 24] = np.nan
    hours = np.arange(values.shape[1]) % 168
    free, held = (NewFeature(least_usd=usd).statistic(values, hours) for usd in (0.0, 6.0))
    np.testing.assert_array_equal(held, np.where(free < 6.0, 0.0, free))
    assert 50 < (held > 0).sum() < (free > 0).sum()
    lowest = NewFeature(1e-9, least_usd=6.0).first_alarm(values, hours)
    np.testing.assert_array_equal(lowest, (free >= 6.0).argmax(axis=1))


def test_a_launch_that_costs_two_thirds_of_the_limit_all_day_is_news_within_the_day():
    usd = np.full(12 * 24, np.nan)
    usd[8 * 24 :] = 14.0
    rule = NewFeature(usd_per_hour=20.0, day_hours=12.0)
    # $240 are passed in its 18th hour: 18 x 14 = 252
    assert rule.first_alarm(usd, np.arange(12 * 24) % 168).tolist() == [8 * 24 + 17]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WeekOverWeek(ratio=0.0), "ratio must be above 0; got 0.0"),
        (lambda: WeekOverWeek(least_usd=-1.0), "least_usd must be above 0; got -1.0"),
        (lambda: WeekOverWeek(channel="all"), "channel must be one of 'total'"),
        (lambda: LiteLLMRule(ratio=math.nan), "ratio must be above 0; got nan"),
        (lambda: LiteLLMRule(days=0), "days must be at least 1; got 0"),
        (lambda: LiteLLMRule(days=6), "least_usd and days are 10 and 7 on the channel user_rise"),
        (lambda: SustainedGrowth(growth=-0.1), "growth must be above 0; got -0.1"),
        (lambda: SustainedGrowth(days=0), "days must be at least 1; got 0"),
        (lambda: NewFeature(usd_per_hour=0.0), "usd_per_hour must be above 0; got 0.0"),
        (lambda: NewFeature(days=0), "days must be at least 1; got 0"),
        (lambda: NewFeature(day_hours=0.0), "day_hours must be above 0; got 0.0"),
        (lambda: NewFeature(least_usd=-1.0), "least_usd must be at least 0.0; got -1.0"),
        (lambda: NewFeature(absent_days=-1), "absent_days must be at least 0; got -1"),
        (lambda: NewUser(usd_per_hour=-2.0), "usd_per_hour must be above 0; got -2.0"),
        (lambda: NewUser(channel="user"), "channel must be one of 'total'"),
        (lambda: FeedSilence(CUSUM()), "baseline must be a Baseline"),
        (lambda: FeedSilence(WeekOverWeek()), "baseline must be a Baseline"),
        (lambda: FeedSilence(HourOfWeek(), usd_per_call=0.0), "usd_per_call must be above 0"),
        (lambda: FeedSilence(HourOfWeek(), dispersion=-1.0), "dispersion must be at least 0"),
        (lambda: FeedSilence(HourOfWeek(), nats=0.0), "nats must be above 0; got 0.0"),
    ],
)
def test_wrong_settings_say_what_got_and_allowed(make, words):
    with pytest.raises(SettingError, match=words):
        make()
