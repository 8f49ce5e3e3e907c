"""What runs in processes of its own; it imports little, because each of them does."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import redis

from costsim.limits import RedisLedger
from tests.limits.faults.case import ANN, QUARTER, USD, policy


def one_process(port: int, name: str, calls: int, gate: Any) -> None:
    """A quarter dollar, `calls` times, in a process of its own."""
    ledger = RedisLedger(policy(), redis.Redis(port=port), tenant=name, deadline_seconds=10)
    gate.wait()
    for n in range(calls):
        if ledger.reserve(f"{multiprocessing.current_process().name} {n}", ANN, QUARTER):
            ledger.settle(f"{multiprocessing.current_process().name} {n}", USD // 4)


def reserve_and_wait(port: int, ready: Any) -> None:
    """A process that will be killed with a call in flight."""
    ledger = RedisLedger(policy(lease_seconds=1), redis.Redis(port=port), deadline_seconds=10)
    assert ledger.reserve("crashed", ANN, QUARTER)
    ready.set()
    time.sleep(60)
