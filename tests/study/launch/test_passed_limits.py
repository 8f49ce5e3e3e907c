"""Overshoot of a rehearsal: added up once more from call records, and held to its closed form."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from costsim.errors import SettingError
from costsim.limits import parse_limits
from costsim.simulation import simulate
from costsim.study import parse_gate, recommend_limits, validate_limits
from costsim.study.launch.month import launch_month
from costsim.study.launch.passed_limits import PassedLimits
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.runs import rows_of, streamed_month
from tests.simulation import test_overshoot as theory

DELAY = 900
CAPS = {"user": {"hour_usd": 0.03, "day_usd": 0.08}, "feature": {"chat": {"day_usd": 0.7}}}
WAYS = {
    "most": {"accounting": "reserve"},
    "quantile": {"accounting": "reserve",
                 "request": {"max_output_tokens": 4000, "hold_output_tokens": 20}},
    "check": {"accounting": "check", "recording_delay_seconds": DELAY},
}  # fmt: skip
GATE = parse_gate({"overshoot_usd": "<= 0", "overshoot_beyond_bound_usd": "<= 0"})


@pytest.fixture(scope="module")
def product(small):
    chat = {"calls_per_week": 2_000, "model": "gpt-4o", "reaction": "script"}
    return small(days=7, population={"users": 30}, features={"chat": chat})


@pytest.fixture(scope="module")
def found(product):
    with joblib.parallel_config(backend="sequential"):
        return {
            way: validate_limits(
                product, parse_limits({"name": way} | CAPS | more), GATE, replicates=2, seed=3
            )
            for way, more in WAYS.items()
        }


def overshoots(result, policy):
    """Dollars beyond its limit of each window that passed it, by limit, from call records."""
    columns = ["timestamp", "latency_ms", "user_id", "feature_name", "status", "total_cost_nano"]
    calls = result.records.to_pandas(columns)
    calls = calls[calls["status"] != "denied"]
    when = calls["timestamp"]
    if policy.accounting == "check":  # a call counts when it is known
        when = when + pd.to_timedelta(calls["latency_ms"] + DELAY * 1000, unit="ms")
    both = [("user_id", policy.user.stated), ("feature_name", policy.feature["chat"].stated)]
    found = {}
    for column, caps in both:
        own = calls if column == "user_id" else calls[calls["feature_name"] == "chat"]
        for cap, limit in caps.items():
            window = when[own.index].dt.floor({"hour_usd": "h", "day_usd": "D"}[cap])
            spent = own.groupby([own[column].astype(str), window])["total_cost_nano"].sum()
            over = spent - limit
            scope = column.split("_")[0]
            found[f"{scope}.{cap}"] = over[over > 0].to_numpy() / 1e9
    return found


@pytest.mark.parametrize("way", WAYS)
def test_what_passed_a_limit_is_what_the_records_say(found, way):
    told = found[way]
    own = told.runs[told.runs["variant"] == way].to_dict("records")
    for row in own:
        result = simulate(told.month.scenario, seed=int(row["seed"]), limits=told.policy)
        wanted = overshoots(result, told.policy)
        assert row["overshoot_usd"] == pytest.approx(max(v.max(initial=0) for v in wanted.values()))
        for limit, over in wanted.items():
            parts = {part: row[f"overshoot.{limit}.{part}"] for part in ("windows", "worst_usd")}
            assert parts["windows"] == len(over)
            assert parts["worst_usd"] == pytest.approx(over.max(initial=0))
            if len(over):
                assert row[f"overshoot.{limit}.mean_usd"] == pytest.approx(over.mean())
        assert row["denied"] > 100
    passed = told.overshoot()
    assert list(passed["limit"]) == ["user.hour_usd", "user.day_usd", "feature.day_usd"]
    assert (passed["windows"] > 0).all() == (way != "most")
    assert (passed["worst_usd"] <= passed["bound_usd"]).all()
    assert (passed["beyond_usd"] == 0).all()
    assert passed["formula_usd"].notna().all() == (way == "check")


def test_a_gate_judges_it_and_the_card_tells_it(found):
    for way, told in found.items():
        verdicts = [line.verdict for line in told.lines]
        assert verdicts == ["PASS" if way == "most" else "FAIL", "PASS"]
        frame = told.to_frame().set_index("measure")
        assert frame.loc["overshoot_usd", "statistic"] == "worst"
        assert frame.loc["overshoot_usd", "with"] == told.overshoot()["worst_usd"].max()
        assert np.isnan(frame.loc["overshoot_usd", "without"])
    assert (found["most"].exit_code, found["check"].exit_code) == (0, 1)
    said = {way: told.markdown() for way, told in found.items()}
    assert "took more than its limit in any of 2 runs, to the nano-dollar" in said["most"]
    assert "by the closed form at their concurrency" in said["check"]
    assert "open answers cost beyond their holds" in said["quantile"]
    assert "defect" not in "".join(said.values())


def test_the_kernels_accounts_say_the_same_where_limits_are_passed(product):
    """What a reservation never does, so that a measured zero means something."""
    policy = parse_limits({"name": "check"} | CAPS | WAYS["check"])
    rehearsal = Rehearsal(launch_month(product), 5)
    loop, passed = rehearsal.loop(policy), PassedLimits(rehearsal, policy)
    for day in rehearsal:
        passed.add_attempts(loop.day(day.intents, day.end_us))
    row = passed.measures()
    by_accounts = [row[f"overshoot.{limit}.worst_usd"] * 1e9
                   for limit in ("user.hour_usd", "user.day_usd", "feature.day_usd")]  # fmt: skip
    assert loop.overspent.tolist() == [round(nano) for nano in by_accounts]


@pytest.mark.parametrize("way", ["quantile", "check"])
def test_dollars_that_were_not_open_are_beyond_the_bound(product, way):
    """As if the ledger had forgotten half of what was settled."""
    policy = parse_limits({"name": way} | CAPS | WAYS[way])
    rehearsal = Rehearsal(launch_month(product), 5)
    loop, passed = rehearsal.loop(policy), PassedLimits(rehearsal, policy)
    for day in rehearsal:
        attempts = loop.day(day.intents, day.end_us)
        early = np.arange(len(attempts)) % 2 == 0
        total = np.where(early, 2 * attempts.total_nano, attempts.total_nano)
        passed.add_attempts(replace(attempts, total_nano=total))
    assert passed.measures()["overshoot_beyond_bound_usd"] > 0


@pytest.mark.parametrize("delay", [0, DELAY])
def test_looking_first_overshoots_by_the_closed_form(small, delay):
    """Poisson calls at one rate, fifteen at a time: each day of the month is a trial."""
    first_ms, pace = theory.SPEEDS["fifteen"]
    moments = theory.call_moments(0.6, first_ms, pace)
    scenario = theory.product(small, 0.6, first_ms, pace, users=40)
    policy = theory.limits(300 * moments.c, "check", "organisation", delay)
    rehearsal = Rehearsal(launch_month(scenario), 4)
    row = rows_of(rehearsal, policy, streamed_month(rehearsal, policy))[1]
    wanted = moments.cc / (2 * moments.c) + theory.RATE * (moments.cl + delay * moments.c)
    days = row["overshoot.organisation.day_usd.windows"]
    assert days >= 30
    # in flight is a Poisson number of calls, and each has a cost of its own
    error = sqrt(theory.RATE * (moments.wait + delay) * moments.cc / days)
    reach = norm.isf(theory.CHANCE / 2) * error
    assert abs(row["overshoot.organisation.day_usd.mean_usd"] - wanted) < reach
    assert row["overshoot.organisation.day_usd.formula_usd"] == pytest.approx(wanted, rel=0.06)
    assert reach < 0.25 * wanted
    assert row["overshoot_beyond_bound_usd"] == 0


def test_limits_without_dollars_cannot_be_told_and_a_search_says_so(product):
    policy = parse_limits({"name": "calls", "user": {"day_calls": 50}})
    with joblib.parallel_config(backend="sequential"):
        told = validate_limits(product, policy, GATE, replicates=2)
    assert [line.verdict for line in told.lines] == ["UNDECIDED", "UNDECIDED"]
    assert "no run had anybody to measure it on" in told.lines[0].words
    assert not len(told.overshoot())
    with pytest.raises(SettingError, match="overshoot_usd is not searched for; use validate_limi"):
        recommend_limits(product, "flat-caps", GATE)
