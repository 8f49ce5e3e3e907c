"""One question to Redis, as :mod:`costsim.limits.store.wire`, for asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from costsim.errors import StoreError
from costsim.limits.store.budget import TRY, Budget, NotAskedError, OutOfTimeError, Turns
from costsim.limits.store.wire import SPENT, Ask, Asking, cannot_serve, silent

_MOST_AT_ONCE = 4  # connections of one event loop, whose work is most of the time there


class AsyncWire(Asking):
    """:class:`costsim.limits.store.wire.Wire` for one event loop."""

    def __init__(self, client: Any, deadline: float) -> None:
        super().__init__(client, deadline, asynchronous=True)
        self._turns = Turns(_MOST_AT_ONCE)
        self._heard = 0.0

    async def send(self, ask: Ask, budget: Budget | None = None) -> Any:
        """The answer; arguments and errors as :meth:`Wire.send`.

        Waiting for one's turn is no sign of an outage; but once a question is not answered, those
        who wait are not left to find that out one after the other.
        """
        came = time.monotonic()
        if not await self._turns.mine():
            raise NotAskedError("Redis did not answer those who asked before")
        begun, answered = time.monotonic(), False
        try:
            limit = self._limit_of(budget, begun - came)
            answer = await self._tried(ask, begun + limit)
            self._heard, answered = time.monotonic(), True
            return answer
        except (StoreError, self._refused):  # it answers that it does not serve
            raise
        except self._lost as error:
            if self._only_slow(error, budget):
                raise OutOfTimeError(SPENT) from error
            if self._heard < max(begun, time.monotonic() - TRY / 2 * self._deadline):
                self._turns.call_off()  # nobody else was answered meanwhile
            raise silent(self._deadline, error) from error
        finally:
            if budget is not None:
                budget.took(time.monotonic() - begun, answered=answered)
            self._turns.leave()

    async def _tried(self, ask: Ask, until: float) -> Any:
        for attempt in range(2):
            left = self._left(until)
            if attempt:
                if left <= 0:
                    raise TimeoutError  # the loop was held up: one try was all
                await self.close()
            connection = self._idle.pop() if self._idle else self._class(**self._keys)
            try:
                async with asyncio.timeout(left):
                    answer = await self._ask(connection, ask, until)
            except self._refused:
                await connection.disconnect(nowait=True)
                raise
            except self._lost:
                await connection.disconnect(nowait=True)
                if attempt:
                    raise
            except self._answered as error:
                self._idle.append(connection)
                away = cannot_serve(error)
                raise (away or error) from None
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            else:
                self._idle.append(connection)
                return answer
        raise AssertionError("the second try answers or raises")

    async def _ask(self, connection: Any, ask: Ask, until: float) -> Any:
        if not connection.is_connected:
            await connection.connect()
        self._limit(connection, until)
        await connection.send_packed_command(ask.command, check_health=False)
        # Before Python 3.12, sending swallows a timeout that comes just as it ends.
        self._limit(connection, until)
        try:
            return await connection.read_response()
        except self._unknown:
            await connection.send_packed_command(ask.whole, check_health=False)
            return await connection.read_response()

    def _left(self, until: float) -> float:
        """Seconds for one try."""
        return min(TRY * self._deadline, until - time.monotonic())

    def _limit(self, connection: Any, until: float) -> None:
        """The client's own limit; what lies there already is let in even when time is over."""
        connection.socket_timeout = max(self._left(until), 1e-3)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)
