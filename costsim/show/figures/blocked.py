"""A blocked user's day: what was asked for, what was answered, what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    COMPACT_BELOW,
    FAINT,
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
)
from costsim.show.formats import count, usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@styled
def blocked_hours(
    frame: DataFrame,
    *,
    title: str,
    of: str = "",
    cap_usd: float | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One user's day hour by hour: attempts answered and refused, and dollars spent since midnight.

    The two panels are the ``child_axes`` of the returned axes.

    Parameters
    ----------
    frame : DataFrame
        A row a local hour, from 0 on: ``hour``, ``answered`` and ``refused`` (attempts), and
        ``spent_usd`` (since midnight, at the end of the hour).
    title : str
        The conclusion.
    of : str
        Whose attempts: a feature.
    cap_usd : float, optional
        Cap of the day, drawn as a line.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> day = {"hour": [0, 1], "answered": [1, 0], "refused": [0, 3], "spent_usd": [2.0, 2.0]}
    >>> len(blocked_hours(pd.DataFrame(day), title="A day", cap_usd=5).child_axes)
    2
    """
    from matplotlib.ticker import MaxNLocator

    need(frame, "hour", "answered", "refused", "spent_usd")
    narrow = (drawing_width() < COMPACT_BELOW) if ax is None else compact(ax)
    upper, lower, between = 1.6, 1.2, 0.75 if narrow else 0.6
    whole = upper + lower + between
    ax = canvas(ax, whole)
    if frame.empty:
        return nothing(ax, title, ribbon)
    ax.set_axis_off()
    top = canvas(ax.inset_axes((0, 1 - upper / whole, 1, upper / whole)), 0)
    bottom = canvas(ax.inset_axes((0, 0, 1, lower / whole)), 0)
    hour = frame["hour"].to_numpy(dtype=float)
    answered, refused = (frame[c].to_numpy(dtype=float) for c in ("answered", "refused"))
    top.bar(hour + 0.5, answered, 0.84, color=tint(BLUE))
    top.bar(hour + 0.5, refused, 0.84, bottom=answered, color=tint(ALERT))
    highest = max(float((answered + refused).max()), 1.0)
    top.set_ylim(0, highest * 1.6)
    top.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    top.yaxis.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    size = SMALL_PT if narrow else TEXT_PT
    side = top.transAxes
    say(top, 0, 1, f"answered {count(answered.sum())}", on=side, by=(4, -4), size=size,
        color=BLUE, va="top", bold=True)  # fmt: skip
    say(top, 0, 1, f"refused {count(refused.sum())}", on=side, by=(4, -18), size=size,
        color=ALERT, va="top", bold=True)  # fmt: skip
    spent = frame["spent_usd"].to_numpy(dtype=float)
    last = float(spent[-1])
    dollar_axis(bottom, max(last, cap_usd or 0.0), room=1.25)
    bottom.stairs(spent, [*hour, hour[-1] + 1], color=INK, linewidth=1.6, baseline=None)
    if cap_usd is not None:
        bottom.axhline(cap_usd, color=FAINT, linewidth=1.2, linestyle=(0, (4, 2)))
        say(bottom, hour[0], cap_usd, f"the day's cap, {usd(cap_usd)}", by=(4, 4), size=SMALL_PT,
            color=MUTED, va="bottom")  # fmt: skip
    for panel in (top, bottom):
        panel.set_xlim(hour[0], hour[-1] + 1)
        ticks = [t for t in range(0, 25, 6 if narrow else 3) if hour[0] <= t <= hour[-1] + 1]
        panel.set_xticks(ticks, [f"{t:02d}:00" for t in ticks])
    top.tick_params(axis="x", labelbottom=False)
    bottom.set_xlabel("local time", loc="right", color=MUTED, fontsize=SMALL_PT)
    whose = f"attempts of {drawable(of)} an hour" if of else "attempts an hour"
    unit(top, whose, flush=True)
    unit(bottom, "US$ spent since midnight", flush=True)
    told = f"{count(answered.sum())} attempts answered, {count(refused.sum())} refused"
    return finish(ax, title, f"{title} {told}; {usd(last)} spent.", ribbon)
