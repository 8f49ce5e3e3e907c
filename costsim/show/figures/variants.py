"""Runs of several variants: a dot a run, and the mean with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    BLUE,
    INK,
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
from costsim.show.formats import usd
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

_JITTER, _BAR = 0.12, 0.19  # rows from the dots' middle: how far they scatter, the mean's bar


@styled
def variant_runs(
    runs: DataFrame, means: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Dollars of every run of each variant, a dot a run, with the mean and its interval.

    Parameters
    ----------
    runs : DataFrame
        A row a run: ``variant`` and ``usd`` (0 or more). Rows without dollars are left out.
    means : DataFrame
        A row a variant, in the order in which they stand: ``variant``, ``mean``, ``mean_low``,
        ``mean_high`` (missing where a single run has no interval).
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"variant": ["caps", "caps"], "usd": [60.0, 90.0]})
    >>> means = pd.DataFrame({"variant": ["caps"], "mean": 75.0, "mean_low": 60, "mean_high": 90})
    >>> variant_runs(runs, means).texts[0].get_text()
    '$75.00'
    """
    need(runs, "variant", "usd")
    need(means, "variant", "mean", "mean_low", "mean_high")
    ax = canvas(ax, height_of(len(means), narrow_row=0.64, row=0.46))
    dots = runs.dropna(subset=["usd"])
    title = "Dollars of each run"
    if not len(dots) or not len(means):
        return nothing(ax, title, ribbon)
    dollar_axis(ax, max(float(dots["usd"].max()), float(means["mean_high"].max())), axis="x")
    rows(ax, [drawable(name, 18 if compact(ax) else 26) for name in means["variant"]])
    told = []
    for row, (_, one) in enumerate(means.iterrows()):
        _row(ax, row, dots.loc[dots["variant"] == one["variant"], "usd"], one)
        told.append(
            f"{plain(one['variant'], 40)}: mean {usd(one['mean'])}, "
            f"{usd(one['mean_low'])} to {usd(one['mean_high'])}"
        )
    ax.set(xlabel="US$", ylabel="")
    note = "a dot is a run; bar: the mean; line: its interval"
    return finish(ax, title, f"{title}, by variant. {'; '.join(told)}.", ribbon, below=note)


def _row(ax: Axes, row: int, dollars: Series[float], one: Series[float]) -> None:
    """Dots of one variant, below them its mean."""
    import numpy as np

    # scattered the same way every time; only the place along the axis means something
    middle = row + (0.2 if compact(ax) else 0.14)
    across = np.random.default_rng(row).uniform(-_JITTER, _JITTER, len(dollars)) + middle
    ax.scatter(dollars, across, s=12, color=BLUE, alpha=0.5, linewidth=0, clip_on=False)
    mean, top = float(one["mean"]), middle - _BAR
    ax.plot([mean, mean], [top, top + 2 * _BAR], color=INK, linewidth=2.2, zorder=4, clip_on=False)
    reach = [float(one["mean_low"]), float(one["mean_high"])]
    ax.plot(reach, [middle, middle], color=INK, linewidth=1.0, zorder=4, clip_on=False)
    text = say(ax, mean, top, usd(mean), by=(0, 1), va="bottom",
               size=SMALL_PT if compact(ax) else TEXT_PT)  # fmt: skip
    at = mean / float(ax.get_xlim()[1])
    text.set_horizontalalignment("left" if at < 0.12 else "right" if at > 0.88 else "center")
