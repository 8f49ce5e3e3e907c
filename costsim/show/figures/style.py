"""One look for every figure: colours, type, axes, header and ribbon."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from costsim.errors import DataError, SettingError
from costsim.show.formats import UNKNOWN, usd_short
from costsim.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Transform
    from pandas import DataFrame

P = ParamSpec("P")
R = TypeVar("R")

# Okabe & Ito's colours, told apart with every common colour vision. Vermillion is kept for what
# the reader must look at; yellow is left out, being too weak on white.
BLUE, SKY, GREEN, ORANGE, PURPLE = "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#cc79a7"
ALERT = "#d55e00"
SERIES = (BLUE, SKY, GREEN, ORANGE, PURPLE)
INK, MUTED, FAINT, GRID, OTHER = "#24292f", "#5c636d", "#9aa1ab", "#e6e8eb", "#c3c8cf"

FONT = "DejaVu Sans"  # travels with matplotlib: the same page on every machine
TITLE_PT, TEXT_PT, SMALL_PT = 11.0, 9.0, 8.0
WIDE = 9.0  # inches: the column of a page
COMPACT_BELOW = 4.6  # inches: a phone

_RC = {
    "font.family": FONT,
    "font.size": TEXT_PT,
    "text.color": INK,
    "text.parse_math": False,  # "$5 and $6" is money, not mathematics
    "axes.unicode_minus": True,
    "figure.dpi": 96.0,
    "path.simplify": True,
}

_width: ContextVar[float] = ContextVar("costsim_figure_width", default=WIDE)
tall: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


@contextmanager
def page_width(inches: float) -> Iterator[None]:
    """Within this context new figures are that wide, 3 to 20 inches; 9 otherwise.

    Examples
    --------
    >>> import pandas as pd
    >>> from costsim.show import figures
    >>> with page_width(3.75):
    ...     ax = figures.breakdown(pd.DataFrame({"name": ["a"], "usd": [1.0], "share": [1.0]}))
    >>> float(ax.figure.get_size_inches()[0])
    3.75
    """
    if not 3 <= inches <= 20:
        raise SettingError(f"inches must be 3 to 20; got {inches!r}")
    token = _width.set(inches)
    try:
        yield
    finally:
        _width.reset(token)


def drawing_width() -> float:
    """Width in inches that a new figure would get here."""
    return _width.get()


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw under our settings, whatever theme the session has set; leave its settings alone."""

    @functools.wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        with mpl.rc_context(_RC):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return inner


def canvas(ax: Axes | None, height: float) -> Axes:
    """The given axes, or new ones ``height`` inches tall in their own figure, quietly framed.

    Figures made here belong to no pyplot session, so that nothing leaks and no display is needed;
    the axes show themselves in a notebook.
    """
    if ax is None:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        from costsim.show.figures.shown_axes import ShownAxes

        engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        # Room for whatever will hang on the axes; cut to measure in the end.
        figure = Figure(figsize=(_width.get(), height + 5), facecolor="white", layout=engine)
        ax = figure.add_subplot(axes_class=ShownAxes)
        tall[ax] = height
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(FAINT)
    ax.spines["bottom"].set_linewidth(0.8)
    ax.set_facecolor("none")
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    axes: tuple[Literal["x", "y"], ...] = ("x", "y")
    for axis in axes:
        ax.tick_params(
            axis=axis,
            which="both",
            length=0,
            pad=5,
            labelsize=SMALL_PT if compact(ax) else TEXT_PT,
            labelcolor=MUTED,
            labelfontfamily=FONT,
        )
    ax.margins(x=0)
    return ax


def compact(ax: Axes) -> bool:
    """Whether there is only a phone's width to draw on."""
    return bool(width_pt(ax, whole=True) < COMPACT_BELOW * 72)


