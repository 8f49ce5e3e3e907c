"""Spend over time: by hour, by day, and the month against its budget."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import above_pt, finish, nothing, overhang, unit
from costsim.show.figures.labels import Flag, flags, key
from costsim.show.figures.layers import Layer, layers, one_layer
from costsim.show.figures.style import (
    ALERT,
    FAINT,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    need,
    offset,
    styled,
    tint,
)
from costsim.show.figures.time_axis import day_number, days, time_axis, zone
from costsim.show.formats import day, usd, usd_short, weekday_time
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

Incident = tuple[datetime, datetime, str]


@styled
def hourly_spend(
    frame: DataFrame,
    *,
    by: str | None = None,
    alarms: DataFrame | None = None,
    incident: Incident | None = None,
    time_zone: str = "UTC",
    budget_per_hour_usd: float | None = None,
    highlight: str | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Spend bin by bin, optionally by feature, under the alarms of each detector.

    Parameters
    ----------
    frame : DataFrame
        ``time`` (aware, start of the bin), ``usd``, and the column named by ``by``. Bins without
        any row are left open.
    by : str, optional
        Column to stack by; the five largest are shown, the others together.
    alarms : DataFrame, optional
        ``time`` (aware) and ``detector``.
    incident : (start, end, label), optional
        Aware times, shaded.
    time_zone : str
        IANA zone of the axis.
    budget_per_hour_usd : float, optional
        A level line.
    highlight : str, optional
        Part drawn on top in the colour of alarm.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Raises
    ------
    DataError
        For missing columns or naive times.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2024-08-09", periods=48, freq="h", tz="UTC")
    >>> ax = hourly_spend(pd.DataFrame({"time": hours, "usd": 1.0}))
    >>> ax.get_ylabel()
    'US$ per hour'
    """
    need(frame, "time", "usd", *([by] if by else []))
    title = f"Spend hour by hour, {_words(by)}" if by else "Spend hour by hour"
    ax = canvas(ax, 2.9)
    if frame.empty:
        return nothing(ax, title, ribbon)
    stack = layers(frame, "time", by, highlight=highlight) if by else one_layer(frame, "time")
    edges, heights, step = _bins(stack)
    top = _stairs(ax, edges, heights, stack, lines=by is None)
    if budget_per_hour_usd is not None:
        top = max(top, budget_per_hour_usd)
    dollar_axis(ax, top, room=1.16 if incident else 1.06)
    time_axis(ax, edges[0], edges[-1], time_zone)
    if incident is not None:
        _shade(ax, incident)
    note = ""
    if budget_per_hour_usd is not None:
        ax.axhline(budget_per_hour_usd, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        note = f"dashed: the budget, {usd(budget_per_hour_usd)} an hour"
    unit(ax, "US$ per hour" if abs(step - 1 / 24) < 1e-6 else f"US$ per {step * 24:.3g} h")
    fired = _lanes(ax, alarms, edges[0], edges[-1], time_zone) if alarms is not None else []
    if by:
        key(ax, [(layer.label, layer.colour) for layer in reversed(stack)])
    total = sum(layer.total for layer in stack)
    parts = ", ".join(f"{x.name} {usd(x.total)}" for x in reversed(stack)) if by else ""
    told = f"Spend by hour, {usd(total)} in all, at most {usd_short(top)} in one hour."
    if parts:
        told += f" By {_words(by).removeprefix('by ')}: {parts}."
    if incident:
        told += f" Incident: {plain(incident[2])}."
    if alarms is not None:
        told += f" First alarms: {'; '.join(fired) or 'none'}."
    if note:
        told += f" Budget: {usd(budget_per_hour_usd)} an hour."
    return finish(ax, title, told, ribbon, below=note)


def _words(by: str | None) -> str:
    return "" if by is None else "by " + plain(by).removesuffix("_name").replace("_", " ")


def _bins(stack: list[Layer]) -> tuple[NDArray[float64], NDArray[float64], float]:
    """Edges of an even grid, and each layer on it; bins without a row are NaN."""
    import numpy as np

    at = days(stack[0].values.index)
    step = float(np.diff(at).min()) if len(at) > 1 else 1 / 24
    places = np.rint((at - at[0]) / step).astype(int)
    edges = at[0] + step * np.arange(places[-1] + 2)
    heights = np.full((len(stack), places[-1] + 1), np.nan)
    for row, layer in enumerate(stack):
        heights[row, places] = layer.values.to_numpy(dtype=float)
    return edges, heights, step


def _stairs(
    ax: Axes,
    edges: NDArray[float64],
    heights: NDArray[float64],
    stack: list[Layer],
    *,
    lines: bool,
) -> float:
    import numpy as np

    floor = np.zeros(heights.shape[1])
    for layer, height in zip(stack, heights, strict=True):
        ceiling = floor + height
        x = np.repeat(edges, 2)[1:-1]
        ax.fill_between(
            x, np.repeat(floor, 2), np.repeat(ceiling, 2), color=tint(layer.colour, 0.25 if lines else 0.88), linewidth=0,
        )  # fmt: skip
        if lines:
            ax.plot(x, np.repeat(ceiling, 2), color=layer.colour, linewidth=1.1)
        floor = ceiling
    return float(np.nanmax(floor)) if np.isfinite(floor).any() else 0.0


def _shade(ax: Axes, incident: Incident) -> None:
    start, end, label = day_number(incident[0]), day_number(incident[1]), drawable(incident[2], 60)
    low, high = ax.get_xlim()
    start, end = max(start, low), min(end, high)
    if end <= start:
        return
    ax.axvspan(start, end, color=ALERT, alpha=0.07, linewidth=0, zorder=0)
    ax.axvline(start, color=ALERT, linewidth=0.9, alpha=0.8, zorder=1)
    late = (start - low) / (high - low) > 0.55
    place = offset(ax, ax.get_xaxis_transform(), -5 if late else 5, -4)
    ax.text(
        start, 1, label, transform=place, color=ALERT, va="top", ha="right" if late else "left",
        fontsize=SMALL_PT if compact(ax) else TEXT_PT,
    ).set_in_layout(False)  # fmt: skip


def _lanes(ax: Axes, alarms: DataFrame, low: float, high: float, time_zone: str) -> list[str]:
    """One lane a detector above the drawing, earliest first, with its name."""
    import pandas as pd

    need(alarms, "time", "detector")
    narrow = compact(ax)
    height = 22.0 if narrow else 14.0
    known = alarms.dropna(subset=["time"]).sort_values(["time", "detector"], kind="stable")
    first = known.drop_duplicates("detector")
    base = above_pt(ax) + 3
    told = []
    for lane, (name, start) in enumerate(zip(first["detector"], first["time"], strict=True)):
        up = base + height * (len(first) - 1 - lane) + 6
        at = days(pd.DatetimeIndex(known.loc[known["detector"] == name, "time"]))
        inside = at[(at >= low) & (at <= high)]
        place = offset(ax, ax.get_xaxis_transform(), 0, up)
        ax.plot(
            [low, high], [1, 1], color="#eef0f2", linewidth=8, solid_capstyle="butt",
            transform=place, clip_on=False, zorder=0,
        )  # fmt: skip
        ax.plot(
            inside, [1] * len(inside), marker="|", markersize=8, markeredgewidth=1.1,
            linestyle="none", color=INK, transform=place, clip_on=False,
        )  # fmt: skip
        shown = drawable(name)
        told.append(f"{shown} {weekday_time(start, time_zone)}")
        side, x, y = (0.0, 0.0, up + 5) if narrow else (1.0, 7.0, up)
        ax.text(
            side, 1, f"{shown}  {weekday_time(start, time_zone)}", color=MUTED,
            transform=offset(ax, ax.transAxes, x, y), fontsize=SMALL_PT - (0.5 if narrow else 0),
            va="bottom" if narrow else "center_baseline",
        )  # fmt: skip
    if len(first):
        ax.text(
            0, 1, "alarms", color=MUTED, fontsize=TEXT_PT, va="bottom",
            transform=offset(ax, ax.transAxes, overhang(ax)[0], above_pt(ax) + 4),
        )  # fmt: skip
    return told


@styled
def daily_spend(
    frame: DataFrame,
    *,
    by: str = "feature_name",
    highlight: str | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Spend a day as stacked bars, with the day's total above each.

    Parameters
    ----------
    frame : DataFrame
        ``date`` (local calendar days), the column ``by``, ``usd``.
    by : str
        Column to stack by.
    highlight : str, optional
        Part drawn on top in the colour of alarm.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> daily = pd.DataFrame({"date": ["2024-08-09"], "feature_name": ["chat"], "usd": [5.0]})
    >>> daily_spend(daily).get_ylabel()
    'US$ per day'
    """
    import numpy as np
    import pandas as pd

    need(frame, "date", by, "usd")
    title = f"Spend day by day, {_words(by)}"
    ax = canvas(ax, 2.8)
    if frame.empty:
        return nothing(ax, title, ribbon)
    dated = frame.assign(date=pd.to_datetime(frame["date"]).dt.date)
    stack = layers(dated, "date", by, highlight=highlight)
    dates = pd.date_range(min(stack[0].values.index), max(stack[0].values.index)).date
    floor = np.zeros(len(dates))
    for layer in stack:
        height = layer.values.reindex(dates, fill_value=0.0).to_numpy(dtype=float)
        ax.bar(range(len(dates)), height, 0.72, bottom=floor, color=tint(layer.colour))
        floor = floor + height
    dollar_axis(ax, float(floor.max()), room=1.1)
    ax.set_xlim(-0.6, max(len(dates), 3) - 0.4)
    every = max(-(-len(dates) // (8 if compact(ax) else 16)), 1)
    shown = range(0, len(dates), every)
    ax.set_xticks(list(shown), [day(dates[i]).replace(" ", "\n", 1) for i in shown])
    if len(dates) <= (8 if compact(ax) else 14):
        show = usd_short if compact(ax) else usd
        for i, sum_usd in enumerate(floor.tolist()):
            ax.text(
                i, sum_usd, show(sum_usd), ha="center", va="bottom", color=MUTED,
                transform=offset(ax, ax.transData, 0, 2), fontsize=SMALL_PT,
            )  # fmt: skip
    unit(ax, "US$ per day")
    key(ax, [(layer.label, layer.colour) for layer in reversed(stack)])
    listed = ", ".join(f"{day(d)} {usd(float(x))}" for d, x in zip(dates, floor, strict=True))
    if len(dates) > 31:
        listed = f"{len(dates)} days, at most {usd(float(floor.max()))}"
    return finish(ax, title, f"Spend by day: {listed}.", ribbon)


@styled
def month_to_date(
    frame: DataFrame,
    budget_usd: float,
    projection: tuple[float, float, float] | None = None,
    *,
    time_zone: str = "UTC",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Spend since the first of the month, the budget, and where the month would end.

    Parameters
    ----------
    frame : DataFrame
        ``time`` (aware), ``cumulative_usd``; all of one calendar month.
    budget_usd : float
        Budget of the month.
    projection : (low, mid, high), optional
        Dollars at the month's end.
    time_zone : str
        IANA zone of the calendar month.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2024-08-02", "2024-08-03"], utc=True)
    >>> sofar = pd.DataFrame({"time": at, "cumulative_usd": [100.0, 210.0]})
    >>> month_to_date(sofar, 3000.0, (2800.0, 3100.0, 3500.0)).get_ylabel()
    'US$ since the first of the month'
    """
    import numpy as np

    need(frame, "time", "cumulative_usd")
    title = "Month to date against the budget"
    ax = canvas(ax, 2.8)
    if frame.empty:
        return nothing(ax, title, ribbon)
    there = zone(time_zone)
    x = days(frame["time"])
    y = frame["cumulative_usd"].to_numpy(dtype=float)
    now = frame["time"].iloc[-1].astimezone(there)
    first = datetime(now.year, now.month, 1, tzinfo=there)
    after = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=there)
    low, high = day_number(first), day_number(after)
    ax.fill_between(x, 0, y, color="#0072b2", alpha=0.15, linewidth=0)
    ax.plot(x, y, color="#0072b2", linewidth=2)
    ax.plot([low, high], [0, budget_usd], color=FAINT, linewidth=1, linestyle=(0, (2, 2)))
    ax.plot([low, high], [budget_usd] * 2, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    spent = float(y[-1])
    told = f"Spent by {day(now)}: {usd(spent)}, of a budget of {usd(budget_usd)} for the month."
    marks = [(budget_usd, f"budget {usd(budget_usd)}", INK, False)]
    top = max(spent, budget_usd)
    if projection is not None:
        least, middle, most = projection
        over = middle > budget_usd
        colour = ALERT if over else "#00765a"
        ax.fill_between(
            [x[-1], high], [spent, least], [spent, most], color=colour, alpha=0.15, linewidth=0
        )
        ax.plot([x[-1], high], [spent, middle], color=colour, linewidth=1.6, linestyle=(0, (5, 2)))
        marks.append((middle, f"month-end {usd(middle)}", colour, True))
        told += f" Projected month-end {usd(middle)}, between {usd(least)} and {usd(most)}."
        top = max(top, most)
    dollar_axis(ax, top, room=1.1)
    time_axis(ax, low, high, time_zone)
    ax.plot([x[-1]], [spent], "o", color="#0072b2", markersize=6, clip_on=False, zorder=4)
    _end_labels(ax, marks, projection)
    unit(ax, "US$ since the first of the month")
    finish(ax, title, told, ribbon, below="dotted: the budget at an even pace")
    sofar = Flag(float(x[-1]), spent, f"{usd(spent)}\nby {day(now)}", "#00527f", bold=True)
    flags(ax, [sofar], np.column_stack([x, y]), lines=[budget_usd])
    return ax


def _end_labels(
    ax: Axes,
    marks: list[tuple[float, str, str, bool]],
    projection: tuple[float, float, float] | None,
) -> None:
    """Right of the axis, or above the lines where there is no room beside."""
    from costsim.show.figures.labels import spread

    high = ax.get_ylim()[1]
    narrow = compact(ax)
    per_point = high / (190 if narrow else 210)
    at = spread([mark[0] for mark in marks], 24 * per_point, 0, high)
    for (_, text, colour, bold), place in zip(marks, at, strict=True):
        if narrow:
            text = text.replace(" ", "\n", 1)
        elif bold and projection is not None:
            text += f"\n{usd_short(projection[0])} to {usd_short(projection[2])}"
        ax.text(
            1, place, text, transform=offset(ax, ax.get_yaxis_transform(), 7, 0), color=colour,
            va="center", fontsize=SMALL_PT, fontweight="bold" if bold else "normal",
        )  # fmt: skip
