"""Limits shared by all processes, in Redis: blocking, and for asyncio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from costsim.errors import SettingError, StoreError
from costsim.limits.accounts import Alert, Scopes
from costsim.limits.answers import Denied, Granted, Month, Observed
from costsim.limits.call import AsyncCall, InBlocks
from costsim.limits.checking import checked_amount, checked_id, checked_scopes
from costsim.limits.controls import Control
from costsim.limits.policy import Policy
from costsim.limits.request import Requests, checked_policy
from costsim.limits.standing import Standing
from costsim.limits.store.async_wire import AsyncWire
from costsim.limits.store.budget import Budget
from costsim.limits.store.operating import learn, operate, standing
from costsim.limits.store.outage import Entry
from costsim.limits.store.rebuilding import rebuild
from costsim.limits.store.steps import Core, Steps, StoreUnfit, Usage
from costsim.limits.store.wire import Wire

T = TypeVar("T")


class _Face:
    """What both ledgers take and show."""

    def __init__(
        self,
        policy: Policy,
        redis_client: Any,
        *,
        tenant: str = "default",
        prefix: str = "costsim",
        mode: Literal["enforce", "observe"] = "enforce",
        deadline_seconds: float = 0.2,
        cooldown_seconds: float = 1.0,
        retention_seconds: float = 172_800,
        startup_check: bool = True,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if checked_policy(policy).accounting != "reserve":
            raise SettingError(
                "a Redis ledger needs accounting = 'reserve'; "
                f"got {policy.accounting!r}, which is for simulations of what it overshoots"
            )
        if type(deadline_seconds) not in (int, float) or not 0.01 <= deadline_seconds <= 10:
            raise SettingError(
                f"deadline_seconds must be from 0.01 to 10; got {deadline_seconds!r}"
            )
        if type(cooldown_seconds) not in (int, float) or not 0 < cooldown_seconds <= 3600:
            raise SettingError(
                f"cooldown_seconds must be above 0, at most 3600; got {cooldown_seconds!r}"
            )
        if not checked_id(prefix, "prefix").isascii() or set("{} ") & set(prefix):
            raise SettingError(f"prefix must be ASCII without braces or spaces; got {prefix!r}")
        self.policy = policy
        self._requests = Requests(policy)
        self._core = Core(
            policy,
            tenant=checked_id(tenant, "tenant"),
            prefix=prefix,
            mode=mode,
            clock=clock,
            retention_seconds=retention_seconds,
            cooldown_seconds=cooldown_seconds,
            startup_check=startup_check,
            deadline_seconds=deadline_seconds,
        )
        self._deadline = deadline_seconds

    @property
    def alerts(self) -> list[Alert]:
        """Watched levels that this process's calls reached; each goes to one process."""
        return self._core.alerts

    @property
    def observed(self) -> deque[Observed]:
        """With ``mode="observe"``, the newest answers that would have been denials."""
        return self._core.observed

    @property
    def unplaced(self) -> list[Entry]:
        """Settles from an outage whose calls nobody knew when they were delivered."""
        return self._core.unplaced

    @property
    def waiting(self) -> int:
        """How many settles and releases wait for the store to come back."""
        return len(self._core.outbox)

    @property
    def away(self) -> bool:
        """Whether the store is taken to be away, or back without its ledger."""
        return self._core.breaker.open or self._core.lost

    def __repr__(self) -> str:
        state = "away" if self.away else "there"
        return (
            f"{type(self).__name__}({self.policy.name}, tenant {self._core.tenant!r}, store "
            f"{state}, {self.waiting:,} waiting); next: ledger.reserve(call_id, scopes, candidates)"
        )

    def _asked(
        self, call_id: str, scopes: Scopes, candidates: Sequence[tuple[str, int]],
        input_tokens: int, max_output_tokens: int | None, choices: int,
    ) -> Steps[Granted | Denied]:  # fmt: skip
        request = self._requests.checked(
            call_id, scopes, candidates, input_tokens, max_output_tokens, choices
        )
        return self._core.reserve(request)

    def _settled(self, call_id: str, cost_nano: int, tokens: int | None) -> Steps[bool]:
        call_id = checked_id(call_id, "call_id")
        checked_amount(cost_nano, "cost_nano")
        if tokens is not None:
            checked_amount(tokens, "tokens")
        return self._core.settle(call_id, cost_nano, tokens)


