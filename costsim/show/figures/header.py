"""What stands around a drawing: title, units, note, ribbon, and its words for who cannot see it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from costsim.errors import DataError
from costsim.show.cards import RIBBON_COLOURS, Ribbon
from costsim.show.figures.style import (
    FONT,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    TITLE_PT,
    compact,
    drawable,
    offset,
    root,
    tall,
    width_pt,
)
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

_alt: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


@functools.lru_cache(maxsize=2048)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of one line in points as our font draws it."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    prop = FontProperties(family=FONT, size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(text, prop, ismath=False)
    return float(width)


def wrapped(text: str, room: float, size: float, weight: str = "normal") -> str:
    """Lines no wider than ``room`` points, broken between words."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def alt_text(target: Axes | Figure) -> str:
    """What a figure shows, in words; of a figure with several axes, all of them.

    Raises
    ------
    DataError
        For a figure that costsim did not draw.
    """
    found = _alt.get(target)
    if found is None:
        found = " ".join(_alt[ax] for ax in getattr(target, "axes", []) if ax in _alt)
        if not found or not hasattr(target, "get_size_inches"):
            raise DataError("figure has no alt text; draw it with costsim.show.figures")
    return found


def measure(ax: Axes) -> Bbox:
    """Extent of the axes with all that hangs on them, in points."""
    figure = root(ax)
    box = ax.get_tightbbox()
    if box is None:
        raise DataError("axes are invisible")
    from matplotlib.transforms import Bbox

    return Bbox(box.get_points() * 72 / figure.dpi)


def above_pt(ax: Axes) -> float:
    """How far the drawing already reaches above the axes, in points."""
    return overhang(ax)[1]


def unit(ax: Axes, text: str, *, flush: bool = False) -> None:
    """Name the vertical axis level above its top, where reading starts, instead of on its side."""
    left, up = (2.0, 0.0) if flush else overhang(ax)
    ax.set_ylabel(text, rotation=0, color=MUTED, fontsize=TEXT_PT, fontfamily=FONT)
    ax.yaxis.label.set(horizontalalignment="left", verticalalignment="bottom")
    ax.yaxis.set_label_coords(
        0, 1, transform=offset(ax, ax.transAxes, left, up + (2 if flush else 6))
    )


def overhang(ax: Axes) -> tuple[float, float]:
    """How far the drawing reaches to the left of and above the axes, in points (left: minus)."""
    box = measure(ax)
    frame = ax.get_window_extent()
    scale = 72 / root(ax).dpi
    return float(box.x0 - frame.x0 * scale), max(float(box.y1 - frame.y1 * scale), 0.0)


def finish(ax: Axes, title: str, alt: str, ribbon: Ribbon | None, *, below: str = "") -> Axes:
    """Title above and ribbon below all that is drawn, alt text; own figures get their height."""
    if below:
        note = wrapped(drawable(below, 600), width_pt(ax, whole=True) - 60, SMALL_PT)
        ax.set_xlabel("\n".join(part for part in (ax.get_xlabel(), note) if part))
    ax.xaxis.label.set(color=MUTED, fontsize=SMALL_PT, fontfamily=FONT)
    left, up = overhang(ax)
    ax.text(
        0,
        1,
        wrapped(title, width_pt(ax, whole=True) - 14, TITLE_PT, "bold"),
        transform=offset(ax, ax.transAxes, left, up + 8),
        fontsize=TITLE_PT,
        fontweight="bold",
        va="bottom",
    )
    if ribbon is not None:
        scale = 72 / root(ax).dpi
        down = float(measure(ax).y0 - ax.get_window_extent().y0 * scale)
        text = f"{ribbon.kind}  {drawable(ribbon.text, 34 if compact(ax) else 90)}"
        ax.text(
            0,
            0,
            text,
            transform=offset(ax, ax.transAxes, left, min(down, 0.0) - 9),
            fontsize=SMALL_PT - 0.5,
            fontweight="bold",
            color=RIBBON_COLOURS[ribbon.kind][0],
            va="top",
        )
    _fit(ax)
    _alt[ax] = plain(f"{alt} {ribbon}." if ribbon is not None else alt)
    return ax


def _fit(ax: Axes) -> None:
    """Give an own figure the height at which its axes are as tall as they were asked to be."""
    wanted = tall.get(ax)
    if wanted is None:
        return
    figure = root(ax)
    engine = figure.get_layout_engine()
    if engine is None:
        return
    # All that hangs on the axes is placed in points, so one step comes out exact.
    engine.execute(figure)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + wanted - ax.get_window_extent().height / figure.dpi)
    engine.execute(figure)


def nothing(
    ax: Axes, title: str, ribbon: Ribbon | None, why: str = "no data in this period"
) -> Axes:
    """Say that there is nothing to draw, rather than draw an empty frame."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", color=MUTED)
    return finish(ax, title, f"{title}: {why}.", ribbon)
