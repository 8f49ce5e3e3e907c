"""Spend over time: hour by hour and day by day."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.labels import key
from costsim.show.figures.lanes import Incident, lanes, shade
from costsim.show.figures.layers import Layer, layers, one_layer, subject
from costsim.show.figures.style import (
    INK,
    MUTED,
    SMALL_PT,
    canvas,
    compact,
    dollar_axis,
    need,
    say,
    styled,
    tint,
)
from costsim.show.figures.time_axis import days, time_axis, zone
from costsim.show.formats import day, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame


_MOST_DAYS = 62.0  # of bins drawn one by one


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
        any row are left open; more than two months are drawn by calendar day.
    by : str, optional
        Column to stack by; the five largest are shown, the others together.
    alarms : DataFrame, optional
        ``time`` (aware) and ``detector``.
    incident : (start, end, label), optional
        Aware times, shaded.
    time_zone : str
        IANA zone of the axis.
    budget_per_hour_usd : float, optional
        A level line; scaled to the bins drawn.
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
    after = f", {_words(by)}" if by else ""
    ax = canvas(ax, 2.9)
    if frame.empty:
        return nothing(ax, f"Spend hour by hour{after}", ribbon)
    long = _span_days(frame) > _MOST_DAYS
    shown = _local_days(frame, by, time_zone) if long else frame
    stack = layers(shown, "time", by, highlight=highlight) if by else one_layer(shown, "time")
    edges, heights, step = _bins(stack, 1.0 if long else None)
    period = _period(step)
    title = {"hour": "Spend hour by hour", "day": "Spend day by day"}.get(period, "Spend over time")
    title += after
    if budget_per_hour_usd is not None:
        budget_per_hour_usd *= step * 24
    top = highest = _stairs(ax, edges, heights, stack, lines=by is None)
    if budget_per_hour_usd is not None:
        top = max(top, budget_per_hour_usd)
    dollar_axis(ax, top, room=1.16 if incident else 1.06)
    time_axis(ax, edges[0], edges[-1], time_zone)
    if incident is not None:
        shade(ax, incident)
    note = ""
    if budget_per_hour_usd is not None:
        ax.axhline(budget_per_hour_usd, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        note = f"dashed: the budget, {usd(budget_per_hour_usd)} per {period}"
    unit(ax, f"US$ per {period}")
    fired = lanes(ax, alarms, edges[0], edges[-1], time_zone) if alarms is not None else []
    if by:
        key(ax, [(layer.label, layer.colour) for layer in reversed(stack)])
    total = sum(layer.total for layer in stack)
    parts = ", ".join(f"{x.name} {usd(x.total)}" for x in reversed(stack)) if by else ""
    told = f"Spend per {period}, {usd(total)} in all, at most {usd_short(highest)} in one."
    if parts:
        told += f" By {_words(by).removeprefix('by ')}: {parts}."
    if incident:
        told += f" Incident: {plain(incident[2])}."
    if alarms is not None:
        told += f" First alarms: {'; '.join(fired) or 'none'}."
    if note:
        told += f" Budget: {usd(budget_per_hour_usd)} per {period}."
    return finish(ax, title, told, ribbon, below=note)


def _words(by: str | None) -> str:
    return "" if by is None else f"by {subject(by)}"


def _span_days(frame: DataFrame) -> float:
    at = days(frame["time"])
    return float(at.max() - at.min())


def _local_days(frame: DataFrame, by: str | None, time_zone: str) -> DataFrame:
    """Bins added up to the zone's calendar days: hours of months would be a blur."""
    import pandas as pd

    local = pd.DatetimeIndex(frame["time"]).tz_convert(zone(time_zone))
    dates = pd.Series(local.date).map(lambda day: datetime.combine(day, time.min, zone(time_zone)))
    begins = pd.to_datetime(dates.to_numpy(), utc=True)
    keys = ["time", by] if by else ["time"]
    dated = frame.assign(time=begins).groupby(keys, dropna=False)
    return dated[["usd"]].sum(min_count=1).reset_index()


def _period(step: float) -> str:
    """A bin's length in words.

    Examples
    --------
    >>> _period(1 / 24), _period(1.0), _period(1 / 96)
    ('hour', 'day', '15 minutes')
    """
    minutes = round(step * 1440)
    named = {1: "minute", 60: "hour", 1440: "day", 10_080: "week"}
    if minutes in named:
        return named[minutes]
    return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} hours"


def _bins(
    stack: list[Layer], step: float | None
) -> tuple[NDArray[float64], NDArray[float64], float]:
    """Edges of an even grid, and each layer on it; bins without a row are NaN."""
    import numpy as np

    at = days(stack[0].values.index)
    if step is None:
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
        colour = tint(layer.colour, 0.25 if lines else 0.88)
        low, high = np.repeat(floor, 2), np.repeat(ceiling, 2)
        ax.fill_between(x, low, high, color=colour, linewidth=0)
        if lines:
            ax.plot(x, np.repeat(ceiling, 2), color=layer.colour, linewidth=1.1)
        floor = ceiling
    return float(np.nanmax(floor)) if np.isfinite(floor).any() else 0.0


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
            text = say(ax, i, sum_usd, show(sum_usd), by=(0, 2.5), size=SMALL_PT, color=MUTED)
            text.set(horizontalalignment="center", verticalalignment="bottom")
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    unit(ax, "US$ per day")
    key(ax, [(layer.label, layer.colour) for layer in reversed(stack)])
    listed = ", ".join(f"{day(d)} {usd(float(x))}" for d, x in zip(dates, floor, strict=True))
    if len(dates) > 31:
        listed = f"{len(dates)} days, at most {usd(float(floor.max()))}"
    return finish(ax, title, f"Spend by day: {listed}.", ribbon)
