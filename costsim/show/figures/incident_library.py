"""Incidents side by side: hourly dollars with and without a cause, and the signal that tells."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit, wrapped
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    COMPACT_BELOW,
    FAINT,
    GRID,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    drawing_width,
    need,
    say,
    styled,
    tint,
    width_pt,
)
from costsim.show.figures.time_axis import day_number, days, time_axis
from costsim.show.formats import number, share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

    Floats = NDArray[float64]

_KEY = "grey: without the cause; orange: what it adds; blue: what is seen"
_SHOW = {"usd": usd_short, "share": share, "count": number}


@styled
def incident_panels(
    frame: DataFrame,
    *,
    title: str,
    signal: str,
    kind: str = "usd",
    span: tuple[datetime, datetime] | None = None,
    time_zone: str = "UTC",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The whole bill above, one signal below, each with and without the cause.

    The panels are the ``child_axes`` of the returned axes.

    Parameters
    ----------
    frame : DataFrame
        A row an hour: ``time`` (aware), ``bill``, ``bill_without``, ``signal``,
        ``signal_without``; an unknown value is missing.
    title : str
        The conclusion.
    signal : str
        Name and unit of the signal.
    kind : {"usd", "count", "share"}
        How its axis is written.
    span : (start, end), optional
        Aware times of the cause, shaded.
    time_zone : str
        IANA zone of the axis.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2024-08-09", periods=48, freq="h", tz="UTC")
    >>> both = {"bill": 3.0, "bill_without": 2.0, "signal": 0.2, "signal_without": 0.1}
    >>> ax = incident_panels(pd.DataFrame({"time": hours} | both), title="One", signal="x, US$")
    >>> len(ax.child_axes)
    2
    """
    need(frame, "time", "bill", "bill_without", "signal", "signal_without")
    ax = canvas(ax, 3.1)
    if frame.empty:
        return nothing(ax, title, ribbon)
    ax.set_axis_off()
    x, room = days(frame["time"]), width_pt(ax, whole=True) - 60
    parts = (("bill", "whole bill, US$ per hour", "usd", 0.56), ("signal", signal, kind, 0.0))
    for name, words, how, bottom in parts:
        panel = canvas(ax.inset_axes((0, bottom, 1, 0.36)), 0)
        seen, without = (frame[c].to_numpy(dtype=float) for c in (name, f"{name}_without"))
        _pair(panel, x, seen, without)
        _scale(panel, seen, without, how)
        time_axis(panel, float(x.min()), float(x.max()) + 1 / 24, time_zone)
        if span is not None:
            _shade(panel, *span)
        unit(panel, wrapped(drawable(words, 90), room, TEXT_PT), flush=True)
        if name == "bill":
            panel.tick_params(axis="x", which="both", labelbottom=False, length=0)
            panel.set_xlabel("")
        else:
            key = wrapped(_KEY, room, SMALL_PT)
            panel.set_xlabel(f"{panel.get_xlabel()}\n{key}", labelpad=5)
            panel.xaxis.label.set(color=MUTED, fontsize=SMALL_PT)
    added = float((frame["bill"] - frame["bill_without"]).sum())
    told = (
        f"{title} Hours shown: the cause adds {usd(added)} to the bill. {plain(signal)} below it."
    )
    return finish(ax, title, told, ribbon)


def _shade(ax: Axes, start: datetime, end: datetime) -> None:
    low, high = ax.get_xlim()
    since, until = (min(max(day_number(at), low), high) for at in (start, end))
    ax.axvspan(since, until, color=ALERT, alpha=0.07, linewidth=0, zorder=0)
    for edge in (since, until):
        if low < edge < high:
            ax.axvline(edge, color=ALERT, linewidth=0.9, alpha=0.8, zorder=1)


