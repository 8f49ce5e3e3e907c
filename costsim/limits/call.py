"""One call inside ``with``: whatever ends the block, its hold is resolved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

from costsim.errors import LedgerError
from costsim.limits.answers import Denied, Granted


class _Ledger(Protocol):
    def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool: ...
    def release(self, call_id: str) -> bool: ...


class _AsyncLedger(Protocol):
    async def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool: ...
    async def release(self, call_id: str) -> bool: ...


class _Said:
    """What the block said about its call."""

    answer: Granted | Denied | None = None

    def __init__(self) -> None:
        self._spent: tuple[int, int | None] | None = None
        self._made = True

    def spent(self, cost_nano: int, tokens: int | None = None) -> None:
        """What the call has cost so far, or in all; the last word is settled at the end.

        A stream that says it chunk by chunk is charged what it reached when it is abandoned.
        """
        self._spent = (cost_nano, tokens)

    def not_made(self) -> None:
        """The provider was never reached, or refused: the hold is released at the end."""
        self._made = False

    @property
    def granted(self) -> Granted:
        """The grant.

        Raises
        ------
        LedgerError
            The call was denied.
        """
        if not isinstance(self.answer, Granted):
            raise LedgerError(f"the call was denied: {self.answer}")
        return self.answer

    @property
    def denied(self) -> Denied | None:
        return self.answer if isinstance(self.answer, Denied) else None

    def __bool__(self) -> bool:
        return bool(self.answer)

    def _last_word(self) -> tuple[int, int | None] | None:
        """What to settle; None to release. Who said nothing is charged the hold, as by a lease."""
        if not self._made:
            return None
        return self._spent or (self.granted.held_nano, None)


class Call(_Said):
    """A reservation as a block; made by a ledger's `call`."""

    def __init__(self, ledger: _Ledger, call_id: str, answer: Granted | Denied) -> None:
        super().__init__()
        self._ledger, self._call_id, self.answer = ledger, call_id, answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self:
            return
        word = self._last_word()
        if word is None:
            self._ledger.release(self._call_id)
        else:
            self._ledger.settle(self._call_id, *word)


class AsyncCall(_Said):
    """The same for ``async with``; the reservation is made on entry."""

    def __init__(
        self, ledger: _AsyncLedger, call_id: str, reserve: Callable[[], Awaitable[Granted | Denied]]
    ) -> None:
        super().__init__()
        self._ledger, self._call_id, self._reserve = ledger, call_id, reserve

    async def __aenter__(self) -> Self:
        self.answer = await self._reserve()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self:
            return
        word = self._last_word()
        if word is None:
            await self._ledger.release(self._call_id)
        else:
            await self._ledger.settle(self._call_id, *word)
