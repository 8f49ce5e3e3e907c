"""History replayed: where nobody reacts, it is the simulation under the same limits."""

from __future__ import annotations

import pandas as pd
import pytest

from costsim.errors import DataError, SettingError, UnknownNameError
from costsim.limits import parse_limits
from costsim.records import Records
from costsim.simulation import simulate
from costsim.study import parse_gate, replay_limits

CAPS = parse_limits(
    {
        "name": "caps",
        "request": {"max_input_tokens": 9_000, "max_output_tokens": 4096},
        "user": {"hour_usd": 0.03, "day_usd": 0.1, "open_calls": 2},
        "feature": {"chat": {"hour_usd": 0.5, "downgrade_to": ["gpt-4o-mini"]}},
    }
)


@pytest.fixture(scope="module")
def product(small):
    """Every reply is bounded by its feature, so that limits cut none; nobody reacts."""
    calls = {"reaction": "gives_up", "output_tokens": {"median": 300, "log_sd": 0.5, "max": 700}}
    return small(
        days=3, price_book="current", features={"chat": {**calls, "calls_per_week": 5_000,
        "output_tokens": {"mean": 250, "log_sd": 0.8, "max": 400}}, "batch": calls},
    )  # fmt: skip


@pytest.fixture(scope="module")
def history(product):
    return simulate(product, seed=4).records


@pytest.fixture(scope="module")
def found(history):
    return replay_limits(history, CAPS)


def test_it_decides_call_by_call_as_the_simulation(product, found):
    limited = simulate(product, seed=4, limits=CAPS).records.to_pandas()
    limited = limited.set_index("call_id")
    own = found.calls.set_index("call_id")
    assert len(own) == len(limited) > 1000
    wanted = limited.loc[own.index]
    assert (own["admitted"] == (wanted["status"] == "ok")).all()
    refused = ~own["admitted"]
    assert refused.sum() > 50
    assert (own.loc[refused, "scope"] == wanted.loc[refused, "denied_scope"]).all()
    assert (own.loc[refused, "window"] == wanted.loc[refused, "denied_window"]).all()
    down = wanted["downgraded_from"].notna()
    assert (own["downgraded"] == down).all()
    assert down.sum() > 10
    plain = wanted.loc[~down, "total_cost_usd"]
    assert (own.loc[~down, "admitted_nano"] / 1e9).to_numpy() == pytest.approx(plain.to_numpy())


def test_it_tells_by_month_feature_and_limit(found):
    calls = found.calls
    refused = calls[~calls["admitted"]]
    assert found.refusals()["attempts"].sum() == len(refused)
    months = found.to_frame()
    assert months["month"].tolist() == ["2024-03"]
    assert months["admitted_usd"].sum() == pytest.approx(calls["admitted_nano"].sum() / 1e9)
    chat = calls[calls["feature_name"] == "chat"]
    told = found.blocked().set_index(["kind", "name"])["blocked_share"]
    share = chat[~chat["admitted"]]["user_id"].nunique() / chat["user_id"].nunique()
    assert told["feature", "chat"] == pytest.approx(share)


def test_it_says_that_users_do_not_react(found):
    for text in (repr(found), found.headline, found.markdown(), str(found.ribbon)):
        assert "replay of history: users do not react" in text


def test_a_gate_is_judged_by_the_history_itself(history):
    gate = parse_gate({"month_spend_p99_usd": "<= 1000", "blocked_share": "<= 0"})
    judged = replay_limits(history, CAPS, gate)
    assert [line.verdict for line in judged.lines] == ["PASS", "FAIL", "FAIL"]
    assert judged.exit_code == 1
    assert "nobody has tried whether gpt-4o-mini does the work" in judged.lines[2].words
    assert "interval" not in judged.lines[0].words


def test_what_a_history_cannot_tell_is_refused(history):
    with pytest.raises(SettingError, match="left_share cannot be measured on a history"):
        replay_limits(history, CAPS, parse_gate({"left_share": "<= 0.1"}))
    with pytest.raises(UnknownNameError, match="did you mean 'chat'"):
        replay_limits(history, CAPS, parse_gate({"feature": {"caht": {"blocked_share": "< 1"}}}))


def test_generous_limits_change_nothing(history):
    kept = replay_limits(history, parse_limits({"name": "wide", "user": {"month_usd": 1e6}}))
    assert kept.calls["admitted"].all()
    assert kept.calls["admitted_nano"].sum() == kept.calls["total_cost_nano"].sum()


def test_calls_without_dollars_are_not_guessed(history):
    frame = history.to_arrow().slice(0, 20).to_pandas()
    frame["total_cost_nano"] = pd.array([None] * 20, "Int64")
    with pytest.raises(DataError, match="20 of 20 calls have no dollars"):
        replay_limits(Records.from_frame(frame), CAPS)
