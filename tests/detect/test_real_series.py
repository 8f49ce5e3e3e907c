"""Any CSV of times and dollars as an hourly series, and the alarms on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from costsim.detect import FixedThreshold, load_suite, read_series, scan_series
from costsim.detect.rules import UserShare
from costsim.errors import DataError, SettingError
from costsim.spend.planned import Planned


def written(tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return path


def test_rows_of_an_hour_add_up_and_hours_without_one_are_unknown(tmp_path):
    rows = "Date,Cost\n2024-08-09T14:05:00Z,1\n2024-08-09T14:59:59Z,2.5\n2024-08-09T17:00Z,4\n"
    series = read_series(written(tmp_path, rows))
    assert series.index.tolist() == list(
        pd.date_range("2024-08-09 14:00", periods=4, freq="h", tz="UTC")
    )
    assert series.tolist()[0] == 3.5
    assert np.isnan(series.tolist()[1:3]).all()
    assert series.tolist()[3] == 4


def test_times_without_an_offset_are_of_the_zone(tmp_path):
    rows = "when,usd\n2024-10-27 01:30,1\n2024-10-27 03:30,2\n"
    series = read_series(written(tmp_path, rows), time="when", time_zone="Europe/Berlin")
    assert series.dropna().index.tolist() == [
        pd.Timestamp("2024-10-26 23:00Z"), pd.Timestamp("2024-10-27 02:00Z"),
    ]  # fmt: skip
    with pytest.raises(SettingError, match="time_zone must be an IANA name"):
        read_series(written(tmp_path, rows), time="when", time_zone="Mars")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "must be a CSV file with a header line"),
        ("time,usd\n", "at least one row"),
        ("a,usd\n1,2\n", "must have a time column such as 'time', or --time must name it"),
        ("time,b\n2024-01-01,2\n", "must have a value column such as 'usd'"),
        ("time,usd\nyesterday,2\n", "must be ISO times such as .*; got 'yesterday'$"),
        ("time,usd\n2024-01-01,2\nx,3\n", "must be ISO times such as .*; got 'x'$"),
        ("time,usd\n2024-01-01,2\n2024-01-01T01:00Z,3\n", "or none; got '2024-01-01T01:00Z'$"),
        ("day,usd\n2024-01-01,2\n2024-01-02,2\n2024-01-03,3\n", "time column"),
        (
            "date,usd\n2024-01-01,2\n2024-01-02,2\n2024-01-03,3\n",
            "date must have rows at most an hour apart, .*; its rows are usually 24 hours apart",
        ),
        ("time,usd\n2024-01-01,2\n,3\n", "must be there in every row; 1 are empty"),
        ("time,usd\n2024-01-01,much\n", "usd must be numbers; got 'much'"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, line):
    with pytest.raises(DataError, match=line) as raised:
        read_series(written(tmp_path, text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_bin_is_that_of_the_file(tmp_path, minutes):
    index = pd.date_range("2024-08-09", periods=40, freq=f"{minutes}min", tz="UTC")
    usd = pd.Series(np.arange(40.0), index).drop(index[[3, 17]])  # bins without a row
    text = usd.rename("usd").rename_axis("time").to_csv()
    series = read_series(written(tmp_path, text))
    assert series.index.freq == pd.Timedelta(minutes=minutes)
    assert series.isna().sum() == 2
    pd.testing.assert_series_equal(series.dropna(), usd, check_freq=False, check_names=False)
    found = scan_series(series, [FixedThreshold(20.0, channel="total")])
    assert (found.bin_minutes, found.hours) == (minutes, 38 * minutes // 60)
    first = next(t for t, v in usd.items() if v * 60 / minutes > 20)
    assert found.alarms["known_at"].iloc[0] == first + pd.Timedelta(minutes=minutes)
    hourly = read_series(written(tmp_path, text), bin_minutes=60)
    assert hourly.sum() == usd.sum()
    assert hourly.index.freq == pd.Timedelta(hours=1)
    if minutes > 5:
        with pytest.raises(DataError, match=f"its rows are {minutes} minutes apart"):
            read_series(written(tmp_path, text), bin_minutes=5)


def test_a_missing_file_and_column_are_said(tmp_path):
    with pytest.raises(DataError, match="there is none"):
        read_series(tmp_path / "none.csv")
    path = written(tmp_path, "time,usd\n2024-01-01,1\n")
    with pytest.raises(DataError, match=r"must have the value column 'eur'; its are \['time'"):
        read_series(path, value="eur")


def test_the_detectors_of_the_total_alarm_as_they_do_alone():
    hours = pd.date_range("2024-07-01", periods=24 * 35, freq="h", tz="UTC")
    usd = pd.Series(20.0 + np.sin(np.arange(len(hours)) / 24 * 2 * np.pi), index=hours)
    usd.iloc[800:] += 60
    suite = load_suite("default")
    found = scan_series(usd, suite.detectors, start="2024-07-29T00:00Z")
    assert {d.channel for d in found.detectors} == {"total"}
    for detector in found.detectors:
        alone = detector.alarms(usd, "2024-07-29T00:00Z", quiet_hours=24).to_frame()
        mine = found.alarms[found.alarms["detector"] == detector.name]
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), alone, check_dtype=False)
    assert found.alarms["known_at"].min() == hours[801]
    assert found.hours == len(usd)
    with pytest.raises(SettingError, match="channel 'total'; got user share"):
        scan_series(usd, [UserShare(10.0)])
    both = scan_series(usd, [UserShare(10.0), FixedThreshold(50, channel="total")])
    assert both.notes[-1].endswith("what a total does not say: user share.")
    assert "only these judge: fixed threshold." not in " ".join(both.notes)  # all that are left do
    assert len(scan_series(usd, [FixedThreshold(usd_per_hour=50, channel="total")])) == 1


def test_what_is_planned_is_taken_out_of_a_total_and_what_is_not_of_it_is_said():
    """Three times the dollars of a day of Berlin: told of is what comes on top of the plan."""
    hours = pd.date_range("2024-08-05", periods=96, freq="h", tz="UTC")
    usd = pd.Series(10.0, index=hours)
    day = (hours >= "2024-08-06T22:00Z") & (hours < "2024-08-07T22:00Z")
    usd[day] *= 3
    plan = Planned(datetime(2024, 8, 7), datetime(2024, 8, 8), 3.0)
    watching, zone = [FixedThreshold(15.0, channel="total")], "Europe/Berlin"
    assert len(scan_series(usd, watching, time_zone=zone)) == 1
    beside = scan_series(usd, watching, time_zone=zone, planned=[plan])
    assert len(beside) == 0
    assert beside.planned[0].endswith("taken out before detectors listen.")
    usd.iloc[60] += 30
    found = scan_series(usd, watching, time_zone=zone, planned=[plan]).alarms
    assert found["value_usd"].tolist() == [20.0]
    part = replace(plan, features=("chat",))
    found = scan_series(usd, watching, time_zone=zone, planned=[part])
    assert (len(found), found.planned) == (1, ())
    assert "not taken out, a total does not tell features" in found.notes[-1]
