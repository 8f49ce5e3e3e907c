"""What limits do: a month's dollars without and with them, and who is blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, wrapped
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    COMPACT_BELOW,
    FONT,
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
    width_pt,
)
from costsim.show.formats import share, usd
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_BETWEEN = 0.8  # inches between panels that stand one above the other


@styled
def limits_effect(
    runs: DataFrame,
    blocked: DataFrame,
    *,
    budget_usd: float | None = None,
    each: str = "run",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A month's dollars without and with limits, a dot a run, and who is blocked at least once.

    The two panels are the ``child_axes`` of the returned axes.

    Parameters
    ----------
    runs : DataFrame
        A row a run: ``variant`` (in the order in which they stand) and ``usd`` (0 or more).
    blocked : DataFrame
        A row a group of users: ``kind``, ``name``, ``blocked_share`` (0 to 1) with its interval
        ``low`` and ``high``.
    budget_usd : float, optional
        Drawn as a line across the dollars.
    each : str
        What a dot is.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"variant": ["none", "caps"], "usd": [90.0, 60.0]})
    >>> blocked = pd.DataFrame({"kind": ["tier"], "name": ["free"], "blocked_share": [0.2],
    ...                         "low": [0.1], "high": [0.3]})
    >>> len(limits_effect(runs, blocked, budget_usd=70).child_axes)
    2
    """
    need(runs, "variant", "usd")
    need(blocked, "kind", "name", "blocked_share", "low", "high")
    dots = runs.dropna(subset=["usd"])
    known = blocked.dropna(subset=["blocked_share"])
    variants = list(dict.fromkeys(dots["variant"]))
    narrow = drawing_width() < COMPACT_BELOW
    upper, lower = height_of(len(variants), narrow_row=0.8, row=0.5), height_of(len(known))
    whole = upper + lower + _BETWEEN
    title = "What the limits do" if narrow else "What the limits do to the month, and to whom"
    ax = canvas(ax, whole)
    if not len(dots) or not len(known):
        return nothing(ax, title, ribbon)
    ax.set_axis_off()
    top = ax.inset_axes((0, 1 - upper / whole, 1, upper / whole))
    bottom = ax.inset_axes((0, 0, 1, lower / whole))
    for panel in (top, bottom):
        canvas(panel, 0)
    _dollars(top, dots, variants, budget_usd, each)
    _people(bottom, known)
    means = dots.groupby("variant", sort=False)["usd"].mean()
    told = "; ".join(f"{plain(name, 40)}: mean {usd(mean)}" for name, mean in means.items())
    told += f"; budget {usd(budget_usd)}" if budget_usd is not None else ""
    who = "; ".join(
        f"{row.kind} {plain(row.name, 40)} {share(row.blocked_share)}"
        for row in known.itertuples(index=False)
    )
    return finish(ax, title, f"Dollars of the month. {told}. Blocked at least once: {who}.", ribbon)


def _dollars(
    ax: Axes, dots: DataFrame, variants: list[str], budget: float | None, each: str
) -> None:
    import numpy as np

    dollar_axis(ax, max(float(dots["usd"].max()), budget or 0.0), axis="x", room=1.15)
    rows(ax, [drawable(name, 26) for name in variants], head=0.3)
    for row, name in enumerate(variants):
        usds = dots.loc[dots["variant"] == name, "usd"].to_numpy(float)
        # scattered the same way every time; only the place along the axis means something
        middle = row + (0.3 if compact(ax) else 0.12)
        across = np.random.default_rng(row).uniform(-0.12, 0.12, len(usds)) + middle
        ax.scatter(usds, across, s=12, color=BLUE, alpha=0.5, linewidth=0, clip_on=False)
        mean = float(usds.mean())
        ax.plot([mean, mean], [middle - 0.2, middle + 0.2], color=INK, linewidth=2.2, zorder=4)
        text = say(ax, mean, middle - 0.2, usd(mean), by=(0, 1), va="bottom",
                   size=SMALL_PT if compact(ax) else TEXT_PT)  # fmt: skip
        at = mean / float(ax.get_xlim()[1])
        text.set_horizontalalignment("left" if at < 0.12 else "right" if at > 0.88 else "center")
    if budget is not None:
        ax.axvline(budget, color=ALERT, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
    label = f"US$ of the month; a dot is a {each}, the bar their mean"
    label += "; dashed: the budget" if budget is not None else ""
    _label(ax, label)


def _people(ax: Axes, known: DataFrame) -> None:
    records = known.to_dict("records")
    shares = [float(one["blocked_share"]) for one in records]
    # the kind in words: a tier and a feature may have one name
    names = [f"{one['kind']} {drawable(one['name'], 20)}" for one in records]
    ax.barh(range(len(shares)), shares, 0.34 if compact(ax) else 0.6, color=tint(BLUE))
    rows(ax, names)
    ax.set_xlim(0, 1.15)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    size = SMALL_PT if compact(ax) else TEXT_PT
    for row, (one, part) in enumerate(zip(records, shares, strict=True)):
        low, high = float(one["low"]), float(one["high"])
        ax.plot([low, high], [row, row], color=INK, linewidth=1.0, zorder=4)
        say(ax, max(high, part), row, share(part), by=(5, 0), size=size)
    label = "% of users blocked at least once: of a feature, in it; else of the ordinary ones"
    _label(ax, label)


def _label(ax: Axes, text: str) -> None:
    told = wrapped(text, width_pt(ax, whole=True) - 60, SMALL_PT)
    ax.set_xlabel(told, loc="left", color=MUTED, fontsize=SMALL_PT, fontfamily=FONT)
