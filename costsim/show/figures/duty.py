"""What an alarm is worth with people in the loop: dollars at the alarm, and at the act after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon
from costsim.show.figures.header import finish, nothing, wrapped
from costsim.show.figures.parts import height_of, rows
from costsim.show.figures.style import (
    ALERT,
    BLUE,
    FAINT,
    FONT,
    GREEN,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    canvas,
    compact,
    drawable,
    log_axis,
    need,
    say,
    styled,
    width_pt,
)
from costsim.show.formats import share, usd, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_DOTS = (("alarm_usd", BLUE, "o"), ("day_usd", GREEN, "s"), ("night_usd", INK, "D"))


@styled
def duty_dollars(
    frame: DataFrame,
    *,
    what: str = "median",
    ribbon: Ribbon | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dollars burned by each detector's alarm, and by the act after it, by day and by night.

    Parameters
    ----------
    frame : DataFrame
        A row a detector: ``detector``, ``alarm_usd``, ``day_usd``, ``night_usd`` and
        ``left_alone_usd``; best first. Optionally ``missed``, the share of runs without an alarm:
        above a half it is said instead.
    what : str
        What the dollars are: of one week, or a median over runs.
    ribbon : Ribbon, optional
    ax : Axes, optional

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(detector="cusum", alarm_usd=40.0, day_usd=60.0, night_usd=2000.0,
    ...            left_alone_usd=26000.0)
    >>> duty_dollars(pd.DataFrame([row])).get_xscale()
    'log'
    """
    need(frame, "detector", "alarm_usd", "day_usd", "night_usd", "left_alone_usd")
    title = "What the incident would have cost with each detector on duty"
    records: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    ax = canvas(ax, height_of(len(records)) + 0.35)
    positive = [r[name] for r in records for name, _, _ in _DOTS if r[name] > 0]
    if not positive:
        return nothing(ax, title, ribbon, "nothing was burned")
    alone = max(r["left_alone_usd"] for r in records)
    low = min(positive) / 1.6
    log_axis(ax, low, alone * 1.9, usd_short)
    size = SMALL_PT if compact(ax) else TEXT_PT
    ax.axvline(alone, color=ALERT, linewidth=1.2, zorder=1)
    names = [drawable(r["detector"], 26) for r in records]
    rows(ax, names, head=0.75)
    told = []
    for row, record in enumerate(records):
        if record.get("missed", 0.0) > 0.5:
            said = "no alarm"
            if record["missed"] < 1:
                said += f" in {share(record['missed'])} of the runs"
            side = ax.get_yaxis_transform()
            say(ax, 0, row, said, on=side, by=(4, 0), size=SMALL_PT, color=MUTED)
            told.append(f"{plain(record['detector'], 40)}: {said}")
            continue
        values = [max(float(record[name]), low) for name, _, _ in _DOTS]
        ax.plot([values[0], values[-1]], [row, row], color=FAINT, linewidth=1.4, zorder=2)
        for value, (_, colour, mark) in zip(values, _DOTS, strict=True):
            ax.plot([value], [row], mark, color=colour, markersize=6, zorder=4,
                    markeredgecolor="white", markeredgewidth=0.8, clip_on=False)  # fmt: skip
        told.append(
            f"{plain(record['detector'], 40)}: {usd(record['alarm_usd'])} by the alarm, "
            f"{usd(record['day_usd'])} acted on by day, {usd(record['night_usd'])} by night"
        )
    first = records[0]
    words = () if compact(ax) or first.get("missed", 0.0) > 0.5 else ("alarm", "day", "night")
    for (name, colour, _), word in zip(_DOTS, words, strict=False):
        place = max(float(first[name]), low)
        say(ax, place, -0.42, word, size=SMALL_PT, color=colour, ha="center", va="bottom")
    say(ax, alone, -0.85, f"nobody acts, {usd_short(alone)}", by=(-4, 0), size=size, color=ALERT,
        ha="right")  # fmt: skip
    said = f"US$ burned, {what}, log scale: at the alarm (dot), acted on by day (square), by night "
    said = wrapped(f"{said}(diamond)", width_pt(ax, whole=True) - 30, SMALL_PT)
    ax.set_xlabel(said, loc="left", color=MUTED, fontsize=SMALL_PT, fontfamily=FONT)
    alt = f"{title}, dollars burned, {what}: {'; '.join(told)}; {usd(alone)} if nobody acts."
    return finish(ax, title, alt, ribbon)
