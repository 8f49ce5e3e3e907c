"""Calendar windows against the wall clock of the time-zone database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.limits.core import DAY, HOUR, MINUTE, MONTH
from costsim.limits.windows import instant_us, window_at, window_edges

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(us, zone):
    return (EPOCH + timedelta(microseconds=us)).astimezone(zone)


def label(period, moment):
    """What is the same for all moments of a window."""
    whole = (moment.year, moment.month, moment.day, moment.hour, moment.utcoffset(), moment.minute)
    return whole[: {MONTH: 2, DAY: 3, HOUR: 5, MINUTE: 6}[period]]


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(1_600_000_000_000_000, 1_900_000_000_000_000),
    period=st.sampled_from([MINUTE, HOUR, DAY, MONTH]),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_a_window_holds_its_moment_and_what_the_clock_calls_the_same(at, period, zone):
    start, end = window_at(period, at, zone)
    assert start <= at < end
    if zone.key == "Australia/Lord_Howe" and period == HOUR:
        return  # its clocks change by half an hour: hours of 30 or 60 minutes
    here = label(period, local(at, zone))
    assert label(period, local(start, zone)) == here
    assert label(period, local(end - 1, zone)) == here
    assert label(period, local(start - 1, zone)) != here
    assert label(period, local(end, zone)) != here


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", (2024, 11, 3), 25),
        ("America/New_York", (2024, 3, 10), 23),
        ("Europe/Berlin", (2024, 10, 27), 25),
        ("Australia/Lord_Howe", (2024, 4, 7), 24.5),
        ("Asia/Kolkata", (2024, 11, 3), 24),
    ],
)
def test_days_of_a_clock_change(zone, day, hours):
    where = ZoneInfo(zone)
    start, end = window_at(DAY, instant_us(datetime(*day, 12, tzinfo=where)), where)
    assert (end - start) / 3.6e9 == hours


def test_edges_follow_each_other_and_cover_the_stretch():
    zone = ZoneInfo("America/New_York")
    begin = instant_us(datetime(2024, 10, 30, 7, 13, tzinfo=zone))
    end = instant_us(datetime(2024, 11, 6, tzinfo=zone))
    edges = window_edges(HOUR, begin, end, zone)
    assert len(edges) == 24 * 7 + 1 - 7  # the day of the change has 25 hours
    assert edges[-1] >= end
    assert all(b - a == 3_600_000_000 for a, b in pairwise(edges))
    assert tuple(window_at(HOUR, e, zone)[0] for e in edges) == edges
