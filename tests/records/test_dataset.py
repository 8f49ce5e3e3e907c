"""Reading: lazy, pushed down, in any zone, and equal to plain pandas."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from costsim.errors import DatasetError, SettingError, UnknownNameError
from costsim.records.dataset import Records, read_records
from costsim.records.schema import BY_NAME
from costsim.simulation import simulate


def frame_of(times, **columns):
    count = len(times)
    base = {"call_id": [f"c{n:05d}" for n in range(count)], "timestamp": times}
    return pd.DataFrame(base | {"status": "ok", "source": "test"} | columns)


@pytest.fixture(scope="module")
def messy():
    """A thousand calls, half of every column missing."""
    rng = np.random.default_rng(3)
    count = 1000
    times = pd.Timestamp("2024-03-08", tz="UTC") + pd.to_timedelta(
        np.sort(rng.integers(0, 5 * 86_400_000_000, count)), unit="us"
    )

    def some(values):
        return pd.Series(values).where(rng.random(count) < 0.5)

    return frame_of(
        times,
        feature_name=some(rng.choice(["chat", "Zusammenfassung: \u00fc", "x'y"], count)),
        input_tokens=some(rng.integers(1, 5000, count)).astype("Int64"),
        output_tokens=some(rng.integers(0, 900, count)).astype("Int64"),
        total_cost_nano=some(rng.integers(0, 10**12, count)).astype("Int64"),
        cache_read_tokens=pd.array([0] * count, "Int64"),
        latency_ms=some(rng.choice([0.0, 250.0, 1000.0], count)),
        cache_hit=some(rng.random(count) < 0.3).astype("boolean"),
    )


@pytest.fixture(scope="module")
def records(messy):
    return Records.from_frame(messy)


def test_what_went_in_comes_out(messy, records):
    out = records.to_pandas()
    assert [c for c in out if c.endswith("_nano")] == []
    for name in ("call_id", "feature_name"):
        assert out[name].astype(object).where(out[name].notna(), None).tolist() == [
            None if pd.isna(v) else v for v in messy[name]
        ]
    assert out["timestamp"].tolist() == messy["timestamp"].tolist()
    for name in ("input_tokens", "output_tokens"):
        assert (out[name].isna() == messy[name].isna()).all()
        assert out[name].dropna().tolist() == messy[name].dropna().tolist()
    assert out["cache_hit"].isna().equals(messy["cache_hit"].isna())
    usd = messy["total_cost_nano"].astype("Float64").to_numpy(float, na_value=np.nan) / 1e9
    np.testing.assert_array_equal(out["total_cost_usd"], usd)


def test_money_is_asked_for_in_dollars_or_in_nanodollars(records, messy):
    out = records.to_pandas(["total_cost_usd", "total_cost_nano"])
    assert out.columns.tolist() == ["total_cost_usd", "total_cost_nano"]
    assert out["total_cost_nano"].dropna().tolist() == messy["total_cost_nano"].dropna().tolist()
    assert out["total_cost_nano"].isna().equals(messy["total_cost_nano"].isna())
    assert out["total_cost_usd"].isna().equals(messy["total_cost_nano"].isna())
    assert records.to_pandas(["billed_cost_usd"])["billed_cost_usd"].isna().all()


def test_derived_columns_are_derived_and_missing_where_they_cannot_be(records, messy):
    out = records.to_pandas(["uncached_input_tokens", "tokens_per_second"])
    assert out["uncached_input_tokens"].isna().equals(messy["input_tokens"].isna())
    wanted = messy["output_tokens"].astype(float) / messy["latency_ms"] * 1000
    wanted = wanted.where(messy["latency_ms"] > 0)
    np.testing.assert_allclose(out["tokens_per_second"], wanted, rtol=1e-6)


def test_lazy_expressions_give_what_pandas_gives(records, messy):
    found = (
        records.lazy(["feature_name", "input_tokens", "total_cost_nano"])
        .group_by("feature_name")
        .agg(
            nw.len().alias("calls"),
            nw.col("input_tokens").mean().alias("mean"),
            nw.col("total_cost_nano").sum().cast(nw.Int64).alias("nano"),
        )
        .collect("pyarrow")
        .to_native()
        .to_pandas()
    )
    groups = messy.groupby("feature_name", dropna=False)
    assert len(found) == 4  # three names and the calls without one
    for row in found.itertuples():
        name = None if pd.isna(row.feature_name) else row.feature_name
        mine = messy[messy["feature_name"].isna()] if name is None else groups.get_group(name)
        assert row.calls == len(mine)
        assert row.mean == pytest.approx(mine["input_tokens"].mean(), rel=1e-12)
        assert row.nano == int(mine["total_cost_nano"].sum())


def test_unknown_columns_are_named_with_a_guess(records):
    with pytest.raises(UnknownNameError, match="did you mean 'input_tokens'"):
        records.lazy(["input_token"])
    with pytest.raises(UnknownNameError, match="got 'prompt'"):
        records.to_pandas(["prompt"])


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-03-09", "2024-03-11"),
        (date(2024, 3, 9), date(2024, 3, 11)),
        (datetime(2024, 3, 9), datetime(2024, 3, 11)),
        (pd.Timestamp("2024-03-09"), pd.Timestamp("2024-03-11")),
        ("2024-03-09T05:00:00+00:00", "2024-03-11T04:00:00Z"),  # New York springs forward
        (pd.Timestamp("2024-03-09", tz="America/New_York"), "2024-03-11T00:00-04:00"),
    ],
)
def test_a_range_is_half_open_and_naive_times_are_local(records, messy, start, end):
    local = records.in_zone("America/New_York").between(start, end)
    low, high = pd.Timestamp("2024-03-09 05:00Z"), pd.Timestamp("2024-03-11 04:00Z")
    inside = messy[(messy["timestamp"] >= low) & (messy["timestamp"] < high)]
    assert 0 < len(inside) < len(messy)
    assert local.to_pandas(["call_id"])["call_id"].tolist() == inside["call_id"].tolist()
    assert len(local) == len(inside)
    assert local.period == (low, high)


def test_the_bounds_themselves():
    at = pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-03"], utc=True)
    records = Records.from_frame(frame_of(at))
    assert records.between(at[0], at[2]).to_pandas(["call_id"])["call_id"].tolist() == [
        "c00000",
        "c00001",
    ]
    assert len(records.between(end=at[1])) == 1
    assert len(records.between(start=at[1])) == 2
    assert len(records.between()) == 3


def test_ranges_within_ranges_narrow(records):
    one = records.between("2024-03-09", "2024-03-12").between("2024-03-08", "2024-03-10")
    two = records.between("2024-03-09", "2024-03-10")
    assert one.to_pandas(["call_id"]).equals(two.to_pandas(["call_id"]))
    assert len(one) == len(two)


def test_the_hour_that_comes_twice_is_a_day_of_25_hours():
    night = pd.date_range("2024-10-26 20:00Z", periods=40, freq="h")
    records = Records.from_frame(frame_of(night), time_zone="Europe/Berlin")
    assert len(records.between("2024-10-27", "2024-10-28")) == 25
    assert len(records.between("2024-10-28", "2024-10-29")) == 13


def test_outside_the_records_there_is_nothing_and_no_period(records):
    later = records.between("2025-01-01", "2025-02-01")
    assert len(later) == 0
    assert later.period is None
    assert "empty" in repr(later)
    assert later.to_pandas(["call_id"]).empty


@pytest.mark.parametrize("bound", ["soon", "09/08/2024", 5, pd.NaT, np.datetime64("2024-01-01")])
def test_what_is_no_time_is_refused(records, bound):
    with pytest.raises(SettingError, match="a time must look like 2024-08-09"):
        records.between(bound)


def test_an_empty_range_and_an_unknown_zone_are_refused(records):
    with pytest.raises(SettingError, match="start must lie before end"):
        records.between("2024-03-10", "2024-03-10")
    with pytest.raises(SettingError, match=r"IANA name .* got 'Mars/Base'"):
        records.in_zone("Mars/Base")


def explained(records, columns):
    """DuckDB's plan of the query, run, with its counts."""
    native = records.lazy(columns).to_native()
    return native.explain("analyze")


