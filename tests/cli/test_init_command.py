"""costsim init: what it writes is used at once, by the commands that it names."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

from costsim.simulation import load_scenario
from costsim.simulation.sizes import smaller
from costsim.toml_writing import toml_lines


def test_the_files_are_used_by_the_next_command_and_by_the_build_as_they_are(
    run, tmp_path, monkeypatch
):
    said = run("init", "--monthly-budget", "300", "--tiers", "free,pro")
    assert said.code == 0, said.err
    assert [line.split()[0] for line in said.out.splitlines()[:5]] == [
        f"costsim-limits/{name}"
        for name in ("limits.toml", "gate.toml", "suite.toml", "launch.toml", "costsim.yml")
    ]
    assert "at most $30.00 a day and $9.00 an hour; a user $75.00 a month" in said.out
    few = ("--replicates", "2", "--jobs", "1")
    _, *following = shlex.split(said.err.strip().removeprefix("next: "))
    checked = run(*following, *few, "--json")
    assert checked.code == 3, checked.err  # a p95 takes 72 runs
    gate = {line["key"]: line["verdict"] for line in json.loads(checked.out)["gate"]}
    assert gate["month_spend_p95_usd"] == "UNDECIDED"
    assert "FAIL" not in gate.values()

    workflow = yaml.safe_load((tmp_path / "costsim-limits/costsim.yml").read_text())
    [job] = workflow["jobs"].values()
    [step] = [step for step in job["steps"] if "limits check" in step.get("run", "")]
    monkeypatch.chdir(tmp_path / step["working-directory"])
    _, *command = shlex.split(step["run"].replace("--replicates 100", " ".join(few)))
    assert run(*command).code == 3
    [kept] = [step["with"]["path"] for step in job["steps"] if "upload" in step.get("uses", "")]
    assert (tmp_path / kept).read_text().startswith("<?xml")
    assert (tmp_path / step["working-directory"] / "limits.md").read_text()


@pytest.mark.slow
def test_the_story_is_rehearsed_under_them(run, tmp_path):
    tenth = smaller(load_scenario("surprise-40k"), 0.1)
    text = "\n".join(toml_lines(tenth.model_dump(exclude_defaults=True)))
    (tmp_path / "tenth.toml").write_text(text, encoding="utf-8")
    run("init", "--monthly-budget", "1000", "--out", "here", "--tiers", "free,pro,enterprise",
        "--time-zone", "America/New_York")  # fmt: skip
    said = run("limits", "check", "tenth.toml", "--limits", "here/limits.toml", "--gate",
               "here/gate.toml", "--replicates", "2", "--jobs", "1", "--json")  # fmt: skip
    assert said.code in (1, 3), said.err  # a product of $5,500 within $1,000
    found = json.loads(said.out)
    assert found["limits"] == "first-limits"
    [spend] = [
        row for row in found["measures"]
        if (row["measure"], row["statistic"]) == ("month_usd", "mean")
    ]  # fmt: skip
    assert spend["with"] <= 1_000 < 5_000 < spend["without"]


def test_bad_input_and_what_is_there_are_one_line(run, tmp_path):
    for arguments, words in [
        (("--monthly-budget", "-5"), "monthly budget must be from $1"),
        (("--monthly-budget", "nan"), "got nan"),
        (("--monthly-budget", "much"), "a valid number"),
        (("--monthly-budget", "100", "--tiers", "a,,b"), "tier must have 1 to 512"),
        (("--monthly-budget", "100", "--users", "0"), "users must be from 1"),
        ((), "--monthly-budget"),
    ]:
        said = run("init", *arguments)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert words in said.err
    assert not list(tmp_path.iterdir())
    assert run("init", "--monthly-budget", "100", "--json").code == 0
    said = run("init", "--monthly-budget", "200")
    assert (said.code, said.err) == (
        2, "costsim: costsim-limits/limits.toml is there already; nothing was written "
        "(--out names another folder)\n",
    )  # fmt: skip
