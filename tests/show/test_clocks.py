"""Labels on the burn clock and on the month: one for all who spoke at once, clear of every line."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from costsim.show import figures

WIDTHS = (9.0, 3.75)
ZONE = "America/New_York"
MONTHS = {
    "just below the budget": (52_365.0, 15, 55_000.0, None, True),
    "just above the budget": (52_365.0, 15, 51_500.0, None, True),
    "at an even pace": (26_500.0, 15, 55_000.0, None, False),
    "the first day": (1_500.0, 1, 55_000.0, None, False),
    "the last day": (54_870.0, 31, 55_000.0, None, False),
    "projected past the budget": (52_365.0, 15, 55_000.0, (56_000.0, 60_000.0, 83_000.0), True),
    "projected on the budget": (26_500.0, 15, 55_000.0, (53_000.0, 55_300.0, 57_000.0), False),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("month", MONTHS)
def test_spend_of_the_month_is_labelled_clear_of_every_line(
    frames: SimpleNamespace, look: SimpleNamespace, month: str, width: float
) -> None:
    spent, days, budget, projection, hot = MONTHS[month]
    frame = frames.days_of_month(spent, days, hot=hot)
    with figures.page_width(width):
        ax = figures.month_to_date(frame, budget, projection, time_zone=ZONE, ribbon=frames.ribbon)
    look.assert_apart_and_inside(ax)
    (label,) = (text for text in ax.texts if text.get_text().startswith(f"${spent:,.0f}\nby "))
    lines = [line for line in ax.lines if line.get_zorder() != 2.5]
    assert len(lines) == (5 if projection else 4)  # spend, pace, budget, its end; the projection
    assert look.crossed(label, lines) == []
    box = label.get_window_extent()
    assert ax.bbox.x0 <= box.x0
    assert box.x1 <= ax.bbox.x1


def test_the_crossing_of_a_line_and_a_label_is_noticed(look: SimpleNamespace) -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    (line,) = ax.plot([0, 1], [0, 1])
    assert look.crossed(ax.text(0.5, 0.5, "here", va="center", ha="center"), [line]) == [line]
    assert look.crossed(ax.text(0.1, 0.8, "there"), [line]) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_detectors_that_spoke_at_once_share_a_flag(frames: SimpleNamespace, width: float) -> None:
    alarms = frames.same_hours()
    with figures.page_width(width):
        ax = frames.drawings["burn_clock_same_hours"]()
    flags = [t for t in ax.texts if any(name in t.get_text() for name in alarms["detector"])]
    told = [text.get_text().split("\n") for text in flags]
    start = alarms["time"].min() - pd.Timedelta(hours=1)
    for lines in told:
        spoke = alarms.loc[alarms["detector"].isin(lines[:-1]), "time"]
        assert len(spoke) == len(lines) - 1
        assert lines[-1].startswith(f"{(spoke.iloc[0] - start) / pd.Timedelta(hours=1):.0f} h, $")
        assert spoke.nunique() == 1
    assert sorted(len(lines) - 1 for lines in told) == [2, 2, 3]
    poles = [line for line in ax.lines if line.get_zorder() == 2.5]
    assert len(poles) == 3 + 1  # and the mail


def pixels(ax: Axes) -> NDArray[np.uint8]:
    figure = ax.get_figure(root=True)
    assert figure is not None
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


@pytest.mark.parametrize("width", WIDTHS)
def test_no_grid_line_runs_through_a_flag(frames: SimpleNamespace, width: float) -> None:
    with figures.page_width(width):
        ax = frames.drawings["burn_clock_same_hours"]()
    flags = [text for text in ax.texts if ", $" in text.get_text()]
    assert len(flags) == 4
    with_grid = pixels(ax)
    ax.grid(visible=False)
    differs = (with_grid != pixels(ax)).any(axis=2)
    assert differs.any()
    for text in flags:
        box = text.get_window_extent()
        high = len(differs)
        inside = differs[int(high - box.y1) : int(high - box.y0), int(box.x0) : int(box.x1)]
        assert inside.size > 0
        assert not inside.any(), text.get_text()
