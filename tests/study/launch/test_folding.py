"""Users whom limits cannot touch: adding them up gives what simulating everybody gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costsim.limits import parse_limits
from costsim.limits.rules import rules_of
from costsim.simulation.intents import Intents
from costsim.study.launch.folding import FoldedMonth, can_fold
from costsim.study.launch.month import launch_month
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.runs import (
    folded_month,
    intended_calls,
    open_tally,
    rows_of,
    streamed_month,
)
from costsim.study.launch.tally import nothing_tallied, rule_count, tally

FEATURES = {
    "chat": {"calls_per_week": 1_500, "reaction": "human", "cheaper": "batch"},
    "batch": {"calls_per_week": 500, "reaction": "script"},
    "deep": {
        "model": "gpt-4o",
        "profile": "flat",
        "launch": "2024-03-05T09:00:00",
        "calls_per_week": 100,
        "input_tokens": {"median": 12_000, "log_sd": 0.5, "max": 100_000},
        "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2000},
    },
}
INCIDENTS = {
    "added": {"feature": "deep", "cause": "volume", "starts": "2024-03-06T00:00:00",
              "effect": {"calls_scale": 5.0}},
    "bloat": {"feature": "chat", "cause": "tokens", "starts": "2024-03-12T00:00:00",
              "effect": {"input_tokens_scale": 4.0}},
    "fewer": {"feature": "batch", "cause": "volume", "starts": "2024-03-15T00:00:00",
              "effect": {"calls_scale": 0.3}},
}  # fmt: skip


@pytest.fixture(scope="module")
def rehearsal(small):
    scenario = small(days=20, features=FEATURES, incidents=INCIDENTS)
    return Rehearsal(launch_month(scenario), 3)


@pytest.fixture(scope="module")
def parts(rehearsal):
    return list(rehearsal)


@pytest.fixture(scope="module")
def month(rehearsal):
    return FoldedMonth(rehearsal)


def streamed(rehearsal, parts, policy):
    """Everybody's attempts day by day, added up by NumPy when all is over."""
    loop, rules = rehearsal.loop(policy), rule_count(policy)
    found = nothing_tallied(rehearsal, rules)
    for part in parts:
        found = found.plus(tally(loop.day(part.intents, part.end_us), rehearsal, rules))
    return found


def same(one, other):
    for name, a, b in zip(one._fields, one, other, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


amounts = st.one_of(st.none(), st.floats(-2.5, 2.0).map(lambda power: round(10**power, 4)))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    amounts, amounts, amounts,
    st.one_of(st.none(), st.integers(1, 60)),
    st.one_of(st.none(), st.integers(1, 4)),
    st.one_of(st.none(), st.integers(2_000, 300_000)),
    st.one_of(st.none(), st.integers(3_000, 60_000)),
    st.one_of(st.none(), st.integers(1, 1_500)),
    st.sampled_from(["UTC", "Asia/Kolkata"]),
)  # fmt: skip
def test_folding_changes_no_sum(
    month, parts, hour, day, month_usd, calls, opened, tokens, most, held, zone
):
    user = {"hour_usd": hour, "day_usd": day, "month_usd": month_usd, "day_calls": calls,
            "open_calls": opened, "hour_tokens": tokens}  # fmt: skip
    policy = parse_limits(
        {
            "name": "tried",
            "time_zone": zone,
            "request": {
                "max_input_tokens": most,
                "max_output_tokens": 1_500,
                "hold_output_tokens": held,
            },
            "user": {key: value for key, value in user.items() if value is not None},
        }
    )
    assert can_fold(month.rehearsal, policy)
    whole = streamed(month.rehearsal, parts, policy)
    same(month.run(policy), whole)
    same(month.simulate(policy), whole)
    refused = (whole.reasons > 0).any(axis=0)
    np.testing.assert_array_equal(~month.untouched(policy), refused)


def test_a_peak_is_the_smallest_limit_that_nobody_notices(month):
    policy = parse_limits({"name": "p", "user": {"hour_usd": 1.0, "month_usd": 1.0}})
    for rule in rules_of(policy):
        peak = month.peaks(policy, rule)
        user = int(np.argmax(peak))
        name = month.rehearsal.tables.users[user]
        for usd, refused in ((peak[user] / 1e9, 0), ((peak[user] - 1) / 1e9, 1)):
            caps = {"user": {"by_user": {name: {rule.cap: usd}}}}
            found = month.simulate(parse_limits({"name": "one", **caps}))
            assert (found.reasons.sum() > 0) == bool(refused)


