"""Every run of a study: what each detector let burn, a dot a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    FAINT,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    drawable,
    log_axis,
    need,
    say,
    styled,
)
from costsim.show.formats import count, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame

_LOG_BEYOND = 50.0  # times from the least to the most: then orders of magnitude matter
_JITTER, _BAR = 0.15, 0.19  # rows from the dots' middle: how far they scatter, the median's bar


@styled
def burned_runs(frame: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None) -> Axes:
    """Dollars burned in every run of each detector, a dot a run, with the median.

    Best median on top; foils, grey, below all others. Dollars start at zero, on a logarithmic
    scale where they differ by more than 50 times.

    Parameters
    ----------
    frame : DataFrame
        A row a run: ``detector``, ``burned_usd`` (0 or more), ``early`` (bool: its alarm came
        before the incident; drawn hollow at $0), ``missed`` (bool: no alarm; ``burned_usd`` is then
        the whole incident); optionally ``foil`` (bool). Rows without dollars are left out.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Notes
    -----
    The median is of the runs without an early alarm, a miss counted whole. Dots are scattered
    across their row from a fixed seed; only their place along the axis means something.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"detector": "cusum", "burned_usd": [60.0, 90.0, 0.0],
    ...                      "early": [False, False, True], "missed": False})
    >>> [text.get_text() for text in burned_runs(runs).texts[:2]]
    ['$75.00', '1 early, 0 missed']
    """
    need(frame, "detector", "burned_usd", "early", "missed")
    table = _table(frame)
    groups = _ranked(table)
    ax = canvas(ax, height_of(len(groups), narrow_row=0.64, row=0.46))
    if not groups:
        return nothing(ax, "Dollars burned in each run", ribbon)
    table["row"] = table["detector"].map({group["name"]: i for i, group in enumerate(groups)})
    dollars = table["burned_usd"].to_numpy(dtype=float)
    said = _dollar_scale(ax, dollars)
    _dots(ax, table, len(groups))
    names = [drawable(group["name"], 18 if compact(ax) else 26) for group in groups]
    rows(ax, names)
    _medians(ax, groups)
    if not compact(ax):
        for label, group in zip(ax.get_yticklabels(), groups, strict=True):
            label.set_color(MUTED if group["foil"] else INK)
    ax.set(xlabel=f"US$ burned until the first alarm{said}", ylabel="")
    most = {group["runs"] for group in groups}
    title = f"Dollars burned in each of {count(max(most))} runs" if len(most) == 1 else ""
    title = title or "Dollars burned in each run"
    told = "; ".join(
        f"{plain(g['name'], 40)}: median {usd(g['median'])}, {usd(g['low'])} to {usd(g['high'])}, "
        f"{_counts(g)}"
        for g in groups
    )
    return finish(ax, title, f"{title}, best first. {told}.", ribbon, below=_legend(table))


def _table(frame: DataFrame) -> DataFrame:
    """Runs as drawn: early ones at $0, flags without gaps, foils known."""
    flags = {
        name: frame[name].fillna(False).astype(bool) if name in frame.columns else False
        for name in ("early", "missed", "foil")
    }
    table = frame[["detector", "burned_usd"]].assign(**flags)
    table["burned_usd"] = table["burned_usd"].astype(float).mask(table["early"], 0.0)
    return table.dropna(subset=["detector", "burned_usd"]).reset_index(drop=True)


def _ranked(table: DataFrame) -> list[dict[str, Any]]:
    """Each detector's figures, best median first, foils last."""
    groups = []
    for name, runs in table.groupby("detector", sort=True, observed=True):
        heard = runs.loc[~runs["early"], "burned_usd"]
        groups.append(
            {
                "name": name,
                "runs": len(runs),
                "early": int(runs["early"].sum()),
                "missed": int((runs["missed"] & ~runs["early"]).sum()),
                "foil": bool(runs["foil"].any()),
                "median": float(heard.median()),
                "low": float(heard.min()),
                "high": float(heard.max()),
            }
        )
    # A detector that was early in every run has no median: after those that have one.
    return sorted(groups, key=lambda g: (g["foil"], g["median"] != g["median"], g["median"]))


def _counts(group: dict[str, Any]) -> str:
    return f"{count(group['early'])} early, {count(group['missed'])} missed"


