"""Faults of the way to the store: replies that are lost, and replies that come late."""

from __future__ import annotations

import redis

from costsim.limits import RedisLedger
from tests.limits.faults.case import (
    ANN,
    BOB,
    QUARTER,
    USD,
    Row,
    away_from_the_hours_end,
    begun,
    hour,
    policy,
    timed,
)
from tests.limits.faults.proxy import Proxy
from tests.limits.faults.sketch import Sketch
from tests.limits.servers import serving


def reply_lost(binary: str) -> Row:
    """Once with its connection, and once without, when only the deadline tells."""
    with serving(binary) as server, away_from_the_hours_end():
        with Proxy(server.port) as proxy:
            limiter = Sketch(redis.Redis(port=proxy.port))
            limiter.allowed("ann")
            proxy.lose = 1
            limiter.record("ann", 0.25)
            theirs = limiter.spent("ann")
        ledger = begun(server)
        with Proxy(server.port) as proxy:
            behind = RedisLedger(policy(), redis.Redis(port=proxy.port))
            answers = []
            for n, proxy.cut in enumerate((True, False)):
                proxy.lose = 1
                answers.append(bool(behind.reserve(f"{n}", ANN, QUARTER)))
                proxy.lose = 1
                answers.append(behind.settle(f"{n}", USD // 4))
            lost = proxy.lost
            behind.close()
        spent = hour(ledger)
    return Row(
        "reply lost and asked for again",
        f"$0.25 recorded as ${theirs:.2f}",
        "counted once",
        f"2 calls, {lost} replies lost: ${spent[0]:.2f} of $0.50",
        theirs == 0.5 and lost == 4 and spent == (0.5, 0.0) and answers[0] and answers[2],
    )


def replies_late(binary: str) -> Row:
    """A slow way and 40 settles of an outage that wait: a decision has one deadline for it all."""
    late, waited = 0.07, 40
    with serving(binary) as server, away_from_the_hours_end(), Proxy(server.port) as proxy:
        limiter = Sketch(redis.Redis(port=proxy.port))
        limiter.allowed("ann")
        limits = policy(outage={"user": 0.5})
        before = begun(server, limits)
        before.reserve("before", BOB, [("m", 1)])  # the scripts are there
        before.release("before")
        ledger = RedisLedger(limits, redis.Redis(port=proxy.port), cooldown_seconds=0.01)
        server.freeze()
        for n in range(waited):
            ledger.reserve(f"{n}", BOB, [("m", USD // 100)])
            ledger.settle(f"{n}", USD // 100)
        server.thaw()
        waiting, proxy.delay = ledger.waiting, late
        theirs, _ = timed(lambda: [limiter.allowed("ann"), limiter.record("ann", 0.25)])
        took, granted = [], []
        dear = [("m", 3 * USD // 5)]  # more than a slice: Redis itself granted it
        for n in range(3):
            seconds, answer = timed(lambda n=n: ledger.reserve(f"late {n}", ANN, dear))
            took.append(seconds)
            granted.append(bool(answer))
            seconds, kept = timed(lambda n=n: ledger.settle(f"late {n}", USD // 10))
            took.append(seconds)
            granted.append(bool(kept))
        on_the_way, proxy.delay = ledger.waiting, 0.0
        left, there = ledger.flush(), not ledger.away
        spent, others = hour(ledger), hour(ledger, BOB)
        ledger.close()
    return Row(
        f"each reply {1e3 * late:.0f} ms late, {waited} settles wait",
        f"check and record {1e3 * theirs:.0f} ms",
        "a decision in under 250 ms, with all its questions",
        f"{1e3 * max(took):.0f} ms at most, {waiting - on_the_way} settles delivered meanwhile",
        max(took) < 0.25
        and all(granted)
        and waiting >= waited
        and 0 < on_the_way < waiting
        and (left, there) == (0, True)
        and (spent, others) == ((0.3, 0.0), (0.4, 0.0)),
    )


CASES = (reply_lost, replies_late)