class RedisLedger(_Face, InBlocks):
    """Limits that all processes share, exact under concurrency, decided inside Redis.

    One round trip a call: Lua scripts check and write all windows of all scopes at once. Methods
    and answers are those of :class:`~costsim.limits.MemoryLedger`.

    Parameters
    ----------
    policy : Policy
        With ``accounting = "reserve"``. Its table `outage` says, by scope, what holds while Redis
        is away: ``"deny"``, or the part of each cap that each process may let through alone, so
        that a cap is overspent at most by processes x part x cap.
    redis_client : redis.Redis
        Where: Redis 6.2 and newer, or Valkey. The ledger opens connections of its own to it, with
        its deadline and without redis-py's retries.
    tenant : str
        Whose budgets; all keys of a tenant share one hash tag.
    prefix : str
        First part of all keys, ASCII.
    mode : {"enforce", "observe"}
        "observe" refuses nothing; what would have been refused is in `observed`.
    deadline_seconds : float
        Longest wait for a decision with all its questions, from 0.01 to 10. Then the policy for
        outages decides.
    cooldown_seconds : float
        After a failure, one call in so many seconds asks Redis again; above 0, at most 3600.
    retention_seconds : float
        How long a resolved call id and an ended window are remembered, at least the lease. All
        keys expire.
    startup_check : bool
        Refuse a server that is too old or evicts keys; False only for servers without INFO.
    clock : callable, optional
        Microseconds since 1970, for tests; Redis's own time by default.

    Raises
    ------
    SettingError
        A setting that is not allowed, or a client of a cluster, of sentinels, or of asyncio.
    StoreError
        The server is older than 6.2, or has a `maxmemory-policy` that evicts.

    Notes
    -----
    A store without a ledger, such as one that was restarted empty, decides nothing until
    :meth:`rebuild` has filled it. A server that does not answer when the ledger is made counts as
    an outage. What operators ordered is not known then until Redis answers: with ``"deny"`` nothing
    passes meanwhile, with a part of each cap that part may be spent by whoever they stopped.

    Examples
    --------
    >>> import fakeredis
    >>> from costsim.limits import RedisLedger, Scopes, load_limits
    >>> ledger = RedisLedger(load_limits("flat-caps"), fakeredis.FakeRedis(), startup_check=False)
    >>> ledger.rebuild(None)  # nothing was spent yet
    0
    >>> alice = Scopes("alice", tier="free", feature="chat")
    >>> ledger.reserve("call-1", alice, [("gpt-4o", 600_000_000)], input_tokens=900)
    Granted(candidate=0, model='gpt-4o', held_nano=600000000)
    >>> denied = ledger.reserve("call-2", alice, [("gpt-4o", 600_000_000)], input_tokens=900)
    >>> denied.scope, denied.window, denied.by_holds
    ('user', 'hour', True)
    >>> ledger.settle("call-1", 250_000_000)
    True
    """

    def __init__(self, policy: Policy, redis_client: Any, **settings: Any) -> None:
        super().__init__(policy, redis_client, **settings)
        self._wire = Wire(redis_client, settings.get("deadline_seconds", 0.2))
        try:
            self._run(self._core.ready())
            self._run(learn(self._core))  # what is stopped is known before Redis may go away
        except StoreUnfit:
            raise
        except StoreError:
            self._core.breaker.trip()

    def reserve(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        *,
        input_tokens: int = 0,
        max_output_tokens: int | None = None,
        choices: int = 1,
    ) -> Granted | Denied:
        """Hold the first candidate that fits; as :meth:`MemoryLedger.reserve`."""
        steps = self._asked(call_id, scopes, candidates, input_tokens, max_output_tokens, choices)
        return self._run(steps, Budget(self._deadline))

    def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool:
        """Charge what a call cost, once; as :meth:`MemoryLedger.settle`.

        While Redis is away the settle waits here, and True says that it is kept.
        """
        return self._run(self._settled(call_id, cost_nano, tokens), Budget(self._deadline))

    def release(self, call_id: str) -> bool:
        """Drop the hold of a call that was not made; as :meth:`MemoryLedger.release`."""
        steps = self._core.release(checked_id(call_id, "call_id"))
        return self._run(steps, Budget(self._deadline))

    def usage(self, scopes: Scopes) -> Usage:
        """What the windows of some scopes hold now; as :meth:`MemoryLedger.usage`.

        Raises
        ------
        StoreError
            Redis is away, or holds no ledger of this tenant.
        """
        return self._run(self._core.usage(checked_scopes(scopes)))

    def month(self) -> Month:
        """The organisation's month now; as :meth:`MemoryLedger.month`.

        Raises
        ------
        StoreError
            Redis is away, or holds no ledger of this tenant.
        """
        return self._run(self._core.month())

    def flush(self) -> int:
        """Deliver settles that wait for Redis; how many still wait."""
        return self._run(self._core.flush())

    def operate(self, control: Control) -> Control:
        """Take an operator's order, for the next decision of every process; it is kept in Redis.

        As :meth:`MemoryLedger.operate`.

        Raises
        ------
        StoreError
            Redis is away, or holds no ledger of this tenant: nothing was ordered.
        """
        return self._run(operate(self._core, control))

    def standing(self) -> Standing:
        """The limits in force now; as :meth:`MemoryLedger.standing`, errors as `operate`."""
        return self._run(standing(self._core))

    def rebuild(self, records: Any, controls: str | Path | Iterable[Control] | None = None) -> int:
        """Fill a store that holds no ledger of this tenant from the records of this month.

        Parameters
        ----------
        records : Records, DataFrame or None
            Calls, with timestamp, user, tier, feature, total_cost_nano and tokens; None where
            nothing was spent yet.
        controls : path or controls, optional
            Operators' orders that were lost, such as ``standing().controls`` of before. Those that
            this process knows are put back in any case.

        Returns
        -------
        int
            How many calls were counted.

        Raises
        ------
        LedgerError
            The store holds a ledger of this tenant, or another process rebuilds it.
        """
        return self._run(rebuild(self._core, records, controls))

    def close(self) -> None:
        """Close the ledger's connections; it opens new ones when it is asked again."""
        self._wire.close()

    def _run(self, steps: Steps[T], budget: Budget | None = None) -> T:
        try:
            ask = next(steps)
            while True:
                try:
                    reply = self._wire.send(ask, budget)
                except BaseException as error:  # noqa: BLE001 the steps decide
                    ask = steps.throw(error)
                else:
                    ask = steps.send(reply)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


