"""Which assumption moves an estimate most: a bar each, the longest on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.labels import key
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    BLUE,
    INK,
    ORANGE,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    need,
    say,
    styled,
    tint,
)
from costsim.show.formats import trimmed, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_COLUMNS = ("assumption", "low", "high", "low_usd", "high_usd")


@styled
def tornado(
    frame: DataFrame,
    mean_usd: float,
    *,
    unit_of: str = "a month",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean dollars with each assumption at its low and at its high, around the mean.

    Parameters
    ----------
    frame : DataFrame
        ``assumption``, ``low``, ``high`` (its values), ``low_usd``, ``high_usd`` (the mean at
        them), the assumption that moves it most first.
    mean_usd : float
        The mean with all assumptions as they are.
    unit_of : str
        What the dollars are of.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> one = {"assumption": ["users"], "low": [500], "high": [900]}
    >>> one |= {"low_usd": [50.0], "high_usd": [90.0]}
    >>> tornado(pd.DataFrame(one), 70.0).get_xlabel()
    'US$ a month, mean'
    """
    need(frame, *_COLUMNS)
    title = f"What moves the cost of {plain(unit_of, 30)}"
    known = frame.dropna(subset=["low_usd", "high_usd"])
    ax = canvas(ax, height_of(len(known)) + 0.3)
    if known.empty:
        return nothing(ax, title, ribbon, "no assumption is a range")
    narrow = compact(ax)
    size = SMALL_PT if narrow else TEXT_PT
    names = [str(name) for name in known["assumption"]]
    ends = known[list(_COLUMNS[1:])].to_numpy(dtype=float).tolist()
    rows(ax, [drawable(name, 30) for name in names], head=0.55)
    top = max(mean_usd, *(max(low_usd, high_usd) for _, _, low_usd, high_usd in ends))
    dollar_axis(ax, top, axis="x", room=1.75 if narrow else 1.55)
    told = []
    for row, (low, high, low_usd, high_usd) in enumerate(ends):
        bars = [(low_usd, BLUE), (high_usd, ORANGE)]
        # Both ends may lie on one side of the mean: the longer bar goes below the shorter.
        for usd_at, colour in sorted(bars, key=lambda bar: -abs(bar[0] - mean_usd)):
            left = min(usd_at, mean_usd)
            height = 0.3 if narrow else 0.56
            ax.barh([row], [abs(usd_at - mean_usd)], height, left=[left], color=tint(colour))
        right = max(low_usd, high_usd, mean_usd)
        show = usd_short if narrow else usd
        said = f"{show(low_usd)} at {trimmed(low)}, {show(high_usd)} at {trimmed(high)}"
        say(ax, right, row, said, by=(6, 0), size=size)
        told.append(
            f"{plain(names[row], 40)} {usd(low_usd)} at {trimmed(low)} to {usd(high_usd)} at "
            f"{trimmed(high)}"
        )
    if narrow:  # names stand between the bars
        ax.vlines([mean_usd] * len(ends), *_around(len(ends)), color=INK, linewidth=1)
    else:
        ax.axvline(mean_usd, color=INK, linewidth=1)
    say(ax, mean_usd, -0.72, f"mean {usd(mean_usd)}", by=(4, 0), size=size)
    key(ax, [("at its low", BLUE), ("at its high", ORANGE)])
    ax.set_xlabel(f"US$ {plain(unit_of, 30)}, mean", loc="right")
    alt = f"{title}, each assumption moved alone around the mean of {usd(mean_usd)}: "
    return finish(ax, title, f"{alt}{'; '.join(told)}.", ribbon)


def _around(count: int) -> tuple[list[float], list[float]]:
    """From where to where the mean is marked at each bar."""
    return [row - 0.22 for row in range(count)], [row + 0.22 for row in range(count)]
