"""The hourly bill as a statistician sees it: decomposition and autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    FAINT,
    GRID,
    MUTED,
    SMALL_PT,
    canvas,
    compact,
    dollar_axis,
    need,
    styled,
)
from costsim.show.figures.time_axis import days, time_axis
from costsim.show.formats import number, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_PARTS = (
    ("observed", "observed"),
    ("trend", "trend"),
    ("seasonal", "weekly pattern"),
    ("residual", "what is left"),
)


@styled
def decomposition(
    frame: DataFrame,
    *,
    time_zone: str = "UTC",
    unit_name: str = "US$ per hour",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A series and its parts, one above the other on one time axis.

    The panels are the ``child_axes`` of the returned axes. Observed and trend start at zero where
    the unit is dollars; all four panels are drawn at their own scale.

    Parameters
    ----------
    frame : DataFrame
        ``time`` (aware), ``observed``, ``trend``, ``seasonal``, ``residual``.
    time_zone : str
        IANA zone of the axis.
    unit_name : str
        Unit of the values; dollars are formatted where it begins with ``US$``.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2024-08-09", periods=48, freq="h", tz="UTC")
    >>> parts = dict(observed=2.0, trend=1.0, seasonal=0.5, residual=0.5)
    >>> len(decomposition(pd.DataFrame({"time": time, **parts})).child_axes)
    4
    """
    import numpy as np

    need(frame, "time", *(name for name, _ in _PARTS))
    title = "The hourly bill taken apart" if "hour" in unit_name else "The bill taken apart"
    ax = canvas(ax, 4.4)
    if frame.empty:
        return nothing(ax, title, ribbon)
    x = days(frame["time"])
    ax.set_axis_off()
    money = unit_name.startswith("US$")
    bottoms = (0.79, 0.527, 0.263, 0)
    for (name, words), bottom in zip(_PARTS, bottoms, strict=True):
        panel = canvas(ax.inset_axes((0, bottom, 1, 0.18)), 0)
        y = frame[name].to_numpy(dtype=float)
        colour = MUTED if name == "residual" else BLUE
        known = y[np.isfinite(y)]
        if name in {"observed", "trend"} and money and (not len(known) or known.min() >= 0):
            dollar_axis(panel, float(known.max()) if len(known) else 0.0)
            panel.fill_between(x, 0, y, color=colour, alpha=0.15, linewidth=0)
        else:
            panel.axhline(0, color=FAINT, linewidth=0.8)
        panel.plot(x, y, color=colour, linewidth=1.0)
        time_axis(panel, float(x.min()), float(x.max()), time_zone)
        _few_ticks(panel, money)
        unit(panel, f"{words}, {unit_name}", flush=True)
        panel.spines["bottom"].set_visible(name == "residual")
        if name != "residual":
            panel.tick_params(axis="x", which="both", labelbottom=False, length=0)
            panel.set_xlabel("")
        else:
            panel.xaxis.label.set(color=MUTED, fontsize=SMALL_PT)
    residual = frame["residual"].to_numpy(dtype=float)
    spread = float(np.nanstd(residual))
    told = f"Standard deviation of what is left: {usd_short(spread) if money else number(spread)}."
    alt = f"{title} into trend, weekly pattern and the rest."
    return finish(ax, title, f"{alt} {told}", ribbon)


def _few_ticks(ax: Axes, money: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    show = usd_short if money else number
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(round(value, 10))))
    ax.yaxis.grid(visible=True, color=GRID, linewidth=0.8)


@styled
def autocorrelation(
    frame: DataFrame, *, of: str = "residuals", ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Correlation of a series with itself, by lag, and the band that independence would keep to.

    Parameters
    ----------
    frame : DataFrame
        ``lag`` (hours), ``acf`` (-1 to 1), ``low`` and ``high`` (bounds under independence).
    of : str
        What the series is.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> acf = pd.DataFrame({"lag": [1, 2], "acf": [0.7, 0.5], "low": -0.1, "high": 0.1})
    >>> autocorrelation(acf).get_xlabel().splitlines()[0]
    'lag, hours'
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter

    need(frame, "lag", "acf", "low", "high")
    title = f"Autocorrelation of the {plain(of, 40)}"
    ax = canvas(ax, 2.2)
    rows = frame[frame["lag"] > 0]  # at lag 0 it is 1 by definition, and would squash the rest
    if rows.empty:
        return nothing(ax, title, ribbon)
    lag = rows["lag"].to_numpy(dtype=float)
    acf = rows["acf"].to_numpy(dtype=float)
    low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
    outside = (acf < low) | (acf > high)
    ax.fill_between(lag, low, high, color=FAINT, alpha=0.28, linewidth=0)
    ax.axhline(0, color=FAINT, linewidth=0.9)
    for chosen, colour in ((~outside, BLUE), (outside, ALERT)):
        ax.vlines(lag[chosen], 0, acf[chosen], color=colour, linewidth=1.6)
        ax.plot(lag[chosen], acf[chosen], "o", color=colour, markersize=3.6, linestyle="none")
    edge = 0.6 * (lag[1] - lag[0] if len(lag) > 1 else 1)
    ax.set_xlim(lag[0] - edge, lag[-1] + edge)
    ax.set_ylim(min(-0.2, float(acf.min()) * 1.15), max(0.3, float(acf.max()) * 1.15))
    step = next(
        (s for s in (1, 2, 6, 12, 24, 48, 168) if lag[-1] / s <= (6 if compact(ax) else 12)), 336
    )
    ax.xaxis.set_major_locator(
        FixedLocator([t for t in range(0, int(lag[-1]) + 1, step) if t >= lag[0]])
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value, 9):g}"))
    ax.yaxis.grid(visible=True, color=GRID, linewidth=0.8)
    ax.set_xlabel("lag, hours")
    told = (
        f"{title}: {number(float(acf[0]), 2)} at lag {number(float(lag[0]))} h; "
        f"{int(outside.sum())} of {len(lag)} lags lie outside the band of independence."
    )
    unit(ax, "correlation, -1 to 1")
    note = "grey: what chance alone gives; orange: beyond it"
    return finish(ax, title, told, ribbon, below=note)
