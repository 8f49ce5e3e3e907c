"""Local days and hours against zoneinfo, hour by hour, through changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.simulation.calendar import HOUR_US, Calendar

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Pacific/Auckland",
]


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2016, 1, 1), date(2030, 1, 1)), st.integers(1, 40), st.sampled_from(ZONES))
def test_every_hour_has_its_local_day_and_hour_of_week(start, days, name):
    calendar = Calendar(start, days, name)
    zone = ZoneInfo(name)
    assert len(calendar.hour_of_week) == len(calendar.day_of_hour) == calendar.hours
    for hour in range(calendar.hours):
        local = (calendar.origin + timedelta(hours=hour)).astimezone(zone)
        assert calendar.hour_of_week[hour] == local.weekday() * 24 + local.hour
        assert calendar.date_of(int(calendar.day_of_hour[hour])) == local.date()
    after = (calendar.origin + timedelta(hours=calendar.hours)).astimezone(zone)
    assert after.date() == start + timedelta(days=days)


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("America/New_York", date(2024, 11, 3), 25),
        ("America/New_York", date(2024, 3, 10), 23),
        ("Africa/Cairo", date(2024, 4, 26), 23),  # midnight itself does not exist
        ("America/Havana", date(2024, 11, 3), 25),  # midnight comes twice
        ("Asia/Kolkata", date(2024, 11, 3), 24),
    ],
)
def test_days_of_a_clock_change(name, day, hours):
    calendar = Calendar(day - timedelta(days=1), 3, name)
    assert np.diff(calendar.day_starts).tolist() == [24, hours, 24]
    low, high = calendar.day_range_us(1)
    assert high - low == hours * HOUR_US


def test_local_hours_of_india_begin_at_half_past():
    calendar = Calendar(date(2024, 8, 9), 2, "Asia/Kolkata")
    assert calendar.origin == datetime(2024, 8, 8, 18, 30, tzinfo=UTC)
    assert calendar.elapsed_us(datetime(2024, 8, 9, 14)) == 14 * HOUR_US
    aware = datetime(2024, 8, 9, 8, 30, tzinfo=UTC)
    assert calendar.elapsed_us(aware) == 14 * HOUR_US
    assert calendar.origin_us == int(calendar.origin.timestamp()) * 10**6
