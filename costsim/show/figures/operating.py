"""An operating curve: dollars burned before an alarm against false alarms a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, unit
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    INK,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    dollar_axis,
    log_axis,
    need,
    say,
    styled,
    tint,
)
from costsim.show.formats import usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@styled
def operating_curve(
    frame: DataFrame,
    *,
    chosen: float | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dollars burned (median, 90th percentile) against measured false alarms a month.

    Parameters
    ----------
    frame : DataFrame
        ``wanted`` and ``measured`` false alarms a month, ``low`` and ``high`` of the measured,
        ``burned_median_usd``, ``burned_p90_usd``; a row a notch.
    chosen : float, optional
        Wanted rate to mark.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(wanted=1.0, measured=0.9, low=0.8, high=1.1, burned_median_usd=34.0,
    ...            burned_p90_usd=48.0)
    >>> operating_curve(pd.DataFrame([row])).get_xlabel()
    'false alarms a month, measured'
    """
    need(frame, "wanted", "measured", "low", "high", "burned_median_usd", "burned_p90_usd")
    title = "What a false alarm buys: dollars burned before the alarm"
    known = frame.dropna(subset=["burned_median_usd"])
    known = known[known["measured"] > 0].sort_values("measured")
    ax = canvas(ax, 3.2)
    if known.empty:
        return nothing(ax, title, ribbon, "there is no incident to judge by")
    x = known["measured"].to_numpy(dtype=float)
    middle = known["burned_median_usd"].to_numpy(dtype=float)
    far = known["burned_p90_usd"].to_numpy(dtype=float)
    dollar_axis(ax, float(far.max()), room=1.2)
    low, high = float(known["low"].clip(lower=0.01).min()), float(known["high"].max())
    log_axis(ax, low / 1.3, high * 1.6, lambda rate: f"{rate:g}")
    ax.fill_between(x, middle, far, color=tint(BLUE, 0.18), linewidth=0)
    ax.plot(x, far, color=tint(BLUE, 0.5), linewidth=1)
    spans = [x - known["low"].to_numpy(dtype=float), known["high"].to_numpy(dtype=float) - x]
    ax.errorbar(x, middle, xerr=spans, color=BLUE, marker="o", markersize=5, elinewidth=1)
    size = SMALL_PT if compact(ax) else TEXT_PT
    say(ax, x[-1], middle[-1], "median", by=(0, -14), size=size, color=BLUE)
    say(ax, x[-1], far[-1], "90th percentile", by=(-30, 7), size=size, color=INK)
    told = []
    for rate, usd_at, wanted in zip(x, middle, known["wanted"], strict=True):
        told.append(f"{usd(usd_at)} at {rate:.2f}")
        if chosen is not None and wanted == chosen:
            ax.plot([rate], [usd_at], color=ALERT, marker="o", markersize=8)
            say(ax, rate, usd_at, f"{usd(usd_at)}, as chosen", by=(4, 10), size=size)
    unit(ax, "US$")
    ax.set_xlabel("false alarms a month, measured", loc="right")
    alt = f"{title}, median by measured false alarms a month: {'; '.join(told)}."
    return finish(ax, title, alt, ribbon)


