"""costsim fit: a file, a table, the next command; one clear line where it cannot."""

from __future__ import annotations

import json

import pytest

from costsim.cli import main
from costsim.simulation import load_scenario, simulate


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "runs"
    simulate(small(days=8), seed=4, out=path)
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


def test_it_writes_a_scenario_shows_the_comparison_and_names_the_next_command(
    folder, tmp_path, capsys
):
    out = tmp_path / "mine.toml"
    assert run("fit", folder, "--out", out) == 0
    text, error = capsys.readouterr()
    scenario = load_scenario(out)
    assert scenario.name == "mine"
    assert set(scenario.features) == {"chat", "batch"}
    assert "variation of hours (CV)" in text
    assert "measures within tolerance" in text
    assert "assumed: noise.day_sigma" in text
    assert error.endswith(f"next: costsim simulate {out} --seed 7 --out runs/mine\n")


def test_json_holds_parameters_and_comparison(folder, tmp_path, capsys):
    out = tmp_path / "mine.toml"
    assert run("fit", folder, "--out", out, "--level", "api", "--name", "other", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["scenario"] == "other"
    assert told["scenario_hash"] == load_scenario(out).hash
    keys = {row["key"]: row for row in told["parameters"]}
    assert keys["noise.day_sigma"]["basis"] == "assumed"
    assert keys["noise.hour_sigma"]["low"] < keys["noise.hour_sigma"]["high"]
    assert {row["measure"] for row in told["comparison"]} >= {"calls a day"}


def test_without_comparison_nothing_is_simulated(folder, tmp_path, capsys):
    assert run("fit", folder, "--out", tmp_path / "a.toml", "--no-compare") == 0
    assert "within tolerance" not in capsys.readouterr().out


def test_a_file_that_is_there_stays(folder, tmp_path, capsys):
    out = tmp_path / "mine.toml"
    out.write_text("precious")
    assert run("fit", folder, "--out", out) == 2
    assert capsys.readouterr().err == (
        f"costsim: {out} is there already; --overwrite replaces it\n"
    )
    assert out.read_text() == "precious"
    assert run("fit", folder, "--out", out, "--overwrite", "--no-compare") == 0
    assert load_scenario(out).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere", "--out", "x.toml"], "nowhere"),
        (["RUNS", "--out", "x.toml", "--level", "team"], "level must be one of 'product', 'api'"),
        (["RUNS"], "Missing option '--out'"),
    ],
)
def test_wrong_arguments_are_one_line_and_leave_nothing(
    folder, tmp_path, capsys, monkeypatch, arguments, line
):
    monkeypatch.chdir(tmp_path)
    assert run("fit", *[folder if a == "RUNS" else a for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert line in error
    assert list(tmp_path.iterdir()) == []
