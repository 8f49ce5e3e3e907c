"""Every fault of the table, on Redis 6.2 and on the machine's own server."""

from __future__ import annotations

import pytest

from tests.limits.faults import of_the_store, of_the_way, of_those_who_call
from tests.limits.servers import binaries

CASES = (*of_the_store.CASES, *of_the_way.CASES, *of_those_who_call.CASES)


@pytest.mark.parametrize("server", ["redis-6.2", "redis-server"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_must_hold_holds(case, server):
    binary = binaries()[server]
    if binary is None:
        pytest.skip(f"no {server} on PATH")
    row = case(binary)
    assert row.holds, row
