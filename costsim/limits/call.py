"""One call inside ``with``: whatever ends the block, its hold is resolved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from costsim.errors import LedgerError
from costsim.limits.accounts import Scopes
from costsim.limits.answers import Denied, Granted
from costsim.limits.checking import checked_amount


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

        Raises
        ------
        SettingError
            An amount that is not allowed; what was said before stands.
        """
        checked_amount(cost_nano, "cost_nano")
        if tokens is not None:
            checked_amount(tokens, "tokens")
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

    def __init__(self, ledger: InBlocks, call_id: str, answer: Granted | Denied) -> None:
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


class InBlocks(ABC):
    """A ledger whose calls may stand in ``with`` blocks."""

    @abstractmethod
    def reserve(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        *,
        input_tokens: int = 0,
        max_output_tokens: int | None = None,
        choices: int = 1,
    ) -> Granted | Denied: ...

    @abstractmethod
    def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool: ...

    @abstractmethod
    def release(self, call_id: str) -> bool: ...

    def call(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        *,
        input_tokens: int = 0,
        max_output_tokens: int | None = None,
        choices: int = 1,
    ) -> Call:
        """Reserve for a ``with`` block, which resolves the hold however it ends.

        The block tells the call its cost (`spent`), or that it was `not_made`. A block that says
        neither, as on an exception, is charged the hold: the provider has probably billed.

        Examples
        --------
        >>> from costsim.limits import MemoryLedger, Scopes, load_limits
        >>> ledger = MemoryLedger(load_limits("flat-caps"))
        >>> with ledger.call("call-1", Scopes("alice"), [("gpt-4o", 600_000_000)]) as call:
        ...     call.spent(250_000_000)
        >>> ledger.usage(Scopes("alice"))["user", "hour_usd"]
        (250000000, 0, 1000000000)
        """
        answer = self.reserve(
            call_id, scopes, candidates,
            input_tokens=input_tokens, max_output_tokens=max_output_tokens, choices=choices,
        )  # fmt: skip
        return Call(self, call_id, answer)


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
