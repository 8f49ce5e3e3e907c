"""One question to Redis, answered within the deadline or not at all.

A question is asked twice at most: a lost reply is asked for again on a new connection, which call
ids make harmless. The connections are the ledger's own, made as the given client makes its, with
short time limits and without redis-py's retries (ten, by default, in version 8).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from costsim.errors import SettingError, StoreError
from costsim.limits.store.budget import ALL, TRY, Budget, OutOfTimeError

_AWAY = ("OOM command", "READONLY", "MISCONF", "LOADING", "BUSY Redis", "MASTERDOWN", "CLUSTERDOWN")
SPENT = "the time of this decision was spent before Redis had answered all its questions"


class Script(NamedTuple):
    """A script with what all of them begin with."""

    text: bytes
    sha: bytes


@cache
def script(name: str) -> Script:
    """A script by its file's name."""
    folder = resources.files("costsim.limits.store") / "scripts"
    text = "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in ("prelude", name))
    data = text.encode()
    return Script(data, hashlib.sha1(data, usedforsecurity=False).hexdigest().encode())


class Words(NamedTuple):
    """Arguments as the protocol has them, made once for many questions."""

    number: int
    data: bytes

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> Words:
        made = [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
        return cls(len(made), b"".join(made))


class Ask(NamedTuple):
    """A script with keys and arguments, or a plain command where there is no script."""

    script: Script | None
    rest: tuple[bytes, ...]
    tail: tuple[Words, ...] = ()

    @property
    def command(self) -> bytes:
        """As the protocol has it."""
        if self.script is None:
            return self._packed(self.rest)
        return self._packed((b"EVALSHA", self.script.sha, *self.rest))

    @property
    def whole(self) -> bytes:
        """With the script's text, for a server that does not have it yet."""
        assert self.script is not None
        return self._packed((b"EVAL", self.script.text, *self.rest))

    def _packed(self, parts: tuple[bytes, ...]) -> bytes:
        count = len(parts)
        words = [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
        for more in self.tail:
            count += more.number
            words.append(more.data)
        return b"*%d\r\n%b" % (count, b"".join(words))


def own_settings(client: Any, deadline: float, asynchronous: bool) -> tuple[Any, dict[str, Any]]:
    """Class and settings of the ledger's own connections."""
    from redis import ConnectionPool
    from redis.asyncio import ConnectionPool as AsyncPool
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    pool = getattr(client, "connection_pool", None)
    wanted: Any = AsyncPool if asynchronous else ConnectionPool
    if not isinstance(pool, wanted) or hasattr(pool, "sentinel_manager"):
        name = "redis.asyncio.Redis" if asynchronous else "redis.Redis"
        raise SettingError(
            f"redis_client must be a {name} of one server; got {type(client).__name__}"
        )
    ours = ("maint_", "orig_", "retry_on_error")  # what the pool adds, and retries
    keys = {k: v for k, v in pool.connection_kwargs.items() if not k.startswith(ours)}
    # What a new connection says of its library would be further round trips inside the deadline.
    keys |= dict.fromkeys({"driver_info", "lib_name", "lib_version"} & set(keys))
    keys |= {
        "retry": AsyncRetry(NoBackoff(), 0) if asynchronous else Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
        "socket_timeout": TRY * deadline,
        "socket_connect_timeout": TRY * deadline,
        "decode_responses": False,
        "protocol": 2,
    }
    return pool.connection_class, keys


def cannot_serve(error: Exception) -> StoreError | None:
    """The error of a server that cannot serve now; None for one that is nobody's state."""
    from redis import exceptions

    states = (
        exceptions.ReadOnlyError,
        exceptions.OutOfMemoryError,
        exceptions.ClusterDownError,
        exceptions.MasterDownError,
    )
    if isinstance(error, states) or any(word in str(error) for word in _AWAY):
        return StoreError(f"Redis cannot serve: {error}")
    return None


def silent(deadline: float, error: Exception) -> StoreError:
    return StoreError(f"Redis did not answer in {deadline:g} s: {error}".rstrip(": "))


class Asking:
    """What both wires know: where to connect, how long to wait, and what may come of a question."""

    def __init__(self, client: Any, deadline: float, *, asynchronous: bool) -> None:
        from redis import exceptions

        self._class, self._keys = own_settings(client, deadline, asynchronous=asynchronous)
        self._deadline = deadline
        self._idle: list[Any] = []
        self._lost = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
        self._late = (exceptions.TimeoutError, TimeoutError)
        self._refused = exceptions.AuthenticationError
        self._answered = exceptions.ResponseError
        self._unknown = exceptions.NoScriptError

    def _limit_of(self, budget: Budget | None, waited: float) -> float:
        """Seconds for the next question."""
        limit = ALL * self._deadline if budget is None else budget.limit(waited)
        if limit <= 0:
            raise OutOfTimeError(SPENT)
        return limit

    def _only_slow(self, error: Exception, budget: Budget | None) -> bool:
        """Whether the decision's time is over, and not the store away."""
        return budget is not None and budget.answered and isinstance(error, self._late)


class Wire(Asking):
    """Blocking questions from any number of threads; each connection serves one at a time."""

    def __init__(self, client: Any, deadline: float) -> None:
        super().__init__(client, deadline, asynchronous=False)
        said = ("password", "credential_provider", "client_name", "db")
        self._greetings = 1 + sum(bool(self._keys.get(key)) for key in said)  # of a new connection
        self._greetings += "SSL" in self._class.__name__
        self._process = os.getpid()

    def send(self, ask: Ask, budget: Budget | None = None) -> Any:
        """The answer.

        Parameters
        ----------
        budget : Budget, optional
            Of the decision that the question is a part of; a deadline of its own by default.

        Raises
        ------
        StoreError
            There was none in time, or the server cannot serve now.
        """
        begun = time.monotonic()
        limit = self._limit_of(budget, 0.0)
        answered = False
        try:
            answer = self._tried(ask, begun + limit)
            answered = True
            return answer
        except (StoreError, self._refused):  # it answers that it does not serve
            raise
        except self._lost as error:
            if self._only_slow(error, budget):
                raise OutOfTimeError(SPENT) from error
            raise silent(self._deadline, error) from error
        finally:
            if budget is not None:
                budget.took(time.monotonic() - begun, answered=answered)

    def _tried(self, ask: Ask, until: float) -> Any:
        for attempt in range(2):
            connection = self._connection(fresh=attempt > 0)
            try:
                answer = self._ask(connection, ask, until)
            except self._refused:
                raise
            except self._lost as error:
                connection.disconnect()
                late = isinstance(error, self._late)
                if attempt or until - time.monotonic() < (0.35 * self._deadline if late else 0):
                    raise
            except self._answered as error:
                self._idle.append(connection)
                away = cannot_serve(error)
                raise (away or error) from None
            except BaseException:
                connection.disconnect()  # its answer is still to come
                raise
            else:
                self._idle.append(connection)
                return answer
        raise AssertionError("the second try answers or raises")

    def _ask(self, connection: Any, ask: Ask, until: float) -> Any:
        most = min(TRY * self._deadline, (until - time.monotonic()) / self._greetings)
        connection.socket_timeout = connection.socket_connect_timeout = max(most, 1e-3)
        connection.connect()
        self._limit(connection, until)
        connection.send_packed_command([ask.command], check_health=False)
        try:
            return connection.read_response()
        except self._unknown:
            self._limit(connection, until)
            connection.send_packed_command([ask.whole], check_health=False)
            return connection.read_response()

    def _limit(self, connection: Any, until: float) -> None:
        """Wait no longer than the decision may: the client knows limits of connections alone."""
        left = min(TRY * self._deadline, until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        limit = getattr(connection._sock, "settimeout", None)
        if limit is not None:  # no socket of a fake server
            limit(left)

    def _connection(self, *, fresh: bool) -> Any:
        if self._process != os.getpid():  # a fork must not share its parent's
            self._idle, self._process = [], os.getpid()
        if fresh:  # what broke one connection has likely broken all that lie idle
            self._idle, stale = [], self._idle
            for connection in stale:
                connection.disconnect()
        try:
            return self._idle.pop()
        except IndexError:
            return self._class(**self._keys)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().disconnect()
