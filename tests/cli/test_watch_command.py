"""costsim watch as cron would call it: exit codes, messages, and one file that remembers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulated import night_script, simulated_folder

# the script runs from 01:00 to 05:00 every night from Saturday on, in New York
BEFORE, IN_IT, LATER = "2024-08-09T20:00", "2024-08-10T03:00", "2024-08-11T04:00"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_folder(night_script(), 5, tmp_path_factory.mktemp("watch") / "runs")


def test_an_incident_is_news_once(run, runs, tmp_path):
    state = ["--since", "2024-08-09", "--state", "told.json"]
    said = run("watch", str(runs), *state, "--as-of", BEFORE)
    assert said.code == 0, said.err
    assert "incidents: nothing new, none going on" in said.out
    said = run("watch", str(runs), *state, "--as-of", IN_IT)
    assert said.code == 1
    assert said.out.startswith("code_review: $")
    for words in ("cause: ", "who: user-", "so far: $", "an hour", "1 told now, 1 going on"):
        assert words in said.out
    assert "SIMULATED night-script" in said.out
    assert said.err.startswith(f"next: costsim report incident {runs} --suite default --at 2024-08")
    said = run("watch", str(runs), *state, "--as-of", IN_IT, "--json")
    assert said.code == 0
    assert json.loads(said.out)["alerts"] == []
    said = run("watch", str(runs), *state, "--as-of", LATER, "--json")
    told = json.loads(said.out)
    assert [alert["kind"] for alert in told["alerts"]] == ["grown"]
    assert (told["open"], told["delivered"]) == (1, 0)
    assert said.code == 1
    assert (tmp_path / "told.json").is_file()


def test_an_alert_that_was_not_delivered_is_told_again(run, runs, tmp_path):
    arguments = ["watch", str(runs), "--since", "2024-08-09", "--as-of", IN_IT]
    arguments += ["--state", "told.json"]
    said = run(*arguments, "--notify", "json://127.0.0.1:9/secret")
    assert said.code == 2
    assert said.err.startswith("costsim: an alert was not taken by every address (json)")
    assert "secret" not in said.out + said.err
    assert not (tmp_path / "told.json").exists()
    assert run(*arguments).code == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--notify", "nonsense://key"], "notify must be an address that apprise knows"),
        (["--suite", "nope"], "suite must be one of 'default'; got 'nope'"),
        (["--as-of", "noon"], "got 'noon'"),
        (["--as-of", "2024-08-13", "--since", "2024-08-14"], "since must lie before 2024-08-13"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, runs, arguments, line):
    said = run("watch", str(runs), *arguments)
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert not runs.with_name("runs.watch.json").exists()


def test_no_folder_and_a_foreign_state_are_said(run, runs, tmp_path):
    said = run("watch", "nowhere")
    assert (said.code, said.err) == (2, "costsim: records folder does not exist: nowhere\n")
    (tmp_path / "mine.json").write_text("precious")
    said = run("watch", str(runs), "--state", "mine.json")
    assert said.code == 2
    assert "mine.json is no state of costsim watch" in said.err
    assert (tmp_path / "mine.json").read_text() == "precious"


def test_the_page_that_an_alert_names_is_made_by_that_command(run, runs, tmp_path):
    said = run("watch", str(runs), "--since", "2024-08-09", "--as-of", IN_IT, "--state", "t.json",
               "--json")  # fmt: skip
    command = json.loads(said.out)["alerts"][0]["look"].split()
    said = run(*command[1:])
    assert said.code == 0, said.err
    assert said.out.startswith("✖ code_review: $")
    [page] = (tmp_path / "reports").glob("incident-runs-*.html")
    assert "What drove it" in page.read_text()
    said = run("report", "incident", str(runs), "--at", "2024-07-10")
    assert said.code == 2
    assert "finds no incident at Wed 10 Jul 2024 00:00" in said.err
