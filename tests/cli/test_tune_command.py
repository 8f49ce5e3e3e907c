"""costsim tune and detect --suite: the suite goes from the one to the other."""

from __future__ import annotations

import json

import pytest

import costsim.study
from costsim.detect import load_suite
from costsim.detect.series_detector import CHANNELS
from costsim.simulation import simulate
from tests.simulated import night_script, simulated_folder


def test_a_tuned_suite_is_saved_and_read_by_detect(run, tmp_path):
    said = run("tune", "night-script", "--runs", "6", "--replicates", "10",
               "--false-alarms-per-month", "2", "--save", "mine.toml")  # fmt: skip
    assert said.code == 0, said.err
    assert "false alarms a month on fresh runs" in said.out
    assert "SIMULATED night-script" in said.out
    assert said.err.endswith("next: costsim detect DIR --suite mine.toml\n")
    assert load_suite(tmp_path / "mine.toml").false_alarms_per_month == 2.0
    simulated_folder(night_script(), 5, tmp_path / "runs")
    said = run("detect", "runs", "--suite", "mine.toml", "--from", "2024-08-09")
    assert said.code == 0, said.err
    assert "mine: 2 false alarms a month of all together" in said.out
    assert "code_review" in said.out
    assert "1 user brings" in said.out
    told = json.loads(
        run("detect", "runs", "--suite", "mine.toml", "--from", "2024-08-09", "--json").out
    )
    causes = {(row["feature_name"], row["cause"]) for row in told["incidents"]}
    assert ("code_review", "volume") in causes
    users = [user for row in told["incidents"] for user in row["users"]]
    assert users
    assert not any(user["user_id"].startswith("user-0") for user in users)  # masked
    assert all(user["usd"] > 0 for user in users)


def test_a_suite_that_is_there_is_kept(run, tmp_path):
    (tmp_path / "mine.toml").write_text("precious")
    said = run("tune", "quiet", "--save", "mine.toml")
    assert said.code == 2
    assert said.err == "costsim: mine.toml is there already; --overwrite replaces it\n"
    assert (tmp_path / "mine.toml").read_text() == "precious"


def test_tune_prints_its_curve_as_json(run):
    said = run("tune", "quiet", "--runs", "4", "--any-budget", "--json")
    told = json.loads(said.out)
    assert [row["wanted"] for row in told["curve"]] == [1.0, 2.0, 4.0]
    not_in_suite = {"new_user", "user_rise", "calls"}
    assert {row["channel"] for row in told["detectors"]} == set(CHANNELS) - not_in_suite
    assert told["file"] is None


def test_detect_reads_any_csv_of_times_and_dollars(run, tmp_path):
    lines = ["time,usd"]
    for hour in range(24 * 30):
        stamp = f"2024-07-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"
        lines.append(f"{stamp},{20 + hour % 3 + (90 if hour > 700 else 0)}")
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    said = run("detect", "mine.csv", "--suite", "default", "--from", "2024-07-20")
    assert said.code == 0, said.err
    assert "REAL mine.csv, 720 hours" in said.out
    assert "seasonal z-score 1" in said.out
    told = json.loads(run("detect", "mine.csv", "--json").out)
    assert told["hours"] == 720
    for arguments, line in (
        (["mine.csv", "--value", "eur"], "must have the value column 'eur'"),
        (["mine.csv", "--suite", "nope"], "suite must be one of 'default'; got 'nope'"),
        (["none.csv"], "none.csv must be a CSV file; there is none"),
        ([".", "--time", "x"], "--time and --value are of a CSV file"),
    ):
        said = run("detect", *arguments)
        assert said.code == 2
        assert line in said.err
        assert said.err.count("\n") == 1


def test_a_folder_s_own_weeks_can_be_ordinary_life(run, small, tmp_path):
    simulate(small(days=30), seed=3, out=tmp_path / "mine")
    common = ("tune", "mine", "--ordinary", "history", "--runs", "4", "--replicates", "10",
              "--false-alarms-per-month", "3")  # fmt: skip
    said = run(*common, "--leave-out", "2024-03-06", "--save", "own.toml")
    assert said.code == 0, said.err
    assert "SIMULATED 4 runs made of 2 weeks of own records" in said.out
    assert "warning: fresh runs are made of the same weeks" in said.out
    assert load_suite(tmp_path / "own.toml").false_alarms_per_month == 3.0
    said = run(*common, "--leave-out", "2024-03-06/2024-03-01")
    assert said.code == 2
    assert "--leave-out must not end before it begins; got '2024-03-06/2024-03-01'" in said.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["surprise-40k", "--ordinary", "history"], "--ordinary is of a folder of records"),
        (["surprise-40k", "--level", "api"], "--level is of a folder of records"),
        (["surprise-40k", "--leave-out", "2024-08-12"], "--leave-out is of a folder of records"),
        (["surprise-40k", "--naming-runs", "2"], "--naming-runs is of the library"),
        (
            ["library", "--naming-runs", "-1"],
            "naming_runs must be an integer of at least 0; got -1",
        ),
        (["surprise-40k", "--save", "x.json"], "--save must end in .toml; got 'x.json'"),
        (["surprise-40k", "--seed", "-1"], "seed must be an integer of at least 0; got -1"),
    ],
)
def test_what_does_not_apply_is_refused_before_anything_runs(run, arguments, line):
    said = run("tune", *arguments)
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1


def test_compare_prints_detectors_beside_dummies_and_the_limit_line(
    run, once, tmp_path, monkeypatch
):
    played = once(costsim.study, "compare_detectors")
    tenth = {"night-script": night_script(), "quiet": costsim.load_scenario("quiet")}
    monkeypatch.setattr(costsim, "load_scenario", tenth.get)
    options = ("--runs", "6", "--replicates", "10", "--false-alarms-per-month", "2",
               "--naming-runs", "1")  # fmt: skip
    said = run("compare", "night-script", *options, "--figure", "curve.png")
    assert said.code == 0, said.err
    for name in ("user share", "suite", "random", "always", "never"):
        assert name in said.out
    assert "A detector that knew this incident beforehand" in said.out
    assert "Ordinary life with 0.25 planned launches and 0.25 campaigns a month" in said.out
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    [suite] = (line for line in said.out.splitlines() if line.startswith("suite "))
    assert suite.endswith("  1 of 1         1 of 1       1 of 1")
    assert "suite 1 of 1 / 1 of 1 / 1 of 1" in said.out
    told = json.loads(run("compare", "night-script", *options, "--json").out)
    assert len(played) == 1
    assert told["limit"]["detectable"]
    names = {row["detector"] for row in told["detectors"]}
    assert {row["detector"] for row in told["named"]} == names >= {"suite", "never"}
    assert run("compare", "quiet").err == (
        "costsim: scenario quiet must have exactly one incident to compare detectors on; it has 0\n"
    )
    assert run("compare", "night-script", "--figure", "curve.pdf").code == 2
