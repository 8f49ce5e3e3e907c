"""What each detector saw, bin by bin: how near it was to its threshold, and when it spoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.errors import DataError
from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    INK,
    MUTED,
    SMALL_PT,
    canvas,
    compact,
    drawable,
    need,
    say,
    styled,
    tint,
)
from costsim.show.figures.time_axis import day_number, days, time_axis
from costsim.show.formats import usd_short, weekday_time
from costsim.show.text import plain

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes
    from pandas import DataFrame

STEPS = (0.25, 0.5, 0.75, 1.0)
"""Shares of a threshold at which the colour changes; above the last one a detector speaks."""


@styled
def watched(
    frame: DataFrame,
    *,
    onset: datetime | None = None,
    time_zone: str = "UTC",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Each detector's statistic as a share of its threshold, bin by bin; earliest alarm on top.

    Parameters
    ----------
    frame : DataFrame
        ``time`` (aware, start of the bin; evenly spaced), ``burned_usd`` (by the end of the bin),
        and a column a detector: its statistic over its threshold. Above 1 it speaks.
    onset : datetime, optional
        When the incident begins; alarms before it are drawn, and the first one since is named.
    time_zone : str
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2024-08-12", periods=3, freq="h", tz="UTC")
    >>> seen = pd.DataFrame({"time": hours, "burned_usd": [0.0, 5.0, 20.0],
    ...                      "cusum": [0.1, 0.6, 1.3], "z": [0.2, 0.2, 0.4]})
    >>> [label.get_text() for label in watched(seen).get_yticklabels()]
    ['cusum', 'z']
    """
    import numpy as np
    from matplotlib.colors import BoundaryNorm, ListedColormap

    need(frame, "time", "burned_usd")
    title = "What each detector saw, as a share of its threshold"
    names = [name for name in frame.columns if name not in ("hour", "time", "usd", "burned_usd")]
    ax = canvas(ax, height_of(len(names)) + 0.35)
    if len(frame) < 2 or not names:
        return nothing(ax, title, ribbon)
    edges = days(frame["time"])
    width = edges[1] - edges[0]
    if (np.abs(np.diff(edges) - width) > 1e-6).any():
        raise DataError("time must be evenly spaced")
    since = np.zeros(len(edges)) if onset is None else edges - day_number(onset)
    spoke = {
        name: int(over[0])
        for name in names
        if len(over := np.flatnonzero((frame[name].to_numpy() > 1) & (since >= -1e-9)))
    }
    names.sort(key=lambda name: (spoke.get(name, len(frame)), -frame[name].max()))
    low, high = float(edges[0]), float(edges[-1] + width)
    time_axis(ax, low, high, time_zone)
    ax.grid(visible=False)
    words = {name: _words(frame, spoke.get(name), time_zone) for name in names}
    narrow = compact(ax)
    rows(ax, [f"{drawable(n, 26)}: {words[n]}" if narrow else drawable(n, 26) for n in names])
    colours = ["#f4f5f6", *(tint(BLUE, strength) for strength in (0.72, 0.5, 0.28)), ALERT]
    norm = BoundaryNorm([-np.inf, *STEPS, np.inf], len(colours))
    shares = np.nan_to_num(frame[names].to_numpy(float).T)
    up, down = (0.02, 0.42) if narrow else (0.4, 0.4)  # on a phone below its name
    for row, seen in enumerate(shares):
        band = [row - up, row + down]
        times = np.append(edges, high)
        ax.pcolormesh(times, band, seen[None], cmap=ListedColormap(colours), norm=norm, zorder=1)
    if onset is not None and low < (start := day_number(onset)) < high:
        ax.axvline(start, color=INK, linewidth=1, zorder=3)
    for row, name in enumerate(() if narrow else names):
        side, colour = ax.get_yaxis_transform(), INK if name in spoke else MUTED
        say(ax, 1, row, words[name], on=side, by=(7, 0), size=SMALL_PT, color=colour)
    told = "; ".join(f"{plain(name, 40)}: {words[name]}" for name in names)
    below = "pale to dark: from a quarter of the threshold; orange: above it, an alarm"
    if onset is not None:
        below += "; line: the incident begins"
    return finish(ax, title, f"{title}. {told}.", ribbon, below=below)


def _words(frame: DataFrame, spoke: int | None, time_zone: str) -> str:
    """When a detector is heard, at the end of the bin, and what is gone by then."""
    if spoke is None:
        return "no alarm"
    at, width = frame.iloc[spoke], frame["time"].iloc[1] - frame["time"].iloc[0]
    return f"{weekday_time(at['time'] + width, time_zone)}, {usd_short(at['burned_usd'])}"
