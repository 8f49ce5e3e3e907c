"""Who and what the dollars went to: shares, ranges of one call, concentration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.errors import SettingError
from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    COMPACT_BELOW,
    FAINT,
    INK,
    MUTED,
    OTHER,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    drawing_width,
    log_axis,
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


def rows(ax: Axes, names: list[str], *, head: float = 0.0) -> None:
    """Names down the side, first on top; on a phone each stands above its row.

    Parameters
    ----------
    head : float
        Free rows above the first.
    """
    ax.set_ylim(len(names) - 0.4, -0.6 - head)
    ax.spines["bottom"].set_visible(False)
    if not compact(ax):
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(axis="y", labelcolor=INK, labelsize=TEXT_PT)
        return
    ax.set_yticks([])
    for row, name in enumerate(names):
        side = ax.get_yaxis_transform()
        say(ax, 0, row - 0.27, name, on=side, size=SMALL_PT, va="bottom")


def height_of(count: int, *, narrow_row: float = 0.44, row: float = 0.34) -> float:
    """Inches for so many rows."""
    each = narrow_row if drawing_width() < COMPACT_BELOW else row
    return each * max(count, 2) + 0.1


@styled
def breakdown(
    frame: DataFrame,
    *,
    title: str = "Where the money went",
    max_rows: int = 12,
    highlight: str | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dollars and share of each part, largest on top.

    Parameters
    ----------
    frame : DataFrame
        ``name`` (as it may be shown: users already masked), ``usd``, ``share`` (0 to 1).
    title : str
    max_rows : int
        Parts of their own, at least 1; the rest is one row.
    highlight : str, optional
        Name drawn in the colour of alarm.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> parts = pd.DataFrame({"name": ["a", "b"], "usd": [3.0, 1.0], "share": [0.75, 0.25]})
    >>> breakdown(parts).get_xlabel()
    'US$'
    """
    need(frame, "name", "usd", "share")
    if max_rows < 1:
        raise SettingError(f"max_rows must be at least 1; got {max_rows!r}")
    known = frame.sort_values("usd", ascending=False, kind="stable", na_position="last")
    if len(known) > max_rows + 1:
        own, rest = known.head(max_rows), known.iloc[max_rows:]
        listed = [(n, u, s, False) for n, u, s in _triples(own)]
        sums = rest[["usd", "share"]].sum(min_count=1)
        listed.append((f"{len(rest)} others", float(sums["usd"]), float(sums["share"]), True))
    else:
        listed = [(n, u, s, False) for n, u, s in _triples(known)]
    ax = canvas(ax, height_of(len(listed)))
    if frame.empty:
        return nothing(ax, title, ribbon)
    names = ["(none)" if is_unknown(n) else str(n) for n, *_ in listed]
    amounts = [0.0 if is_unknown(u) else u for _, u, _, _ in listed]
    colours = [
        OTHER if other else ALERT if name == highlight else BLUE
        for name, (*_, other) in zip(names, listed, strict=True)
    ]
    narrow = compact(ax)
    ax.barh(range(len(listed)), amounts, 0.34 if narrow else 0.62, color=[tint(c) for c in colours])
    rows(ax, [drawable(name, 34) for name in names])
    dollar_axis(ax, max(amounts), axis="x", room=1.45 if narrow else 1.2)
    for row, (_, amount, part, _) in enumerate(listed):
        size = SMALL_PT if narrow else TEXT_PT
        say(ax, amounts[row], row, f"{usd(amount)}  {share(part)}", by=(5, 0), size=size)
    ax.set_xlabel("US$", loc="right")
    told = "; ".join(
        f"{plain(name, 40)} {usd(u)}, {share(s)}"
        for name, (_, u, s, _) in zip(names, listed, strict=True)
    )
    return finish(ax, title, f"{title}: {told}.", ribbon)


def _triples(frame: DataFrame) -> list[tuple[object, float, float]]:
    columns = (frame["name"].tolist(), frame["usd"].tolist(), frame["share"].tolist())
    return list(zip(*columns, strict=True))


