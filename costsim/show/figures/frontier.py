"""The trade of limits: dollars saved against ordinary users blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    INK,
    MUTED,
    OTHER,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    need,
    say,
    styled,
)
from costsim.show.formats import share, usd
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_TITLE = "What limits trade: dollars saved against ordinary users blocked"


@styled
def limits_frontier(
    frame: DataFrame,
    marked: DataFrame,
    *,
    bound: float | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A dot for each of the limits tried, the best trades joined by a line.

    Parameters
    ----------
    frame : DataFrame
        ``saved_usd``, ``ordinary_blocked_share`` and ``frontier`` (whether no other saves as much
        and blocks as few).
    marked : DataFrame
        Limits to name: ``name``, ``saved_usd``, ``ordinary_blocked_share`` and ``given`` (the
        limits that were asked about, in the colour of alarm).
    bound : float, optional
        Most ordinary users that may be blocked, drawn as a line.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> tried = pd.DataFrame({"saved_usd": [5.0, 9.0], "ordinary_blocked_share": [0.0, 0.2],
    ...                       "frontier": [True, True]})
    >>> named = tried.assign(name=["b", "a"], given=[False, True])
    >>> len(limits_frontier(tried, named, bound=0.05).texts) > 2
    True
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    need(frame, "saved_usd", "ordinary_blocked_share", "frontier")
    need(marked, "name", "saved_usd", "ordinary_blocked_share", "given")
    ax = canvas(ax, 3.4)
    known = frame.dropna(subset=["ordinary_blocked_share"])
    if known.empty:
        return nothing(ax, _TITLE, ribbon, "there are no ordinary users")
    x, y = (known[c].to_numpy(dtype=float) for c in ("ordinary_blocked_share", "saved_usd"))
    ax.scatter(x, y, s=16, color=OTHER, linewidth=0, zorder=2)
    best = known[known["frontier"]].sort_values("ordinary_blocked_share")
    ax.plot(best["ordinary_blocked_share"].to_numpy(dtype=float),
            best["saved_usd"].to_numpy(dtype=float), color=BLUE, linewidth=1.6, marker="o",
            markersize=4, zorder=3)  # fmt: skip
    # an axis for the trade, not for the few that block nearly everybody and save no more
    ends = (*best["ordinary_blocked_share"], *marked["ordinary_blocked_share"], bound or 0.0, 0.01)
    widest = 1.15 * max(float(end) for end in ends)
    beyond = int((x > 1.1 * widest).sum())
    dollar_axis(ax, max(float(y.max()), float(marked["saved_usd"].max())), room=1.18)
    ax.set_xlim(-0.02 * widest, widest * 1.1)
    ax.xaxis.set_major_locator(MaxNLocator(4 if compact(ax) else 6, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(round(value, 9))))
    size = SMALL_PT if compact(ax) else TEXT_PT
    if bound is not None:
        ax.axvline(bound, color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        say(ax, bound, 0, f"at most {share(bound)}", by=(4, 5), size=SMALL_PT, color=MUTED,
            va="bottom")  # fmt: skip
    told = _marks(ax, marked, widest, size)
    unit(ax, "US$ saved a month, mean")
    ax.set_xlabel("% of ordinary users blocked at least once", loc="right")
    below = "a grey dot: limits that were tried; the blue line: none of them saves more for as few"
    if beyond:
        below += f"; {beyond} block{'s' if beyond == 1 else ''} more than is shown"
    return finish(ax, _TITLE, f"{_TITLE}. {'; '.join(told)}.", ribbon, below=below)


def _marks(ax: Axes, marked: DataFrame, widest: float, size: float) -> list[str]:
    """Named limits, each name below its mark and a line of text below the names above it."""
    high, height = float(ax.get_ylim()[1]), 3.4 * 72  # the axes as tall as they will be, in points
    last, told = float("inf"), []
    for row in marked.sort_values("saved_usd", ascending=False).to_dict("records"):
        at, saved = float(row["ordinary_blocked_share"]), float(row["saved_usd"])
        colour = ALERT if row["given"] else BLUE
        ax.plot([at], [saved], "D" if row["given"] else "s", color=colour, markersize=9, zorder=5,
                markeredgecolor="white")  # fmt: skip
        right = at > 0.55 * widest
        level = saved / high * height
        last = min(level - 13, last - 1.4 * size)
        say(ax, at, saved, drawable(row["name"], 36), by=(-9 if right else 9, last - level),
            size=size, color=colour, ha="right" if right else "left", bold=True)  # fmt: skip
        told.append(f"{plain(row['name'], 40)} saves {usd(saved)} and blocks {share(at)}")
    return told
