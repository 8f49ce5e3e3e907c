"""costsim limits check: verdict, exit code, files for a build, one line for bad input."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from costsim.limits import load_limits
from costsim.study.launch import incidents
from tests.cli.tiny import SCENARIO

FEW = ("--candidates", "8", "--search-seeds", "4")
LIMITS = "[user]\nmonth_usd = 1.0\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tiny.toml").write_text(SCENARIO)
    (tmp_path / "caps.toml").write_text('name = "caps"\n' + LIMITS)
    return tmp_path


def check(run, *arguments, replicates=3):
    return run("limits", "check", "tiny.toml", "--limits", "caps.toml", "--jobs", "1",
               "--replicates", str(replicates), *arguments)  # fmt: skip


def test_a_check_tells_and_names_what_comes_next(run, files):
    said = check(run)
    assert said.code == 0, said.err
    assert said.out.startswith("caps would block")
    assert "20 users x $1.00 a month = $20.00, within the budget of $100." in said.out
    assert "SIMULATED tiny, 3 months, study seed 0" in said.out
    assert (
        said.err.splitlines()[-1]
        == "next: costsim simulate tiny.toml --limits caps.toml --out runs/caps"
    )


@pytest.mark.parametrize(
    ("gate", "code", "verdict"),
    [
        ('month_spend_mean_usd = "<= 100"', 0, "PASS"),
        ('month_spend_mean_usd = ">= 100"', 1, "FAIL"),
        ('month_spend_p99_usd = "<= 100"', 3, "UNDECIDED"),
    ],
)
def test_exit_codes_and_files_for_a_build(run, files, gate, code, verdict):
    (files / "gate.toml").write_text(gate)
    said = check(run, "--gate", "gate.toml", "--junit", "j.xml", "--markdown", "m.md", "--json")
    assert said.code == code, said.err
    told = json.loads(said.out)
    assert told["verdict"] == told["gate"][0]["verdict"] == verdict
    suite = ElementTree.parse(files / "j.xml").getroot()
    counts = {"PASS": ("0", "0"), "FAIL": ("1", "0"), "UNDECIDED": ("0", "1")}[verdict]
    assert (suite.get("failures"), suite.get("errors")) == counts
    assert (files / "m.md").read_text().startswith(f"### {verdict}: caps would block")


LADDER = """
[[organisation.ladder]]
at = 0.5
do = "downgrade"
features = ["chat"]
[organisation]
month_usd = 12
[feature.chat]
downgrade_to = ["gpt-3.5-turbo"]
"""


def test_a_route_that_nobody_tried_fails_until_it_is_waived(run, files):
    (files / "caps.toml").write_text('name = "caps"\n' + LIMITS + LADDER)
    said = check(run)
    assert said.code == 1, said.err
    assert "FAIL feature.chat.route.gpt-3.5-turbo.evaluated: nobody has tried" in said.out
    assert "hours of the month at each level of the ladder" in said.out
    waived = check(run, "--waive-evaluation", "--json")
    assert waived.code == 0, waived.err
    told = json.loads(waived.out)
    assert [row["level"] for row in told["levels"]] == ["below every level", "downgrade at 50%"]
    assert sum(row["with"] for row in told["levels"]) == pytest.approx(29 * 24)
    (files / "caps.toml").write_text(
        'name = "caps"\n' + LIMITS + LADDER + 'evaluated."gpt-3.5-turbo".waived = "a test"\n'
    )
    (files / "gate.toml").write_text('month_spend_mean_usd = "<= 100"')
    said = check(run, "--gate", "gate.toml", "--junit", "j.xml")
    assert said.code == 0, said.err
    names = [case.get("name") for case in ElementTree.parse(files / "j.xml").getroot()]
    assert names == ["month_spend_mean_usd", "feature.chat.route.gpt-3.5-turbo.evaluated"]


def test_a_gate_that_says_what_it_does_not_know_is_one_line(run, files):
    (files / "gate.toml").write_text('month_cost = "<= 100"')
    said = check(run, "--gate", "gate.toml")
    assert said.code == 2
    assert said.err.startswith("costsim: gate.toml: key of a gate must be one of ")
    assert len(said.err.splitlines()) == 1


def test_nothing_runs_on_bad_input(run, files):
    assert check(run, "--junit", "j.xml").err == (
        "costsim: --junit writes the verdicts of a gate; give --gate too\n"
    )
    assert check(run, replicates=1).code == 2
    said = check(run, "--markdown", "nowhere/m.md")
    assert said.err == "costsim: folder does not exist: nowhere\n"
    (files / "folder").mkdir()
    said = check(run, "--markdown", "folder")
    assert (said.code, said.err) == (2, "costsim: folder must be a file; it is a folder\n")
    said = check(run, "--recommend", "--candidates", "2", replicates=10_000)
    assert (said.code, said.err) == (
        2, "costsim: count must be an integer from 4 to 4096; got 2\n"
    )  # fmt: skip


def test_incidents_of_the_library_are_played_at_the_products_size(run, files, monkeypatch):
    monkeypatch.setattr(incidents, "library_incidents", lambda: ["night-script"])
    said = check(run, "--incidents", replicates=2)
    assert said.code == 0, said.err
    assert "incidents of the library: what each adds to its week" in said.out
    # a product of $100 a month; the library's have $55,000
    assert "Products of a larger budget than yours are played at 0.2% of their size." in said.out
    told = json.loads(check(run, "--incidents", "--json", replicates=2).out)["incidents"]
    assert [row["scenario"] for row in told] == ["night-script"]
    assert told[0]["adds_usd"] < 100


def test_what_a_search_cannot_look_for_is_judged_and_left_out_of_it(run, files):
    (files / "gate.toml").write_text('overshoot_usd = "<= 0"\nblocked_share = "<= 1"')
    said = check(run, "--recommend", "--gate", "gate.toml", *FEW)
    assert said.code == 0, said.err
    assert "PASS overshoot_usd" in said.out
    assert "Suggested: " in said.out


def test_a_folder_of_records_is_replayed(run, files):
    assert run("simulate", "tiny.toml", "--days", "3", "--out", "runs").code == 0
    (files / "gate.toml").write_text('blocked_share = ">= 2e-1"')
    said = run("limits", "check", "runs", "--limits", "strict", "--gate", "gate.toml", "--json")
    assert said.code == 1, said.err
    told = json.loads(said.out)
    assert told["gate"][0]["verdict"] == "FAIL"
    assert "users do not react" in told["headline"]
    said = run("limits", "check", "runs", "--limits", "strict", "--recommend")
    assert said.err.startswith("costsim: --recommend simulates; give a scenario")


def test_better_limits_are_found_and_saved(run, files):
    said = check(run, "--recommend", "--save", "better.toml", *FEW)
    assert said.code == 0, said.err
    assert "Suggested: " in said.out
    assert "on seeds that had no part in the search" in said.out
    assert load_limits(files / "better.toml").name == "caps-suggested"
    assert said.err.splitlines()[-1] == "next: costsim limits check tiny.toml --limits better.toml"
    again = check(run, "--recommend", "--save", "better.toml", *FEW)
    assert (again.code, again.err) == (2, "costsim: better.toml is there already\n")
