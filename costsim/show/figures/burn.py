"""The burn clock: what had been burned when each detector spoke."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.flags import Flag, flags
from costsim.show.figures.header import finish, nothing, unit, wrapped
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    SMALL_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    need,
    styled,
    width_pt,
)
from costsim.show.figures.time_axis import day_number, days
from costsim.show.formats import hours, usd, weekday_time
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

_TICKS = (
    (0.25, "15 min"), (1.0, "1 h"), (4.0, "4 h"), (24.0, "1 day"), (72.0, "3 days"),
    (168.0, "1 week"), (504.0, "3 weeks"), (1512.0, "9 weeks"),
)  # fmt: skip
_TICKS_BETWEEN = ((0.5, "30 min"), (2.0, "2 h"), (8.0, "8 h"), (36.0, "36 h"))


@styled
def burn_clock(
    burned: DataFrame,
    alarms: DataFrame,
    mail: tuple[datetime, str] | None = None,
    *,
    time_zone: str = "UTC",
    promise_hours: float | None = 4.0,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dollars burned since the incident began, with the first alarm of each detector on the curve.

    The clock runs on a logarithmic scale, so that the first hours, when an alarm is worth most,
    have room; the dollars are linear from zero.

    Parameters
    ----------
    burned : DataFrame
        ``time`` (aware, rising; the first row is the start), ``burned_usd`` (cumulative).
    alarms : DataFrame
        ``detector``, ``time`` (of its first alarm; missing if none), ``burned_usd`` then.
        Alarms before the start are listed below as early.
    mail : (time, label), optional
        When a person noticed.
    time_zone : str
        IANA zone of named times.
    promise_hours : float, optional
        Shades the time within which an alarm was promised, in hours.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2024-08-12 07:00", periods=80, freq="h", tz="UTC")
    >>> burned = pd.DataFrame({"time": time, "burned_usd": range(80)})
    >>> alarms = pd.DataFrame({"detector": ["cusum"], "time": time[3:4], "burned_usd": [3.0]})
    >>> burn_clock(burned, alarms).get_xscale()
    'log'
    """
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    need(burned, "time", "burned_usd")
    need(alarms, "detector", "time", "burned_usd")
    title = "What had been burned when each detector spoke"
    known = alarms.dropna(subset=["time"]).sort_values(["time", "detector"], kind="stable")
    ax = canvas(ax, 3.3 + (0.15 * max(len(known) - 6, 0)))
    if len(burned) < 2:
        return nothing(ax, title, ribbon)
    at = days(burned["time"])
    start, curve = at[0], burned["burned_usd"].to_numpy(dtype=float)
    clock = (at - start) * 24
    fired = (days(known["time"]) - start) * 24 if len(known) else np.array([])
    positive = fired[fired > 0]
    low = min(0.5, *(positive / 1.5)) if len(positive) else 0.5
    high = max(float(clock[-1]), low * 4)
    x, y = _fine(clock, curve, low, high)
    if promise_hours is not None and low < promise_hours:
        ax.axvspan(low, min(promise_hours, high), color="#009e73", alpha=0.08, linewidth=0)
    ax.fill_between(x, 0, y, color=BLUE, alpha=0.13, linewidth=0)
    ax.plot(x, y, color=BLUE, linewidth=2)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    every = _TICKS if compact(ax) else sorted(_TICKS + _TICKS_BETWEEN)
    ticks = [(v, name) for v, name in every if low * 1.2 <= v <= high * 1.001]
    ax.xaxis.set_major_locator(FixedLocator([v for v, _ in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([name for _, name in ticks])
    dollar_axis(ax, float(np.nanmax(y)), room=1.12)
    began = burned["time"].iloc[0]
    axis_name = f"time since {weekday_time(began, time_zone)} ({time_zone}), log scale"
    if promise_hours is not None and low < promise_hours:
        axis_name += f"; green: the first {hours(promise_hours)}".replace(" h", "\u00a0h")
    ax.set_xlabel(wrapped(axis_name, width_pt(ax, whole=True) - 50, SMALL_PT))

    points, told = _alarm_flags(known, fired, low, high), []
    for name, when, lag, usd_then in zip(
        known["detector"], known["time"], fired, known["burned_usd"], strict=True
    ):
        if lag >= 0:
            told.append(f"{plain(name, 40)} {weekday_time(when, time_zone)} after {usd(usd_then)}")
    if mail is not None:
        lag = (day_number(mail[0]) - start) * 24
        then = float(np.interp(lag, clock, curve))
        text = f"{drawable(mail[1], 30)}\n{hours(lag)}, {usd(then)}"
        points.append(Flag(min(max(lag, low), high), then, text, ALERT, bold=True))
        told.append(f"{plain(mail[1])} {weekday_time(mail[0], time_zone)} after {usd(then)}")
    for point in points:
        ax.plot(
            [point.x], [point.y], "o", color=point.colour, markersize=6, zorder=4, clip_on=False
        )
    notes = _notes(alarms, known, fired, time_zone)
    told_all = "; ".join([*told, *notes])
    unit(ax, "US$ burned since the start")
    alt = f"Dollars burned since the start, {usd(float(curve[-1]))} at the end. Alarms: {told_all}."
    finish(ax, title, alt, ribbon, below="; ".join(notes))
    flags(ax, points, np.column_stack([x, y]))
    return ax


def _fine(
    clock: NDArray[float64], curve: NDArray[float64], low: float, high: float
) -> tuple[NDArray[float64], NDArray[float64]]:
    """The curve between its points too: a straight line in dollars bends on a log clock."""
    import numpy as np

    x = np.unique(np.concatenate([np.geomspace(low, high, 300), clock[clock >= low]]))
    x = x[x <= high]
    return x, np.interp(x, clock, curve)


def _alarm_flags(known: DataFrame, fired: NDArray[float64], low: float, high: float) -> list[Flag]:
    """One flag for all detectors that spoke at the same time: a name a line, then when and what."""
    together: dict[tuple[float, str], list[str]] = {}
    heights: dict[tuple[float, str], float] = {}
    for name, lag, usd_then in zip(
        known["detector"], fired.tolist(), known["burned_usd"], strict=True
    ):
        if lag >= 0:
            same = (lag, f"{hours(lag)}, {usd(usd_then)}")
            together.setdefault(same, []).append(drawable(name))
            heights[same] = max(float(usd_then), 0.0)
    return [
        Flag(min(max(same[0], low), high), heights[same], "\n".join([*names, same[1]]))
        for same, names in together.items()
    ]


def _notes(
    alarms: DataFrame, known: DataFrame, fired: NDArray[float64], time_zone: str
) -> list[str]:
    early = [
        f"{drawable(name)} ({weekday_time(when, time_zone)})"
        for name, when, lag in zip(known["detector"], known["time"], fired, strict=True)
        if lag < 0
    ]
    silent = sorted(
        {drawable(n) for n in alarms["detector"]} - set(map(drawable, known["detector"]))
    )
    notes = []
    if early:
        notes.append(f"before the start: {', '.join(early)}")
    if silent:
        notes.append(f"no alarm: {', '.join(silent)}")
    return notes
