"""The cube against a plain loop over the calls."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from costsim.errors import SettingError, UnknownNameError
from costsim.spend import bins
from costsim.spend.bins import KEYS

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"]
ZONES += ["America/St_Johns", "Pacific/Chatham"]
SUMS = ["calls", "input_tokens", "output_tokens", "cost_nano", "unpriced_calls"]


def looped(rows, keys, minutes, zone):
    """The cube by hand: floor each call's local clock, and add integers."""
    sums = defaultdict(lambda: [0] * 5)
    for row in rows.to_dict("records"):
        local = row["timestamp"].to_pydatetime().astimezone(ZoneInfo(zone))
        extra = timedelta(
            minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond
        )
        start = (local.astimezone(UTC) - extra).isoformat()  # wall time may be ambiguous, UTC not
        group = tuple(None if pd.isna(row[key]) else row[key] for key in keys)
        cell = sums[(start, *group)]
        cell[0] += 1
        for place, name in ((1, "input_tokens"), (2, "output_tokens"), (3, "total_cost_nano")):
            cell[place] += 0 if pd.isna(row[name]) else int(row[name])
        cell[4] += bool(pd.isna(row["total_cost_nano"]))
    return dict(sums)


def as_dict(cube, keys):
    found = {}
    for row in cube.to_dict("records"):
        group = tuple(None if pd.isna(row[key]) else row[key] for key in keys)
        found[(row["time"].to_pydatetime().isoformat(), *group)] = [row[name] for name in SUMS]
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_bins_begin_on_the_local_hour(rows, records, zone):
    found = as_dict(bins(records.in_zone(zone), by=["feature"]), ["feature_name"])
    assert found == looped(rows, ["feature_name"], 60, zone)


@pytest.mark.parametrize("minutes", [5, 15, 30])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_bins_may_be_shorter(rows, records, minutes, zone):
    found = as_dict(bins(records.in_zone(zone), by=[], minutes=minutes), [])
    assert found == looped(rows, [], minutes, zone)


@pytest.mark.parametrize("by", [*combinations(KEYS, 2), (), ("tier", "feature", "user")])
def test_any_keys_and_rows_without_a_name_are_rows_of_their_own(rows, records, by):
    keys = [KEYS[name] for name in by]
    cube = bins(records, by=by)
    assert cube.columns.tolist() == ["time", *keys, *SUMS]
    assert as_dict(cube, keys) == looped(rows, keys, 60, "UTC")
    for key in keys:
        assert cube[key].isna().any()


def test_nothing_is_lost(rows, records):
    cube = bins(records)
    assert cube["calls"].sum() == len(rows)
    assert cube["cost_nano"].sum() == int(rows["total_cost_nano"].sum())
    assert cube["unpriced_calls"].sum() == rows["total_cost_nano"].isna().sum()
    assert (cube[SUMS].dtypes == "int64").all()


def test_sums_are_exact_where_floats_are_not():
    """2**53 nano-dollars and one: nine million dollars, to the nano-dollar."""
    from costsim.records import Records

    rows = pd.DataFrame(
        {
            "call_id": ["a", "b"],
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01"], utc=True),
            "status": "ok",
            "source": "t",
            "total_cost_nano": [2**53, 1],
        }
    )
    assert bins(Records.from_frame(rows), by=[])["cost_nano"].tolist() == [2**53 + 1]


def test_two_runs_give_the_same_bytes(surprise_run):
    days = surprise_run.records.between("2024-08-13", "2024-08-15")
    one, two = (bins(days, by=["feature", "user"]) for _ in range(2))
    assert len(one) > 50_000
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one.to_csv(index=False) == two.to_csv(index=False)


def test_records_are_sorted_and_ranges_respected(records):
    cube = bins(records.between("2024-10-26", "2024-10-27"), by=["user"])
    assert cube["time"].is_monotonic_increasing
    assert cube["time"].min() >= pd.Timestamp("2024-10-26", tz="UTC")
    assert cube["time"].max() < pd.Timestamp("2024-10-27", tz="UTC")
    first = cube[cube["time"] == cube["time"].iloc[0]]["user_id"].dropna()
    assert first.is_monotonic_increasing


def test_an_empty_range_is_an_empty_cube_of_the_same_kind(records):
    cube = bins(records.between("2025-01-01"))
    full = bins(records)
    assert cube.empty
    assert cube.columns.tolist() == full.columns.tolist()
    assert cube["time"].dtype == full["time"].dtype
    assert (cube[SUMS].dtypes == "int64").all()


@pytest.mark.parametrize("minutes", [0, 7, 45, 120, -5])
def test_other_widths_are_refused(records, minutes):
    with pytest.raises(SettingError, match=r"minutes must be one of \[5, 15, 30, 60\]; got"):
        bins(records, minutes=minutes)


def test_unknown_and_repeated_keys_are_refused(records):
    with pytest.raises(UnknownNameError, match="did you mean 'feature'"):
        bins(records, by=["features"])
    with pytest.raises(SettingError, match="by must name a key once"):
        bins(records, by=["user", "user"])
    with pytest.raises(SettingError, match="by must be a list"):
        bins(records, by="user")
