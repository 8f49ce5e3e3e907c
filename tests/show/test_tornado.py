"""The tornado of an estimate: bars from zero dollars, around the mean, with their values said."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from costsim.errors import DataError
from costsim.show import figures


def drawn(low_usd: float, high_usd: float, mean: float = 100.0) -> Axes:
    frame = pd.DataFrame(
        {
            "assumption": ["users"],
            "low": [500],
            "high": [900],
            "low_usd": [low_usd],
            "high_usd": [high_usd],
        }
    )
    return figures.tornado(frame, mean)


def spans(ax: Axes) -> list[tuple[float, float]]:
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]


@pytest.mark.parametrize(("low", "high"), [(60.0, 180.0), (180.0, 60.0), (20.0, 40.0)])
def test_each_bar_runs_from_the_mean_to_its_dollars(low: float, high: float) -> None:
    ax = drawn(low, high)
    expected = {tuple(sorted((end, 100.0))) for end in (low, high)}
    assert {tuple(round(x, 9) for x in span) for span in spans(ax)} == expected
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] > max(low, high, 100)


def test_the_longer_bar_does_not_hide_the_shorter_on_the_same_side() -> None:
    first, second = spans(drawn(20.0, 40.0))
    assert first == pytest.approx((20.0, 100.0))
    assert second == pytest.approx((40.0, 100.0))  # drawn later, on top


def test_values_and_dollars_are_said_in_the_drawing_and_in_words() -> None:
    ax = drawn(60.0, 180.0)
    said = [text.get_text() for text in ax.texts]
    assert "$60.00 at 500, $180 at 900" in said
    assert "mean $100" in said
    assert "users $60.00 at 500 to $180 at 900" in figures.alt_text(ax)


def test_without_a_range_it_says_so() -> None:
    empty = drawn(60.0, 180.0)
    frame = pd.DataFrame({name: [] for name in ("assumption", "low", "high", "low_usd")})
    with pytest.raises(DataError, match="'high_usd' missing"):
        figures.tornado(frame, 1.0)
    ax = figures.tornado(frame.assign(high_usd=[]), 1.0)
    assert "no assumption is a range" in figures.alt_text(ax)
    assert "no assumption is a range" not in figures.alt_text(empty)
