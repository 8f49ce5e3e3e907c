"""How the cost of a call is spread, feature by feature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon
from costsim.show.figures.flags import Flag, flags
from costsim.show.figures.header import finish, nothing, text_width, unit
from costsim.show.figures.style import (
    GRID,
    INK,
    OTHER,
    SERIES,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    drawable,
    log_axis,
    need,
    root,
    styled,
    tall,
    width_pt,
)
from costsim.show.formats import count, is_unknown, share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

_MOST = 8  # features with a line of their own
_POINTS = 500  # a line: no share is off by more than half of 1/500
_LEVEL_PT = 16.0  # points of height for each name above the lines
_MARGIN_PT = 30.0  # left of the axes that names may use: beside them there are no tick labels
_COLOURS = (*SERIES, "#7a5195", "#8a6d3b", INK)


@styled
def cost_distribution(
    frame: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Share of a feature's calls that cost at most so much, on a logarithmic dollar axis.

    Parameters
    ----------
    frame : DataFrame
        A row a call: ``feature_name``, ``usd`` (0 or more). Calls without a price are left out;
        calls that cost nothing stand at the left edge.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Notes
    -----
    Features with more than 500 calls are drawn from 500 evenly spaced order statistics, the least
    and the largest among them. Of more than eight features the seven with the most dollars have
    lines of their own and the others one together.

    Examples
    --------
    >>> import pandas as pd
    >>> calls = pd.DataFrame({"feature_name": ["chat"] * 3, "usd": [0.01, 0.02, 0.4]})
    >>> cost_distribution(calls).get_xlabel()
    'US$ per call, log scale'
    """
    import numpy as np

    need(frame, "feature_name", "usd")
    title = "What calls cost, by feature"
    groups = _groups(frame)
    edges = np.concatenate([np.array([]), *(g["values"] for g in groups)])
    edges = edges[edges > 0]
    names_in = len(groups) * _LEVEL_PT / 72 + 0.1
    ax = canvas(ax, 2.4 + names_in)
    if not len(edges):
        return nothing(ax, title, ribbon)
    texts = _texts(ax, groups)
    low, high = _limits(ax, groups, texts, float(edges.min()) / 1.6, float(edges.max()) * 1.15)
    log_axis(ax, low, high, usd_short)
    _lines(ax, groups, low)
    height = tall.get(ax) or ax.get_window_extent().height / root(ax).dpi
    above = min(names_in / height, 0.7)
    ax.set_ylim(0, 1 / (1 - above))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], [share(x) for x in (0, 0.25, 0.5, 0.75, 1)])
    ax.yaxis.grid(visible=True, color=GRID, linewidth=0.8)
    points = []
    for group, text in zip(groups, texts, strict=True):
        end = max(float(group["values"][-1]), low)
        ax.plot([end], [1], "o", color=group["colour"], markersize=5, zorder=4, clip_on=False)
        points.append(Flag(end, 1.0, text, group["colour"], ink=INK))
    ax.set_xlabel("US$ per call, log scale")
    unit(ax, "share of calls that cost at most so much, %")
    finish(ax, title, f"{title}. {_told(groups)}.", ribbon, below=_note(groups))
    flags(ax, points, np.array([[low, 1.0], [high, 1.0]]), beyond=(_MARGIN_PT, 0))
    return ax


def _groups(frame: DataFrame) -> list[dict[str, Any]]:
    """Each feature's costs in rising order with name and colour, the dearest median first."""
    import numpy as np

    known = frame.loc[frame["usd"].notna(), ["feature_name", "usd"]]
    found: list[tuple[str, NDArray[float64]]] = [
        ("(no feature)" if is_unknown(name) else str(name), part.to_numpy(dtype=float))
        for name, part in known.groupby("feature_name", dropna=False, observed=True)["usd"]
    ]
    found.sort(key=lambda one: (-float(one[1].sum()), one[0]))
    colours = [*_COLOURS]
    if len(found) > _MOST:
        rest = found[_MOST - 1 :]
        others = (f"{len(rest)} others", np.concatenate([values for _, values in rest]))
        found = [*found[: _MOST - 1], others]
        colours = [*_COLOURS[: _MOST - 1], OTHER]
    groups: list[dict[str, Any]] = []
    for (name, unsorted), colour in zip(found, colours, strict=False):
        values = np.sort(unsorted)
        groups.append(
            {
                "name": name,
                "colour": colour,
                "calls": len(values),
                "free": int((values <= 0).sum()),
                "median": float(np.median(values)),
                "p95": float(np.quantile(values, 0.95)),
                "values": _thinned(values),
            }
        )
    return sorted(groups, key=lambda g: (-g["median"], g["name"]))


def _thinned(values: NDArray[float64]) -> NDArray[float64]:
    """At most 500 of the sorted values, evenly spaced by rank, with both ends."""
    import numpy as np

    if len(values) <= _POINTS:
        return values
    ranks = np.linspace(0, len(values) - 1, _POINTS).round().astype(np.int64)
    return np.asarray(values[ranks], dtype=float)


def _texts(ax: Axes, groups: list[dict[str, Any]]) -> list[str]:
    if compact(ax):
        return [drawable(group["name"], 16) for group in groups]
    return [f"{drawable(group['name'])}, median {usd(group['median'])}" for group in groups]


def _limits(
    ax: Axes, groups: list[dict[str, Any]], texts: list[str], low: float, high: float
) -> tuple[float, float]:
    """Ends of the axis: all lines, and room for each name at the left of its line's end."""
    size = SMALL_PT if compact(ax) else TEXT_PT
    points = max(width_pt(ax, whole=True) - 60, 100.0)
    for group, text in zip(groups, texts, strict=True):
        part = min((text_width(text, size) + 10 - _MARGIN_PT) / points, 0.6)
        end = max(float(group["values"][-1]), low)
        if part > 0:
            wanted = (math.log(end) - part * math.log(high)) / (1 - part)
            low = min(low, math.exp(wanted))
    return low, high


def _lines(ax: Axes, groups: list[dict[str, Any]], low: float) -> None:
    import numpy as np
    import pandas as pd
    import seaborn as sns

    costs = [np.maximum(group["values"], low) for group in groups]
    line = np.repeat([str(i) for i in range(len(groups))], [len(values) for values in costs])
    drawn = pd.DataFrame({"usd": np.concatenate(costs), "line": line})
    palette = {str(i): group["colour"] for i, group in enumerate(groups)}
    sns.ecdfplot(
        data=drawn, x="usd", hue="line", hue_order=list(palette), palette=palette,
        legend=False, linewidth=1.9, ax=ax,
    )  # fmt: skip
    for curve in ax.lines:
        x, y = (np.asarray(part, dtype=float) for part in curve.get_data())
        x[0] = x[1]  # seaborn begins at minus infinity
        curve.set_data(x, y)


def _told(groups: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{plain(g['name'], 40)}: {count(g['calls'])} calls, median {usd(g['median'])}, "
        f"p95 {usd(g['p95'])}, at most {usd(g['values'][-1])}"
        for g in groups
    )


def _note(groups: list[dict[str, Any]]) -> str:
    free, calls = sum(g["free"] for g in groups), sum(g["calls"] for g in groups)
    return f"at the left edge: the {share(free / calls)} of calls that cost $0" if free else ""
