"""Hourly and daily series, and the channels, against plain pandas."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from costsim import spend
from costsim.errors import DataError, SettingError
from costsim.records import Records

COUNTS = ["calls", "input_tokens", "output_tokens", "cost_nano", "unpriced_calls"]


def with_costs(rows):
    return rows.assign(
        cost_nano=rows["total_cost_nano"].fillna(0).astype("int64"),
        unpriced_calls=rows["total_cost_nano"].isna().astype("int64"),
        calls=1,
        input_tokens=rows["input_tokens"].fillna(0).astype("int64"),
        output_tokens=rows["output_tokens"].fillna(0).astype("int64"),
    )


def test_hours_without_a_call_are_zero_and_not_missing(rows, records):
    sparse = rows[rows["timestamp"].dt.hour % 6 == 2]
    hourly = spend.hourly(Records.from_frame(sparse))
    hours = with_costs(sparse).set_index("timestamp").resample("h")[COUNTS].sum()
    assert (hours["calls"] == 0).sum() > 50
    pd.testing.assert_frame_equal(
        hourly.set_index("time")[COUNTS], hours, check_freq=False, check_names=False
    )
    np.testing.assert_array_equal(hourly["usd"], hourly["cost_nano"] / 1e9)
    assert (hourly["time"].diff().dropna() == pd.Timedelta("1h")).all()


@pytest.mark.parametrize("by", ["feature", "user", "model"])
def test_by_a_key_every_hour_has_every_name_also_the_missing_one(rows, records, by):
    key = {"feature": "feature_name", "user": "user_id", "model": "model"}[by]
    hourly = spend.hourly(records, by=by)
    names = rows[key].nunique() + 1
    hours = hourly["time"].nunique()
    assert len(hourly) == names * hours
    assert hourly["calls"].sum() == len(rows)
    costs = with_costs(rows)
    costs["time"] = costs["timestamp"].dt.floor("h")
    wanted = costs.groupby(["time", key], dropna=False)[COUNTS].sum()
    found = hourly[hourly["calls"] > 0].set_index(["time", key])[COUNTS]
    for name in [*rows[key].dropna().unique(), None]:
        mine = found[found.index.get_level_values(1).isna()] if name is None else None
        theirs = wanted[wanted.index.get_level_values(1).isna()] if name is None else None
        if name is not None:
            mine, theirs = found.xs(name, level=1), wanted.xs(name, level=1)
        np.testing.assert_array_equal(mine.to_numpy(), theirs.to_numpy())


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"]
)
def test_days_are_local_days(rows, records, zone):
    daily = spend.daily(records.in_zone(zone))
    costs = with_costs(rows)
    costs["date"] = costs["timestamp"].dt.tz_convert(zone).dt.date
    wanted = costs.groupby("date")[COUNTS].sum()
    pd.testing.assert_frame_equal(daily.set_index("date")[COUNTS], wanted)
    np.testing.assert_array_equal(daily["usd"], daily["cost_nano"] / 1e9)


def test_a_day_by_feature_adds_up(rows, records):
    daily = spend.daily(records, by="feature")
    costs = with_costs(rows)
    costs["date"] = costs["timestamp"].dt.date
    assert daily["calls"].sum() == len(rows)
    unnamed = daily[daily["feature_name"].isna()].set_index("date")["calls"]
    wanted = costs[costs["feature_name"].isna()].groupby("date").size()
    assert unnamed.to_dict() == wanted.to_dict()


def run_of(zone, start, hours):
    """One call a minute to midnight of its hour, from local midnight on."""
    first = pd.Timestamp(start, tz=zone).tz_convert("UTC")
    times = pd.date_range(first, periods=hours * 60, freq="min")
    rows = pd.DataFrame({"timestamp": times, "status": "ok", "source": "t", "total_cost_nano": 1})
    rows["call_id"] = [f"c{n}" for n in range(len(rows))]
    return Records.from_frame(rows, time_zone=zone)


@pytest.mark.parametrize(
    ("zone", "start", "lengths"),
    [
        ("America/New_York", "2024-11-02", [24, 25, 24]),
        ("America/New_York", "2024-03-09", [24, 23, 24]),
        ("Europe/Berlin", "2024-10-26", [24, 25, 24]),
        ("America/Havana", "2024-11-02", [24, 25, 24]),  # midnight comes twice
        ("Africa/Cairo", "2024-04-25", [24, 23, 24]),  # midnight does not exist
        ("Asia/Kolkata", "2024-11-02", [24, 24, 24]),
    ],
)
def test_days_of_a_clock_change_have_23_or_25_hours(zone, start, lengths):
    records = run_of(zone, start, sum(lengths))
    daily = spend.daily(records)
    assert daily["calls"].tolist() == [60 * hours for hours in lengths]
    # the last record stands a minute before midnight, less than an hour: the day counts as whole
    assert daily["complete"].tolist() == [True, True, True]
    early = run_of(zone, start, sum(lengths) - 2)  # two hours before midnight: it does not
    assert spend.daily(early)["complete"].tolist() == [True, True, False]
    hourly = spend.hourly(records)
    assert (hourly["calls"] == 60).all()
    assert hourly["complete"].tolist() == [True] * (sum(lengths) - 1) + [False]


def test_complete_means_that_the_range_covers_the_hour(records):
    cut = records.between("2024-10-26T10:20", "2024-10-26T13:40")
    hourly = spend.hourly(cut)
    assert hourly["time"].dt.hour.tolist() == [10, 11, 12, 13]
    assert hourly["complete"].tolist() == [False, True, True, False]
    whole = records.between("2024-10-26", "2024-10-28")
    assert spend.daily(whole)["complete"].tolist() == [True, True]
    assert spend.daily(whole)["date"].tolist() == [date(2024, 10, 26), date(2024, 10, 27)]
    part = records.between("2024-10-26T01:00", "2024-10-28")
    assert spend.daily(part)["complete"].tolist() == [False, True]


def test_a_simulation_covers_its_scenario_also_where_nobody_calls(surprise_run):
    hourly = spend.hourly(surprise_run.records)
    assert len(hourly) == 35 * 24
    assert hourly["complete"].all()
    assert hourly["cost_nano"].sum() == spend.by_feature(surprise_run.records)["total_nano"].sum()
    daily = spend.daily(surprise_run.records)
    assert len(daily) == 35
    assert daily["date"].iloc[0] == date(2024, 7, 12)


def test_without_a_record_there_is_no_series(records):
    for make in (spend.hourly, spend.daily, spend.channels):
        with pytest.raises(DataError, match="no record in range"):
            make(records.between("2025-01-01"))


def test_channels_are_the_total_and_the_dearest_user_and_feature(rows, records):
    heard = spend.channels(records)
    costs = with_costs(rows)
    costs["time"] = costs["timestamp"].dt.floor("h")
    total = costs.groupby("time")["cost_nano"].sum() / 1e9
    np.testing.assert_allclose(heard.total[total.index], total, rtol=1e-12)
    for name, key in (("top_user", "user_id"), ("top_feature", "feature_name")):
        sums = costs.dropna(subset=[key]).groupby(["time", key])["cost_nano"].sum()
        for time, group in sums.groupby(level=0):
            best = group.droplevel(0)
            assert heard[name][time] == best.max() / 1e9
            assert heard.who.loc[time, name] == best[best == best.max()].index.min()
    assert heard.total.index.equals(heard.top_user.index)
    assert (heard.top_user <= heard.total + 1e-12).all()
    assert str(heard.total.index.tz) == "UTC"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_channels_of_finer_bins_add_up_to_hours(rows, records, zone, minutes):
    records = records.in_zone(zone)
    heard, hours = spend.channels(records, minutes), spend.channels(records)
    assert heard.bin_minutes == minutes
    assert set(np.diff(heard.total.index)) == {np.timedelta64(minutes, "m")}
    first = hours.total.index[0]
    in_hour = first + (heard.total.index - first).floor("h")
    for name in ("total", "features", "calls"):
        fine = heard[name].groupby(in_hour).sum()
        wanted = hours[name].loc[fine.index]
        np.testing.assert_allclose(fine.to_numpy(), wanted.to_numpy(), rtol=1e-9, atol=1e-12)
        assert hours[name].to_numpy().sum() == pytest.approx(fine.to_numpy().sum())
    costs = with_costs(rows).dropna(subset=["user_id"])
    shift = (first - first.floor("h")) % pd.Timedelta(minutes=minutes)
    costs["time"] = (costs["timestamp"] - shift).dt.floor(f"{minutes}min") + shift
    best = costs.groupby(["time", "user_id"])["cost_nano"].sum().groupby(level=0).max() / 1e9
    np.testing.assert_allclose(heard.top_user[best.index], best, rtol=1e-12)
    for name, series in heard.each("unit_cost").items():
        np.testing.assert_array_equal(series.notna(), heard.calls[name] >= 20)


def test_other_bins_are_refused(records):
    with pytest.raises(SettingError, match=r"bin_minutes must be one of .* got 10"):
        spend.channels(records, 10)


def test_each_feature_has_its_dollars_from_its_first_call_and_what_a_call_costs(surprise_run):
    heard = spend.channels(surprise_run.records)
    usd, cost = heard.each("feature"), heard.each("unit_cost")
    assert set(usd) == set(cost) == set(surprise_run.scenario.features)
    launched = usd["deep_analysis"]
    first = launched.first_valid_index()
    assert first == pd.Timestamp("2024-08-09T18:00Z")  # Friday, 14:00 in New York
    assert launched[: first - pd.Timedelta("1h")].isna().all()
    assert launched[first:].notna().all()
    assert sum(series.sum() for series in usd.values()) == pytest.approx(heard.total.sum())
    rows = surprise_run.records.between("2024-08-12T10:00", "2024-08-12T11:00").to_pandas(
        ["feature_name", "total_cost_usd"]
    )
    mean = rows["total_cost_usd"].astype(float).groupby(rows["feature_name"]).mean()
    hour = pd.Timestamp("2024-08-12T14:00Z")
    for name, series in cost.items():
        calls = (rows["feature_name"] == name).sum()
        known = series[hour] == series[hour]
        assert known == (calls >= 20)
        assert not known or series[hour] == pytest.approx(1000 * mean[name])
    assert heard.each("total")[""] is heard.total


def test_each_tier_has_its_dollars_from_its_first_ones(rows, records):
    late = rows["timestamp"] < pd.Timestamp("2024-10-27", tz="UTC")
    rows = rows.assign(user_tier=rows["user_tier"].where(~(late & (rows["user_tier"] == "pro"))))
    heard = spend.channels(Records.from_frame(rows)).each("tier")
    assert set(heard) == {"free", "pro"}
    costs = with_costs(rows)
    costs["time"] = costs["timestamp"].dt.floor("h")
    for name, series in heard.items():
        mine = costs[costs["user_tier"] == name].groupby("time")["cost_nano"].sum() / 1e9
        np.testing.assert_allclose(series[mine.index], mine, rtol=1e-12)
        assert series[mine[mine > 0].index[0] :].notna().all()
        assert series.sum() == pytest.approx(mine.sum())
    first = heard["pro"].first_valid_index()
    assert first >= pd.Timestamp("2024-10-27", tz="UTC")
    assert heard["free"].first_valid_index() < pd.Timestamp("2024-10-26", tz="UTC")


@pytest.mark.parametrize("minutes", [60, 15])
def test_new_users_are_those_first_seen_after_a_week_and_for_a_week(minutes):
    hours = pd.date_range("2024-03-01", periods=30 * 24, freq="h", tz="UTC")
    begun = {"old": 0, "early": 6 * 24, "late": 9 * 24 + 5, "last": 12 * 24}
    rows = pd.concat(
        pd.DataFrame(
            {
                "call_id": [f"{name}{h}" for h in range(first, len(hours))],
                "timestamp": hours[first:],
                "user_id": name,
                "total_cost_nano": [10**9 * (k + 1 + h % 5) for h in range(first, len(hours))],
            }
        )
        for k, (name, first) in enumerate(begun.items())
    )
    rows = rows.sort_values("timestamp").assign(status="ok", source="test", model="gpt-4o")
    heard = spend.channels(Records.from_frame(rows), minutes)
    for h, at in enumerate(hours):
        fresh = {n: f for n, f in begun.items() if f >= 168 and f <= h < f + 168}
        if h < 168:
            assert np.isnan(heard.new_user[at])
            continue
        wanted = max((list(begun).index(n) + 1 + h % 5 for n in fresh), default=0)
        assert heard.new_user[at] == wanted
        if fresh:
            assert heard.who.loc[at, "new_user"] == max(fresh, key=list(begun).index)


def test_a_call_without_a_user_counts_but_is_nobody_s(rows):
    bare = Records.from_frame(rows.assign(user_id=None))
    heard = spend.channels(bare)
    assert (heard.top_user == 0).all()
    assert heard.who["top_user"].isna().all()
    assert heard.total.sum() == pytest.approx(float(rows["total_cost_nano"].sum()) / 1e9)
