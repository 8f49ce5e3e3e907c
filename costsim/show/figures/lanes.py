"""What is known of a time, above and behind its spend: alarms in lanes, the incident shaded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.figures.header import above_pt, overhang
from costsim.show.figures.style import (
    ALERT,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    compact,
    drawable,
    need,
    offset,
    say,
)
from costsim.show.figures.time_axis import day_number, days
from costsim.show.formats import weekday_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Incident = tuple[datetime, datetime, str]


def shade(ax: Axes, incident: Incident) -> None:
    start, end, label = day_number(incident[0]), day_number(incident[1]), drawable(incident[2], 60)
    low, high = ax.get_xlim()
    start, end = max(start, low), min(end, high)
    if end <= start:
        return
    ax.axvspan(start, end, color=ALERT, alpha=0.07, linewidth=0, zorder=0)
    ax.axvline(start, color=ALERT, linewidth=0.9, alpha=0.8, zorder=1)
    late = (start - low) / (high - low) > 0.55
    size = SMALL_PT if compact(ax) else TEXT_PT
    side = ax.get_xaxis_transform()
    if late:
        text = say(
            ax, start, 1, label, on=side, by=(-5, -4), size=size, color=ALERT, ha="right", va="top"
        )
    else:
        text = say(ax, start, 1, label, on=side, by=(5, -4), size=size, color=ALERT, va="top")
    text.set_in_layout(False)


def lanes(ax: Axes, alarms: DataFrame, low: float, high: float, time_zone: str) -> list[str]:
    """One lane a detector above the drawing, earliest first, with its name."""
    import pandas as pd

    need(alarms, "time", "detector")
    narrow = compact(ax)
    height = 22.0 if narrow else 14.0
    known = alarms.dropna(subset=["time"]).sort_values(["time", "detector"], kind="stable")
    first = known.drop_duplicates("detector")
    base = above_pt(ax) + 3
    told = []
    for row, (name, start) in enumerate(zip(first["detector"], first["time"], strict=True)):
        up = base + height * (len(first) - 1 - row) + 6
        at = days(pd.DatetimeIndex(known.loc[known["detector"] == name, "time"]))
        inside = at[(at >= low) & (at <= high)]
        place = offset(ax, ax.get_xaxis_transform(), 0, up)
        (lane,) = ax.plot([low, high], [1, 1], transform=place, clip_on=False)
        lane.set(color="#eef0f2", linewidth=8, solid_capstyle="butt", zorder=0)
        (ticks,) = ax.plot(inside, [1] * len(inside), "|", transform=place, clip_on=False)
        ticks.set(color=INK, markersize=8, markeredgewidth=1.1)
        shown = drawable(name)
        told.append(f"{shown} {weekday_time(start, time_zone)}")
        said = f"{shown}  {weekday_time(start, time_zone)}"
        if narrow:
            size = SMALL_PT - 0.5
            say(
                ax, 0, 1, said, on=ax.transAxes, by=(0, up + 5), size=size, color=MUTED, va="bottom"
            )
        else:
            say(ax, 1, 1, said, on=ax.transAxes, by=(7, up), size=SMALL_PT, color=MUTED)
    if len(first):
        by = (overhang(ax)[0], above_pt(ax) + 4)
        say(ax, 0, 1, "alarms", on=ax.transAxes, by=by, color=MUTED, va="bottom")
    return told
