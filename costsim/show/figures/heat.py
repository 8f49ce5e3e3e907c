"""Detectors by incidents: a heat map of dollars burned before the alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.style import (
    INK,
    MUTED,
    SMALL_PT,
    canvas,
    drawable,
    need,
    styled,
)
from costsim.show.formats import is_unknown, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

LARGEST = 100.0
"""Times the limit line, from which on cells are equally dark."""
LIMIT = "limit line"


@styled
def detector_heat(
    frame: DataFrame,
    limits: DataFrame,
    *,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Median dollars burned by each detector on each incident, dark where it is far from possible.

    Colour is the ratio to the limit line of the incident, logarithmic and the same from 100 times
    on; cells say dollars, or that most runs were missed. Best on top.

    Parameters
    ----------
    frame : DataFrame
        ``scenario``, ``detector``, ``burned_median_usd``, ``missed`` (share), ``kept_runs``.
    limits : DataFrame
        ``scenario``, ``median_usd``: what the oracle burns.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"scenario": ["a"], "detector": ["cusum"], "missed": [0.0],
    ...                       "burned_median_usd": [40.0], "kept_runs": [100]})
    >>> limits = pd.DataFrame({"scenario": ["a"], "median_usd": [20.0]})
    >>> [text.get_text() for text in detector_heat(frame, limits).texts][:2]
    ['$20', '$40']
    """
    import numpy as np
    import seaborn as sns

    columns = ("scenario", "detector", "burned_median_usd", "missed", "kept_runs")
    need(frame, *columns)
    need(limits, "scenario", "median_usd")
    title = "Dollars burned before the alarm, at equal false alarms"
    order = list(limits["scenario"])
    cells: dict[tuple[str, str], tuple[float, str]] = {}
    least = {str(s): float(usd) for s, usd in zip(order, limits["median_usd"], strict=True)}
    for scenario in order:
        cells[LIMIT, scenario] = (1.0, _dollars(least[scenario]))
    for scenario, name, burned, missed, kept in frame[list(columns)].itertuples(index=False):
        unseen = missed > 0.5 or is_unknown(burned)
        said = "early" if not kept else "missed" if unseen else _dollars(burned)
        base = 1.0 if is_unknown(least[scenario]) else max(least[scenario], 1.0)
        times = LARGEST if unseen or not kept else burned / base
        cells[name, scenario] = (float(np.clip(times, 1, LARGEST)), said)
    names = sorted(
        set(frame["detector"]),
        key=lambda name: (sum(np.log(cells[name, s][0]) for s in order), name),
    )
    rows = [LIMIT, *names]
    ax = canvas(ax, 0.28 * len(rows) + 1.3)
    if not order or not names:
        return nothing(ax, title, ribbon)
    values = np.array([[np.log10(cells[name, s][0]) for s in order] for name in rows])
    words = np.array([[cells[name, s][1] for s in order] for name in rows])
    sns.heatmap(
        values, ax=ax, annot=words, fmt="", cbar=False, vmin=0, vmax=2.6, cmap="Blues",
        linewidths=1, annot_kws={"fontsize": SMALL_PT},
        xticklabels=[drawable(plain(s, 40), 18) for s in order],
        yticklabels=[drawable(plain(n, 40), 22) for n in rows],
    )  # fmt: skip
    ax.tick_params(axis="both", length=0, labelsize=SMALL_PT, colors=INK)
    ax.tick_params(axis="x", rotation=35, top=True, labeltop=True, bottom=False, labelbottom=False)
    for label in ax.get_xticklabels():
        label.set(ha="left", rotation_mode="anchor")
    ax.get_yticklabels()[0].set_color(MUTED)
    best: dict[str, Any] = {
        s: min(names, key=lambda name: (cells[name, s][0], name)) for s in order
    }
    told = "; ".join(
        f"{plain(s, 40)}: {plain(best[s], 40)} {cells[best[s], s][1]}, limit {cells[LIMIT, s][1]}"
        for s in order
    )
    return finish(ax, title, f"{title}. The best of each incident: {told}.", ribbon)


def _dollars(value: float) -> str:
    return "missed" if is_unknown(value) else usd_short(value)
