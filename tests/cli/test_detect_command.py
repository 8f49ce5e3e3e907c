"""costsim detect: what is planned, who brought it, and what a CSV can and cannot say."""

from __future__ import annotations

import json
import shlex
from datetime import datetime

import pandas as pd
import pytest

from costsim.detect import FixedThreshold, Suite, UserShare
from costsim.simulation import simulate
from costsim.spend.planned import Planned

INCIDENT = {
    "feature": "chat",
    "cause": "volume",
    "starts": "2024-03-12T08:00:00",
    "ends": "2024-03-12T20:00:00",
    "effect": {"calls_scale": 6},
}


@pytest.fixture
def burst(small, tmp_path):
    """Two weeks, a dozen hours of six times the calls."""
    product = small(days=14, features={"chat": {"calls_per_week": 3000}}, incidents={"i": INCIDENT})
    return simulate(product, seed=3, out=tmp_path / "runs").records


def _suite(tmp_path, records, **more):
    from costsim.spend.series import channels

    usual = float(channels(records.between(None, "2024-03-12")).total.max())
    return Suite(
        "mine", (FixedThreshold(2 * usual, channel="total"),), 1.0, "a test", **more
    ).write(tmp_path / f"mine{len(more)}.toml")


def test_what_a_suite_plans_is_taken_out(run, burst, tmp_path):
    plain = _suite(tmp_path, burst)
    plan = Planned(datetime(2024, 3, 12, 8), datetime(2024, 3, 12, 20), 6.0, ("chat",))
    beside = _suite(tmp_path, burst, planned=(plan,))
    said = run("detect", "runs", "--suite", str(plain))
    assert "fixed threshold 1" in said.out
    assert "mine: 1 false alarm a month of all together" in said.out
    step = said.err.strip().removeprefix("next: costsim ")
    assert step == f"report weekly runs --suite {plain}"
    said = run("detect", "runs", "--suite", str(beside))
    assert "fixed threshold 0" in said.out
    assert "6 times the calls of chat planned" in said.out
    told = json.loads(run("detect", "runs", "--suite", str(beside), "--json").out)
    assert (told["alarms"], told["incidents"]) == ([], [])


def test_culprits_are_named_with_their_dollars_and_masked_unless_asked(run, small, tmp_path):
    one = {
        "cohorts": {"loop": {"users": 1, "calls_per_day": 4000, "starts": "2024-03-12T08:00:00"}}
    }
    product = small(days=14, features={"chat": {"calls_per_week": 3000} | one})
    records = simulate(product, seed=3, out=tmp_path / "runs").records
    suite = str(_suite(tmp_path, records))
    plain = run("detect", "runs", "--suite", suite, "--show-users").out
    told = json.loads(run("detect", "runs", "--suite", suite, "--show-users", "--json").out)
    [incident] = told["incidents"]
    [culprit] = incident["users"]
    frame = records.between("2024-03-12T08:00").to_pandas(
        ["user_id", "total_cost_usd", "timestamp"]
    )
    frame = frame[
        (frame["timestamp"] >= incident["start"]) & (frame["timestamp"] < incident["end"])
    ]
    spent = frame.groupby("user_id")["total_cost_usd"].sum()
    assert culprit["user_id"] == spent.idxmax()
    assert culprit["usd"] == pytest.approx(spent.max(), rel=0.1)  # less the week before
    assert f"who: {culprit['user_id']} ${culprit['usd']:,.2f}" in plain
    assert "last alarm " in plain
    masked = run("detect", "runs", "--suite", suite).out
    assert culprit["user_id"] not in masked
    assert f"${culprit['usd']:,.2f}" in masked
    hidden = json.loads(run("detect", "runs", "--suite", suite, "--json").out)
    assert hidden["incidents"][0]["users"][0]["usd"] == culprit["usd"]
    assert hidden["incidents"][0]["users"][0]["user_id"] != culprit["user_id"]


def _csv(tmp_path, step="h", rows=24 * 35):
    times = pd.date_range("2024-07-01", periods=rows, freq=step)
    lines = [f"{t:%Y-%m-%dT%H:%M},{20 + i % 3 + (90 if i > rows - 20 else 0)}"
             for i, t in enumerate(times)]  # fmt: skip
    (tmp_path / "h.csv").write_text("\n".join(["time,usd", *lines]))


def test_a_csv_says_who_does_not_watch_it_and_its_next_step_runs(run, tmp_path):
    _csv(tmp_path)
    said = run("detect", "h.csv", "--time-zone", "Europe/Berlin")
    assert "Left out, because they read what a total does not say: fixed threshold." in said.out
    for _ in range(2):
        step = shlex.split(said.err.strip().splitlines()[-1].removeprefix("next: costsim "))
        assert "Europe/Berlin" in step
        said = run(*step)
        assert said.code == 0, said.err
        if "--json" not in step:
            assert "here 3 of its 10 detectors watch, which raise fewer" in said.out
            assert "tier CUSUM, feature CUSUM" in said.out
    assert json.loads(said.out)["hours"] == 840


def test_what_a_csv_cannot_do_is_refused_in_one_line(run, burst, tmp_path):
    _csv(tmp_path)
    users = Suite("users", (UserShare(100.0),)).write(tmp_path / "users.toml")
    for arguments, line in (
        (["h.csv", "--suite", str(users)], "must be watched by a detector of channel 'total'; got"),
        (["h.csv", "--budget", "100"], "--budget is of a folder of records"),
        (["runs", "--suite", "default", "--budget", "9"], "--budget is not for --suite"),
        (
            ["h.csv", "--from", "2030-01-01"],
            "--from must lie before the end of the rows, 2024",
        ),
        (
            ["runs", "--from", "2030-01-01"],
            "--from must lie before the end of the records, 2",
        ),
    ):
        said = run("detect", *arguments)
        assert said.code == 2, arguments
        assert line in said.err
        assert said.err.count("\n") == 1
    _csv(tmp_path, step="D", rows=200)
    said = run("detect", "h.csv")
    assert said.code == 2
    assert "at most an hour apart" in said.err
    assert "usually 24 hours apart" in said.err
