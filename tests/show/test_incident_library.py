"""Incidents with and without their cause: honest axes, words attached, room for every text."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from costsim.errors import DataError
from costsim.show import figures
from costsim.show.cards import Ribbon

RIBBON = Ribbon("SIMULATED", "prompt-bloat, seed 7")
ZONE = "America/New_York"
TITLE = (
    "prompt-bloat: Dollars per call of support_chat move first, after 1 h and $12.40 of $1,780; "
    "the whole bill after 5 h and $120."
)


def pair(kind="usd", days=8, silent=False):
    time = pd.date_range("2024-08-09 04:00", periods=days * 24, freq="h", tz="UTC")
    without = 40 * (1.1 + np.sin(np.arange(len(time)) * 2 * np.pi / 24))
    late = np.arange(len(time)) >= 80
    seen = without * np.where(late, 0.0 if silent else 1.5, 1.0)
    scale = {"usd": 1e-4, "count": 100, "share": 0.01}[kind]
    frame = pd.DataFrame({"time": time, "bill": seen, "bill_without": without})
    return frame.assign(signal=seen * scale, signal_without=without * scale)


def panels(frame, kind="usd", **more):
    span = (frame["time"].iloc[80].to_pydatetime(), frame["time"].iloc[-1].to_pydatetime())
    words = "dollars per call of support_chat, US$ per call"
    return figures.incident_panels(
        frame,
        title=TITLE,
        signal=words,
        kind=kind,
        span=span,
        time_zone=ZONE,
        ribbon=RIBBON,
        **more,
    )


def gallery(count=5, **more):
    frames = [pair(silent=n == 2).assign(scenario=f"scenario-{n}") for n in range(count)]
    return figures.incident_gallery(pd.concat(frames), ribbon=RIBBON, **more)


@pytest.mark.parametrize("width", [9.0, 3.75])
@pytest.mark.parametrize("kind", ["usd", "count", "share", "gallery"])
def test_no_text_lies_on_another_and_panels_start_at_zero(
    look: SimpleNamespace, kind: str, width: float
) -> None:
    with figures.page_width(width):
        ax = gallery() if kind == "gallery" else panels(pair(kind), kind)
    look.assert_apart_and_inside(ax)
    assert len(ax.child_axes) == (5 if kind == "gallery" else 2)
    for panel in ax.child_axes:
        assert panel.get_ylim()[0] == 0
        top = max(np.nanmax(line.get_ydata()) for line in panel.lines if len(line.get_xdata()) > 2)
        assert panel.get_ylim()[1] >= top
        assert panel.get_yticklabels()[0].get_text() in ("$0", "0", "0%")


def test_alt_text_says_what_the_cause_adds() -> None:
    frame = pair()
    added = (frame["bill"] - frame["bill_without"]).sum()
    words = figures.alt_text(panels(frame))
    assert words.startswith(TITLE)
    assert f"adds ${added:,.0f} to the bill" in words
    assert "SIMULATED prompt-bloat, seed 7" in words
    assert f"scenario-0 ${added:,.0f}" in figures.alt_text(gallery())
    lost = pair(silent=True)
    less = (lost["bill_without"] - lost["bill"]).sum()
    assert f"scenario-2 -${less:,.0f}" in figures.alt_text(gallery())


def test_hours_without_a_value_are_left_open() -> None:
    frame = pair()
    frame.loc[10:20, ["signal", "signal_without"]] = np.nan
    panel = panels(frame).child_axes[1]
    line = max(panel.lines, key=lambda one: len(one.get_xdata()))
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).sum() == 2 * 11


def test_equal_frames_give_equal_bytes() -> None:
    one, other = (panels(pair()).get_figure(root=True) for _ in range(2))
    assert figures.svg(one) == figures.svg(other)


def test_what_is_missing_is_named_and_nothing_is_said_to_be_nothing() -> None:
    with pytest.raises(DataError, match="'bill_without' missing"):
        figures.incident_gallery(pair().assign(scenario="a").drop(columns="bill_without"))
    empty = pair().iloc[:0]
    assert "no data" in figures.alt_text(figures.incident_gallery(empty.assign(scenario="a")))
    assert "no data" in figures.alt_text(figures.incident_panels(empty, title="x", signal="y"))
    naive = pair().assign(time=lambda f: f["time"].dt.tz_localize(None))
    with pytest.raises(DataError, match="must be aware"):
        figures.incident_panels(naive, title="x", signal="y")