def width_pt(ax: Axes, *, whole: bool = False) -> float:
    """Width in points of the axes, or of the column of the figure they stand in."""
    figure = root(ax)
    full = float(figure.get_size_inches()[0]) * 72
    if not whole:
        return float(ax.get_position().width) * full
    spec = ax.get_subplotspec()
    return full / spec.get_gridspec().ncols if spec is not None else full


def root(ax: Axes) -> Figure:
    """The figure that holds the axes, also from inside a subfigure."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise DataError("axes belong to no figure")
    return figure


def offset(ax: Axes, base: Transform, x_pt: float, y_pt: float) -> Transform:
    """A transform moved by points, whatever the size of the axes."""
    from matplotlib.transforms import ScaledTranslation

    return base + ScaledTranslation(x_pt / 72, y_pt / 72, root(ax).dpi_scale_trans)


def say(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    on: Transform | None = None,
    by: tuple[float, float] = (0, 0),
    size: float = TEXT_PT,
    color: str = INK,
    ha: Literal["left", "center", "right"] = "left",
    va: Literal["bottom", "center", "top", "center_baseline"] = "center_baseline",
    bold: bool = False,
) -> Text:
    """Write at a place in ``on`` (data where missing), moved ``by`` points right and up."""
    return ax.text(
        x,
        y,
        text,
        transform=offset(ax, on if on is not None else ax.transData, *by),
        fontsize=size,
        color=color,
        ha=ha,
        va=va,
        fontweight="bold" if bold else "normal",
        linespacing=1.25,
    )


def dollar_axis(ax: Axes, top: float, *, axis: str = "y", room: float = 1.08) -> None:
    """A linear dollar axis from zero, with few rounded ticks and a light grid."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    high = top * room if top > 0 else 1.0
    along = ax.yaxis if axis == "y" else ax.xaxis
    (ax.set_ylim if axis == "y" else ax.set_xlim)(0, high)
    ticks = MaxNLocator(4 if axis == "y" or not compact(ax) else 3, steps=[1, 2, 2.5, 5, 10])
    places = [t for t in ticks.tick_values(0, high) if 0 <= t <= high * (1 + 1e-9)]
    along.set_major_locator(FixedLocator(places))
    along.set_major_formatter(FuncFormatter(lambda value, _: usd_short(round(value, 10))))
    along.grid(visible=True, color=GRID, linewidth=0.8)


def log_axis(ax: Axes, low: float, high: float, show: Callable[[float], str]) -> None:
    """A logarithmic x axis with ticks at 1, 10, 100 (and 2, 5 between where the range is small)."""
    import math

    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ax.set_xscale("log")
    ax.set_xlim(low, high)
    span = math.log10(high / low)
    steps = (1.0,) if span > 2.5 else (1.0, 3.0) if span > 1.2 else (1.0, 2.0, 5.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = math.ceil(span / (4 if compact(ax) else 9))  # of the powers, so that labels stay apart
    ticks = [step * 10.0**power for power in powers for step in steps if power % every == 0]
    ax.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: show(float(f"{value:.6g}"))))
    ax.xaxis.grid(visible=True, color=GRID, linewidth=0.8)


def need(frame: DataFrame, *columns: str) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    DataError
        Naming what is missing and what there is.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        got = ", ".join(map(repr, frame.columns)) or "none"
        raise DataError(
            f"frame must have columns {', '.join(map(repr, columns))}; "
            f"{', '.join(map(repr, missing))} missing, got {got}"
        )


def tint(colour: str, strength: float = 0.88) -> str:
    """An opaque colour mixed with white, so that no grid shines through.

    Examples
    --------
    >>> tint("#000000", 0.5)
    '#808080'
    """
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02x}" for part in parts)


@functools.cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont(FONT)).get_charmap())


def drawable(value: object, limit: int | None = 24) -> str:
    """One visible line of a name from outside; what our font lacks is drawn as a box."""
    glyphs = _glyphs()
    text = "".join(c if ord(c) in glyphs else "□" for c in plain(value, limit))
    return text or UNKNOWN
