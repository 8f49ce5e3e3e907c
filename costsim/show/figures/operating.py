"""An operating curve: dollars burned before an alarm against false alarms a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    INK,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    log_axis,
    need,
    say,
    styled,
    tint,
)
from costsim.show.formats import usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@styled
def operating_curve(
    frame: DataFrame,
    *,
    chosen: float | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dollars burned (median, 90th percentile) against measured false alarms a month.

    Parameters
    ----------
    frame : DataFrame
        ``wanted`` and ``measured`` false alarms a month, ``low`` and ``high`` of the measured,
        ``burned_median_usd``, ``burned_p90_usd``; a row a notch.
    chosen : float, optional
        Wanted rate to mark.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(wanted=1.0, measured=0.9, low=0.8, high=1.1, burned_median_usd=34.0,
    ...            burned_p90_usd=48.0)
    >>> operating_curve(pd.DataFrame([row])).get_xlabel()
    'false alarms a month, measured'
    """
    need(frame, "wanted", "measured", "low", "high", "burned_median_usd", "burned_p90_usd")
    title = "What a false alarm buys: dollars burned before the alarm"
    known = frame.dropna(subset=["burned_median_usd"])
    known = known[known["measured"] > 0].sort_values("measured")
    ax = canvas(ax, 3.2)
    if known.empty:
        return nothing(ax, title, ribbon, "there is no incident to judge by")
    x = known["measured"].to_numpy(dtype=float)
    middle = known["burned_median_usd"].to_numpy(dtype=float)
    far = known["burned_p90_usd"].to_numpy(dtype=float)
    dollar_axis(ax, float(far.max()), room=1.2)
    low, high = float(known["low"].clip(lower=0.01).min()), float(known["high"].max())
    log_axis(ax, low / 1.3, high * 1.6, lambda rate: f"{rate:g}")
    ax.fill_between(x, middle, far, color=tint(BLUE, 0.18), linewidth=0)
    ax.plot(x, far, color=tint(BLUE, 0.5), linewidth=1)
    spans = [x - known["low"].to_numpy(dtype=float), known["high"].to_numpy(dtype=float) - x]
    ax.errorbar(x, middle, xerr=spans, color=BLUE, marker="o", markersize=5, elinewidth=1)
    size = SMALL_PT if compact(ax) else TEXT_PT
    say(ax, x[-1], middle[-1], "median", by=(0, -14), size=size, color=BLUE)
    say(ax, x[-1], far[-1], "90th percentile", by=(-30, 7), size=size, color=INK)
    told = []
    for rate, usd_at, wanted in zip(x, middle, known["wanted"], strict=True):
        told.append(f"{usd(usd_at)} at {rate:.2f}")
        if chosen is not None and wanted == chosen:
            ax.plot([rate], [usd_at], color=ALERT, marker="o", markersize=8)
            say(ax, rate, usd_at, f"{usd(usd_at)}, as chosen", by=(4, 10), size=size)
    unit(ax, "US$")
    ax.set_xlabel("false alarms a month, measured", loc="right")
    alt = f"{title}, median by measured false alarms a month: {'; '.join(told)}."
    return finish(ax, title, alt, ribbon)
