"""Flags on a rising curve: texts on thin stems that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.show.figures.style import INK, SMALL_PT, TEXT_PT, compact, root, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy import float64
    from numpy.typing import NDArray

_ASIDE_PT, _STEP_PT = 5.0, 3.0  # from stem to text; from one level tried to the next


@dataclass(frozen=True, slots=True)
class Flag:
    """A point on a curve and what to say of it."""

    x: float
    y: float
    text: str
    colour: str = INK
    bold: bool = False


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle in pixels."""

    left: float
    foot: float
    right: float
    top: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.foot < other.top
            and other.foot < self.top
        )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is there already: the axes' area, the curve, level lines; all in pixels."""

    area: _Box
    curve: NDArray[float64]
    lines: tuple[_Box, ...]
    pixel: float

    def clear(self, box: _Box) -> bool:
        """Whether a text here is inside, above the curve and off the lines."""
        import numpy as np

        x, y = self.curve[:, 0], self.curve[:, 1]
        under = float(np.interp([box.left, box.right], x, y).max())
        inside = y[(x >= box.left) & (x <= box.right)]
        under = max(under, float(inside.max())) if len(inside) else under
        within = box.left >= self.area.left and box.right <= self.area.right
        above = box.foot > under + 2 * self.pixel
        return within and above and not any(box.meets(line) for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Placed:
    box: _Box
    stem: _Box
    good: bool


def flags(
    ax: Axes, points: Sequence[Flag], curve: NDArray[float64], *, lines: Sequence[float] = ()
) -> list[Text]:
    """Flag each point: a thin stem and a text that meets no other text, stem or the curve.

    Texts of the earlier points fly to the right in falling steps, those of the later ones to the
    left in rising steps; where the one ends and the other begins is tried out.

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
    figure = root(ax)
    if figure.get_layout_engine() is None:
        figure.draw_without_rendering()
    size = SMALL_PT if compact(ax) else TEXT_PT
    texts = []
    for point in points:
        text = say(ax, 0, 0, point.text, on=ax.transAxes, size=size, color=point.colour)
        text.set(fontweight="bold" if point.bold else "normal", verticalalignment="center")
        text.set_in_layout(False)
        texts.append(text)
    ground = _ground(ax, curve, lines)
    sizes = [(t.get_window_extent().width, t.get_window_extent().height) for t in texts]
    feet = [tuple(ax.transData.transform((point.x, point.y))) for point in points]
    order = sorted(range(len(points)), key=lambda i: points[i].x)
    best: dict[int, _Placed] = {}
    fewest = len(points) + 1
    for split in range(len(order), -1, -1):
        trial = _arrange(order, split, feet, sizes, ground)
        bad = sum(not placed.good for placed in trial.values())
        if bad < fewest:
            best, fewest = trial, bad
        if bad == 0:
            break
    to_axes = ax.transAxes.inverted().transform
    for i, text in enumerate(texts):
        box, stem = best[i].box, best[i].stem
        text.set_position(tuple(to_axes((box.left, (box.foot + box.top) / 2))))
        x = (stem.left + stem.right) / 2
        ((across, low), (_, high)) = to_axes([(x, stem.foot), (x, stem.top)])
        (pole,) = ax.plot([across, across], [low, high], transform=ax.transAxes)
        pole.set(color=points[i].colour, linewidth=0.9, alpha=0.7, zorder=2.5)
    return texts


def _ground(ax: Axes, curve: NDArray[float64], lines: Sequence[float]) -> _Ground:
    area = ax.get_window_extent()
    pixel = root(ax).dpi / 72
    left = ax.get_xlim()[0]
    heights = [float(ax.transData.transform((left, line))[1]) for line in lines]
    return _Ground(
        _Box(area.x0 - 2, area.y0, area.x1 + 2, area.y1),
        ax.transData.transform(curve),
        tuple(_Box(area.x0, y - 2 * pixel, area.x1, y + 2 * pixel) for y in heights),
        pixel,
    )


def _arrange(
    order: list[int],
    split: int,
    feet: Sequence[tuple[float, ...]],
    sizes: Sequence[tuple[float, float]],
    ground: _Ground,
) -> dict[int, _Placed]:
    """Place the first ``split`` points to the right, from the left; the rest the other way."""
    placed: dict[int, _Placed] = {}
    for i in [*order[:split], *reversed(order[split:])]:
        to_right = i in order[:split]
        x, foot = feet[i]
        wide, tall = sizes[i]
        aside = _ASIDE_PT * ground.pixel
        left = x + aside if to_right else x - aside - wide
        top = ground.area.top
        found = None
        while found is None and top - tall > foot:
            box = _Box(left, top - tall, left + wide, top)
            stem = _Box(x - 1, foot, x + 1, top)
            others = placed.values()
            if ground.clear(box) and not any(
                box.meets(o.box) or box.meets(o.stem) or stem.meets(o.box) for o in others
            ):
                found = _Placed(box, stem, True)
            top -= _STEP_PT * ground.pixel
        if found is None:  # no room: below all others, overlapping what it must
            top = min((o.box.foot for o in placed.values()), default=ground.area.top)
            box = _Box(left, top - tall, left + wide, top)
            found = _Placed(box, _Box(x - 1, min(foot, top - tall), x + 1, top), False)
        placed[i] = found
    return placed
