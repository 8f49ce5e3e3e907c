"""The command line: what it prints, and that wrong arguments are one line and exit code 2."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import costsim
from costsim.simulation.sizes import smaller
from tests.cli.tiny import SCENARIO

NAMES = re.compile(r"\buser-\d{4}\b")  # simulated ids; pseudonyms have six hex digits


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "quiet"
    scenario = smaller(costsim.load_scenario("quiet"), 0.1).first_days(16)
    costsim.simulate(scenario, seed=3, out=folder)
    return folder


def test_help_names_every_command(run) -> None:
    said = run("--help")
    assert said.code == 0
    for command in (
        "demo",
        "estimate",
        "scenario",
        "simulate",
        "sweep",
        "import",
        "spend",
        "detect",
        "report",
        "prices",
        "doctor",
        "lab",
    ):
        assert command in said.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["simulat"], "costsim: No such command 'simulat'"),
        (["simulate"], "costsim simulate: Missing argument 'scenario'"),
        (["simulate", "quiet"], "costsim: --out is required"),
        (["simulate", "quite", "--out", "x"], "did you mean 'quiet'?"),
        (["simulate", "quiet", "--out", "x", "--seed", "-1"], "seed must be an integer from 0"),
        (["simulate", "quiet", "--out", "x", "--seed", "a"], "Invalid value for '--seed'"),
        (["simulate", "quiet", "--out", "x", "--days", "0"], "days must be from 1 to 35; got 0"),
        (["simulate", "quiet", "--out", "x", "--workers", "0"], "workers must be an integer"),
        (["simulate", "quiet", "--out", "x", "--engine", "fast"], "engine must be one of 'batch'"),
        (["simulate", "quiet", "--out", "x", "--limits", "flat"], "limits must be one of"),
        (["simulate", "no/such.toml", "--out", "x"], "scenario file does not exist: no/such.toml"),
        (["simulate", "quiet", "--sed", "1"], "No such option: --sed"),
        (["spend", "nowhere"], "records folder does not exist: nowhere"),
        (["spend", "."], "holds no committed records"),
        (["detect", "nowhere"], "records folder does not exist: nowhere"),
        (["report", "weekly", "nowhere"], "records folder does not exist: nowhere"),
        (["report", "daily", "nowhere"], "costsim report: No such command 'daily'"),
        (["prices", "gpt-99"], "model must have a price in 'current'; got 'gpt-99'"),
        (["prices", "--book", "list-2042"], "list-2042"),
        (["prices", "--at", "yesterday"], "--at must be a day such as 2024-08-09"),
        (["demo", "--runs", "3"], "replicates must be an integer of at least 10; got 3"),
        (["demo", "--scenario", "quiet"], "must have exactly one incident"),
        (["sweep", "quiet", "--limits", "flat-cap"], "variant 'flat-cap': limits must be one of"),
        (["sweep", "quiet", "--limits", "none,none"], "--limits must name each set once"),
        (["sweep", "quiet", "--limits", ","], "--limits must name at least one set"),
        (["sweep", "quiet", "--limits", "none", "--seeds", "0"], "--seeds must be at least 1"),
        (["sweep", "quiet", "--limits", "none", "--jobs", "0"], "--jobs must be at least 1"),
        (["import", "excel", "a.xls", "--out", "x"], "must be one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_one_line_and_leave_nothing(run, tmp_path, arguments, line) -> None:
    said = run(*arguments)
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["spend", "{}", "--by", "colour"], "by must be one of 'tier', 'feature'"),
        (["spend", "{}", "--week", "33"], "week must look like 2024-W33; got '33'"),
        (["spend", "{}", "--week", "2024-W29", "--from", "2024-07-15"], "got both"),
        (
            ["spend", "{}", "--from", "2024-07-20", "--to", "2024-07-15"],
            "--from must not lie after --to",
        ),
        (["detect", "{}", "--budget", "-5"], "--budget must be above 0; got -5"),
        (["report", "weekly", "{}", "--week", "2023-W01"], "there is no record from 2023-01-02"),
        (["report", "weekly", "{}", "--budget", "0"], "budget must be above 0; got 0"),
        (["demo", "--records", "{}", "--out", "{}"], "page needs a file name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_on_real_folders(run, tmp_path, week, arguments, line) -> None:
    said = run(*(argument.format(week) for argument in arguments))
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_simulate_prints_json_that_adds_up(run) -> None:
    said = run("simulate", "quiet", "--days", "2", "--seed", "5", "--out", "two", "--json")
    found = json.loads(said.out)
    assert said.code == 0
    assert found["seed"] == 5
    assert sum(f["calls"] for f in found["features"]) == found["calls"]
    assert sum(f["total_nano"] for f in found["features"]) == found["total_nano"]


def test_a_sweep_compares_sets_of_limits(run, tmp_path) -> None:
    (tmp_path / "tiny.toml").write_text(SCENARIO)
    words = ["sweep", "tiny.toml", "--days", "2", "--limits", "none,flat-caps", "--seeds", "2"]
    said = run(*words, "--out", "runs", "--jobs", "1")
    assert said.code == 0, said.err
    assert "SIMULATED tiny, 2 seeds, 0 to 1" in said.out
    assert said.err.strip().splitlines()[-1] == "next: costsim spend runs/flat-caps/seed-0"
    assert len(costsim.read_records("runs/none/seed-1")) > 200
    told = run(*words, "--json", "--jobs", "1")
    found = json.loads(told.out)
    assert [(row["variant"], row["seed"]) for row in found["runs"]] == [
        ("none", 0), ("none", 1), ("flat-caps", 0), ("flat-caps", 1),
    ]  # fmt: skip
    total = next(r for r in found["summary"] if r["measure"] == "total_usd")
    assert total["mean"] == sum(r["total_usd"] for r in found["runs"][:2]) / 2
    assert "next" not in told.out


def test_simulate_does_not_replace_what_is_not_its_own(run, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    said = run("simulate", "quiet", "--days", "1", "--out", "mine")
    assert said.code == 2
    assert "holds 'thesis.txt'" in said.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_spend_masks_users_unless_asked(run, week) -> None:
    shown = run("spend", str(week), "--by", "user", "--show-users").out
    assert NAMES.search(shown)
    assert not NAMES.search(run("spend", str(week), "--by", "user").out)


def test_spend_json_is_exact(run, week) -> None:
    found = json.loads(run("spend", str(week), "--json").out)
    frame = costsim.read_records(week).to_pandas(["total_cost_nano"])
    assert found["total_nano"] == int(frame["total_cost_nano"].sum())
    assert found["calls"] == len(frame)


def test_every_command_ends_with_the_next_one(run, week) -> None:
    for arguments in (
        ["spend", str(week)],
        ["detect", str(week)],
        ["prices", "gpt-4o"],
        ["doctor"],
    ):
        said = run(*arguments)
        assert said.code == 0, said.err
        assert said.err.strip().splitlines()[-1].startswith("next: costsim ")


def test_detect_says_that_thresholds_are_not_calibrated(run, week) -> None:
    said = run("detect", str(week))
    assert "not calibrated" in said.out
    assert "SIMULATED quiet, seed 3" in said.out
    found = json.loads(run("detect", str(week), "--json").out)
    assert found["hours"] == 16 * 24


def test_report_weekly_writes_a_page_and_a_notebook(run, week, tmp_path) -> None:
    said = run("report", "weekly", str(week), "--out", "pages")
    assert said.code == 0, said.err
    page = (tmp_path / "pages" / "weekly-quiet-2024-W29.html").read_text()
    assert (tmp_path / "pages" / "weekly-quiet-2024-W29.ipynb").is_file()
    assert "SIMULATED" in page
    assert not NAMES.search(page)
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_lab_copies_and_never_overwrites(run, tmp_path) -> None:
    assert run("lab", "here").code == 0
    mine = tmp_path / "here" / "00_start_here.ipynb"
    mine.write_text("my own work")
    said = run("lab", "here")
    assert "kept    here/00_start_here.ipynb" in said.out
    assert mine.read_text() == "my own work"


def test_doctor_is_content_here(run) -> None:
    said = run("doctor", "--json")
    assert said.code == 0
    assert all(check["ok"] is not False for check in json.loads(said.out))


def test_the_demo_writes_one_page(run, tmp_path) -> None:
    said = run("demo", "--runs", "10", "--calibration", "3")
    assert said.code == 0, said.err
    assert "this week: 3." in said.out
    assert "SIMULATED surprise-40k, seed 7" in said.out
    page = (tmp_path / "reports" / "demo.html").read_text()
    assert "The $40k week" in page
    assert len(costsim.read_records("runs/demo")) > 3_000_000


def test_a_damaged_folder_is_one_line(run, week, tmp_path) -> None:
    shutil.copytree(week, tmp_path / "damaged")
    gone = sorted((tmp_path / "damaged" / "data").glob("*.parquet"))[0]
    gone.unlink()
    said = run("spend", "damaged")
    assert said.code == 2
    assert gone.name in said.err
    assert said.err.count("\n") == 1


def test_no_record_in_range_is_said(run, week) -> None:
    said = run("spend", str(week), "--week", "2023-W01")
    assert said.code == 2
    assert "no record in this range" in said.err


def test_replacing_simulated_records_is_said(run) -> None:
    run("simulate", "quiet", "--days", "1", "--out", "one")
    assert "are replaced" in run("simulate", "quiet", "--days", "1", "--out", "one").out