def _dollar_scale(ax: Axes, dollars: NDArray[float64]) -> str:
    """The axis along the dots, and what to say of it."""
    import math

    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    positive = dollars[dollars > 0]
    if not len(positive) or positive.max() <= _LOG_BEYOND * positive.min():
        dollar_axis(ax, float(dollars.max()), axis="x")
        return ""
    least, high = float(positive.min()), float(positive.max()) * 1.25
    power = 10.0 ** math.floor(math.log10(least))
    low = max(step * power for step in (1, 2, 5) if step * power <= least * (1 + 1e-9))
    log_axis(ax, low, high, usd_short)
    if len(positive) == len(dollars):
        return ", log scale"
    # Zero has no place on a logarithmic scale: a short linear stretch leads from it to the rest.
    ticks = [0.0, *ax.get_xticks()]
    ax.set_xscale("symlog", linthresh=low, linscale=0.45)
    ax.set_xlim(0, high)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: usd_short(float(f"{value:.6g}"))))
    return f", log scale from {usd_short(low)}"


def _middle(ax: Axes) -> float:
    """Rows from a row's middle down to its dots: names and medians stand above them."""
    return 0.2 if compact(ax) else 0.14


def _dots(ax: Axes, table: DataFrame, number: int) -> None:
    """One strip of dots for each kind of run."""
    import numpy as np
    import seaborn as sns

    # seaborn scatters from numpy's global state; ours is the same every time.
    across = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(table)) + _middle(ax)
    early, missed, foil = (table[name] for name in ("early", "missed", "foil"))
    looks: list[tuple[Any, dict[str, Any]]] = [
        (~early & ~missed & foil, {"color": FAINT, "alpha": 0.6}),
        (~early & ~missed & ~foil, {"color": BLUE, "alpha": 0.5}),
        (early & foil, {"color": FAINT, "hollow": True}),
        (early & ~foil, {"color": BLUE, "hollow": True}),
        (~early & missed & foil, {"color": MUTED, "marker": "x", "linewidth": 1.0}),
        (~early & missed & ~foil, {"color": ALERT, "marker": "x", "linewidth": 1.1}),
    ]
    for which, look in looks:
        hollow = look.pop("hollow", False)
        before = len(ax.collections)
        part = table[which]
        sns.stripplot(
            data=part,
            x="burned_usd",
            y="row",
            order=range(number),
            orient="h",
            jitter=False,
            size=3.6 if compact(ax) else 4.2,
            legend=False,
            ax=ax,
            **{"linewidth": 0, "clip_on": False, **look},
        )
        for row, dots in enumerate(ax.collections[before:]):
            places = np.array(dots.get_offsets(), dtype=float)
            if len(places):
                places[:, 1] += across[(which & (table["row"] == row)).to_numpy()]
                dots.set_offsets(places)
            if hollow:
                dots.set(facecolor="none", edgecolor=look["color"], linewidth=0.9)


def _medians(ax: Axes, groups: list[dict[str, Any]]) -> None:
    """A bar and its dollars at each median; what was early or missed at the right."""
    narrow = compact(ax)
    size = SMALL_PT if narrow else TEXT_PT
    low, high = (float(x) for x in ax.transData.transform([(x, 0) for x in ax.get_xlim()])[:, 0])
    side = ax.get_yaxis_transform()
    for row, group in enumerate(groups):
        ink = MUTED if group["foil"] else INK
        if group["median"] == group["median"]:
            median = group["median"]
            top = row + _middle(ax) - _BAR
            ax.plot([median, median], [top, top + 2 * _BAR], color=ink, linewidth=2.2,
                    solid_capstyle="butt", zorder=4, clip_on=False)  # fmt: skip
            at = (float(ax.transData.transform((median, row))[0]) - low) / (high - low)
            text = say(ax, median, top, usd(median), by=(0, 1), color=ink, size=size,
                       va="bottom", bold=not group["foil"])  # fmt: skip
            text.set_horizontalalignment(
                "left" if at < 0.12 else "right" if at > 0.88 else "center"
            )
        if narrow:
            say(ax, 1, row - 0.27, _counts(group), on=side, size=SMALL_PT - 0.5, color=MUTED,
                ha="right", va="bottom")  # fmt: skip
        else:
            say(ax, 1, row, _counts(group), on=side, by=(10, 0), size=SMALL_PT, color=MUTED)


def _legend(table: DataFrame) -> str:
    notes = ["a dot is a run", "bar: the median"]
    if table["early"].any():
        notes[1] += " of the runs that were not early"
        notes.append("hollow: an alarm before the incident, $0")
    if (table["missed"] & ~table["early"]).any():
        notes.append("cross: missed, the whole incident")
    return "; ".join(notes)
