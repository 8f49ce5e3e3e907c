"""Every ledger there is, made alike: in process, and on each server, blocking and asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis.asyncio

from costsim.limits import AsyncRedisLedger, MemoryLedger, Policy, RedisLedger
from tests.limits.servers import Server, binaries, serving

KINDS = ["memory", "fake", "redis-6.2", "redis-server"]
KINDS += ["valkey-server"] if binaries()["valkey-server"] else []
KINDS += [f"{kind} async" for kind in KINDS if kind != "memory"]
TENANTS = itertools.count()


class Awaited:
    """An asyncio ledger, called as the blocking ones are."""

    def __init__(self, make: Callable[[], AsyncRedisLedger]) -> None:
        self._runner = asyncio.Runner()

        async def made() -> AsyncRedisLedger:
            return make()

        self.asynchronous = self._runner.run(made())

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.asynchronous, name)
        if not callable(found):
            return found

        async def awaited(*args: Any, **keys: Any) -> Any:
            return await found(*args, **keys)

        return lambda *args, **keys: self._runner.run(awaited(*args, **keys))

    def end(self) -> None:
        self._runner.run(self.asynchronous.close())
        self._runner.close()


class Maker:
    """Ledgers of one kind; each Redis ledger is a tenant of its own."""

    def __init__(self, kind: str, servers: dict[str, Server]) -> None:
        self.kind, self.asynchronous = kind.removesuffix(" async"), kind.endswith(" async")
        self.server = servers.get(self.kind)
        self._fake = fakeredis.FakeServer()
        self.folder = tempfile.TemporaryDirectory()
        self._made: list[Any] = []

    def __call__(
        self, policy: Policy, clock: Callable[[], int] | None, *, beside: Any = None, **keys: Any
    ) -> Any:
        if self.kind == "memory":
            return MemoryLedger(policy, clock=clock, **keys)
        tenant = f"tenant-{next(TENANTS)}" if beside is None else beside._core.tenant
        keys |= {"tenant": tenant, "startup_check": self.server is not None}
        keys.setdefault("deadline_seconds", 10)  # what is slow here is the machine
        settings = keys | {"clock": clock}
        if self.asynchronous:
            ledger = Awaited(lambda: AsyncRedisLedger(policy, self.client(), **settings))
        else:
            ledger = RedisLedger(policy, self.client(), **settings)
        self._made.append(ledger)
        if beside is None:
            ledger.rebuild(None)
        return ledger

    def pair(self, policy: Policy, clock: Callable[[], int] | None, **keys: Any) -> tuple[Any, Any]:
        """A ledger, and one of another process with the same orders of operators."""
        if self.kind == "memory":
            keys["controls"] = Path(self.folder.name, f"controls-{next(TENANTS)}.jsonl")
            return self(policy, clock, **keys), self(policy, clock, **keys)
        one = self(policy, clock, **keys)
        return one, self(policy, clock, beside=one, **keys)

    def client(self) -> Any:
        if self.server is None:
            made = fakeredis.FakeAsyncRedis if self.asynchronous else fakeredis.FakeRedis
            return made(server=self._fake)
        made = redis.asyncio.Redis if self.asynchronous else redis.Redis
        return made(port=self.server.port)

    def end(self) -> None:
        for ledger in self._made:
            ledger.end() if self.asynchronous else ledger.close()
        self._made.clear()
        self.folder.cleanup()


@contextlib.contextmanager
def running() -> Iterator[dict[str, Server]]:
    """The servers of this machine, running."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(serving(binary))
            for name, binary in binaries().items()
            if binary
        }


def skip_without_server(kind: str, servers: dict[str, Server]) -> None:
    name = kind.removesuffix(" async")
    if name in binaries() and name not in servers:
        pytest.skip(f"no {name} on PATH")
