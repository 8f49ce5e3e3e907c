"""Direct labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from costsim.show.figures.header import above_pt, text_width
from costsim.show.figures.style import INK, SMALL_PT, TEXT_PT, compact, offset, root

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = 15.0  # points from one line of a key to the next


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart, in the order wanted, moved as little as possible.

    Least squares under order constraints, by pooling adjacent violators.

    Parameters
    ----------
    wanted : sequence of float
        Wished places, in any order.
    gap : float
        Least distance, above 0.
    low, high : float
        Bounds; where all cannot fit, the distance shrinks.

    Examples
    --------
    >>> spread([5.0, 5.0, 9.0], gap=2.0, low=0.0, high=10.0)
    [4.0, 6.0, 9.0]
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[tuple[float, int]] = []  # mean of (wanted - rank x gap), size
    for rank, i in enumerate(order):
        mean, size = wanted[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, number = blocks.pop()
            mean = (before * number + mean * size) / (number + size)
            size += number
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    top = high - (len(order) - 1) * gap
    places = [0.0] * len(wanted)
    for rank, i in enumerate(order):
        places[i] = min(max(flat[rank], low), max(top, low)) + rank * gap
    return places


def key(ax: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Names with their colour: a column at the right; on a phone, lines above the drawing.

    Parameters
    ----------
    entries : sequence of (text, colour)
        From top to bottom of what is drawn.
    """
    if not compact(ax):
        for row, (text, colour) in enumerate(entries):
            _entry(ax, text, colour, 1, 12.0, -_LINE * (row + 0.5))
        return
    room = float(root(ax).get_size_inches()[0]) * 72 - 60
    base = above_pt(ax) + 4
    rows: list[list[tuple[str, str, float]]] = [[]]
    used = 0.0
    for text, colour in entries:
        width = text_width(text, SMALL_PT) + 24
        if rows[-1] and used + width > room:
            rows.append([])
            used = 0.0
        rows[-1].append((text, colour, used))
        used += width
    for up, row_entries in enumerate(reversed(rows)):
        for text, colour, x in row_entries:
            _entry(ax, text, colour, 0, x, base + 13.0 * (up + 0.5), at_top=True)


def _entry(
    ax: Axes, text: str, colour: str, side: float, x: float, y: float, *, at_top: bool = True
) -> None:
    height = 1 if at_top else 0
    place = offset(ax, ax.transAxes, x, y)
    (square,) = ax.plot([side], [height], "s", color=colour, transform=place, clip_on=False)
    square.set(markersize=6.5, markeredgewidth=0)
    ax.text(
        side,
        height,
        text,
        transform=offset(ax, ax.transAxes, x + 9, y),
        va="center_baseline",
        fontsize=SMALL_PT if compact(ax) else TEXT_PT,
        color=INK,
    )