def test_only_the_asked_columns_are_read(surprise_run):
    plan = explained(surprise_run.records, ["feature_name", "user_id"])
    projected = re.search(r"Projections:([^:]*)\n[^\n]*:", plan).group(1)
    assert {word for word in re.findall(r"\w+", projected) if word in BY_NAME} == {
        "feature_name",
        "user_id",
    }
    assert "Total Files Read: 35" in plan


def test_a_range_opens_its_files_only_and_reads_its_row_groups_only(surprise_run):
    records = surprise_run.records
    hour = records.between("2024-08-12T03:00", "2024-08-12T04:00")
    assert len(hour) > 0
    plan = explained(hour, ["total_cost_nano"])
    assert "Total Files Read: 1\n" in re.sub(r" *\u2502", "", plan)
    assert re.search(r"2024-08-12-[0-9a-f]{8}.parquet", plan)
    read, there = re.search(r"Row Groups Scanned: (\d+) / (\d+)", plan).groups()
    assert int(read) == 1 < int(there)


def test_files_out_of_range_may_even_be_missing(surprise, tmp_path):
    run = simulate(surprise.first_days(3), seed=1, out=tmp_path / "run")
    before = run.records.to_pandas(["timestamp", "call_id"])
    for path in (tmp_path / "run" / "data").glob("*.parquet"):
        if "2024-07-13" not in path.name:
            path.unlink()
    day = read_records(tmp_path / "run").between("2024-07-13", "2024-07-14")
    local = before["timestamp"].dt.tz_convert(surprise.time_zone).dt.date
    wanted = before[local == date(2024, 7, 13)]["call_id"].tolist()
    assert day.to_pandas(["call_id"])["call_id"].tolist() == wanted


