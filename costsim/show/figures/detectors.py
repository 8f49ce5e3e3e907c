"""Detectors side by side: how late, how dear, how often in vain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    BLUE,
    COMPACT_BELOW,
    FAINT,
    FONT,
    GREEN,
    INK,
    MUTED,
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
)
from costsim.show.formats import hours, is_unknown, number, share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_BETWEEN = 0.55  # inches between panels that stand one above the other
_CLOCK = (0.25, 1.0, 4.0, 24.0, 168.0, 672.0)
_COLUMNS = (
    "detector", "delay_median_h", "delay_p90_h", "burned_median_usd", "burned_p90_usd",
    "caught_within_4h", "missed", "false_alarms_per_month", "fa_low", "fa_high",
)  # fmt: skip


@styled
def detector_comparison(
    frame: DataFrame, *, ribbon: Ribbon | None = None, ax: Axes | None = None
) -> Axes:
    """Delay and dollars burned of each detector: median (dot) to 90th percentile (whisker).

    Best on top, by median dollars; foils and dummies, grey, below all others. The two panels are
    the ``child_axes`` of the returned axes.

    Parameters
    ----------
    frame : DataFrame
        ``detector``, ``delay_median_h``, ``delay_p90_h``, ``burned_median_usd``,
        ``burned_p90_usd``, ``caught_within_4h`` and ``missed`` (shares), ``false_alarms_per_month``
        with its interval ``fa_low``, ``fa_high``; optionally ``foil`` (bool). A missing or infinite
        median means that most runs were missed, such a 90th percentile that a tenth was.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(detector="cusum", delay_median_h=2.0, delay_p90_h=4.0, burned_median_usd=140.0,
    ...            burned_p90_usd=410.0, caught_within_4h=0.93, missed=0.0,
    ...            false_alarms_per_month=1.02, fa_low=0.9, fa_high=1.2)
    >>> len(detector_comparison(pd.DataFrame([row])).child_axes)
    2
    """
    need(frame, *_COLUMNS)
    foil = frame["foil"].fillna(False).astype(bool) if "foil" in frame.columns else False
    table = frame.assign(foil=foil).sort_values(
        ["foil", "burned_median_usd", "delay_median_h"], kind="stable", na_position="last"
    )
    records: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    ax = canvas(ax, _height(len(records)))
    title = "How late and how dear: detectors at equal false alarms"
    if not records:
        return nothing(ax, title, ribbon)
    ax.set_axis_off()
    if compact(ax):
        title = "How late and how dear"
        each = 0.5 * (1 - _BETWEEN / _height(len(records)))
        late, dear = ax.inset_axes((0, 1 - each, 1, each)), ax.inset_axes((0, 0, 1, each))
    else:
        late, dear = ax.inset_axes((0, 0, 0.33, 1)), ax.inset_axes((0.37, 0, 0.31, 1))
    for panel in (late, dear):
        canvas(panel, 0)
    _panel(late, records, "delay_median_h", "delay_p90_h", "time to the first alarm", hours)
    _panel(dear, records, "burned_median_usd", "burned_p90_usd", "US$ burned until then", usd)
    names = [drawable(record["detector"], 26) for record in records]
    if compact(ax):
        rows(late, names, head=0.1)
        rows(dear, [f"{n}  {_rates(r)}" for n, r in zip(names, records, strict=True)], head=0.1)
    else:
        rows(late, names, head=0.35)
        rows(dear, [""] * len(names), head=0.35)
        _figures(ax, (late, dear), records)
        for label, record in zip(late.get_yticklabels(), records, strict=True):
            label.set_color(MUTED if record["foil"] else INK)
    told = "; ".join(
        f"{plain(r['detector'], 40)}: median {hours(r['delay_median_h'])} and "
        f"{usd(r['burned_median_usd'])}, {share(r['caught_within_4h'])} within 4 h, "
        f"{share(r['missed'])} missed, {number(r['false_alarms_per_month'], 2)} {_bounds(r)} "
        "false alarms a month"
        for r in records
    )
    return finish(ax, title, f"Detectors, best first. {told}.", ribbon)


def _height(count: int) -> float:
    return (
        2 * height_of(count) + _BETWEEN
        if drawing_width() < COMPACT_BELOW
        else 0.4 * max(count, 2) + 0.2
    )


def _rates(record: dict[str, Any]) -> str:
    return f"({number(record['false_alarms_per_month'], 2)} false a month)"


def _bounds(record: dict[str, Any]) -> str:
    return f"({number(record['fa_low'], 2)}–{number(record['fa_high'], 2)})"


def _span(value: float) -> str:
    return {24.0: "1 day", 168.0: "1 week", 672.0: "4 weeks"}.get(value, hours(value))


def _finite(value: Any) -> bool:
    return not is_unknown(value) and math.isfinite(value)


def _panel(
    ax: Axes, records: list[dict[str, Any]], middle: str, upper: str, label: str, show: Any
) -> None:
    values = [r[c] for r in records for c in (middle, upper) if _finite(r[c])]
    positive = [v for v in values if v > 0]
    dollars = show is usd
    narrow = compact(ax) or ax.get_position().width > 0.9
    # Dollars start at zero unless the detectors differ by orders of magnitude.
    log = bool(positive) and (not dollars or max(positive) > 50 * min(positive))
    if log:
        low, high = min(positive) / 1.8, max(positive)
        beyond = high * 1.5
        log_axis(ax, low, high * max((high / low) ** 0.45, 3), usd_short)
        if not dollars:
            ticks = [t for t in _CLOCK if low <= t <= high * 1.5]
            ax.set_xticks(ticks or [high], [_span(t) for t in ticks or [high]])
        label += ", log scale"
    else:
        low, high = 0.0, max(positive, default=1.0)
        beyond = high * 1.06
        dollar_axis(ax, high, axis="x", room=1.5)
    edge = ax.get_xlim()[1]
    for row, record in enumerate(records):
        colour = FAINT if record["foil"] else (GREEN if dollars else BLUE)
        ink = MUTED if record["foil"] else INK
        if not _finite(record[middle]):
            say(ax, 0, row, "most runs missed", on=ax.get_yaxis_transform(), by=(4, 0), color=MUTED)
            continue
        dot = max(float(record[middle]), low)
        known = _finite(record[upper])
        end = max(float(record[upper]), dot) if known else max(beyond, dot * 1.5)
        ax.plot([dot, end], [row, row], color=colour, linewidth=2.4, alpha=0.55,
                solid_capstyle="butt")  # fmt: skip
        mark = "|" if known else ">"
        ax.plot([end], [row], mark, color=colour, markersize=8 if known else 5, markeredgewidth=1.6)
        ax.plot([dot], [row], "o", color=colour, markersize=7.5, markeredgecolor="white", zorder=4)
        size = SMALL_PT if narrow else TEXT_PT
        say(ax, min(end, edge), row, show(record[middle]), by=(8, 0), size=size, color=ink)
    ax.set_xlabel(label, loc="left", color=MUTED, fontsize=SMALL_PT, fontfamily=FONT)


def _figures(ax: Axes, panels: tuple[Axes, Axes], records: list[dict[str, Any]]) -> None:
    """Shares and rates as a small table that continues the rows."""
    columns: list[tuple[float, str, Callable[[dict[str, Any]], str]]] = [
        (0.755, "caught\nin 4 h", lambda r: share(r["caught_within_4h"])),
        (0.84, "\nmissed", lambda r: share(r["missed"])),
        (0.905, "", lambda r: number(r["false_alarms_per_month"], 2)),
        (1.0, "false alarms\na month", lambda r: _bounds(r)),
    ]
    low, high = panels[1].get_ylim()
    for across, head, show in columns:
        above = ax.transAxes
        say(
            ax,
            across,
            1,
            head,
            on=above,
            by=(0, -4),
            size=SMALL_PT,
            color=MUTED,
            ha="right",
            va="bottom",
        )
        for row, record in enumerate(records):
            ink = MUTED if record["foil"] else INK
            up = (low - row) / (low - high)
            say(ax, across, up, show(record), on=ax.transAxes, ha="right", color=ink)
    for panel, text in zip(panels, ("delay", "burned"), strict=True):
        said = f"{text}: median to p90"
        say(
            panel,
            0,
            1,
            said,
            on=panel.transAxes,
            by=(0, -4),
            size=SMALL_PT,
            color=MUTED,
            va="bottom",
        )
