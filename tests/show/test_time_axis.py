"""Time axes: midnights are the zone's own, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from matplotlib.figure import Figure

from costsim.show.figures.time_axis import day_number, time_axis, when


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Kolkata"]
)
@pytest.mark.parametrize("month", [3, 4, 10, 11])
def test_ticks_are_local_midnights_with_their_weekdays(name: str, month: int) -> None:
    there = ZoneInfo(name)
    first = datetime(2024, month, 24, tzinfo=there)
    ax = Figure(figsize=(9, 3)).subplots()
    time_axis(ax, day_number(first), day_number(first + timedelta(days=8)), name)
    ticks = [when(tick, there) for tick in ax.get_xticks()]
    # Cairo's clocks skip the midnight of a Friday in April: that day begins at one.
    assert all((tick.hour, tick.minute) in {(0, 0), (1, 0)} for tick in ticks)
    assert [tick.date() for tick in ticks] == [first.date() + timedelta(n) for n in range(9)]
    middles = [label.get_text().splitlines() for label in ax.get_xticklabels(minor=True)]
    assert [line[0] for line in middles] == [f"{tick:%a}" for tick in ticks[:8]]
    assert [int(line[1].split()[0]) for line in middles] == [tick.day for tick in ticks[:8]]
    assert name in ax.get_xlabel()
    assert "2024" in ax.get_xlabel()


@pytest.mark.parametrize("hours", [0.5, 1, 6, 30, 48, 24 * 30, 24 * 400])
def test_any_span_has_at_least_two_named_ticks(hours: float) -> None:
    start = datetime(2024, 8, 9, 4, tzinfo=UTC)
    ax = Figure(figsize=(9, 3)).subplots()
    low = day_number(start)
    time_axis(ax, low, low + hours / 24, "America/New_York")
    named = [label.get_text() for label in ax.get_xticklabels() if label.get_text()]
    assert 2 <= len(named) <= 20
