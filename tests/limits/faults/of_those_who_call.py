"""Faults of those who call: crashes, repeats, cancelled tasks, clocks, and bad input."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import redis
import redis.asyncio

from costsim.errors import SettingError
from costsim.limits import AsyncRedisLedger, Control, RedisLedger, Scopes, Target
from costsim.limits.store import steps
from costsim.limits.windows import instant_us
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
)
from tests.limits.faults.sketch import Sketch
from tests.limits.faults.workers import reserve_and_wait
from tests.limits.servers import serving


def crash_in_flight(binary: str) -> Row:
    with serving(binary) as server, away_from_the_hours_end():
        limiter = Sketch(server.client())
        limiter.allowed("ann")  # and then its process dies
        theirs = limiter.spent("ann")
        ledger = begun(server, policy(lease_seconds=1))
        spawn = multiprocessing.get_context("spawn")
        ready = spawn.Event()
        worker = spawn.Process(target=reserve_and_wait, args=(server.port, ready))
        worker.start()
        assert ready.wait(30)
        worker.kill()
        worker.join()
        held = hour(ledger)
        others = bool(ledger.reserve("bob's", BOB, [("m", USD)]))
        time.sleep(1.1)
        after = hour(ledger)
        late = ledger.settle("crashed", USD // 10)
        corrected = hour(ledger)
    return Row(
        "crash between reserve and settle",
        f"${theirs:.2f} recorded",
        "charged when the lease ends; others unaffected",
        f"held ${held[1]:.2f}, then charged ${after[0]:.2f}; a late settle makes it "
        f"${corrected[0]:.2f}",
        theirs == 0
        and (held[1], after, others, late, corrected)
        == (0.25, (0.25, 0.0), True, True, (0.1, 0.0)),
    )


def settled_again(binary: str) -> Row:
    with serving(binary) as server, away_from_the_hours_end():
        limiter = Sketch(server.client())
        for _ in range(2):
            limiter.record("ann", 0.25)
        theirs = limiter.spent("ann")
        ledger = begun(server, policy(lease_seconds=1))
        for name in "abc":
            ledger.reserve(name, ANN, QUARTER)
        told = [ledger.settle("b", USD // 4), ledger.settle("a", USD // 5)]  # out of order
        told += [ledger.settle("b", USD // 4), ledger.release("a")]
        time.sleep(1.1)
        told += [ledger.release("c"), ledger.settle("c", USD // 10), ledger.settle("c", USD)]
        spent = hour(ledger)
    return Row(
        "duplicate, late, out-of-order settles",
        f"$0.25 twice: ${theirs:.2f}",
        "each call once, at its cost",
        f"$0.25 + $0.20 + $0.10 are ${spent[0]:.2f}",
        theirs == 0.5
        and spent == (0.55, 0.0)
        and told == [True, True, False, False, False, True, False],
    )


def cancelled(binary: str) -> Row:
    """In the provider's answer, and while Redis is asked."""
    with serving(binary) as server, away_from_the_hours_end():
        limiter, ledger = Sketch(server.client()), begun(server)

        async def theirs() -> None:
            if limiter.allowed("ann"):
                await asyncio.sleep(3600)
                limiter.record("ann", 0.25)

        async def run() -> None:
            shared = AsyncRedisLedger(policy(), redis.asyncio.Redis(port=server.port))
            await shared.check()

            async def in_a_stream() -> None:
                async with shared.call("a", ANN, QUARTER) as call:
                    call.spent(USD // 10)
                    await asyncio.sleep(3600)

            tasks = [asyncio.create_task(theirs()), asyncio.create_task(in_a_stream())]
            await asyncio.sleep(0.1)
            server.freeze()
            tasks.append(asyncio.create_task(shared.reserve("b", ANN, QUARTER)))
            await asyncio.sleep(0.02)
            tasks[-1].cancel()
            server.thaw()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.05)
            await shared.flush()
            await shared.close()

        asyncio.run(run())
        lost, spent = limiter.spent("ann"), hour(ledger)
    return Row(
        "cancelled task, abandoned stream",
        f"${lost:.2f} recorded",
        "settled or released; no hold is left",
        f"${spent[0]:.2f} of the stream settled, ${spent[1]:.2f} held",
        lost == 0 and spent == (0.1, 0.0),
    )


