"""History replayed: where nobody reacts, it is the simulation under the same limits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from costsim.errors import DataError, SettingError, UnknownNameError
from costsim.limits import parse_limits
from costsim.records import Records
from costsim.simulation import simulate
from costsim.study import parse_gate, replay_limits
from costsim.study.launch.level_hours import history_hours

MS = pd.Timedelta(milliseconds=1)
CAPS = parse_limits(
    {
        "name": "caps",
        "request": {"max_input_tokens": 9_000, "max_output_tokens": 4096},
        "user": {"hour_usd": 0.03, "day_usd": 0.1, "open_calls": 2},
        "feature": {"chat": {"hour_usd": 0.5, "downgrade_to": ["gpt-4o-mini"]}},
    }
)


OPEN_CAPS = parse_limits({"name": "open", "user": {"month_usd": 1e6}})


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


def test_hours_at_the_levels_are_those_of_the_ledger(history):
    ladder = [{"at": at, "do": "notify"} for at in (0.2, 0.5, 0.8)]
    spent = history.to_pandas()["total_cost_usd"].sum()
    limits = {"organisation": {"month_usd": spent, "ladder": ladder}, "user": {"day_usd": 0.1}}
    found = replay_limits(history, parse_limits({"name": "ladder", **limits}))
    told = found.levels().set_index("level")
    calls = found.calls.assign(end=lambda c: c["timestamp"] + c["latency_ms"] * MS)
    for side, column in (("without", "total_cost_nano"), ("with", "admitted_nano")):
        ended = calls.sort_values("end")
        share = ended[column].cumsum() / (1e9 * spent)
        ends = [ended["timestamp"].min()]  # when the month passes each level, seen call by call
        for at in (0.2, 0.5, 0.8):
            passed = ended.loc[share >= at, "end"]
            ends.append(passed.iloc[0] if len(passed) else ended["end"].max())
        ends.append(ended["end"].max())
        wanted = [(b - a) / pd.Timedelta(hours=1) for a, b in pairwise(ends)]
        assert told[side].tolist() == pytest.approx(wanted, abs=1e-6)
    assert (told["with"] != told["without"]).any()
    assert replay_limits(history, CAPS).levels().empty


def test_a_new_month_begins_below_every_level():
    hour = 3_600_000_000
    ladder = [{"at": 0.5, "do": "notify"}, {"at": 0.9, "do": "warn"}]
    limits = parse_limits({"name": "a", "organisation": {"month_usd": 10, "ladder": ladder}})
    end_of_march = pd.Timestamp("2024-04-01", tz="UTC").value // 1000
    begun = end_of_march + np.array([-5, -3, -1, 2]) * hour
    nano = np.array([6, 3, 1, 5]) * 10**9
    # the third is asked for in March and ends in April: it counts in March, as that ends
    took = np.array([1, 1, 3, 1]) * hour
    found = history_hours(limits, begun, begun + took, nano)
    # below: 1 h in March, 3 h in April; half: 2 h; from -2 h on nine tenths
    assert list(found.values()) == [4.0, 2.0, 2.0]


def test_it_says_that_users_do_not_react(found):
    for text in (repr(found), found.headline, found.markdown(), str(found.ribbon)):
        assert "replay of history: users do not react" in text


def test_a_gate_is_judged_by_the_history_itself(history):
    bounds = {"week_spend_mean_usd": "<= 1000", "blocked_share": "<= 0"}
    judged = replay_limits(history, CAPS, parse_gate(bounds))
    assert [line.verdict for line in judged.lines] == ["PASS", "FAIL", "FAIL"]
    assert judged.exit_code == 1
    assert "nobody has tried whether gpt-4o-mini does the work" in judged.lines[2].words
    assert "interval" not in judged.lines[0].words


def test_three_days_decide_no_percentile_and_no_month_that_they_keep(history):
    wanted = parse_gate({"month_spend_p99_usd": "<= 1000", "month_spend_mean_usd": "<= 1000"})
    judged = replay_limits(history, OPEN_CAPS, wanted)
    assert [line.verdict for line in judged.lines] == ["UNDECIDED", "UNDECIDED"]
    assert "one history decides no percentile" in judged.lines[0].words
    assert "no month of it is whole" in judged.lines[1].words
    assert judged.exit_code == 3
    assert any("It is no whole month" in note for note in judged.notes)
    broken = parse_gate({"month_spend_p99_usd": "<= 1", "month_spend_mean_usd": "<= 1"})
    judged = replay_limits(history, OPEN_CAPS, broken)
    assert [line.verdict for line in judged.lines] == ["FAIL", "FAIL"]


def test_whole_months_are_counted_by_the_calendar(found):
    def months(*days):
        calls = pd.DataFrame({"timestamp": pd.to_datetime([*days], utc=True, format="mixed")})
        return replace(found, calls=calls).whole_months

    assert months("2024-03-01 05:00", "2024-03-31 20:00") == 1
    assert months("2024-03-02", "2024-03-31") == 0
    assert months("2024-01-15", "2024-04-15") == 2
    assert months("2024-01-01", "2024-12-31 23:00") == 12


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
    with pytest.raises(DataError, match="none of 20 calls has dollars"):
        replay_limits(Records.from_frame(frame), OPEN_CAPS)
    frame = history.to_arrow().slice(0, 20).to_pandas()
    frame.loc[3:7, "total_cost_nano"] = pd.NA
    played = replay_limits(Records.from_frame(frame), OPEN_CAPS)
    assert len(played.calls) == 15
    assert "5 calls have no dollars and are left out" in " ".join(played.notes)


def test_a_cap_of_what_no_call_has_does_not_go_unnoticed(history):
    caps = parse_limits({"name": "typo", "feature": {"caht": {"day_usd": 1}}})
    with pytest.raises(UnknownNameError, match="did you mean 'chat'"):
        replay_limits(history, caps)


def test_what_refuses_is_said_with_its_unit_and_what_is_moved_is_counted(history):
    caps = {"name": "tokens", "feature": {"chat": {"day_tokens": 20_000}, "batch": {"day_usd": 1}}}
    told = replay_limits(history, parse_limits(caps))
    assert "day tokens" in told.refusals()["window"].tolist()
    moved = replay_limits(history, CAPS)
    down = int(moved.calls["downgraded"].sum())
    assert f"{down:,} calls would have gone to a cheaper model." in moved.notes
