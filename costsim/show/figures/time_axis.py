"""A time axis in a reader's zone: calendar days with their weekday names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from costsim.errors import DataError, SettingError
from costsim.show.figures.style import FAINT, GRID, compact, width_pt
from costsim.show.formats import MONTHS, WEEKDAYS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray


def zone(name: str) -> ZoneInfo:
    """An IANA time zone.

    Raises
    ------
    SettingError
        For a name that is none.

    Examples
    --------
    >>> zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise SettingError(
            f"time_zone must be an IANA name such as 'Europe/Berlin'; got {name!r}"
        ) from error


def days(times: Any) -> NDArray[float64]:
    """Aware times as days since 1970-01-01 UTC, the number drawn.

    Raises
    ------
    DataError
        For times without a zone.
    """
    import numpy as np
    import pandas as pd

    index = pd.DatetimeIndex(times)
    if index.tz is None and len(index):
        raise DataError("time must be aware (UTC); got naive times")
    micro = index.as_unit("us").asi8.astype(float)
    return np.asarray(np.where(index.isna(), np.nan, micro / 86_400e6), dtype=float)


def day_number(moment: datetime) -> float:
    """One aware time as days since 1970-01-01 UTC."""
    if moment.tzinfo is None:
        raise DataError(f"time must be aware (UTC); got the naive {moment!s}")
    return moment.timestamp() / 86_400


def when(number: float, there: ZoneInfo) -> datetime:
    """The wall-clock time of a drawn number."""
    return datetime.fromtimestamp(round(number * 86_400), UTC).astimezone(there)


def _midnight(day: date, there: ZoneInfo) -> float:
    return day_number(datetime(day.year, day.month, day.day, tzinfo=there))


def period(low: float, high: float, there: ZoneInfo) -> str:
    """First and last day drawn, in words: ``9–15 Aug 2024``."""
    first, last = when(low, there).date(), when(high - 1 / 86_400, there).date()
    end = f"{last.day} {MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return f"{WEEKDAYS[first.weekday()]} {end}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    year = f" {first.year}" if first.year != last.year else ""
    return f"{first.day} {MONTHS[first.month - 1]}{year} – {end}"


def time_axis(ax: Axes, low: float, high: float, time_zone: str) -> None:
    """Ticks from ``low`` to ``high`` (days since 1970 UTC) in a zone, named below the axis."""
    there = zone(time_zone)
    ax.set_xlim(low, high)
    points = width_pt(ax)
    span = high - low
    if span <= 2:
        _hours(ax, low, high, there, points)
    elif points / span >= 17:
        _each_day(ax, low, high, there, points / span)
    else:
        _some_days(ax, low, high, there, points)
    ax.xaxis.grid(visible=True, which="major", color=GRID, linewidth=0.8)
    ax.set_xlabel(f"{period(low, high, there)}, {time_zone} time", labelpad=5)


def _hours(ax: Axes, low: float, high: float, there: ZoneInfo, points: float) -> None:
    room = max(int(points // 48), 2)
    step = next((s for s in (1, 2, 3, 6, 12) if (high - low) * 24 / s <= room), 24)
    if (high - low) * 24 < 2:
        minutes = next((m for m in (5, 10, 15, 30) if (high - low) * 1440 / m <= room), 30)
        width = minutes / 1440
    else:
        width = step / 24
    ticks: list[float] = []
    labels: list[str] = []
    at = _midnight(when(low, there).date(), there)
    while at <= high + 1e-9:
        if at >= low - 1e-9:
            clock = when(at, there)
            new = not labels or clock.date() != when(ticks[-1], there).date()
            name = f"\n{WEEKDAYS[clock.weekday()]} {clock.day}" if new else ""
            ticks.append(at)
            labels.append(f"{clock:%H:%M}{name}")
        at += width
    ax.set_xticks(ticks, labels)


def _each_day(ax: Axes, low: float, high: float, there: ZoneInfo, points: float) -> None:
    """A line at each midnight; the name in the middle of its day, as in a calendar."""
    first, last = when(low, there).date(), when(high, there).date()
    every = [first + timedelta(n) for n in range((last - first).days + 2)]
    edges = [_midnight(day, there) for day in every]
    middles, names = [], []
    for day, start, end in zip(every, edges, edges[1:], strict=False):
        left, right = max(start, low), min(end, high)
        if right - left < 0.6 * (end - start):
            continue
        month = f" {MONTHS[day.month - 1]}" if points >= 36 else ""
        middles.append((left + right) / 2)
        names.append(f"{WEEKDAYS[day.weekday()]}\n{day.day}{month}")
    ax.set_xticks([edge for edge in edges if low <= edge <= high], minor=False)
    ax.set_xticklabels([""] * sum(low <= edge <= high for edge in edges))
    ax.set_xticks(middles, names, minor=True)


def _some_days(ax: Axes, low: float, high: float, there: ZoneInfo, points: float) -> None:
    """Mondays while they fit, else the first of each month."""
    first, last = when(low, there).date(), when(high, there).date()
    every = [first + timedelta(n) for n in range((last - first).days + 1)]
    room = max(int(points // 46), 2)
    mondays = [day for day in every if day.weekday() == 0]
    firsts = [day for day in every if day.day == 1]
    chosen = mondays if len(mondays) <= 2 * room else firsts
    chosen = chosen[:: -(-len(chosen) // room) or 1]
    shown = [day for day in chosen if low <= _midnight(day, there) <= high]
    names = [f"{WEEKDAYS[day.weekday()]}\n{day.day} {MONTHS[day.month - 1]}" for day in shown]
    ax.set_xticks([_midnight(day, there) for day in shown], names)
    ax.tick_params(axis="x", length=3, color=FAINT, labelsize=8 if compact(ax) else 9)
