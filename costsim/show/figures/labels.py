"""Direct labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.show.figures.header import above_pt, text_width
from costsim.show.figures.style import INK, SMALL_PT, TEXT_PT, compact, offset, root

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox
    from numpy import float64
    from numpy.typing import NDArray

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
    ax.plot(
        [side], [height], marker="s", markersize=6.5, color=colour, transform=place,
        clip_on=False, markeredgewidth=0, linestyle="none",
    )  # fmt: skip
    ax.text(
        side,
        height,
        text,
        transform=offset(ax, ax.transAxes, x + 9, y),
        va="center_baseline",
        fontsize=SMALL_PT if compact(ax) else TEXT_PT,
        color=INK,
    )


@dataclass(frozen=True, slots=True)
class Flag:
    """A point on a curve and what to say of it."""

    x: float
    y: float
    text: str
    colour: str = INK
    bold: bool = False


def flags(
    ax: Axes, points: Sequence[Flag], curve: NDArray[float64], *, lines: Sequence[float] = ()
) -> list[Text]:
    """Flag each point: a thin stem and a text that meets no other text, stem or the curve.

    Parameters
    ----------
    points : sequence of Flag
        In data coordinates.
    curve : array of shape (n, 2)
        The drawn curve, in data coordinates, rising in x; texts stay above it.
    lines : sequence of float
        Heights of level lines that texts keep clear of.

    Returns
    -------
    list of Text
        One each, in the given order. Call after the layout is final.
    """
    import numpy as np
    from matplotlib.transforms import Bbox

    figure = root(ax)
    if root(ax).get_layout_engine() is None:
        figure.draw_without_rendering()
    area = ax.get_window_extent()
    pixel = figure.dpi / 72
    drawn = ax.transData.transform(curve)
    size = SMALL_PT if compact(ax) else TEXT_PT
    placed: list[Bbox] = []
    stems = [
        Bbox.from_extents(area.x0, y - 2 * pixel, area.x1, y + 2 * pixel)
        for y in (float(ax.transData.transform((ax.get_xlim()[0], line))[1]) for line in lines)
    ]
    texts: dict[int, Text] = {}

    def free(box: Bbox) -> bool:
        near = drawn[(drawn[:, 0] >= box.x0) & (drawn[:, 0] <= box.x1)]
        low = float(near[:, 1].max()) if len(near) else -np.inf
        edge = np.interp([box.x0, box.x1], drawn[:, 0], drawn[:, 1]).max()
        inside = box.x0 >= area.x0 - 2 and box.x1 <= area.x1 + 2 and box.y1 <= area.y1 + 2
        clear = box.y0 > max(low, float(edge)) + 2 * pixel
        return bool(inside and clear and not any(box.overlaps(o) for o in placed + stems))

    for i in sorted(range(len(points)), key=lambda i: points[i].x):
        point = points[i]
        text = ax.text(
            point.x, point.y, point.text, color=point.colour, fontsize=size, va="center",
            fontweight="bold" if point.bold else "normal", linespacing=1.25,
        )  # fmt: skip
        text.set_in_layout(False)
        extent = text.get_window_extent()
        wide, tall = extent.width, extent.height
        x, foot = ax.transData.transform((point.x, point.y))
        levels = np.arange(area.y1 - tall / 2, foot + tall / 2, -3 * pixel)
        best: tuple[float, float] | None = None
        for level in levels:
            for side in (1, -1):
                left = x + 5 * pixel if side > 0 else x - 5 * pixel - wide
                box = Bbox.from_extents(left, level - tall / 2, left + wide, level + tall / 2)
                stem = Bbox.from_extents(x - 1, foot, x + 1, level + tall / 2)
                if free(box) and not any(stem.overlaps(one) for one in placed):
                    best = (left, float(level))
                    break
            if best:
                break
        if best is None:  # no room: say it below all others, on the side that has more space
            left = x + 5 * pixel if x < (area.x0 + area.x1) / 2 else x - 5 * pixel - wide
            lowest = min((box.y0 for box in placed), default=area.y1)
            best = (left, float(lowest - tall / 2 - 2 * pixel))
        left, level = best
        placed.append(
            Bbox.from_extents(left, level - tall / 2, left + wide, level + tall / 2).padded(pixel)
        )
        stems.append(Bbox.from_extents(x - 1, foot, x + 1, level + tall / 2))
        to_axes = ax.transAxes.inverted().transform
        text.set_transform(ax.transAxes)
        text.set_position(tuple(to_axes((left, level))))
        (_, high) = to_axes((x, level + tall / 2))
        (across, low) = to_axes((x, foot))
        ax.plot(
            [across, across], [low, high], color=point.colour, linewidth=0.9, alpha=0.7,
            transform=ax.transAxes, zorder=2.5,
        )  # fmt: skip
        texts[i] = text
    return [texts[i] for i in range(len(points))]