@styled
def operating_curves(
    frame: DataFrame,
    *,
    limit_usd: float | None = None,
    chosen: float | None = None,
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Median dollars burned against measured false alarms a month, a line a detector.

    The cheapest at the chosen rate is blue, foils and dummies are dotted; names stand at the ends
    of the lines of the cheapest six. Both axes are logarithmic.

    Parameters
    ----------
    frame : DataFrame
        ``detector``, ``wanted`` and ``measured`` false alarms a month, ``burned_median_usd``, and
        ``foil`` (bool); a row per detector and notch.
    limit_usd : float, optional
        What a detector burns that knows the incident beforehand: the limit line.
    chosen : float, optional
        Wanted rate by which detectors are ranked; the one in the middle by default.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [dict(detector="cusum", wanted=w, measured=w, burned_median_usd=50 / w, foil=False)
    ...         for w in (0.5, 1.0, 2.0)]
    >>> len(operating_curves(pd.DataFrame(rows), limit_usd=20.0).lines)
    2
    """
    need(frame, "detector", "wanted", "measured", "burned_median_usd", "foil")
    title = "What a false alarm buys, by detector"
    known = frame.dropna(subset=["burned_median_usd"])
    known = known[(known["measured"] > 0) & (known["burned_median_usd"] > 0)]
    ax = canvas(ax, 4.4)
    if known.empty:
        return nothing(ax, title, ribbon, "no detector sees the incident in most runs")
    rates = sorted(set(known["wanted"]))
    at = chosen if chosen in rates else rates[len(rates) // 2]
    rank = known[(known["wanted"] == at) & ~known["foil"]].sort_values("burned_median_usd")
    named = list(rank["detector"].head(6))
    size = SMALL_PT if compact(ax) else TEXT_PT
    low, high = float(known["burned_median_usd"].min()), float(known["burned_median_usd"].max())
    low = min(low, limit_usd or low)
    ax.set_yscale("log")
    ax.set_ylim(low / 1.6, high * 1.4)
    ax.yaxis.set_major_formatter(lambda value, _: usd_short(value))
    ax.yaxis.set_minor_formatter(lambda value, _: "")
    x_low, x_high = float(known["measured"].min()), float(known["measured"].max())
    log_axis(ax, x_low / 1.2, x_high * (6 if compact(ax) else 3), lambda rate: f"{rate:g}")
    ends, told = [], []
    for name, rows in known.groupby("detector", sort=False):
        line = rows.sort_values("wanted")
        best = bool(named) and name == named[0]
        foil = bool(line["foil"].any())
        ax.plot(
            line["measured"].to_numpy(dtype=float),
            line["burned_median_usd"].to_numpy(dtype=float),
            color=BLUE if best else tint(INK, 0.55 if name in named else 0.3),
            linestyle=":" if foil else "-",
            linewidth=2 if best else 1,
            marker="o",
            markersize=4 if best else 2,
            zorder=3 if best else 2,
        )
        if name in named:
            end = line.iloc[-1]
            ends.append((float(end["burned_median_usd"]), float(end["measured"]), str(name)))
    _names_at_ends(ax, sorted(ends), named[0] if named else "", size)
    if limit_usd is not None and limit_usd > 0:
        ax.axhline(limit_usd, color=ALERT, linewidth=1, linestyle="--")
        words = f"limit line, {usd(limit_usd)}: it knows the incident, not its moment"
        say(ax, x_low / 1.15, limit_usd, words, by=(2, -11), size=size, color=ALERT)
    for row in rank.itertuples():
        told.append(f"{plain(str(row.detector), 40)} {usd(row.burned_median_usd)}")
    unit(ax, "US$ burned, median")
    ax.set_xlabel("false alarms a month, measured", loc="right")
    alt = f"{title}: at {at:g} a month {'; '.join(told)}."
    if limit_usd is not None:
        alt += f" The limit line is {usd(limit_usd)}."
    return finish(ax, title, alt, ribbon)


def _names_at_ends(ax: Axes, ends: list[tuple[float, float, str]], best: str, size: float) -> None:
    """Names to the right of the lines' ends, kept a line of text apart."""
    from math import log

    from matplotlib.patheffects import withStroke

    low, high = ax.get_ylim()
    height = ax.get_window_extent().height or 1.0
    gap = 1.35 * size * ax.figure.dpi / 72 / height * log(high / low)
    last = log(low)
    for y, x, name in ends:
        last = max(log(y), last + gap)
        by = (6, (last - log(y)) / log(high / low) * height * 72 / ax.figure.dpi - size / 3)
        word = say(ax, x, y, plain(name, 22), by=by, size=size, color=BLUE if name == best else INK)
        word.set_path_effects([withStroke(linewidth=3, foreground="white")])  # lines run beneath
        word.set_zorder(4)
