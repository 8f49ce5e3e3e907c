"""costsim report launch: a page, ready or not, and one line for bad input."""

from __future__ import annotations

from functools import partial

import pytest

from costsim.limits import load_limits
from costsim.report.launch import playing
from tests.cli.tiny import SCENARIO

# at the top level, before the first table
LOGGED = SCENARIO.replace("[features.chat]", "layers = { logging = true }\n[features.chat]")
LIMITS = 'name = "caps"\n[user]\nmonth_usd = 1.0\n'


@pytest.fixture
def files(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(LOGGED)
    (tmp_path / "caps.toml").write_text(LIMITS)
    whole = playing.limit_incidents
    # the whole library, at full size, would take most of a minute
    monkeypatch.setattr(
        playing, "limit_incidents",
        lambda policy, library, **more: whole(policy, ["night-script"], **(more | {"size": 0.02})),
    )  # fmt: skip
    few = partial(playing.compare_accounting, trials=10, concurrency=[1], delay_seconds=[0])
    monkeypatch.setattr(playing, "compare_accounting", few)
    better = playing.recommend_limits
    monkeypatch.setattr(
        playing, "recommend_limits",
        lambda *given, **more: better(*given, **(more | {"count": 4, "seeds": 4})),
    )  # fmt: skip
    return tmp_path


def test_it_writes_a_page_says_ready_or_not_and_saves_what_is_better(run, files):
    arguments = ["report", "launch", "mine.toml", "--limits", "caps.toml", "--replicates", "2"]
    arguments += ["--suite", "", "--jobs", "1", "--out", "pages", "--recommend"]
    said = run(*arguments, "--save", "better.toml")
    assert said.code == 1, said.err
    assert said.out.startswith("✖ NOT READY: tiny under caps.")
    assert "page: pages/launch-tiny-caps.html" in said.out
    page = (files / "pages" / "launch-tiny-caps.html").read_text()
    assert "costsim report launch mine.toml --limits caps.toml --recommend" in page
    assert load_limits(files / "better.toml").name == "caps-suggested"
    assert said.err.splitlines()[-1] == "next: costsim report launch mine.toml --limits better.toml"
    again = run(*arguments, "--save", "better.toml")
    assert (again.code, again.err) == (2, "costsim: better.toml is there already\n")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--save", "x.toml"], "costsim: --save writes the recommended limits; give --recommend"),
        (["--replicates", "1"], "costsim: replicates must be an integer of at least 2; got 1"),
        (["--suite", "no-such"], "costsim: suite must be one of"),
        (["--gate", "none.toml"], "costsim: gate file does not exist: none.toml"),
        (["--jobs", "0"], "costsim: --jobs must be at least 1; got 0"),
    ],
)
def test_bad_input_is_one_line(run, files, more, why):
    said = run("report", "launch", "mine.toml", "--limits", "caps.toml", *more)
    assert said.code == 2
    assert said.err.startswith(why)
    assert len(said.err.splitlines()) == 1
    assert not (files / "reports").exists()
