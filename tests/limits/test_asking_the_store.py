"""Who asks Redis, how long, and what happens to those who wait; servers that must not be asked."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
import redis
import redis.asyncio

from costsim.errors import StoreError
from costsim.limits import AsyncRedisLedger, Control, RedisLedger, Scopes, Target, parse_limits
from costsim.limits.store.budget import Turns
from tests.limits.faults.case import away_from_the_hours_end
from tests.limits.faults.proxy import Proxy
from tests.limits.servers import bundled, serving

USD = 10**9
ANN = Scopes("ann")
HOURLY = parse_limits({"name": "h", "user": {"hour_usd": 1}})
STOP = Control("stop", Target("user", "ann"), "max", "runaway")


def test_a_busy_store_is_not_away_however_long_the_queue(servers):
    """60 tasks, 4 at a time, 20 ms each: the last waits for longer than the deadline."""

    async def run(port):
        ledger = AsyncRedisLedger(HOURLY, redis.asyncio.Redis(port=port), tenant="busy")
        await ledger.rebuild(None)
        asked = (ledger.reserve(f"{n}", Scopes(f"{n}"), [("m", 1)]) for n in range(60))
        begin = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*asked)
        took = asyncio.get_running_loop().time() - begin
        left = ledger.away, ledger.waiting
        await ledger.close()
        return answers, took, left

    server = servers["redis-6.2"]
    server.client().flushall()
    with Proxy(server.port) as proxy:
        proxy.delay = 0.02
        answers, took, left = asyncio.run(run(proxy.port))
    assert took > 0.25
    assert all(answers)
    assert left == (False, 0)


def test_turns_are_never_lost_and_never_too_many():
    """Tasks that end, are cancelled while they wait, or just as their turn comes."""

    async def run(seed):
        draw, turns, inside, most = random.Random(seed), Turns(3), 0, 0

        async def task():
            nonlocal inside, most
            if not await turns.mine():
                return False
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(0)
            finally:
                inside -= 1
                turns.leave()
            return True

        tasks = []
        for _ in range(60):
            tasks.append(asyncio.create_task(task()))
            if draw.random() < 0.4:
                draw.choice(tasks).cancel()
            if draw.random() < 0.3:
                await asyncio.sleep(0)
            if draw.random() < 0.05:
                turns.call_off()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert (most, inside) == (3, 0)
        assert turns._free == 3
        assert not turns._waiting
        return [each for each in said if isinstance(each, bool)]

    said = [each for seed in range(30) for each in asyncio.run(run(seed))]
    assert {True, False} == set(said)


def test_those_sent_away_are_told_in_turn_and_let_others_work_meanwhile():
    async def run():
        turns, told = Turns(1), []
        assert await turns.mine()

        async def wait(n):
            assert not await turns.mine()
            told.append(n)

        tasks = [asyncio.create_task(wait(n)) for n in range(2000)]
        await asyncio.sleep(0)
        turns.call_off()
        for _ in range(3):
            await asyncio.sleep(0)
        early = len(told)
        await asyncio.gather(*tasks)
        return early, told

    early, told = asyncio.run(run())
    assert 0 < early < 300
    assert told == list(range(2000))


def test_a_loop_that_was_held_up_gives_a_frozen_store_no_second_try():
    """Before Python 3.12 the client swallowed the timeout: it took two tries more."""

    async def run(server):
        client = redis.asyncio.Redis(port=server.port)
        ledger = AsyncRedisLedger(HOURLY, client, deadline_seconds=0.8)
        await ledger.rebuild(None)
        assert await ledger.reserve("before", ANN, [("m", 1)])
        server.freeze()
        asked = asyncio.create_task(ledger.reserve("held up", ANN, [("m", 1)]))
        await asyncio.sleep(0)
        time.sleep(0.9)
        begin = time.perf_counter()
        denied = await asked
        took = time.perf_counter() - begin
        await ledger.close()
        return denied, took

    with serving(bundled()) as server:
        denied, took = asyncio.run(run(server))
    assert denied.window == "outage"
    assert took < 0.3


def test_a_store_that_falls_silent_sends_away_who_waits_and_one_lost_reply_does_not(servers):
    """A reply that two tries lose, while others are answered, is one question's misfortune."""
    server = servers["redis-6.2"]
    server.client().flushall()

    async def run(port, proxy):
        ledger = AsyncRedisLedger(HOURLY, redis.asyncio.Redis(port=port), tenant="one lost")
        await ledger.rebuild(None)
        proxy.cut, proxy.lose, proxy.delay = True, 2, 0.01
        asked = (ledger.reserve(f"{n}", Scopes(f"{n}"), [("m", 1)]) for n in range(40))
        answers = await asyncio.gather(*asked)
        await ledger.close()
        return answers

    with Proxy(server.port) as proxy:
        answers = asyncio.run(run(proxy.port, proxy))
        assert proxy.lost == 2
    assert sum(map(bool, answers)) >= 39