def test_a_month_folded_is_the_month_streamed(rehearsal):
    policy = parse_limits({"name": "caps", "user": {"hour_usd": 0.1, "month_usd": 1.5}})
    one, other = (
        rows_of(rehearsal, policy, how(rehearsal, policy)) for how in (folded_month, streamed_month)
    )
    assert one == other
    assert one[1]["denied"] > 0 != one[1]["incident_usd"]


@pytest.mark.parametrize(
    "change",
    [
        {"tier": {"free": {"day_usd": 1}}},
        {"feature": {"chat": {"day_usd": 1}}},
        {"organisation": {"month_usd": 1}},
        {"accounting": "check"},
    ],
)
def test_what_users_share_is_simulated_in_full(rehearsal, parts, month, change):
    policy = parse_limits({"name": "shared", "user": {"day_usd": 0.2}, **change})
    assert not can_fold(rehearsal, policy)
    same(month.run(policy), streamed(rehearsal, parts, policy))


def test_errors_are_tried_again_and_so_simulated(small):
    scenario = small(features={"chat": {"errors": {"rate": 0.1}}})
    rehearsal = Rehearsal(launch_month(scenario), 3)
    policy = parse_limits({"name": "u", "user": {"day_usd": 0.01}})
    assert not can_fold(rehearsal, policy)
    parts = list(rehearsal)
    found = FoldedMonth(rehearsal)
    for limits, own in ((None, found.open), (policy, found.run(policy))):
        same(own, streamed(rehearsal, parts, limits))
        assert own.retries.sum()


def test_a_month_is_its_days_in_either_order(rehearsal, parts):
    calls = MonthCalls(rehearsal)
    whole = Intents.join([day.intents for day in parts])
    by_user, first = calls.by_user
    rows = np.lexsort((whole.sequence, whole.time_us, whole.user))
    for name in by_user._fields:
        column = getattr(whole, name)
        for found, wanted in (
            (getattr(calls.by_time, name), column), (getattr(by_user, name), column[rows])
        ):  # fmt: skip
            np.testing.assert_array_equal(found, wanted, err_msg=name)
            assert found.dtype == wanted.dtype
    assert (first[0], first[-1]) == (0, len(whole))
    np.testing.assert_array_equal(
        by_user.user, np.repeat(np.arange(len(first) - 1), np.diff(first))
    )


def test_what_is_meant_is_the_same_in_either_order(rehearsal, month):
    policy = parse_limits({"name": "u", "user": {"hour_usd": 1, "day_tokens": 10, "open_calls": 2}})
    in_time = MonthCalls(rehearsal)
    assert len(in_time.by_time.time_us)
    assert in_time.either is in_time.by_time
    other = FoldedMonth(rehearsal, in_time)
    for rule in rules_of(policy):
        found = month.peaks(policy, rule)
        np.testing.assert_array_equal(other.peaks(policy, rule), found)
        assert found.any()
    same(other.open, month.open)
    np.testing.assert_array_equal(other.calls, month.calls)


@pytest.mark.parametrize(("usd", "in_full"), [(1_000, False), (0.0, True), (-0.2, True)])
def test_a_months_cap_is_simulated_where_it_may_be_reached(small, monkeypatch, usd, in_full):
    """So much above what the month costs without it."""
    scenario = small(start="2024-03-01", days=31, features=FEATURES)
    rehearsal = Rehearsal(launch_month(scenario), 3)
    month, parts = FoldedMonth(rehearsal), list(rehearsal)
    keys = {"name": "m", "user": {"day_usd": 0.05}}
    paid = int(month.run(parse_limits(keys)).month_nano.sum()) / 1e9
    policy = parse_limits(keys | {"organisation": {"month_usd": round(paid * (1 + usd), 2)}})
    full = []
    simulate = FoldedMonth.simulate
    monkeypatch.setattr(FoldedMonth, "simulate", lambda *given: full.append(1) or simulate(*given))
    found = month.run(policy)
    same(found, streamed(rehearsal, parts, policy))
    assert (found.reasons[-2].sum() > 0) == (usd <= 0)  # the month of all: holds count
    assert bool(full) == in_full


def test_many_limits_at_once_are_each_of_them_alone(rehearsal, parts, month):
    shared = {"organisation": {"month_usd": 20}}
    policies = [
        parse_limits({"name": f"p{usd}", "user": {"day_usd": usd}, **more})
        for usd, more in ((0.02, {}), (0.1, shared), (9.0, {}), (0.1, {}))
    ]
    for policy, found in zip(policies, month.runs(policies), strict=True):
        same(found, streamed(rehearsal, parts, policy))
    meant = sum(intended_calls(rehearsal, part.intents) for part in parts)
    np.testing.assert_array_equal(month.calls, meant)
    open_ = nothing_tallied(rehearsal, 0)
    for part in parts:
        open_ = open_.plus(open_tally(rehearsal, part.intents))
    same(month.open, open_)
