"""The month against its budget."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.beside import beside
from costsim.show.figures.flags import Flag
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.labels import spread
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    FAINT,
    INK,
    SMALL_PT,
    canvas,
    compact,
    dollar_axis,
    need,
    say,
    styled,
)
from costsim.show.figures.time_axis import day_number, days, time_axis, zone
from costsim.show.formats import day, usd, usd_short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


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
    ax.fill_between(x, 0, y, color=BLUE, alpha=0.15, linewidth=0)
    ax.plot(x, y, color=BLUE, linewidth=2)
    ax.plot([low, high], [0, budget_usd], color=FAINT, linewidth=1, linestyle=(0, (2, 2)))
    ax.plot([low, high], [budget_usd] * 2, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    drawn = [np.column_stack([x, y])]
    drawn += [np.array([[low, start], [high, budget_usd]]) for start in (0.0, budget_usd)]
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
        drawn += [np.array([[x[-1], spent], [high, end]]) for end in projection]
        marks.append((middle, f"month-end {usd(middle)}", colour, True))
        told += f" Projected month-end {usd(middle)}, between {usd(least)} and {usd(most)}."
        top = max(top, most)
    # Where the spend ends near the top, its label may have to stand above the budget.
    dollar_axis(ax, top, room=1.2 if spent > 0.84 * top else 1.1)
    time_axis(ax, low, high, time_zone)
    ax.plot([x[-1]], [spent], "o", color=BLUE, markersize=6, clip_on=False, zorder=4)
    _end_labels(ax, marks, projection)
    unit(ax, "US$ since the first of the month")
    finish(ax, title, told, ribbon, below="dotted: the budget at an even pace")
    sofar = Flag(float(x[-1]), spent, f"{usd(spent)}\nby {day(now)}", "#00527f", bold=True)
    beside(ax, sofar, drawn)
    return ax


def _end_labels(
    ax: Axes,
    marks: list[tuple[float, str, str, bool]],
    projection: tuple[float, float, float] | None,
) -> None:
    """Right of the axis, or above the lines where there is no room beside."""
    high = ax.get_ylim()[1]
    narrow = compact(ax)
    per_point = high / (190 if narrow else 210)
    at = spread([mark[0] for mark in marks], 24 * per_point, 0, high)
    for (_, text, colour, bold), place in zip(marks, at, strict=True):
        if narrow:
            text = text.replace(" ", "\n", 1)
        elif bold and projection is not None:
            text += f"\n{usd_short(projection[0])} to {usd_short(projection[2])}"
        side = ax.get_yaxis_transform()
        say(
            ax,
            1,
            place,
            text,
            on=side,
            by=(7, 0),
            size=SMALL_PT,
            color=colour,
            va="center",
            bold=bold,
        )
