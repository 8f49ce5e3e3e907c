"""Every notebook runs, by our runner and by bare papermill, and is written as agreed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from costsim.errors import ReportError
from costsim.report.notebook import find_notebook, notebook_names, run_notebook
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sizes import smaller
from costsim.study.compiled_first import compile_first
from costsim.toml_writing import toml_lines

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The names in braces are files of a fiftieth of the $40k week: see `files`.
SMALL = {
    "00_start_here": {"scenario": "{scenario}", "replicates": 10, "calibration_runs": 3},
    "10_explore_spend": {"records_dir": "{records}", "last_day": "2024-08-11"},
    "20_weekly_report": {"records_dir": "{records}", "week": "2024-W33", "show_users": True},
    "30_tune_detector": {"replicates": 12, "calibration_runs": 6},
    "40_validate_limits": {
        "replicates": 2,
        "watch_runs": 0,  # by itself in tests/report/test_launch.py
        "candidates": 4,
        "search_seeds": 4,
        "size": 0.02,
    },
    "50_replay_incident": {
        "scenario": "{tenth}",
        "suite": "default",  # tuning is notebook 30
        "replicates": 10,
        "calibration_runs": 3,
    },
    "60_incident_library": {"size": 0.02},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A scenario, its records and one of another size, as a user would have them."""
    folder = tmp_path_factory.mktemp("files")
    for name, share in (("small", 0.02), ("tenth", 0.1)):  # a tenth has calls in every hour
        part = smaller(load_scenario("surprise-40k"), share)
        text = "\n".join(toml_lines(part.model_dump(exclude_defaults=True)))
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    small = load_scenario(folder / "small.toml")
    simulate(small, seed=7, out=folder / "records")
    compile_first(small)  # a kernel that compiles says so, once on a machine
    return {
        "scenario": str(folder / "small.toml"),
        "records": str(folder / "records"),
        "tenth": str(folder / "tenth.toml"),
    }


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text())["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def test_every_notebook_has_small_parameters() -> None:
    assert set(SMALL) == set(notebook_names()) == {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestStyle:
    def test_the_title_is_first_and_parameters_second(self, path: Path) -> None:
        first, second, third = cells(path)[:3]
        assert first["cell_type"] == "markdown"
        assert source(first).startswith("# ")
        assert tags(second) == ["parameters"]
        for line in source(second).splitlines():
            assert " = " in line
            assert "  # " in line, f"papermill shows the comment as help: {line}"
        assert "check_parameters(" in source(third)

    def test_every_parameter_is_checked(self, path: Path) -> None:
        names = [line.split(" = ")[0] for line in source(cells(path)[1]).splitlines()]
        assert all(f"{name}=" in source(cells(path)[2]) for name in names)

    def test_no_function_and_no_long_cell(self, path: Path) -> None:
        for cell in cells(path):
            if cell["cell_type"] == "code":
                lines = source(cell).splitlines()
                assert len(lines) <= 15
                assert not any(
                    line.startswith(("def ", "class ", "for ", "while ")) for line in lines
                )

    def test_outputs_are_stripped_but_for_short_facts(self, path: Path) -> None:
        for cell in cells(path):
            if cell["cell_type"] == "code" and cell["outputs"]:
                assert {"keep_output", "nbval-check-output"} <= set(tags(cell))
                assert len(json.dumps(cell["outputs"])) < 500


@pytest.mark.parametrize("name", sorted(SMALL))
def test_runs_with_small_parameters(name: str, tmp_path: Path, files: dict[str, str]) -> None:
    given = {
        key: value.format(**files) if isinstance(value, str) else value
        for key, value in SMALL[name].items()
    }
    done = run_notebook(name, tmp_path / "out.ipynb", given)
    outputs = [o for c in cells(done) if c["cell_type"] == "code" for o in c["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"], "a warning would be shown"
    assert any("image/png" in o.get("data", {}) for o in outputs)
    if name == "50_replay_incident":  # the suite called, and somebody acted
        looped = next(o["data"]["text/plain"] for o in outputs if "calls_lost" in str(o))
        assert "NaT" not in str(looped)
        assert "acted_at" in str(looped)
    kept = {source(c): c["outputs"] for c in cells(find_notebook(name)) if "keep_output" in tags(c)}
    for cell in cells(done):
        if source(cell) in kept:
            expected, got = kept[source(cell)], cell["outputs"]
            assert [o["data"]["text/plain"] for o in expected] == [
                o["data"]["text/plain"] for o in got
            ]


@pytest.mark.parametrize("name", ["20_weekly_report"])  # all have the same second cell
def test_bare_papermill_refuses_a_misspelt_parameter(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
    command += ["-k", "python3", "-p", "replicate_s", "3", str(find_notebook(name))]
    command += [str(tmp_path / "out.ipynb")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "parameter must be one of" in run.stderr
    assert "got 'replicate_s'" in run.stderr


def test_a_wrong_type_is_refused_and_nothing_is_published(tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    with pytest.raises(ReportError, match=r"cell 4 .* parameter seed must be int; got 'seven'"):
        run_notebook("00_start_here", out, {"seed": "seven"})
    assert not list(tmp_path.iterdir())


def test_the_failing_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"20_weekly_report.ipynb: cell 5 .*does not exist"):
        run_notebook(
            "20_weekly_report", tmp_path / "o.ipynb", {"records_dir": str(tmp_path / "no")}
        )
