"""What one cap lets through by ways of accounting, against calls in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    COMPACT_BELOW,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    drawing_width,
    log_axis,
    need,
    say,
    styled,
)
from costsim.show.formats import share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_CHECKS, _HOLDS = (ORANGE, ALERT, INK, MUTED), (BLUE, GREEN)
_TITLE = "What one cap lets through"


@styled
def cap_overshoot(
    frame: DataFrame, *, cap_usd: float, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Mean dollars under a cap against calls in flight, and the calls that open holds refuse.

    The two panels are the ``child_axes`` of the returned axes.

    Parameters
    ----------
    frame : DataFrame
        ``way`` (words), ``accounting`` ("check" or "reserve"), ``concurrency`` (above 0),
        ``spent_usd``, ``formula_usd`` (missing where there is none) and ``hold_denied_share``.
    cap_usd : float
        The cap, above 0.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"way": "looked at", "accounting": "check", "concurrency": 1.0, "spent_usd": 120.0}
    >>> rows = pd.DataFrame([row | {"formula_usd": 19.0, "hold_denied_share": 0.0}])
    >>> len(cap_overshoot(rows, cap_usd=100).child_axes)
    2
    """
    need(frame, "way", "accounting", "concurrency", "spent_usd", "formula_usd",
         "hold_denied_share")  # fmt: skip
    narrow = (drawing_width() < COMPACT_BELOW) if ax is None else compact(ax)
    upper, lower, between = (3.0, 1.3, 0.6) if narrow else (3.2, 1.4, 0.55)
    whole = upper + lower + between
    ax = canvas(ax, whole)
    if frame.empty:
        return nothing(ax, _TITLE, ribbon)
    ax.set_axis_off()
    top = canvas(ax.inset_axes((0, 1 - upper / whole, 1, upper / whole)), 0)
    bottom = canvas(ax.inset_axes((0, 0, 1, lower / whole)), 0)
    _spent(top, frame, cap_usd)
    _denied(bottom, frame[frame["accounting"] == "reserve"])
    last = frame[frame["concurrency"] == frame["concurrency"].max()]
    told = "; ".join(
        f"{plain(row.way, 60)}: {usd(row.spent_usd)}" for row in last.itertuples(index=False)
    )
    at = f"{float(last['concurrency'].iloc[0]):g} calls in flight"
    title = f"{_TITLE}: {usd(cap_usd)}, by how calls are accounted"
    return finish(ax, title, f"{title}. With {at}: {told}.", ribbon)


def _spent(ax: Axes, frame: DataFrame, cap: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    size = SMALL_PT if compact(ax) else TEXT_PT
    _across(ax, frame)
    low = min(float(frame["spent_usd"].min()), cap)
    high = max(float(frame["spent_usd"].max()), cap)
    ax.set_yscale("log")
    ax.set_ylim(low / 1.7, high * 2)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: usd_short(value)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    ax.axhline(cap, color=FAINT, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
    checks, holds = iter(_CHECKS), iter(_HOLDS)
    for way, part in frame.groupby("way", sort=False):
        rows = part.sort_values("concurrency")
        x, y = (rows[c].to_numpy(dtype=float) for c in ("concurrency", "spent_usd"))
        looks = rows["accounting"].iloc[0] == "check"
        colour = next(checks if looks else holds, MUTED)
        ax.plot(x, y, "o" if looks else "s-", color=colour, markersize=5 if looks else 4, zorder=4)
        if looks:
            ax.plot(x, cap + rows["formula_usd"].to_numpy(dtype=float), color=colour, linewidth=1.2)
            text = say(ax, x[-1], y[-1], str(way), by=(-9, 5), size=size, color=colour, ha="right",
                       va="bottom")  # fmt: skip
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    if (frame["accounting"] == "reserve").any():
        say(ax, float(frame["concurrency"].min()), cap, "reserved", by=(2, -12), size=size,
            color=_HOLDS[0], va="top")  # fmt: skip
    ax.tick_params(axis="x", labelbottom=False)
    key = "dots: simulated; line: the formula"
    unit(ax, f"US$ let through, mean, log scale  ({key})" if not compact(ax) else
         "US$ let through, log; line: formula")  # fmt: skip


def _denied(ax: Axes, frame: DataFrame) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    _across(ax, frame)
    holds = iter(_HOLDS)
    size = SMALL_PT if compact(ax) else TEXT_PT
    for line, (way, part) in enumerate(frame.groupby("way", sort=False)):
        rows = part.sort_values("concurrency")
        x, y = (rows[c].to_numpy(dtype=float) for c in ("concurrency", "hold_denied_share"))
        colour = next(holds, MUTED)
        ax.plot(x, y, "s-", color=colour, markersize=4)
        # where few calls are in flight both lines lie low: the names stand above them
        say(ax, x[0], 1, str(way), on=ax.get_xaxis_transform(), by=(2, -3 - 14 * line), size=size,
            color=colour, va="top")  # fmt: skip
    top = max(float(frame["hold_denied_share"].max()) * 1.3, 0.01) if len(frame) else 1.0
    ax.set_ylim(0, top)
    places = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top)
    ax.yaxis.set_major_locator(FixedLocator([t for t in places if 0 <= t <= top]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(round(value, 9))))
    ax.yaxis.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    ax.set_xlabel("calls in flight on average, log scale", loc="right", color=MUTED,
                  fontsize=SMALL_PT)  # fmt: skip
    unit(ax, "% of calls refused by open holds alone" if compact(ax) else
         "% of calls refused only because of open holds, until the cap is spent")  # fmt: skip


def _across(ax: Axes, frame: DataFrame) -> None:
    x = frame["concurrency"]
    low, high = (float(x.min()), float(x.max())) if len(x) else (0.1, 10.0)
    log_axis(ax, low / 1.25, high * 1.25, lambda value: f"{value:g}")
