"""Dots of runs: each one there, at its dollars, beside the median that anyone would compute."""

from __future__ import annotations

import re
from statistics import median
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from costsim.show import figures
from costsim.show.formats import usd


def dots(ax: Axes) -> pd.DataFrame:
    """Dots as drawn: row, dollars, whether hollow, whether a cross."""
    found = []
    for strip in ax.collections:
        cross = len(strip.get_paths()[0].vertices) == 4
        for x, y in np.asarray(strip.get_offsets(), dtype=float):
            hollow = not cross and len(strip.get_facecolor()) == 0
            found.append({"row": round(y - 0.14), "usd": x, "hollow": hollow, "cross": cross})
    return pd.DataFrame(found)


def test_every_run_is_a_dot_at_its_dollars(frames: SimpleNamespace) -> None:
    runs = frames.runs()
    ax = figures.burned_runs(runs)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert set(names) == set(runs["detector"])
    drawn = dots(ax)
    assert len(drawn) == len(runs)
    for row, name in enumerate(names):
        own, mine = runs[runs["detector"] == name], drawn[drawn["row"] == row]
        wanted = sorted(own["burned_usd"].where(~own["early"], 0.0))
        assert sorted(mine["usd"]) == pytest.approx(wanted, abs=1e-6)
        assert mine["hollow"].sum() == own["early"].sum()
        assert (mine.loc[mine["hollow"], "usd"] == 0).all()
        assert mine["cross"].sum() == own["missed"].sum()
        counts = f"{own['early'].sum()} early, {own['missed'].sum()} missed"
        assert counts in figures.alt_text(ax).split(f" {name}: median")[1].split(";")[0]


def test_best_median_on_top_and_foils_last(frames: SimpleNamespace) -> None:
    runs = frames.runs()
    ax = figures.burned_runs(runs)
    kept = runs[~runs["early"]]
    middle = {name: median(own["burned_usd"]) for name, own in kept.groupby("detector")}
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[-1] == "naive_z_score"
    assert names[:-1] == sorted(set(names) - {"naive_z_score"}, key=middle.__getitem__)
    shown = [t.get_text() for t in ax.texts if re.fullmatch(r"\$[\d,.]+", t.get_text())]
    assert shown == [usd(middle[name]) for name in names]
    bars = [np.asarray(line.get_xdata())[0] for line in ax.lines]
    assert bars == pytest.approx([middle[name] for name in names])
    low, high = sorted(ax.get_ylim())
    assert ax.get_ylim() == (high, low)  # the first row is on top


@pytest.mark.parametrize(("most", "scale"), [(49.0, "linear"), (51.0, "log")])
def test_dollars_start_at_zero_unless_they_differ_by_magnitudes(most: float, scale: str) -> None:
    runs = pd.DataFrame({"detector": ["a", "b"], "burned_usd": [1.0, most]})
    ax = figures.burned_runs(runs.assign(early=False, missed=False))
    assert ax.get_xscale() == scale
    assert (ax.get_xlim()[0] == 0) == (scale == "linear")
    assert ("log scale" in ax.get_xlabel()) == (scale == "log")


def test_zero_has_its_place_beside_magnitudes() -> None:
    runs = pd.DataFrame({"detector": "a", "burned_usd": [0.0, 3.0, 900.0]})
    ax = figures.burned_runs(runs.assign(early=[True, False, False], missed=False))
    assert ax.get_xlim()[0] == 0
    assert "log scale from $2" in ax.get_xlabel()
    places = ax.transData.transform([(x, 0) for x in (0, 2, 20, 200)])[:, 0]
    steps = np.diff(places)
    assert steps[1] == pytest.approx(steps[2])  # equal factors, equal steps
    assert steps[0] > 10  # and zero is set apart


def test_runs_of_which_little_is_known() -> None:
    runs = pd.DataFrame(
        {
            "detector": ["a", "a", "b", "b", "c"],
            "burned_usd": [5.0, np.nan, np.nan, 9.0, 2.0],
            "early": [None, False, True, True, False],
            "missed": [False, None, None, False, True],
        }
    )
    ax = figures.burned_runs(runs)
    assert len(dots(ax)) == 4  # without the one of unknown dollars
    words = figures.alt_text(ax)
    assert "a: median $5.00, $5.00 to $5.00, 0 early, 0 missed" in words
    assert "b: median –, – to –, 2 early, 0 missed" in words  # early: $0, whatever is told
    assert words.index("c: median $2.00") < words.index("a:") < words.index("b:")
    assert "in each run" in words


def test_title_counts_the_runs(frames: SimpleNamespace) -> None:
    ax = figures.burned_runs(frames.runs(40))
    assert "Dollars burned in each of 40 runs" in [text.get_text() for text in ax.texts]