def _pair(ax: Axes, x: Floats, seen: Floats, without: Floats) -> None:
    """What is seen as a line over what would be; what lies above it filled in."""
    import numpy as np

    edges = np.append(x, x[-1] + 1 / 24)
    across = np.repeat(edges, 2)[1:-1]
    high, low = np.repeat(seen, 2), np.repeat(without, 2)
    ax.fill_between(across, 0, low, color=tint(FAINT, 0.45), linewidth=0)
    more = np.nan_to_num(high) > np.nan_to_num(low)
    top = np.where(more, high, low)
    ax.fill_between(across, low, top, color=tint(ALERT, 0.75), linewidth=0)
    ax.plot(across, low, color=FAINT, linewidth=0.8)
    ax.plot(across, high, color=BLUE, linewidth=1.1)


def _scale(ax: Axes, seen: Floats, without: Floats, kind: str) -> None:
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    known = np.concatenate([seen, without])
    top = float(np.nanmax(known)) if np.isfinite(known).any() else 0.0
    dollar_axis(ax, top)
    high = ax.get_ylim()[1]
    places = [t for t in MaxNLocator(2, steps=[1, 2, 2.5, 5, 10]).tick_values(0, high) if t <= high]
    ax.yaxis.set_major_locator(FixedLocator([t for t in places if t >= 0]))
    show = _SHOW[kind]
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(round(value, 10))))


@styled
def incident_gallery(
    frame: DataFrame,
    *,
    title: str = "The incident library, hour by hour",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Small multiples: the hourly bill of each scenario, with and without its cause.

    The panels are the ``child_axes`` of the returned axes, each at its own scale from zero.

    Parameters
    ----------
    frame : DataFrame
        ``scenario``, ``time`` (aware, hours in order), ``bill``, ``bill_without`` (US$).
    title : str
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2024-08-09", periods=48, freq="h", tz="UTC")
    >>> one = {"scenario": "a", "time": hours, "bill": 3.0, "bill_without": 2.0}
    >>> len(incident_gallery(pd.DataFrame(one)).child_axes)
    1
    """
    import numpy as np

    need(frame, "scenario", "time", "bill", "bill_without")
    names = list(dict.fromkeys(frame["scenario"]))
    wide = 1 if (drawing_width() < COMPACT_BELOW if ax is None else compact(ax)) else 3
    rows = max(-(-len(names) // wide), 1)
    ax = canvas(ax, 1.12 * rows)
    if frame.empty:
        return nothing(ax, title, ribbon)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines["bottom"].set_visible(False)
    gap, told = 0.05, []
    for index, name in enumerate(names):
        row, column = divmod(index, wide)
        width = (1 - gap * (wide - 1)) / wide
        place = (column * (width + gap), 1 - (row + 0.9) / rows, width, 0.58 / rows)
        panel = canvas(ax.inset_axes(place), 0)
        part = frame[frame["scenario"] == name]
        x = days(part["time"])
        seen, without = (part[c].to_numpy(dtype=float) for c in ("bill", "bill_without"))
        _pair(panel, x, seen, without)
        _scale(panel, seen, without, "usd")
        panel.set_xlim(float(x.min()), float(x.max()) + 1 / 24)
        panel.set_xticks(np.arange(np.ceil(x.min()), x.max(), 1.0))
        panel.tick_params(axis="x", labelbottom=False, length=2, color=FAINT)
        panel.tick_params(axis="y", labelsize=SMALL_PT)
        panel.yaxis.grid(visible=True, color=GRID, linewidth=0.6)
        say(
            panel,
            0,
            1,
            drawable(name, 30),
            on=panel.transAxes,
            by=(0, 4),
            size=TEXT_PT,
            va="bottom",
            bold=True,
        )
        added = float(np.nansum(seen - without))
        said = f"{usd(added)}" if abs(added) >= 0.005 else "nothing added"
        say(
            panel,
            1,
            1,
            said,
            on=panel.transAxes,
            by=(0, 4),
            size=SMALL_PT,
            color=ALERT if added > 0.005 else INK,
            ha="right",
            va="bottom",
        )
        told.append(f"{plain(name, 40)} {said}")
    note = f"US$ per hour, a tick a day (UTC). {_KEY[0].upper()}{_KEY[1:]}"
    return finish(ax, title, f"{title}: {'; '.join(told)}.", ribbon, below=note)
