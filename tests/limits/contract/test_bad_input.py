"""Bad input is one clear error before anything is held, in every ledger."""

from __future__ import annotations

import pytest

from costsim.errors import SettingError
from costsim.limits import MemoryLedger, Scopes, parse_limits

USD = 10**9
ANN = Scopes("ann", "free", "chat")
HOURLY = parse_limits({"name": "t", "user": {"hour_usd": 1, "day_tokens": 3000}})


@pytest.fixture
def ledger(maker, clock):
    return maker(HOURLY, clock)


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ("ab", r"candidates must be a list of \(model, upper bound\); got 'ab'"),
        (["ab"], "upper bound of a must be a whole number"),
        ([("m",)], r"candidates must be a list of \(model, upper bound\)"),
        ([("m", 1, 2)], r"candidates must be a list of \(model, upper bound\)"),
        ([None], r"candidates must be a list of \(model, upper bound\)"),
        (5, r"candidates must be a list of \(model, upper bound\); got 5"),
        (None, r"candidates must be a list of \(model, upper bound\); got None"),
        ([], "candidates must not be empty"),
        ("", "candidates must not be empty"),
        ([(None, 1)], "model must be text; got None"),
        ([("", 1)], "model must have 1 to 512 characters; got 0"),
        ([(3, 1)], "model must be text; got 3"),
        ([([], 1)], r"candidates must be a list of \(model, upper bound\)"),
        ([("m\n", 1)], "model must not hold control characters"),
        ([("fine", 1), ("m", -1)], "upper bound of m must be from 0"),
    ],
)
def test_candidates_that_are_none(ledger, candidates, words):
    for _ in range(2):  # what was looked at once is not let through the second time
        with pytest.raises(SettingError, match=words):
            ledger.reserve("a", ANN, candidates)
    assert ledger.usage(ANN)["user", "hour_usd"][:2] == (0, 0)
    assert ledger.reserve("a", ANN, [("m", 1)], max_output_tokens=10)


@pytest.mark.parametrize("order", ["x", None, {"what": "stop"}])
def test_an_order_that_is_none(ledger, order):
    with pytest.raises(SettingError, match="an order must be a Control; got"):
        ledger.operate(order)
    assert ledger.standing().controls == ()


def test_tokens_of_all_answers_of_a_call_are_held(ledger):
    """Five answers of 500 tokens are 2,500, whoever decides."""
    asked = {"input_tokens": 100, "max_output_tokens": 500, "choices": 5}
    assert ledger.reserve("a", ANN, [("m", 1)], **asked)
    assert ledger.usage(ANN)["user", "day_tokens"] == (0, 2600, 3000)
    denied = ledger.reserve("b", ANN, [("m", 1)], **asked)
    assert (denied.cap, denied.by_holds) == ("day_tokens", True)
    ledger.settle("a", 1, 2600)
    assert ledger.usage(ANN)["user", "day_tokens"] == (2600, 0, 3000)
    for wrong in (0, -1, True, 1.0, "2", None):
        with pytest.raises(SettingError, match="choices must be"):
            ledger.reserve("c", ANN, [("m", 1)], choices=wrong)
    with pytest.raises(SettingError, match="tokens of a call must be at most"):
        ledger.reserve("c", ANN, [("m", 1)], choices=2**53)


def test_a_block_is_told_of_a_wrong_cost_at_once(maker, ledger):
    if maker.asynchronous:
        pytest.skip("the asyncio block has the same method")
    with (
        pytest.raises(SettingError, match="cost_nano must be a whole number; got None"),
        ledger.call("a", ANN, [("m", USD // 4)], max_output_tokens=10) as call,
    ):
        call.spent(None)
    assert ledger.usage(ANN)["user", "hour_usd"][:2] == (USD // 4, 0)  # nobody knows: the hold


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"shares": {"user": 2}}, "shares.user must be from 0 to 1; got 2"),
        ({"shares": {"user": -1}}, "shares.user must be from 0 to 1; got -1"),
        ({"shares": {"user": float("nan")}}, "shares.user must be from 0 to 1; got nan"),
        ({"shares": {"user": True}}, "shares.user must be from 0 to 1; got True"),
        ({"shares": {"user": "1"}}, "shares.user must be from 0 to 1; got '1'"),
        ({"shares": {"foo": 0.5}}, r"shares must be by scope, of .'user', .*got .'foo': 0.5"),
        ({"shares": 0.5}, "shares must be by scope"),
        ({"journal": "/nope/x"}, "journal: folder does not exist: /nope"),
        ({"journal": "/"}, "journal must be a file; / is a folder"),
        ({"journal": 5}, "journal must be a path; got 5"),
        ({"controls": "/nope/x"}, "controls: folder does not exist: /nope"),
        ({"controls": 5}, "controls must be a path; got 5"),
        ({"retention_seconds": "x"}, "retention_seconds must be at least the lease, 600; got 'x'"),
        ({"policy": "flat-caps"}, "policy must be a Policy, as load_limits gives it; got 'flat"),
    ],
)
def test_settings_of_a_ledger_in_process(keys, words):
    with pytest.raises(SettingError, match=words):
        MemoryLedger(**({"policy": HOURLY} | keys))
