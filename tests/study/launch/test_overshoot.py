"""One cap under several ways of accounting, against lognormal moments and a ledger of ten lines."""

from __future__ import annotations

import heapq
from math import exp

import numpy as np
import pytest
from scipy.stats import norm

from costsim.errors import SettingError
from costsim.limits import MemoryLedger, Scopes, parse_limits
from costsim.study import compare_accounting
from costsim.study.launch.overshoot_trials import bench_of, day_cap

CHANCE = 1e-3
IN_USD, OUT_USD = 5e-6, 15e-6  # gpt-4o, a token
LAW = {"log_sd": 0.6, "between_users_log_sd": 0.3}


@pytest.fixture(scope="module")
def product(small):
    chat = {
        "input_tokens": LAW | {"mean": 2400},
        "output_tokens": LAW | {"mean": 500, "max": None},
        "first_token_ms": 5_000,
        "output_tokens_per_second": 500 / 38,
    }
    return small(features={"chat": chat, "batch": None})


@pytest.fixture(scope="module")
def found(product):
    return compare_accounting(
        product, cap_usd=5.0, concurrency=[1, 8], delay_seconds=[0, 600], trials=150, seed=3
    )


def test_moments_are_those_of_the_lognormals(found):
    """Input, output, first token and pace are independent; users' spread is part of a call's."""
    square = exp(0.6**2)
    first, second = 5 * exp(0.4**2 / 2), 38 / 500 * exp(0.2**2 / 2)
    a, b = IN_USD * 2400, OUT_USD * 500
    wanted = (
        a + b,
        (a**2 + b**2) * square + 2 * a * b,
        (a + b) * first + (a + b * square) * 500 * second,
        first + 500 * second,
    )
    assert found.moments == pytest.approx(wanted, rel=0.01)


def test_looking_first_overshoots_by_the_formula(found):
    checks = found.to_frame().query("accounting == 'check'")
    assert len(checks) == 4
    for row in checks.itertuples():
        error = (row.overshoot_high_usd - row.overshoot_low_usd) / (2 * norm.isf(0.025))
        assert abs(row.overshoot_usd - row.formula_usd) < 1.05 * norm.isf(CHANCE / 2) * error
        assert row.overshoot_usd == pytest.approx(row.spent_usd - 5.0)
        in_flight = row.calls_per_hour / 3600 * found.moments.seconds
        assert in_flight == pytest.approx(row.concurrency)
    late = checks[checks["delay_seconds"] == 600]
    assert (late["overshoot_usd"].to_numpy() > 5 * found.moments.usd).all()


def test_reserving_the_most_never_overshoots_and_a_quantile_not_beyond_its_bound(found):
    most, part = found.of("reserve", "most"), found.of("reserve", "quantile")
    assert (most["worst_usd"] == 0).all()
    assert (most["bound_usd"] == 0).all()
    assert (part["worst_usd"] <= part["open_excess_usd"]).all()
    assert (part["open_excess_usd"] <= part["bound_usd"]).all()
    assert (part["hold_denied_share"] < most["hold_denied_share"]).all()
    assert (part["hold_denied_share"] > 0).all()


@pytest.mark.parametrize("most_open", [None, 3])
def test_a_short_hold_does_overshoot_within_what_was_open(product, most_open):
    bench = bench_of(product, "chat", 100, 4)
    policy = day_cap(1.0, request={"max_output_tokens": 4096, "hold_output_tokens": 50})
    if most_open:
        user = policy.user.model_copy(update={"open_calls": most_open})
        policy = policy.model_copy(update={"user": user})
    trials = bench.run(bench.intents(8 / 48, 1_500, 2), policy)
    over = trials.spent - 1_000_000_000
    assert (over > 0).mean() > 0.5
    assert (over <= trials.open_excess).all()
    beyond = (4096 - 50) * 15_000  # nano-dollars an answer can cost beyond its hold
    assert (trials.open_excess <= trials.most_open * beyond).all()
    if most_open:  # a cap on calls in flight makes the bound one that can be promised
        assert (trials.most_open <= most_open).all()


