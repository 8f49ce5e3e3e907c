"""What drove a change of spend: a bar a feature, its parts by factor on either side of zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.labels import key
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    INK,
    SERIES,
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
from costsim.show.formats import usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

PARTS = {
    "volume": ("volume",),
    "retries": ("retries",),
    "tokens a call": ("input_tokens", "output_tokens"),
    "model": ("model",),
    "cache": ("cache",),
    "price": ("price",),
}
COLOURS = dict(zip(PARTS, (*SERIES, ALERT), strict=True))
MOST = 6


@styled
def spend_drivers(
    frame: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Dollars by which features changed, by factor.

    Parameters
    ----------
    frame : DataFrame
        ``feature_name``, ``change_usd``, and its parts: ``volume``, ``retries``,
        ``input_tokens``, ``output_tokens``, ``model``, ``cache``, ``price``. The six features
        that changed most are drawn.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> one = {"feature_name": ["chat"], "change_usd": [5.0], "volume": [2.0], "retries": [0.0]}
    >>> one |= {"input_tokens": [3.0], "output_tokens": [0.0], "model": [0.0], "cache": [0.0]}
    >>> spend_drivers(pd.DataFrame(one | {"price": [0.0]})).get_xlabel()
    'US$ more than in the weeks before'
    """
    factors = [column for columns in PARTS.values() for column in columns]
    need(frame, "feature_name", "change_usd", *factors)
    title = "What drove the change"
    order = frame["change_usd"].abs().sort_values(ascending=False).index[:MOST]
    shown = frame.loc[order]
    ax = canvas(ax, height_of(len(shown)) + 0.3)
    if shown.empty or not shown["change_usd"].abs().sum():
        return nothing(ax, title, ribbon, "no dollars changed")
    parts = shown[[]].assign(**{n: shown[list(c)].sum(axis=1) for n, c in PARTS.items()})
    rising = parts.clip(lower=0).sum(axis=1)
    rows(ax, [drawable(str(name), 30) for name in shown["feature_name"]], head=0.55)
    dollar_axis(ax, float(rising.max()), axis="x", room=1.35)
    ax.set_xlim(left=1.05 * float(parts.clip(upper=0).sum(axis=1).min()))
    height = 0.3 if compact(ax) else 0.56
    right, left = [0.0] * len(shown), [0.0] * len(shown)
    for name, part in parts.items():
        for row, value in enumerate(part.tolist()):
            begin = right if value > 0 else left
            ax.barh([row], [value], height, left=[begin[row]], color=COLOURS[str(name)])
            begin[row] += value
    ax.axvline(0, color=INK, linewidth=1)
    told = []
    show = usd_short if compact(ax) else usd
    for row, (name, change) in enumerate(
        zip(shown["feature_name"], shown["change_usd"], strict=True)
    ):
        text = f"{'+' if change >= 0 else '-'}{show(abs(change))}"
        say(ax, right[row], row, text, by=(6, 0), size=SMALL_PT if compact(ax) else TEXT_PT)
        largest = parts.iloc[row].abs().idxmax()
        told.append(f"{plain(str(name), 40)} {text}, most of it {largest}")
    used = [name for name in PARTS if parts[name].abs().sum() > 0.01 * rising.sum()]
    key(ax, [(name, COLOURS[name]) for name in used])
    ax.set_xlabel("US$ more than in the weeks before", loc="right")
    return finish(ax, title, f"{title}, in dollars by feature: {'; '.join(told)}.", ribbon)