def clocks(binary: str) -> Row:
    """Application servers whose clocks are hours off."""
    with serving(binary) as server, away_from_the_hours_end():
        theirs = ours = 0.0
        begun(server)
        kept = steps.system_clock
        try:
            for off in (0, -3, 3):
                shifted = timedelta(hours=off)
                limiter = Sketch(
                    server.client(),
                    lambda by=shifted: datetime.now(UTC) + by,  # type: ignore[misc]
                )
                steps.system_clock = lambda by=off: kept() + by * 3_600_000_000
                ledger = RedisLedger(policy(), server.client())
                for n in range(6):
                    if limiter.allowed("ann"):
                        limiter.record("ann", 0.25)
                        theirs += 0.25
                    if ledger.reserve(f"{off} {n}", ANN, QUARTER):
                        ledger.settle(f"{off} {n}", USD // 4)
                        ours += 0.25
        finally:
            steps.system_clock = kept
    return Row(
        "clocks of the callers off by hours",
        f"${theirs:.2f} in an hour of $1",
        "the store's time decides",
        f"${ours:.2f}",
        theirs == 3.0 and ours == 1.0,
    )


def boundaries(binary: str) -> Row:
    """Berlin, 2024-10-27: the clocks show 2 o'clock twice. And a call over an hour's end."""
    zone, start = ZoneInfo("Europe/Berlin"), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    with serving(binary) as server:
        when = [start]
        limits = policy(time_zone="Europe/Berlin")
        ledger = begun(server, limits, clock=lambda: instant_us(when[0]))
        limiter = Sketch(server.client(), lambda: when[0].astimezone(zone).replace(tzinfo=None))
        counts = []
        for hours in (0, 1):
            when[0] = start + timedelta(hours=hours)
            allowed = [0, 0]
            for n in range(6):
                if limiter.allowed("ann"):
                    limiter.record("ann", 0.25)
                    allowed[0] += 1
                if ledger.reserve(f"{hours} {n}", ANN, QUARTER):
                    ledger.settle(f"{hours} {n}", USD // 4)
                    allowed[1] += 1
            counts.append(allowed)
        when[0] = datetime(2024, 10, 28, 9, 59, tzinfo=UTC)
        assert limiter.allowed("bob")
        ledger.reserve("over", BOB, QUARTER)
        when[0] += timedelta(minutes=2)
        limiter.record("bob", 0.25)
        ledger.settle("over", USD // 4)
        theirs, ours = limiter.spent("bob"), hour(ledger, BOB)[0]
    second = [counts[1][0], counts[1][1]]
    return Row(
        "hour and clock-change boundaries",
        f"2 o'clock's second hour admits {second[0]} of 4; ${theirs:.2f} moved over the hour",
        "each hour its own; no money moves",
        f"admits {second[1]} of 4; ${ours:.2f} moved",
        counts == [[4, 4], [0, 4]] and theirs == 0.25 and ours == 0.0,
    )


def sketch_on_bad_input(limiter: Sketch) -> str:
    """What its budgets become."""
    told = []
    limiter.record("ann", 1.0)
    limiter.record("ann", -100)
    if limiter.allowed("ann"):
        told.append("-100 is a credit")
    try:
        limiter.record("ann", math.nan)
    except redis.RedisError:
        told.append("NaN fails after the paid call")
    limiter.record(None, 1.0)
    if not limiter.allowed("None"):
        told.append("nobody shares with 'None'")
    limiter.record("alice", 1.0)
    limiter.record("Zo\u00eb", 1.0)
    if limiter.allowed("alice\n") and limiter.allowed("Zoe\u0308"):
        told.append("fresh budgets by newline and NFD")
    return ", ".join(told)


def bad_input(binary: str) -> Row:
    ids: list[Any] = ["", "alice\n", "a\x00", "x" * 513, 7, b"ann", True]
    costs: list[Any] = [-100, math.nan, 0.5, True, None, "1", 2**60]
    with serving(binary) as server, away_from_the_hours_end():
        theirs = sketch_on_bad_input(Sketch(server.client()))
        ledger, client = begun(server), server.client()
        ledger.reserve("good", ANN, QUARTER)
        before = sorted((key, client.dump(key)) for key in client.keys("costsim*"))
        refused = 0
        attempts = [lambda v=v: ledger.reserve("x", Scopes(v), QUARTER) for v in ids]
        attempts += [lambda v=v: ledger.reserve(v, ANN, QUARTER) for v in [*ids, None]]
        attempts += [lambda v=v: ledger.reserve("x", ANN, [("m", v)]) for v in costs]
        attempts += [lambda v=v: ledger.settle("good", v) for v in costs]
        for attempt in attempts:
            try:
                attempt()
            except SettingError:
                refused += 1
        after = sorted((key, client.dump(key)) for key in client.keys("costsim*"))
        one = bool(ledger.reserve("n", Scopes("Zo\u00eb"), [("m", USD)]))
        other = bool(ledger.reserve("d", Scopes("Zoe\u0308"), [("m", 1)]))
        nobody = bool(ledger.reserve("0", Scopes(None), [("m", USD)]))
        named = bool(ledger.reserve("1", Scopes("None"), [("m", USD)]))
    return Row(
        "cost -100, NaN, None, 'alice\\n', NFD",
        theirs,
        "a clear error first; one name, one budget",
        f"{refused} of {len(attempts)} refused, no byte changed; NFD is NFC",
        theirs.count(",") == 3
        and refused == len(attempts)
        and before == after
        and (one, other, nobody, named) == (True, False, True, True),
    )


def stopped_by_hand(binary: str) -> Row:
    """By one process: seen by another, while Redis is frozen, and after it lost everything."""
    limits = policy(outage={"user": 0.5})
    with serving(binary) as server, away_from_the_hours_end():
        limiter = Sketch(server.client())
        ledger, other = (
            begun(server, limits, cooldown_seconds=0.05),
            RedisLedger(limits, server.client(), cooldown_seconds=0.05),
        )
        before = bool(other.reserve("before", ANN, QUARTER))
        ledger.operate(Control("stop", Target("user", "ann"), "max", "runaway agent"))
        theirs = limiter.allowed("ann")  # there is nobody to tell it
        answers = {"the next decision of another process": other.reserve("next", ANN, QUARTER)}
        server.freeze()
        answers["Redis frozen"] = other.reserve("frozen", ANN, QUARTER)
        slice_of_bob = bool(other.reserve("bob's", BOB, QUARTER))
        server.thaw()
        server.kill()
        server.start()
        time.sleep(0.06)
        other.rebuild(None)
        later = RedisLedger(limits, server.client())
        answers["restarted empty, a new process"] = later.reserve("new", ANN, QUARTER)
        (kept,) = later.standing().controls
    held = [how for how, said in answers.items() if not said and said.window == "stopped"]
    return Row(
        "an operator stops a user",
        "goes on until a deploy" if theirs else "stopped",
        "denied from the next decision on, everywhere; the order survives",
        "denied: " + "; ".join(held) + f"; by {kept.who}: {kept.why}",
        before
        and theirs
        and slice_of_bob
        and held == [*answers]
        and (kept.who, kept.why) == ("max", "runaway agent"),
    )


CASES = (
    crash_in_flight,
    settled_again,
    cancelled,
    clocks,
    boundaries,
    bad_input,
    stopped_by_hand,
)
