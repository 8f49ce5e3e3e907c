"""A ledger that looks first and records later, as most limiters do."""

from __future__ import annotations

import fakeredis
import pytest

from costsim.errors import SettingError
from costsim.limits import MemoryLedger, RedisLedger, Scopes, parse_limits

USD = 10**9
POLICY = parse_limits({"name": "t", "user": {"hour_usd": 1}, "accounting": "check"})


def test_looking_first_and_recording_later_overshoots():
    ledger, ann = MemoryLedger(POLICY, clock=lambda: 0), Scopes("ann")
    assert all(ledger.reserve(f"{n}", ann, [("m", USD // 4)]) for n in range(50))
    for n in range(50):
        ledger.settle(f"{n}", USD // 4)
    spent = ledger.usage(ann)["user", "hour_usd"][:2]
    assert spent == (50 * USD // 4, 0)  # $12.50 of a $1 limit, as the account's code
    assert not ledger.reserve("after", ann, [("m", USD // 4)])


def test_a_shared_ledger_does_not_do_it():
    with pytest.raises(SettingError, match="needs accounting = 'reserve'"):
        RedisLedger(POLICY, fakeredis.FakeRedis())
