"""The time of one decision, and turns at the store: what asks it, how long, and who waits."""

from __future__ import annotations

import asyncio
from collections import deque

from costsim.errors import StoreError

ALL, TRY = 0.9, 0.45
"""Parts of the deadline for all questions of a decision, and for one try of a question; what is
left is for the work between them."""

_AT_ONCE = 50  # who are sent away before others whose time is over have their turn


class OutOfTimeError(StoreError):
    """A decision had no time left for this question; earlier ones were answered.

    That is a slow store, or several questions in turn, and no sign that it is away.
    """


class NotAskedError(StoreError):
    """The store fell silent while others asked; this question was never sent."""


class Budget:
    """Seconds that one decision has for all its questions together.

    Waiting for one's turn is the work of this process, and no sign of an outage. It shortens the
    time for answers nevertheless, to one try: a store that answers others takes no longer.

    Examples
    --------
    >>> budget = Budget(0.2)
    >>> round(budget.limit(0.0), 3), round(budget.limit(5.0), 3)
    (0.18, 0.09)
    >>> budget.took(0.15, answered=True)
    >>> round(budget.limit(0.0), 3), budget.answered
    (0.03, True)
    """

    __slots__ = ("_left", "_try", "_waited", "answered")

    def __init__(self, deadline: float) -> None:
        self._left, self._try, self._waited = ALL * deadline, TRY * deadline, 0.0
        self.answered = False

    def limit(self, waited: float) -> float:
        """Seconds for the next question, which had to wait for so long."""
        self._waited += waited
        return min(self._left, max(self._left - self._waited, self._try))

    def took(self, seconds: float, *, answered: bool) -> None:
        """A question took so long, and was answered or not."""
        self._left -= seconds
        self.answered |= answered


class Turns:
    """Places for questions of one event loop; who waits is told when the store falls silent.

    Parameters
    ----------
    places : int
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def mine(self) -> bool:
        """Wait for a place, to be given back by `leave`; False when there is no point in asking."""
        if self._free:
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # it came just then
            raise

    def leave(self) -> None:
        """Give one's place to the next."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(True)
                return
        self._free += 1

    def call_off(self) -> None:
        """Send all who wait away, who came first first.

        Thousands at a stroke would hold up the loop, and with it those who ask and whose time is
        over, too.
        """
        waiting, self._waiting = self._waiting, deque()
        self._send_away(waiting)

    def _send_away(self, waiting: deque[asyncio.Future[bool]]) -> None:
        for _ in range(min(_AT_ONCE, len(waiting))):
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(False)
        if waiting:
            asyncio.get_running_loop().call_soon(self._send_away, waiting)