class AsyncRedisLedger(_Face):
    """:class:`RedisLedger` for asyncio: the same settings, scripts and answers, to be awaited.

    Parameters
    ----------
    policy : Policy
    redis_client : redis.asyncio.Redis
        Settings as :class:`RedisLedger`. One ledger serves one event loop, 4 questions at a time;
        the others wait their turn, which is no outage. Once Redis falls silent, all who wait are
        decided at once, as by the policy for outages.

    Notes
    -----
    The server is checked at the first call, or by ``await ledger.check()``; every method raises
    StoreError where it is unfit. Whatever Redis answered
    to a reserve that was cancelled meanwhile is taken back. A loop that other work blocks for half
    the deadline takes Redis to be away, because it cannot tell.

    Examples
    --------
    >>> import asyncio, fakeredis
    >>> from costsim.limits import AsyncRedisLedger, Scopes, load_limits
    >>> async def one():
    ...     client = fakeredis.FakeAsyncRedis()
    ...     ledger = AsyncRedisLedger(load_limits("flat-caps"), client, startup_check=False)
    ...     await ledger.rebuild(None)
    ...     async with ledger.call("call-1", Scopes("alice"), [("gpt-4o", 600_000_000)]) as call:
    ...         call.spent(250_000_000)
    ...     usage = await ledger.usage(Scopes("alice"))
    ...     await ledger.close()
    ...     return usage["user", "hour_usd"]
    >>> asyncio.run(one())
    (250000000, 0, 1000000000)
    """

    def __init__(self, policy: Policy, redis_client: Any, **settings: Any) -> None:
        super().__init__(policy, redis_client, **settings)
        self._wire = AsyncWire(redis_client, settings.get("deadline_seconds", 0.2))

    async def check(self) -> None:
        """Refuse a server that is unfit.

        Raises
        ------
        StoreError
            It is away, older than 6.2, or has a `maxmemory-policy` that evicts.
        """
        await self._run(self._core.ready())
        await self._run(learn(self._core))

    async def reserve(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        *,
        input_tokens: int = 0,
        max_output_tokens: int | None = None,
        choices: int = 1,
    ) -> Granted | Denied:
        """Hold the first candidate that fits; as :meth:`MemoryLedger.reserve`."""
        steps = self._asked(call_id, scopes, candidates, input_tokens, max_output_tokens, choices)
        return await self._run(steps, Budget(self._deadline))

    async def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool:
        """Charge what a call cost, once; as :meth:`RedisLedger.settle`."""
        steps = self._settled(call_id, cost_nano, tokens)
        return await self._run(steps, Budget(self._deadline))

    async def release(self, call_id: str) -> bool:
        """Drop the hold of a call that was not made; as :meth:`MemoryLedger.release`."""
        steps = self._core.release(checked_id(call_id, "call_id"))
        return await self._run(steps, Budget(self._deadline))

    async def usage(self, scopes: Scopes) -> Usage:
        """What the windows of some scopes hold now; as :meth:`RedisLedger.usage`."""
        return await self._run(self._core.usage(checked_scopes(scopes)))

    async def month(self) -> Month:
        """The organisation's month now; as :meth:`RedisLedger.month`."""
        return await self._run(self._core.month())

    def call(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        *,
        input_tokens: int = 0,
        max_output_tokens: int | None = None,
        choices: int = 1,
    ) -> AsyncCall:
        """Reserve for an ``async with`` block, on its entry; as :meth:`MemoryLedger.call`."""
        steps = self._asked(call_id, scopes, candidates, input_tokens, max_output_tokens, choices)
        return AsyncCall(self, call_id, lambda: self._run(steps, Budget(self._deadline)))

    async def flush(self) -> int:
        """Deliver settles that wait for Redis; how many still wait."""
        return await self._run(self._core.flush())

    async def operate(self, control: Control) -> Control:
        """Take an operator's order; as :meth:`RedisLedger.operate`."""
        return await self._run(operate(self._core, control))

    async def standing(self) -> Standing:
        """The limits in force now; as :meth:`RedisLedger.standing`."""
        return await self._run(standing(self._core))

    async def rebuild(
        self, records: Any, controls: str | Path | Iterable[Control] | None = None
    ) -> int:
        """Fill a store without a ledger of this tenant; as :meth:`RedisLedger.rebuild`."""
        return await self._run(rebuild(self._core, records, controls))

    async def close(self) -> None:
        """Close the ledger's connections."""
        await self._wire.close()

    async def _run(self, steps: Steps[T], budget: Budget | None = None) -> T:
        try:
            ask = next(steps)
            while True:
                try:
                    reply = await self._wire.send(ask, budget)
                except BaseException as error:  # noqa: BLE001 the steps decide
                    ask = steps.throw(error)
                else:
                    ask = steps.send(reply)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
