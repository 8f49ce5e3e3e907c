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
_STEM_PT, _APART_PT = 4.0, 3.0  # that other texts keep from a stem, and from each other


@dataclass(frozen=True, slots=True)
class Flag:
    """A point on a curve and what to say of it; the text has the colour unless ``ink`` is given."""

    x: float
    y: float
    text: str
    colour: str = INK
    bold: bool = False
    ink: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: float
    foot: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.foot < other.top
            and other.foot < self.top
        )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is there already: the room for texts and the curve, in pixels."""

    area: Box
    curve: NDArray[float64]
    pixel: float

    def clear(self, box: Box) -> bool:
        """Whether a text here is inside and above the curve."""
        import numpy as np

        x, y = self.curve[:, 0], self.curve[:, 1]
        under = float(np.interp([box.left, box.right], x, y).max())
        inside = y[(x >= box.left) & (x <= box.right)]
        under = max(under, float(inside.max())) if len(inside) else under
        within = box.left >= self.area.left and box.right <= self.area.right
        return within and box.foot > under + 2 * self.pixel


@dataclass(frozen=True, slots=True)
class _Placed:
    box: Box
    stem: Box
    good: bool


def flags(
    ax: Axes,
    points: Sequence[Flag],
    curve: NDArray[float64],
    *,
    beyond: tuple[float, float] = (0.0, 0.0),
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
    beyond : (float, float)
        Points by which texts may reach out of the axes at the left and at the right.

    Returns
    -------
    list of Text
        One each, in the given order. Call after the layout is final.
    """
    texts = labels(ax, points)
    ground = _ground(ax, curve, beyond)
    apart = _APART_PT * ground.pixel
    sizes = [(t.get_window_extent().width, t.get_window_extent().height + apart) for t in texts]
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
    for i, text in enumerate(texts):
        put(ax, text, best[i].box)
        stem = best[i].stem
        pole(ax, (stem.left + stem.right) / 2, (stem.foot, stem.top), points[i].colour)
    return texts


def labels(ax: Axes, points: Sequence[Flag]) -> list[Text]:
    """The texts of points, to be measured and then put somewhere; the layout stays as it is."""
    figure = root(ax)
    if figure.get_layout_engine() is None:
        figure.draw_without_rendering()
    size = SMALL_PT if compact(ax) else TEXT_PT
    texts = []
    for point in points:
        colour = point.ink or point.colour
        text = say(ax, 0, 0, point.text, on=ax.transAxes, size=size, color=colour, bold=point.bold)
        text.set(verticalalignment="center", in_layout=False)
        texts.append(text)
    return texts


def put(ax: Axes, text: Text, box: Box) -> None:
    """Put a text there, and interrupt the grid behind it, whatever the ground's colour."""
    from matplotlib.patches import Rectangle

    to_axes = ax.transAxes.inverted().transform
    text.set_position(tuple(to_axes((box.left, (box.foot + box.top) / 2))))
    beyond = 2.0 * root(ax).dpi / 72
    corners = [(box.left - beyond, box.foot), (box.right + beyond, box.top)]
    ((left, foot), (right, top)) = to_axes(corners)
    gap = Rectangle((left, foot), right - left, top - foot, transform=ax.transAxes)
    # Above the grid (0.5) and below all that is drawn (1 and more).
    gap.set(facecolor=root(ax).get_facecolor(), linewidth=0, zorder=0.7, in_layout=False)
    gap.set_clip_on(False)
    ax.add_artist(gap)


def pole(ax: Axes, x: float, span: tuple[float, float], colour: str) -> None:
    """A thin upright line, in pixels."""
    ((across, low), (_, high)) = ax.transAxes.inverted().transform([(x, span[0]), (x, span[1])])
    (line,) = ax.plot([across, across], [low, high], transform=ax.transAxes)
    line.set(color=colour, linewidth=0.9, alpha=0.7, zorder=2.5)


def _ground(ax: Axes, curve: NDArray[float64], beyond: tuple[float, float]) -> _Ground:
    area = ax.get_window_extent()
    pixel = root(ax).dpi / 72
    left, right = area.x0 - beyond[0] * pixel - 2, area.x1 + beyond[1] * pixel + 2
    return _Ground(Box(left, area.y0, right, area.y1), ax.transData.transform(curve), pixel)


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
        aside, thick = _ASIDE_PT * ground.pixel, _STEM_PT * ground.pixel
        left = x + aside if to_right else x - aside - wide
        top = ground.area.top
        found = None
        while found is None and top - tall > foot:
            box = Box(left, top - tall, left + wide, top)
            stem = Box(x - thick, foot, x + thick, top)
            others = placed.values()
            if ground.clear(box) and not any(
                box.meets(o.box) or box.meets(o.stem) or stem.meets(o.box) for o in others
            ):
                found = _Placed(box, stem, True)
            top -= _STEP_PT * ground.pixel
        if found is None:  # no room: below all others, overlapping what it must
            top = min((o.box.foot for o in placed.values()), default=ground.area.top)
            box = Box(left, top - tall, left + wide, top)
            stem = Box(x - thick, min(foot, top - tall), x + thick, top)
            found = _Placed(box, stem, False)
        placed[i] = found
    return placed
