"""A ladder where a process has only its part: shares, and a store that is away."""

from __future__ import annotations

import fakeredis

from costsim.limits import MemoryLedger, RedisLedger, Scopes, parse_limits

USD = 10**9
CHAT, SUMS = Scopes("ann", feature="chat"), Scopes("ann", feature="sums")


def policy(**keys):
    ladder = [{"at": 0.5, "do": "shut"}]
    organisation = {"month_usd": 8, "ladder": ladder}
    feature = {"sums": {"critical": False}}
    return parse_limits({"name": "s", "organisation": organisation, "feature": feature} | keys)


def test_a_share_of_the_budget_has_the_same_share_of_each_level():
    ledger = MemoryLedger(policy(), clock=lambda: 0, shares={"organisation": 0.25})
    assert ledger.reserve("a", SUMS, [("m", USD)])
    assert ledger.reserve("b", SUMS, [("m", 1)]).level == "shut at 50%"  # $4 x a fourth
    assert ledger.reserve("c", CHAT, [("m", USD)])
    assert not ledger.reserve("d", CHAT, [("m", 1)])
    ledger.settle("a", USD)
    assert [(alert.level_nano, alert.action) for alert in ledger.alerts] == [(USD, "shut")]


def test_a_share_of_the_users_has_the_same_share_of_the_burst():
    guard = {"minute_calls": 30, "at_once": 8}
    ledger = MemoryLedger(policy(burst=guard), clock=lambda: 0, shares={"user": 0.25})
    said = [ledger.reserve(f"{n}", CHAT, [("m", 1)]) for n in range(3)]
    assert [bool(answer) for answer in said] == [True, True, False]
    assert said[2].retry_after_seconds == 8  # 7.5 calls a minute


def away(made):
    server = fakeredis.FakeServer()
    ledger = RedisLedger(made, fakeredis.FakeRedis(server=server), startup_check=False)
    server.connected = False
    return ledger


def test_while_the_store_is_away_a_level_that_acts_is_a_cap_of_the_organisation():
    soft = {"enforce_organisation": False}
    ledger = away(policy(**soft))
    assert ledger.reserve("a", CHAT, [("m", USD)])  # a budget that only alerts refuses nothing
    denied = ledger.reserve("b", SUMS, [("m", 1)])
    assert (denied.scope, denied.window) == ("organisation", "outage")
    ledger = away(policy(outage={"organisation": 0.25}, **soft))
    assert ledger.reserve("a", SUMS, [("m", USD)])
    assert ledger.reserve("b", SUMS, [("m", 1)]).level == "shut at 50%"
    assert ledger.reserve("c", CHAT, [("m", 9 * USD)])