def test_a_store_that_freezes_in_the_middle_of_a_queue_lets_nobody_wait():
    """Some were answered, four are on the way, the others wait: all know in one deadline."""

    async def run(server, port):
        ledger = AsyncRedisLedger(HOURLY, redis.asyncio.Redis(port=port), cooldown_seconds=5)
        await ledger.rebuild(None)

        async def one(n):
            begin = time.perf_counter()
            answer = await ledger.reserve(f"{n}", Scopes(f"{n}"), [("m", 1)])
            return bool(answer), time.perf_counter() - begin

        tasks = [asyncio.create_task(one(n)) for n in range(200)]
        while sum(task.done() for task in tasks) < 8:
            await asyncio.sleep(0.001)
        server.freeze()
        found = await asyncio.gather(*tasks)
        await ledger.close()
        return found, ledger.waiting

    with serving(bundled()) as server, Proxy(server.port) as proxy:
        proxy.delay = 0.004
        found, waiting = asyncio.run(run(server, proxy.port))
    assert 0 < sum(granted for granted, _ in found) < 100
    assert max(took for _, took in found) < 0.25
    assert waiting <= 4  # only what was asked is to be taken back


def test_a_stop_is_learnt_over_a_slow_way_without_an_outage(servers):
    """Asked, told of new orders, reading them, asked again: three round trips of 65 ms."""
    server = servers["redis-6.2"]
    server.client().flushall()
    operator = RedisLedger(HOURLY, server.client(), tenant="slow")
    operator.rebuild(None)
    with Proxy(server.port) as proxy:
        ledger = RedisLedger(HOURLY, redis.Redis(port=proxy.port), tenant="slow")
        assert ledger.reserve("before", ANN, [("m", 1)])
        operator.operate(STOP)
        proxy.delay = 0.065
        begin = time.perf_counter()
        denied = [ledger.reserve(f"{n}", ANN, [("m", 1)]) for n in range(2)]
        took = time.perf_counter() - begin
        assert not ledger.away
        ledger.close()
    assert [each.window for each in denied] == ["stopped", "stopped"]  # known, if not yet answered
    assert took < 0.4


def entries(ledger, n=0):
    """Every method that asks the store."""
    return {
        "reserve": lambda: ledger.reserve("a", ANN, [("m", 1)]),
        "settle": lambda: ledger.settle(f"b{n}", 1),
        "release": lambda: ledger.release(f"c{n}"),
        "usage": lambda: ledger.usage(ANN),
        "flush": ledger.flush,
        "operate": lambda: ledger.operate(STOP),
        "standing": ledger.standing,
        "rebuild": lambda: ledger.rebuild(None),
    }


def test_no_method_serves_from_a_server_that_evicts():
    """An asyncio ledger is told at its first call, a blocking one after the server changed."""

    async def every(port):
        ledger = AsyncRedisLedger(HOURLY, redis.asyncio.Redis(port=port))
        for n in range(2):
            for ask in entries(ledger, n).values():
                with pytest.raises(StoreError, match=r"maxmemory-policy must be 'noeviction'"):
                    await ask()
        assert not ledger.away
        assert ledger.waiting == 4  # settles and releases are kept
        await ledger.close()

    with serving(bundled()) as server, away_from_the_hours_end():
        client = server.client()
        blocking = RedisLedger(HOURLY, server.client(), cooldown_seconds=0.01)
        blocking.rebuild(None)
        client.config_set("maxmemory-policy", "allkeys-lru")
        asyncio.run(every(server.port))
        server.freeze()
        assert not blocking.reserve("away", ANN, [("m", 1)])  # an outage, by the policy
        server.thaw()
        time.sleep(0.02)  # the cooldown
        for ask in entries(blocking).values():
            with pytest.raises(StoreError, match=r"maxmemory-policy must be 'noeviction'"):
                ask()
        client.config_set("maxmemory-policy", "noeviction")
        assert blocking.reserve("fit again", ANN, [("m", 1)])
        blocking.close()


def test_a_server_that_wants_a_password_is_no_outage():
    """Who asks is told: waiting for it to come back would be waiting for ever."""

    async def one(port):
        ledger = AsyncRedisLedger(HOURLY, redis.asyncio.Redis(port=port))
        for _ in range(2):
            with pytest.raises(redis.AuthenticationError):
                await ledger.reserve("a", ANN, [("m", 1)])
        await ledger.close()

    with serving(bundled()) as server:
        server.client().config_set("requirepass", "secret")
        with pytest.raises(redis.AuthenticationError):
            RedisLedger(HOURLY, server.client())
        asyncio.run(one(server.port))
        with Proxy(server.port) as proxy:
            settings = {"password": "secret", "client_name": "limits", "db": 1}
            client = redis.Redis(port=proxy.port, **settings)
            ledger = RedisLedger(HOURLY, client, cooldown_seconds=0.01)
            ledger.rebuild(None)
            assert ledger.reserve("a", ANN, [("m", 1)])
            ledger.close()
            proxy.delay = 0.085  # three greetings of a new connection are longer than the deadline
            begin = time.perf_counter()
            assert not ledger.reserve("b", ANN, [("m", 1)])
            assert time.perf_counter() - begin < 0.25
            ledger.close()
