"""What limits keep of each incident, and what goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    drawable,
    need,
    say,
    styled,
    tint,
)
from costsim.show.formats import is_unknown, share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@styled
def kept_shares(
    frame: DataFrame,
    *,
    title: str = "What the limits keep of each incident",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A bar an incident: the part of its dollars that limits keep, and the part that goes through.

    Parameters
    ----------
    frame : DataFrame
        ``scenario``, ``adds_usd`` (without limits), ``left_usd`` (with them) and ``kept_share``
        (missing where an incident adds nothing); above 1 or below 0 is drawn as 1 or 0.
    title : str
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> one = {"scenario": ["loop"], "adds_usd": [100.0], "left_usd": [20.0], "kept_share": [0.8]}
    >>> [text.get_text() for text in kept_shares(pd.DataFrame(one)).texts][0]
    '$100 → $20'
    """
    need(frame, "scenario", "adds_usd", "left_usd", "kept_share")
    ax = canvas(ax, height_of(len(frame)))
    if frame.empty:
        return nothing(ax, title, ribbon)
    records = frame.to_dict("records")
    height = 0.34 if compact(ax) else 0.62
    size = SMALL_PT if compact(ax) else TEXT_PT
    told = []
    for row, one in enumerate(records):
        name, kept = plain(one["scenario"], 40), one["kept_share"]
        if is_unknown(kept):
            say(ax, 0, row, "adds nothing that is billed", by=(4, 0), size=size, color=MUTED)
            told.append(f"{name} adds nothing that is billed")
            continue
        part = min(max(float(kept), 0.0), 1.0)
        ax.barh(row, part, height, color=tint(BLUE))
        ax.barh(row, 1 - part, height, left=part, color=tint(ALERT, 0.35))
        left = max(float(one["left_usd"]), 0.0)
        say(ax, 1, row, f"{usd_short(one['adds_usd'])} → {usd_short(left)}", by=(6, 0), size=size)
        told.append(f"{name} {usd(one['adds_usd'])}, {share(part)} kept")
    rows(ax, [drawable(one["scenario"], 30) for one in records])
    ax.set_xlim(0, 1.5 if compact(ax) else 1.25)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    below = (
        "blue: kept; orange: goes through. US$ that the incident adds, without → with the limits"
    )
    return finish(ax, title, f"{title}: {'; '.join(told)}.", ribbon, below=below)
