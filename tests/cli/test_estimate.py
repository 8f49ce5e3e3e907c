"""costsim estimate and costsim scenario: what they print, and the command each ends with."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from costsim.simulation import load_scenario

WIDE = ["--input-tokens", "2000,50000", "--output-tokens", "500,2000"]
USED = ["--users", "500,900", "--calls-per-user-day", "0.5,2"]


def next_of(said) -> list[str]:
    return shlex.split(said.err.strip().splitlines()[-1].removeprefix("next: costsim "))


def test_estimate_answers_first_and_says_what_moves_it(run) -> None:
    said = run("estimate", "--model", "gpt-4o", *WIDE, *USED, "--monthly-budget", "9000",
               "--price-book", "list-2024")  # fmt: skip
    assert said.code == 0
    assert said.out.splitlines()[0].endswith("a request.")
    assert "a month on average (80%: $" in said.out.splitlines()[0]
    assert "Input tokens move the answer most: a month costs $" in said.out
    assert "the mean is not the middle" in said.out
    assert "ESTIMATED gpt-4o, prices list-2024" in said.out


@pytest.mark.parametrize(
    ("book", "more"),
    [
        ("list-2024", []),
        ("current", [*USED, "--cached-share", "0.2,0.4", "--passes", "3"]),
        ("current", ["--max-input-tokens", "60000", "--max-output-tokens", "3000"]),
    ],
)
def test_the_next_command_runs_as_it_is_printed(run, book: str, more: list[str]) -> None:
    said = run("estimate", "--model", "gpt-4o", *WIDE, *more, "--price-book", book)
    added = run(*next_of(said))
    assert added.code == 0, added.err
    described = run("scenario", "describe", next_of(added)[1])
    assert described.code == 0, described.err
    feature = load_scenario(next_of(added)[1]).features["new_feature"]
    assert feature.input_tokens.median == pytest.approx(10_000, rel=1e-3)
    assert feature.cache.share == pytest.approx(0.3 if "--cached-share" in more else 0)
    assert feature.passes == (3 if "--passes" in more else 1)
    assert feature.output_tokens.max == (3_000 if "--max-output-tokens" in more else None)
    users = feature.cohorts["users"]
    # the estimate's calls are of an average day, the cohort's of a day of weight 1
    weights = load_scenario(next_of(added)[1]).profiles["office"].day_weights
    of_average_day = users.calls_per_day * sum(weights) / 7
    if more[:1] == USED[:1]:
        assert (users.users, of_average_day) == (700, pytest.approx(1.25, rel=1e-3))
        assert "so it is 1.25 on an average day" in added.out
    else:
        assert (users.users, users.calls_per_day) == (100, 1)


def test_estimate_json_is_whole(run) -> None:
    said = run("estimate", "--model", "gpt-4o", *WIDE, *USED, "--price-book", "list-2024", "--json")
    found = json.loads(said.out)
    assert said.err == ""
    costs = {row["of"]: row for row in found["costs"]}
    assert costs["month"]["mean_usd"] == pytest.approx(
        costs["request"]["mean_usd"] * 700 * 1.25 * 30
    )
    for row in found["costs"]:
        columns = ("p10_usd", "median_usd", "p90_usd", "p99_usd")
        assert [row[c] for c in columns] == sorted(row[c] for c in columns)
    assert found["swings"][0]["assumption"] == "input tokens"
    assert found["monthly_budget_usd"] is None


def test_estimate_counts_documents_and_lists_what_it_skipped(run, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.txt").write_text("x" * 4_000)
    (folder / "b.txt").write_text("x" * 8_000)
    (folder / "scan.pdf").write_bytes(b"%PDF")
    words = ["estimate", "--model", "claude-3-haiku", "--documents", "papers", "--price-book",
             "list-2024", "--prompt-tokens", "100"]  # fmt: skip
    said = run(*words)
    assert "2 documents of papers, 1 skipped" in said.out
    assert "scan.pdf  .pdf is not plain text: extract its text first" in said.out
    assert "tokens estimated: characters / 4" in said.out
    found = json.loads(run(*words, "--json").out)
    assert found["documents"]["tokens"] == {"a.txt": 1_000, "b.txt": 2_000}
    assert found["costs"][0]["mean_usd"] == pytest.approx(1_600 * 0.25e-6)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["estimate"], "costsim estimate: Missing option '--model'"),
        (["estimate", "--model", "gpt-4o"], "give input_tokens or documents; got neither"),
        (["estimate", "--model", "gpt-99", *WIDE], "got 'gpt-99' (close: gpt-"),
        (["estimate", "--model", "gpt-4o", "--input-tokens", "many"], "one number, p10,p90"),
        (["estimate", "--model", "gpt-4o", *WIDE, "--users", "5"], "users needs calls"),
        (["estimate", "--model", "gpt-4o", *WIDE, "--at", "soon"], "--at must be a day"),
        (["estimate", "--model", "gpt-4o", "--documents", "no"], "documents must be an existing"),
        (["estimate", "--model", "gpt-4o", *WIDE, "--price-book", "x"], "price book must be"),
        (["scenario", "describe", "quite"], "scenario must be one of"),
        (["scenario", "show", "no/such.toml"], "scenario file does not exist: no/such.toml"),
        (["scenario", "add-feature", "quiet", "--name", "n"], "Missing option '--launch'"),
        (
            ["scenario", "add-feature", "quiet", "--name", "n", "--launch", "2024-08-02T14:00"],
            "give --model, or --from",
        ),
        (
            ["scenario", "add-feature", "quiet", "--name", "n", "--launch", "2024-08-02T14:00",
             "--model", "gpt-4o", *WIDE, *USED[:1], "5", *USED[2:3], "1", "--bass", "1"],
            "--bass must be p,q such as 0.03,0.38; got '1'",
        ),
        (
            ["scenario", "add-feature", "quiet", "--name", "n", "--launch", "2024-08-02T14:00",
             "--from", "nowhere"],
            "records folder does not exist: nowhere",
        ),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_arguments_are_one_line_and_leave_nothing(run, tmp_path, arguments, line) -> None:
    said = run(*arguments)
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not list(tmp_path.iterdir())


def test_scenarios_are_listed_shown_and_described(run) -> None:
    said = run("scenario", "list")
    assert "surprise-40k " in said.out
    assert "The $40k week" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert run(*next_of(said)).code == 0
    listed = {row["name"]: row for row in json.loads(run("scenario", "list", "--json").out)}
    assert (listed["surprise-40k"]["start"], listed["surprise-40k"]["features"]) == (
        "2024-07-12",
        6,
    )
    shown = run("scenario", "show", "surprise-40k").out
    assert "KNOWINGLY DOES NOT" in shown  # comments too
    Path("copy.toml").write_text(shown)
    assert load_scenario("copy.toml").hash == load_scenario("surprise-40k").hash
    told = json.loads(run("scenario", "describe", "copy.toml", "--json").out)
    assert told["hash"] == load_scenario("surprise-40k").hash


def test_add_feature_in_place_and_as_json(run) -> None:
    Path("mine.toml").write_text('# mine\nextends = "quiet"\n')
    words = ["scenario", "add-feature", "mine.toml", "--name", "notes", "--model", "gpt-4o", *WIDE,
             "--launch", "2024-08-02T14:00", "--calls-per-week", "500", "--in-place"]  # fmt: skip
    found = json.loads(run(*words, "--json").out)
    assert found["file"] == "mine.toml"
    assert Path("mine.toml").read_text() == '# mine\nextends = "quiet"\n\n' + found["toml"] + "\n"
    again = run(*words)
    assert again.code == 2
    assert "name must be new; quiet has a feature 'notes'" in again.err