def test_records_in_memory_and_on_disk_read_alike(surprise_run):
    day = surprise_run.records.between("2024-08-10", "2024-08-11")
    names = ["call_id", "timestamp", "feature_name", "user_id", "input_tokens", "total_cost_nano"]
    frame = day.to_pandas([*names, "status", "source"])
    again = Records.from_frame(frame, time_zone=day.time_zone)
    assert len(again) == len(day) == len(frame)
    pd.testing.assert_frame_equal(again.to_pandas(names), day.to_pandas(names))


def test_the_machine_s_own_time_zone_changes_nothing():
    script = """
import pandas as pd, costsim
from costsim.records import Records
times = pd.to_datetime(["2024-08-09 00:10", "2024-08-09 00:40", "2024-08-09 23:50"], utc=True)
records = Records.from_frame(pd.DataFrame({"call_id": list("abc"), "timestamp": times,
    "status": "ok", "source": "x", "total_cost_nano": [1, 2, 4]}))
print(costsim.spend.bins(records, by=[]).to_json())
print(costsim.spend.hourly(records).to_json(), costsim.spend.daily(records).to_json())
print(records.to_pandas(["timestamp"])["timestamp"].dtype, len(records.between("2024-08-09T23:00")))
"""
    found = set()
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert "datetime64[us, UTC] 1" in found.pop()


def test_a_repr_says_what_there_is_and_what_comes_next(surprise_run, records):
    text = repr(surprise_run.records)
    assert "SIMULATED surprise-40k, seed 7" in text
    assert "2024-07-12 00:00 to 2024-08-16 00:00 America/New_York" in text
    assert "next: costsim.spend.by_feature(records)" in text
    assert "REAL in memory" in repr(records)


def test_folders_that_hold_no_records_are_named(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        read_records(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"holds no committed records \(no manifest.json"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "damaged"),
        (json.dumps({"format": "costsim-records", "schema_version": 99}), "got version 99"),
        (json.dumps({"format": "something", "schema_version": 1}), "must be costsim-records"),
    ],
)
def test_a_damaged_or_foreign_manifest_is_said(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_records(tmp_path)


def test_times_that_are_stored_are_utc(records):
    assert str(records.to_pandas(["timestamp"])["timestamp"].dtype) == "datetime64[us, UTC]"
    assert str(records.to_arrow(["timestamp"]).schema.field("timestamp").type) == (
        "timestamp[us, tz=UTC]"
    )
    assert records.period[0].tzinfo in (UTC, ZoneInfo("UTC"))
