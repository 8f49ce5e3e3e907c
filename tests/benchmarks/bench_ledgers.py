"""Ledgers: in process, and on a real Redis against its PING, the story's limiter and no-op scripts.

Medians of calls that take turns in one loop, so that a busy machine slows all alike.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from time import perf_counter, perf_counter_ns
from typing import Any

from costsim.limits import MemoryLedger, RedisLedger, Scopes, parse_limits
from costsim.limits.request import Requests
from costsim.limits.store.wire import Ask, Script
from tests.limits.faults.sketch import Sketch
from tests.limits.servers import binaries, serving

CAPS = {"hour_usd": 1e6, "day_usd": 2e6, "month_usd": 5e6}
ONE = parse_limits({"name": "one", "user": CAPS})
FOUR = parse_limits(
    {
        "name": "four", "user": CAPS, "tier": {"free": CAPS}, "feature": {"chat": CAPS},
        "organisation": CAPS,
    }
)  # fmt: skip
ANN = Scopes("ann", "free", "chat")
MODEL = [("m", 1000)]
CLIENTS = 8
TURNS = 5


def in_process(calls: int) -> float:
    """Seconds of so many reserves and settles."""
    ledger = MemoryLedger(ONE)
    names = [f"{n}" for n in range(calls)]
    begin = perf_counter()
    for name in names:
        ledger.reserve(name, ANN, MODEL)
        ledger.settle(name, 700)
    return perf_counter() - begin


def medians(works: dict[str, Callable[[str], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each, at the median of interleaved rounds."""
    names = (f"n{n}" for n in itertools.count())
    times: dict[str, list[int]] = {what: [] for what in works}
    for n in range(rounds + rounds // 10):
        for what, work in works.items():
            name = next(names)
            begin = perf_counter_ns()
            work(name)
            if n >= rounds // 10:  # the first ones warm up
                times[what].append(perf_counter_ns() - begin)
    return {what: sorted(spent)[len(spent) // 2] / 1e9 for what, spent in times.items()}


def throughput(port: int, commands: list[bytes]) -> float:
    """Answers a second to several clients, each with one question on the way."""
    with contextlib.ExitStack() as stack:
        wires = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(CLIENTS)
        ]
        for wire in wires:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin = perf_counter()
        for at in range(0, len(commands), CLIENTS):
            for wire, command in zip(wires, commands[at : at + CLIENTS], strict=False):
                wire.sendall(command)
            for wire, _ in zip(wires, commands[at : at + CLIENTS], strict=False):
                answer = wire.recv(4096)
                assert answer.startswith((b"$", b":")), answer
        return len(commands) / (perf_counter() - begin)


def together(works: list[Callable[[int], Any]], calls: int) -> float:
    """Calls a second of several clients in Python, each a thread with a connection."""
    gate = threading.Barrier(len(works) + 1)

    def run(work: Callable[[int], Any]) -> None:
        work(-1)
        gate.wait()
        for n in range(calls):
            work(n)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    gate.wait()
    begin = perf_counter()
    for thread in threads:
        thread.join()
    return len(works) * calls / (perf_counter() - begin)


def packed(ledger: RedisLedger, name: str) -> bytes:
    """What a reserve sends."""
    request = Requests(ONE).checked(name, ANN, MODEL, 0, None)
    return next(ledger._core.reserve(request)).command


def on_redis(binary: str, rounds: int) -> list[tuple[str, float, str]]:
    with serving(binary) as server:
        client = server.client()
        sketch = Sketch(server.client())
        one = RedisLedger(ONE, server.client(), tenant="one")
        four = RedisLedger(FOUR, server.client(), tenant="four")
        one.rebuild(None)
        four.rebuild(None)

        def sketched(_: str) -> None:
            sketch.allowed("ann")
            sketch.record("ann", 1e-6)

        def both(name: str) -> None:
            one.reserve(name, ANN, MODEL)
            one.settle(name, 700)

        spent = medians(
            {
                "PING": lambda _: client.ping(),
                "reserve, one scope x three windows": lambda n: one.reserve(n, ANN, MODEL),
                "reserve, four scopes x three windows": lambda n: four.reserve(n, ANN, MODEL),
                "reserve + settle, one scope": both,
                "the story's check + record": sketched,
            },
            rounds,
        )
        ping, sketch_seconds = spent["PING"], spent["the story's check + record"]
        rows = [(what, took, f"{took / ping:.2f} x PING") for what, took in spent.items()]
        faster = sketch_seconds / spent["reserve + settle, one scope"]
        rows[3] = (*rows[3][:2], f"{rows[3][2]}, {faster:.2f} x faster than the story's")
        calls, names = 8 * (rounds // 4), itertools.count()
        sha = client.script_load("return 1").encode()
        empty = [Ask(Script(b"", sha), (b"0",)).command] * calls
        noop, ours = (
            max(throughput(server.port, commands) for commands in turns)
            for turns in zip(
                *(
                    (empty, [packed(one, f"t{next(names)}") for _ in range(calls)])
                    for _ in range(3)
                ),
                strict=True,
            )
        )
        told = f"{noop:,.0f} a second"
        rows.append((f"no-op EVALSHA, {CLIENTS} bare connections", 1 / noop, told))
        told = f"{ours:,.0f} a second, {ours / noop:.2f} of the no-op's"
        rows.append((f"reserve, {CLIENTS} bare connections", 1 / ours, told))
        clients = [server.client() for _ in range(CLIENTS)]
        ledgers = [RedisLedger(ONE, server.client(), tenant="one") for _ in range(CLIENTS)]
        calls = rounds // 4
        empties = [lambda _, c=c: c.evalsha(sha, 0) for c in clients]
        noop = max(together(empties, calls) for _ in range(3))
        reserves = [
            lambda n, k=k, ledger=ledger: ledger.reserve(f"p{k} {next(names)}", ANN, MODEL)
            for k, ledger in enumerate(ledgers)
        ]
        ours = max(together(reserves, calls) for _ in range(3))
        told = f"{noop:,.0f} a second"
        rows.append((f"no-op EVALSHA, {CLIENTS} clients in Python", 1 / noop, told))
        told = f"{ours:,.0f} a second, {ours / noop:.2f} of the no-op's"
        rows.append((f"reserve, {CLIENTS} clients in Python", 1 / ours, told))
    return rows


def rows(calls: int = 50_000, rounds: int = 2_000) -> list[tuple[str, float, str]]:
    """Seconds a call, with the ratio that counts."""
    seconds = min(in_process(calls) for _ in range(TURNS))
    told = f"{calls / seconds:,.0f} a second, the best of {TURNS} turns"
    found = [(f"in process, {calls:,} reserve + settle", seconds, told)]
    for name, binary in binaries().items():
        if binary:
            found += [(f"{name}: {what}", *rest) for what, *rest in on_redis(binary, rounds)]
    return found
