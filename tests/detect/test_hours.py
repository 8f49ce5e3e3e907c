"""Local hours of the week against the standard library's clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.detect import hour_of_week
from costsim.detect.hours import local_hour_of_week
from costsim.errors import DataError, SettingError

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]


@given(
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(ZONES),
)
def test_it_is_what_the_clock_on_the_wall_says(moment, zone):
    start = moment.replace(minute=0, second=0, microsecond=0, tzinfo=timezone.utc)  # noqa: UP017
    index = pd.date_range(start, periods=30, freq="h")
    got = hour_of_week(index, zone).tolist()
    for i, value in enumerate(got):
        local = (start + timedelta(hours=i)).astimezone(ZoneInfo(zone))
        assert value == local.weekday() * 24 + local.hour
        assert value == local_hour_of_week(start + timedelta(hours=i), ZoneInfo(zone))


def test_clock_changes_skip_and_repeat_an_hour():
    spring = pd.date_range("2024-03-31 00:00", periods=3, freq="h", tz="UTC")
    assert hour_of_week(spring, "Europe/Berlin").tolist() == [145, 147, 148]
    autumn = pd.date_range("2024-10-27 00:00", periods=3, freq="h", tz="UTC")
    assert hour_of_week(autumn, "Europe/Berlin").tolist() == [146, 146, 147]


def test_monday_midnight_is_zero_and_sunday_night_the_last():
    week = pd.date_range("2024-08-05", periods=168, freq="h", tz="UTC")
    assert hour_of_week(week).tolist() == list(range(168))


def test_naive_times_and_unknown_zones_are_refused():
    with pytest.raises(DataError, match="naive"):
        hour_of_week(pd.date_range("2024-08-05", periods=2, freq="h"))
    with pytest.raises(SettingError, match="Europe/Nowhere"):
        hour_of_week(pd.date_range("2024-08-05", periods=2, freq="h", tz="UTC"), "Europe/Nowhere")
