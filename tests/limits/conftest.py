"""Servers and ledgers for all tests of limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.limits.ledgers import KINDS, Maker, running, skip_without_server
from tests.limits.servers import Server

HOUR = 3_600_000_000


class Clock:
    """Microseconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000 // HOUR * HOUR

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """The servers of this machine, by name."""
    with running() as found:
        yield found


@pytest.fixture(params=KINDS)
def maker(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Iterator[Maker]:
    """Makes ledgers of each kind in turn."""
    skip_without_server(request.param, servers)
    made = Maker(request.param, servers)
    yield made
    made.end()


@pytest.fixture(scope="session")
def clock_type() -> type[Clock]:
    """For tests that need several clocks."""
    return Clock