@pytest.mark.parametrize("hold", [None, 300])
def test_trials_are_what_the_ledger_in_production_decides(product, hold):
    """The same calls, one by one, by MemoryLedger, with the hold that its caller gives."""
    bench = bench_of(product, "chat", 12, 5)
    intents = bench.intents(8 / 48, 1_200, 2)
    request = {"max_output_tokens": 2000} | ({"hold_output_tokens": hold} if hold else {})
    policy = day_cap(1.0, request=request)
    found = bench.run(intents, policy)
    now = [0]
    ledger = MemoryLedger(
        parse_limits({"name": "l", "user": {"day_usd": 1.0}}), clock=lambda: now[0]
    )
    spent, holds, waiting = np.zeros(12, np.int64), np.zeros(12, np.int64), []
    for row in range(len(intents)):
        user, at = int(intents.user[row]), int(intents.time_us[row])
        tokens_in = int(intents.input_tokens[row])
        tokens_out = min(int(intents.output_tokens[row]), 2000)
        while waiting and waiting[0][0] <= at:
            now[0], which, nano = heapq.heappop(waiting)
            ledger.settle(str(which), nano)
        now[0] = at
        bound = tokens_in * 5_000 + (hold or 2000) * 15_000
        answer = ledger.reserve(str(row), Scopes(f"user-{user}"), [("gpt-4o", bound)])
        if answer:
            nano = tokens_in * 5_000 + tokens_out * 15_000
            latency = int(intents.first_us[row]) + tokens_out * int(intents.pace_ns[row]) // 1000
            heapq.heappush(waiting, (at + latency, row, nano))
            spent[user] += nano
        else:
            holds[user] += answer.by_holds
    np.testing.assert_array_equal(found.spent, spent)
    np.testing.assert_array_equal(found.hold_denied, holds)
    assert (spent > 9e8).all()


def test_a_result_shows_itself(found):
    from costsim.show.figures import alt_text

    assert found.headline.startswith("With 8 calls in flight, a $5.00 cap that is looked at first")
    assert "never more than $5.00." in found.headline
    assert "Holding the 95% answer" in " ".join(found.lines)
    assert "small, chat, 150 trials, seed 3" in found._repr_html_()
    ax = found.plot()
    assert len(ax.child_axes) == 2
    late = found.of("check", delay_seconds=600.0)["spent_usd"].iloc[-1]
    assert f"recorded 10 min late: ${late:.2f}" in alt_text(ax)


def test_answers_that_are_cut_short_have_no_other_quantile(product):
    chat = product.features["chat"]
    short = chat.model_copy(
        update={"output_tokens": chat.output_tokens.model_copy(update={"max": 400})}
    )
    same = product.model_copy(update={"features": {"chat": short}})
    found = compare_accounting(same, concurrency=[2], delay_seconds=[0], trials=10)
    assert set(found.to_frame()["hold"]) == {"", "most"}
    assert "holding it instead changes nothing" in " ".join(found.lines)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"feature": "chta"}, "feature must be one of 'chat'; got 'chta'"),
        ({"concurrency": [0]}, "concurrency must be numbers above 0; got [0]"),
        ({"delay_seconds": [-1]}, "delay_seconds must be numbers at least 0; got [-1]"),
        ({"hold_quantile": 1}, "hold_quantile must be above 0 and below 1; got 1"),
        ({"trials": 2}, "trials must be an integer of at least 10; got 2"),
        ({"cap_usd": -5}, "cap_usd must be above 0; got -5"),
        ({"cap_usd": 1e6}, "cap_usd must be reached and recorded within a day; 1e+06 takes"),
        ({"cap_usd": 400.0, "concurrency": [40], "trials": 5000}, "trials would make"),
    ],
)
def test_bad_input_is_one_line(product, change, said):
    with pytest.raises(SettingError) as caught:
        compare_accounting(product, **change)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
