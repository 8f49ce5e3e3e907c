"""Shares of calls as drawn, against the shares counted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from costsim.show import figures


def curves(ax: Axes) -> dict[str, Line2D]:
    """Each stepped line by its colour."""
    return {str(line.get_color()): line for line in ax.lines if "steps" in line.get_drawstyle()}


def drawn_share(line: Line2D, at: float) -> float:
    x, y = (np.asarray(part, dtype=float) for part in line.get_data())
    return float(y[np.searchsorted(x, at, side="right") - 1])


@pytest.mark.parametrize(("calls", "off"), [(60, 1e-12), (20_000, 1 / 500)])
def test_lines_are_the_shares_counted(calls: int, off: float) -> None:
    usd = np.random.default_rng(1).lognormal(-3, 1.2, calls)
    ax = figures.cost_distribution(pd.DataFrame({"feature_name": "chat", "usd": usd}))
    (line,) = curves(ax).values()
    for at in np.quantile(usd, [0.02, 0.3, 0.5, 0.9, 0.99]):
        assert drawn_share(line, at) == pytest.approx((usd <= at).mean(), abs=off)
    x, y = (np.asarray(part, dtype=float) for part in line.get_data())
    assert (x[0], x[-1], y[0], y[-1]) == (
        pytest.approx(usd.min()), pytest.approx(usd.max()), 0, 1,
    )  # fmt: skip


def test_a_million_calls_are_few_points() -> None:
    rng = np.random.default_rng(3)
    names = np.array([f"feature {i}" for i in range(8)])[rng.integers(0, 8, 1_000_000)]
    frame = pd.DataFrame({"feature_name": names, "usd": rng.lognormal(-3, 1, len(names))})
    ax = figures.cost_distribution(frame)
    sizes = [len(np.asarray(line.get_xdata())) for line in curves(ax).values()]
    assert len(sizes) == 8
    assert max(sizes) <= 501
    assert figures.alt_text(ax).count("calls, median") == 8


def test_free_calls_stand_at_the_left_edge_and_unpriced_ones_nowhere() -> None:
    usd = [0.0, 0.0, 0.01, 0.02, None]
    ax = figures.cost_distribution(pd.DataFrame({"feature_name": "chat", "usd": usd}))
    (line,) = curves(ax).values()
    left = ax.get_xlim()[0]
    assert 0 < left < 0.01
    assert drawn_share(line, left * 1.0001) == pytest.approx(0.5)
    assert "50% of calls that cost $0" in ax.get_xlabel()
    assert "4 calls" in figures.alt_text(ax)
    free = figures.cost_distribution(pd.DataFrame({"feature_name": "chat", "usd": [0.0]}))
    assert "no data" in figures.alt_text(free)


def test_calls_without_a_feature_are_named_so() -> None:
    names = pd.Series(["chat", None, "chat"], dtype="object")
    ax = figures.cost_distribution(pd.DataFrame({"feature_name": names, "usd": [0.1, 0.2, 0.3]}))
    assert "(no feature), median $0.20" in [text.get_text() for text in ax.texts]


def test_beyond_eight_features_the_least_are_one_line() -> None:
    frame = pd.concat(
        pd.DataFrame({"feature_name": f"f{i:02}", "usd": np.linspace(1, 2, 10) * 2.0**i})
        for i in range(11)
    )
    ax = figures.cost_distribution(frame)
    assert len(curves(ax)) == 8
    words = figures.alt_text(ax)
    assert "4 others: 40 calls" in words
    assert "f04: 10 calls" in words
    assert "f03" not in words


@pytest.mark.parametrize("width", [9.0, 3.75])
@pytest.mark.parametrize("apart", [0.4, 1.3, 4.0])
def test_names_stand_apart_wherever_the_lines_end(
    frames: SimpleNamespace, look: SimpleNamespace, apart: float, width: float
) -> None:
    frame = frames.single_calls(60, apart=apart, seed=11)
    with figures.page_width(width):
        ax = figures.cost_distribution(frame, ribbon=frames.ribbon)
    look.assert_apart_and_inside(ax)
    poles = [line for line in ax.lines if line.get_zorder() == 2.5]
    names = [text for text in ax.texts if text.get_window_extent().y0 > ax.bbox.y0][:8]
    assert len(poles) == len(names) == 8
    for name in names:
        assert look.crossed(name, poles) == []
    # Each name has the pole that ends where its line does.
    ends = sorted(np.asarray(line.get_xdata(), dtype=float)[-1] for line in curves(ax).values())
    at = sorted(line.get_transform().transform(line.get_xydata())[0, 0] for line in poles)
    assert at == pytest.approx([ax.transData.transform((x, 1))[0] for x in ends], abs=0.6)
