"""A label beside its point, as near as it can stand clear of the lines drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from costsim.show.figures.flags import Box, Flag, labels, pole, put
from costsim.show.figures.style import root

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy import float64
    from numpy.typing import NDArray

_ASIDE_PT, _STEP_PT, _CLEAR_PT = 8.0, 2.0, 2.5  # to the text; between tries; kept from any line


def beside(ax: Axes, point: Flag, lines: Sequence[NDArray[float64]]) -> Text:
    """Label a point at its right or left, moved up or down until no line goes through the text.

    Where the text ends up well above or below the point, a thin stem leads to it.

    Parameters
    ----------
    point : Flag
        In data coordinates.
    lines : sequence of arrays of shape (n, 2)
        What is drawn, in data coordinates.

    Returns
    -------
    Text
        Inside the axes. Call after the layout is final.
    """
    (text,) = labels(ax, [point])
    area, extent, pixel = ax.get_window_extent(), text.get_window_extent(), root(ax).dpi / 72
    x, y = (float(v) for v in ax.transData.transform((point.x, point.y)))
    drawn = [_dense(ax.transData.transform(line), pixel) for line in lines]
    aside, half = _ASIDE_PT * pixel, extent.height / 2
    best, fewest = None, None
    for centre in _nearest_first(y, area.y0 + half, area.y1 - half, _STEP_PT * pixel):
        for left in (x + aside, x - aside - extent.width):
            box = Box(left, centre - half, left + extent.width, centre + half)
            out = box.left < area.x0 or box.right > area.x1
            bad = (out, sum(_hits(line, box, _CLEAR_PT * pixel) for line in drawn))
            if fewest is None or bad < fewest:
                best, fewest = box, bad
    if best is None:  # axes lower than the text
        best = Box(x + aside, y - half, x + aside + extent.width, y + half)
    put(ax, text, best)
    if not best.foot - half <= y <= best.top + half:  # too far off to be seen as belonging
        pole(ax, x, (y, best.top if best.foot > y else best.foot), point.colour)
    return text


def _nearest_first(middle: float, low: float, high: float, step: float) -> list[float]:
    """Heights from ``low`` to ``high``, those next to ``middle`` first, above before below."""
    import numpy as np

    ways = np.arange(int((high - low) / step) + 1) * step if high >= low else np.array([])
    start = min(max(middle, low), max(high, low))
    both = [start, *(at for way in ways[1:].tolist() for at in (start + way, start - way))]
    return [at for at in both if low <= at <= high] if len(ways) else []


def _dense(corners: NDArray[float64], step: float) -> NDArray[float64]:
    """A line as dots no farther than ``step`` apart."""
    import numpy as np

    parts = [corners[-1:]]
    for one, other in pairwise(corners):
        length = float(np.hypot(*(other - one)))
        count = int(np.ceil(length / step)) if np.isfinite(length) else 1
        parts.append(np.linspace(one, other, max(count, 1), endpoint=False))
    return np.concatenate(parts)


def _hits(line: NDArray[float64], box: Box, clear: float) -> int:
    x, y = line[:, 0], line[:, 1]
    across = (x > box.left - clear) & (x < box.right + clear)
    return int((across & (y > box.foot - clear) & (y < box.top + clear)).sum())