@styled
def cost_per_call(
    frame: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """What one call costs: median, 95th percentile and largest, on a logarithmic axis.

    Parameters
    ----------
    frame : DataFrame
        ``feature_name``, ``usd_low``, ``usd_p50``, ``usd_p95``, ``usd_max``. A low end of $0
        (cached or refused calls) is drawn at the left edge.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> one = {"feature_name": ["a"], "usd_low": [0.001], "usd_p50": [0.01], "usd_p95": [0.05]}
    >>> cost_per_call(pd.DataFrame(one | {"usd_max": [0.2]})).get_xscale()
    'log'
    """
    import numpy as np

    need(frame, "feature_name", "usd_low", "usd_p50", "usd_p95", "usd_max")
    title = "What one call costs"
    known = frame.dropna(subset=["usd_p50"]).sort_values("usd_p50", ascending=False, kind="stable")
    ax = canvas(ax, height_of(len(known)))
    values = known[["usd_low", "usd_p50", "usd_p95", "usd_max"]].to_numpy(dtype=float)
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return nothing(ax, title, ribbon)
    left, right = float(positive.min()) / 1.6, float(positive.max()) * (6 if compact(ax) else 3)
    log_axis(ax, left, right, usd_short)
    names = ["(no feature)" if is_unknown(n) else str(n) for n in known["feature_name"]]
    rows(ax, [drawable(name) for name in names], head=0.35)
    told = []
    narrow = compact(ax)
    size = SMALL_PT - 0.5 if narrow else SMALL_PT
    for row, (name, line) in enumerate(zip(names, values, strict=True)):
        low, middle, high, most = np.where(line > 0, line, left)
        ax.plot([low, most], [row, row], color=OTHER, linewidth=2, solid_capstyle="round")
        ax.plot([low, high], [row, row], color=tint(BLUE, 0.45), linewidth=5, solid_capstyle="butt")
        ax.plot([middle], [row], "o", color=BLUE, markersize=7, markeredgecolor="white")
        ax.plot([most], [row], "|", color=MUTED, markersize=9, markeredgewidth=1.4)
        said = usd(line[1]) if narrow else f"{usd(line[1])}, at most {usd(line[3])}"
        say(ax, most, row, said, by=(7, 0), size=size)
        told.append(f"{plain(name, 40)} {usd(line[1])}, p95 {usd(line[2])}, max {usd(line[3])}")
    _read(ax, values[0], left, size)
    ax.set_xlabel("US$ per call, log scale", loc="right")
    return finish(ax, title, f"Median cost of a call: {'; '.join(told)}.", ribbon)


def _read(ax: Axes, line: object, left: float, size: float) -> None:
    """Name the marks once, above the first row."""
    import numpy as np

    from costsim.show.figures.header import text_width
    from costsim.show.figures.labels import spread
    from costsim.show.figures.style import root

    values = np.asarray(line, dtype=float)
    root(ax).draw_without_rendering()
    scale = 72 / root(ax).dpi
    marks = [(values[1], "median"), (values[2], "p95"), (values[3], "largest")]
    marks = [(x, name) for x, name in marks if np.isfinite(x)]
    at = [float(ax.transData.transform((max(x, left), 0))[0]) * scale for x, _ in marks]
    gap = text_width("median", size) + 6
    axes_at = ax.get_window_extent()
    low, high = axes_at.x0 * scale, axes_at.x1 * scale
    for x, (_, name) in zip(spread(at, gap, low, high), marks, strict=True):
        across = (x - low) / (high - low)
        side = ax.get_yaxis_transform()
        say(ax, across, -0.52, name, on=side, size=size, color=MUTED, ha="center")


@styled
def concentration(
    frame: DataFrame,
    *,
    marks: tuple[float, ...] = (0.01, 0.1),
    of: str = "users",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """How much of the spend falls on the heaviest users.

    Parameters
    ----------
    frame : DataFrame
        ``rank_share`` (share of users, heaviest first) and ``cost_share`` (their share of the
        spend), both from 0 to 1 and rising.
    marks : tuple of float
        Shares of users to read off, 0 to 1.
    of : str
        What is ranked.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> curve = pd.DataFrame({"rank_share": [0.1, 1.0], "cost_share": [0.6, 1.0]})
    >>> concentration(curve, marks=(0.1,)).texts[0].get_text()
    'top 10%: 60% of spend'
    """
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter

    need(frame, "rank_share", "cost_share")
    title = f"How concentrated the spend is among {plain(of, 20)}"
    ax = canvas(ax, 3.0)
    if frame.empty:
        return nothing(ax, title, ribbon)
    x = np.concatenate([[0.0], frame["rank_share"].to_numpy(dtype=float)])
    y = np.concatenate([[0.0], frame["cost_share"].to_numpy(dtype=float)])
    fine = np.unique(np.concatenate([np.geomspace(1e-4, 1, 200), np.linspace(0, 1, 201), x[:100]]))
    fine = fine[(fine >= 0) & (fine <= 1)]
    height = np.interp(fine, x, y)
    ground = tint(BLUE, 0.10)
    ax.fill_between(fine, 0, height, color=ground, linewidth=0)
    ax.plot(fine, height, color=BLUE, linewidth=2)
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (2, 2)))
    ax.set(xlim=(0, 1), ylim=(0, 1.04))
    told = []
    size = SMALL_PT if compact(ax) else TEXT_PT
    last = np.inf
    for mark in sorted(marks, reverse=True):
        at = float(np.interp(mark, x, y))
        ax.plot([mark], [at], "o", color=BLUE, markersize=6, zorder=4, clip_on=False)
        told.append(f"top {mark * 100:g}% of {plain(of, 20)}: {share(at)}")
        level = min(at, last - 0.075)
        last = level
        said = f"top {mark * 100:g}%: {share(at)} of spend"
        text = say(ax, mark, level, said, by=(9, -3), size=size, va="top")
        text.set_bbox({"facecolor": ground, "edgecolor": "none", "pad": 1})
    say(ax, 0.62, 0.62, "if all spent\nthe same", by=(6, -4), size=SMALL_PT, color=MUTED, va="top")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: share(round(value, 9))))
    ax.yaxis.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    ax.set_xlabel(f"share of {plain(of, 20)}, heaviest first, %")
    told.reverse()
    unit(ax, "share of spend, %")
    return finish(ax, title, f"{title}. {'; '.join(told)}.", ribbon)
