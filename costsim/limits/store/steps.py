"""The ledger's methods as steps that ask and are answered, whoever carries the questions.

Each method is a generator that yields an `Ask` and is sent the reply, or has a `StoreError` thrown
into it. The blocking ledger and the asyncio one drive the same generators.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from costsim.errors import LedgerError, StoreError
from costsim.limits import burst
from costsim.limits.accounts import Alert, Scopes
from costsim.limits.answers import MOST_OBSERVED, Denied, Granted, Month, Observed, watched_month
from costsim.limits.controls import Control
from costsim.limits.ledger import MemoryLedger, system_clock
from costsim.limits.policy import Policy
from costsim.limits.request import Request, Requests, checked_mode, checked_retention
from costsim.limits.standing import LIFTED, standing_at
from costsim.limits.store.budget import ALL, NotAskedError, OutOfTimeError
from costsim.limits.store.keys import Keys, Plans, digest, encoded
from costsim.limits.store.operating import View, first_view, learn
from costsim.limits.store.outage import Breaker, Entry, Known
from costsim.limits.store.wire import Ask, Words, script

T = TypeVar("T")
Steps = Generator[Ask, Any, T]
Usage = dict[tuple[str, str], tuple[int, int, int]]

_FLUSH_AT_ONCE = 32  # outbox entries delivered along with another question
_OLDEST_VERSION = (6, 2)
_TURNS = 4  # of one question that windows and operators change meanwhile


class Core:
    """All of a Redis ledger but its wire.

    Parameters as :class:`~costsim.limits.RedisLedger`.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        tenant: str,
        prefix: str,
        mode: str,
        clock: Callable[[], int] | None,
        retention_seconds: float,
        cooldown_seconds: float,
        startup_check: bool,
        deadline_seconds: float,
    ) -> None:
        self.policy, self.tenant = policy, tenant
        self._requests = Requests(policy)
        self.alerts: list[Alert] = []
        self.observed: deque[Observed] = deque(maxlen=MOST_OBSERVED)
        self.unplaced: list[Entry] = []
        self.outbox: dict[str, Entry] = {}
        self.lost = False
        self.breaker = Breaker(cooldown_seconds, time.monotonic)
        self.keys = Keys(prefix, tenant)
        self._observes = checked_mode(mode)
        self._lease_us = round(policy.lease_seconds * 1e6)
        self.retention_us = checked_retention(policy, retention_seconds)
        self.keep_us = self.retention_us + self._lease_us
        self.view = first_view(policy, self.keep_us)
        self._clock, self.given_clock = clock or system_clock, clock is not None
        self._offset = 0
        self._open: dict[str, Known] = {}
        self._checks = startup_check
        self._checked = not startup_check
        self._flushing = False
        self._spare = ALL * deadline_seconds
        self._attempts = itertools.count()
        self._mark = os.urandom(6).hex()
        self._shares = policy.outage.shares
        self._local = MemoryLedger(
            policy,
            clock=self.now,
            retention_seconds=retention_seconds,
            mode="observe" if self._observes else "enforce",
            shares=self._shares,
        )
        self._local.observed = self.observed
        self._fixed = (
            str(self._lease_us).encode(), str(self.keep_us).encode(),
        )  # fmt: skip
        self._keep = str(self.retention_us).encode()

    @property
    def plans(self) -> Plans:
        return self.view.plans

    def see(self, controls: Iterable[Control], edition: bytes, now: int) -> None:
        """Know these orders, too, and what follows from all of them now."""
        known = (*self.view.standing.controls, *controls)
        self.view = View.of(standing_at(self.policy, known, now), edition, self.keep_us)
        self._local.obey(controls)

    def time_is(self, now: int) -> None:
        """The store's time."""
        self._offset = now - int(self._clock())

    def now(self) -> int:
        """The store's time as far as it is known here."""
        return int(self._clock()) + self._offset

    def ask(self, name: str, call: bytes | None, *rest: bytes, tail: tuple[Words, ...] = ()) -> Ask:
        """A script on this tenant's keys."""
        time_us = str(int(self._clock())).encode() if self.given_clock else b""
        keys: tuple[bytes, ...] = (self.keys.state, self.keys.leases)
        if call is not None:
            keys = (*keys, self.keys.call(call))
        head = (b"2" if call is None else b"3", *keys, self.keys.prefix, time_us, self._keep)
        return Ask(script(name), (*head, self.plans.watched, *rest), tail)

    def reserve(self, request: Request) -> Steps[Granted | Denied]:
        alone = self._requests.refused(request)
        if alone is not None and not self._observes:
            return alone
        waiting = self.outbox.get(request.call_id)
        if waiting is not None and waiting.verb == "cancel":
            self.outbox.pop(request.call_id, None)  # asked for again: it is wanted after all
        if not self.breaker.allows():
            return self._alone(request, "outage")
        attempt, begun = f"{self._mark}{next(self._attempts)}".encode(), time.monotonic()
        try:
            yield from self.ready()
            reply, view = yield from self._windowed(
                lambda at, view: self._reserve_ask(request, attempt, at, view)
            )
            self.breaker.reset()
            if self.outbox and reply is not None:
                yield from self._deliver_some(begun)
        except StoreUnfit:
            raise
        except StoreError as error:
            self._away(error)
            if not isinstance(error, NotAskedError):
                self.outbox[request.call_id] = Entry("cancel", request.call_id, attempt=attempt)
            return self._alone(request, "outage")
        except BaseException:  # cancelled while it was asked: nobody will settle it
            self.outbox[request.call_id] = Entry("cancel", request.call_id, attempt=attempt)
            raise
        if reply is None:
            return self._alone(request, "lost")
        kind, now = reply[0], int(reply[1])
        if kind == b"C":
            raise LedgerError(f"call id {request.call_id!r} was used for another call")
        if kind == b"H":
            stopped = view.standing.stopped(request.scopes, now)
            assert stopped is not None  # it was asked so
            return stopped
        if kind == b"D":
            return self._denied(request, reply[3:], now, view)
        if kind == b"O":
            self.observed.append(
                Observed(
                    request.call_id, request.scopes,
                    self._denied(request, reply[4:], now, view) if alone is None else alone,
                )
            )  # fmt: skip
        elif kind == b"K" and reply[4] == b"-":  # resolved already
            return self._granted(request, int(reply[3]))
        elif kind == b"K":
            now = int(reply[4])
        elif alone is not None:
            self.observed.append(Observed(request.call_id, request.scopes, alone))
        return self._grant(request, int(reply[3]), now, local=False)

    def _reserve_ask(self, request: Request, attempt: bytes, at: int, view: View) -> Ask:
        stopped = view.standing.stopped(request.scopes, at) is not None
        known = b"%b %d %d" % (view.stamp, self._observes, stopped)
        name = encoded(request.call_id).encode()
        bounds = [str(bound).encode() for _, bound in request.candidates]
        return self.ask(
            "reserve", name, name, digest(request), *self._fixed,
            str(request.tokens).encode(), known, attempt,
            view.plans.ladder(request), view.plans.of(request.scopes).burst,
            str(len(bounds)).encode(), *bounds,
            tail=(view.plans.windows(at), view.plans.of(request.scopes).words),
        )  # fmt: skip

    def _grant(self, request: Request, candidate: int, now: int, *, local: bool) -> Granted:
        known = self._open
        known[request.call_id] = Known(request, candidate, now, local)
        if len(known) > 1:  # whoever never settles is charged by the lease
            with suppress(RuntimeError, StopIteration):  # other threads change it meanwhile
                name, oldest = next(iter(known.items()))
                if oldest.at_us + self.keep_us < now:
                    known.pop(name, None)
        return self._granted(request, candidate)

    def _granted(self, request: Request, candidate: int) -> Granted:
        model, bound = request.candidates[candidate]
        return Granted(candidate, model, bound)

    def _mine(self, call_id: str) -> Known | None:
        """A call that this process was granted, if the store is to know it still."""
        known = self._open.get(call_id)
        if known is not None and known.at_us + self.keep_us <= self.now():
            self._open.pop(call_id, None)
            return None
        return known

    def _denied(self, request: Request, words: list[bytes], now: int, view: View) -> Denied:
        position, by_holds, moment, level = (int(word) for word in words)
        at = None if moment < 0 else moment
        after = None if at is None else (at - now) / 1e6
        if position < 0:
            return Denied("user", burst.WINDOW, at, after, cap=burst.CAP)
        scope, cap, _ = view.plans.of(request.scopes).rules[position]
        name = view.plans.watches[level - 1].name if level else ""
        return Denied(scope, cap.split("_")[0], at, after, by_holds == 1, cap, name)

    def _alone(self, request: Request, why: str) -> Granted | Denied:
        """The answer of this process alone, by the orders it knows and the policy for outages."""
        now = self.now()
        if not self.view.standing.holds_at(now):
            self.see((), self.view.edition, now)
        stopped = self.view.standing.stopped(request.scopes, now)
        if stopped is not None:
            return stopped
        if not self._observes:
            for scope, cap, limit in self.plans.of(request.scopes).rules:
                if limit < LIFTED and not self._shares[scope]:
                    wait = None if why == "lost" else self.breaker.cooldown_seconds
                    at = None if wait is None else self.now() + round(wait * 1e6)
                    return Denied(scope, why, at, wait, cap=cap)
        answer = self._local.take(request)
        if isinstance(answer, Granted):
            self.outbox.pop(request.call_id, None)  # not to be cancelled
            self._grant(request, answer.candidate, self.now(), local=True)
        return answer

    def settle(self, call_id: str, nano: int, tokens: int | None) -> Steps[bool]:
        known = self._mine(call_id)
        if known is not None and known.local:
            self._local.settle(call_id, nano, tokens)
        return (yield from self._tell(Entry("settle", call_id, nano, tokens, known)))

    def release(self, call_id: str) -> Steps[bool]:
        known = self._mine(call_id)
        if known is not None and known.local:
            self._local.release(call_id)
            return (yield from self._tell(Entry("cancel", call_id, known=known)))
        return (yield from self._tell(Entry("release", call_id, known=known)))

    def _tell(self, entry: Entry) -> Steps[bool]:
        """Deliver an entry now, or put it into the outbox."""
        if entry.call_id in self.outbox:
            return False  # resolved before, and not yet delivered
        if not self.breaker.allows():
            return self._later(entry)
        begun = time.monotonic()
        try:
            yield from self.ready()
            kind = yield from self._deliver(entry)
        except StoreUnfit:
            self._later(entry)
            raise
        except StoreError as error:
            self._away(error)
            return self._later(entry)
        except BaseException:
            self._later(entry)
            raise
        self.breaker.reset()
        if kind == b"E":
            return self._later(entry)
        self._open.pop(entry.call_id, None)
        if self.outbox:
            yield from self._deliver_some(begun)
        if kind == b"U":
            raise LedgerError(
                f"call id {entry.call_id!r} is not known: it was never granted, or longer ago than "
                f"{self.retention_us / 1e6:g} s"
            )
        return kind == b"T"

    def _later(self, entry: Entry) -> bool:
        self.outbox[entry.call_id] = entry
        self._open.pop(entry.call_id, None)
        return True

    def _deliver(self, entry: Entry, *, late: bool = False) -> Steps[bytes]:
        """T done, F done before, U unknown, E the store is empty.

        What comes `late` says at once how to book a call that the store has forgotten.
        """
        name = encoded(entry.call_id).encode()
        tokens = b"" if entry.tokens is None else str(entry.tokens).encode()
        known, verb = entry.known, entry.verb.encode()
        head = (name, verb, str(entry.nano).encode())
        tail: tuple[bytes, ...] = (b"", b"!", b"0", b"")
        if verb == b"cancel":
            tail = (b"tomb", b"!" + entry.attempt, b"0", b"")
        elif known is not None and (known.local or (late and verb == b"settle")):
            tail, tokens = self._booking(known, entry)
        reply = yield from self._parsed(self.ask("resolve", name, *head, tokens, *tail))
        if reply is not None and reply[0] == b"U" and known is not None:
            if entry.verb == "release":
                return b"T"  # the store forgot its holds with everything else
            tail, tokens = self._booking(known, entry)
            reply = yield from self._parsed(self.ask("resolve", name, *head, tokens, *tail))
        return b"E" if reply is None else reply[0]

    def _booking(self, known: Known, entry: Entry) -> tuple[tuple[bytes, ...], bytes]:
        """How to charge a call that the store knows nothing of."""
        slots = self.plans.slots(known.request.scopes, known.at_us, self.now())
        used = known.request.tokens if entry.tokens is None else entry.tokens
        tail = (b"book", digest(known.request), str(known.candidate).encode(), slots)
        return tail, str(used).encode()

    def flush(self) -> Steps[int]:
        """Deliver what waits; the number that still waits."""
        if self._flushing:
            return len(self.outbox)
        self._flushing = True
        try:
            yield from self.ready()
            for entry in list(self.outbox.values()):
                if not (yield from self._delivered(entry)):
                    break
            else:
                self.breaker.reset()
        except StoreUnfit:
            raise
        except StoreError as error:
            self._away(error)
        finally:
            self._flushing = False
        return len(self.outbox)

    def _deliver_some(self, begun: float) -> Steps[None]:
        """Along with a decision that is made: what waits, in the time that is left of it."""
        if self._flushing:
            return
        self._flushing = True
        asked, now = begun, time.monotonic()
        try:
            for entry in list(self.outbox.values())[:_FLUSH_AT_ONCE]:
                if now - begun + 1.1 * (now - asked) > self._spare:
                    break  # the next would take as long as this one
                if not (yield from self._delivered(entry)):
                    break
                asked, now = now, time.monotonic()
        except StoreError as error:  # it waits on: the decision is made
            self._away(error)
        finally:
            self._flushing = False

    def _delivered(self, entry: Entry) -> Steps[bool]:
        """Whether the store took an entry; False when it is empty."""
        kind = yield from self._deliver(entry, late=True)
        if kind == b"E":
            return False
        if kind == b"U" and entry.verb == "settle":
            self.unplaced.append(entry)
        if self.outbox.get(entry.call_id) is entry:
            self.outbox.pop(entry.call_id, None)
        return True

    def usage(self, scopes: Scopes) -> Steps[Usage]:
        _, numbers, view = yield from self._held(scopes)
        return {
            (scope, cap): (*numbers[i][:2], limit)
            for i, (scope, cap, limit) in enumerate(view.plans.of(scopes).rules)
        }

    def month(self) -> Steps[Month]:
        scopes = Scopes(None)
        now, numbers, view = yield from self._held(scopes)
        rules = [rule[:2] for rule in view.plans.of(scopes).rules]
        settled, held, reached = numbers[watched_month(rules, self.policy)]
        standing = view.standing
        reached = standing.reached(settled, reached)
        return Month(now, settled, held, reached, standing.budget_nano, standing.watches)

    def _held(self, scopes: Scopes) -> Steps[tuple[int, list[tuple[int, int, int]], View]]:
        """The store's time; of each rule settled, held and levels reached; by which limits."""
        yield from self.ready()
        reply, view = yield from self._windowed(
            lambda at, view: self.ask(
                "usage", None, view.stamp,
                tail=(view.plans.windows(at), view.plans.of(scopes).words),
            )
        )  # fmt: skip
        if reply is None:
            raise StoreError(self.empty)
        numbers = map(int, reply[3:])
        return int(reply[1]), list(zip(numbers, numbers, numbers, strict=True)), view

    def _windowed(self, make: Callable[[int, View], Ask]) -> Steps[tuple[list[bytes] | None, View]]:
        """Ask with this moment's windows and limits; again when the store's are others."""
        at = self.now()
        for _ in range(_TURNS):
            view = self.view
            reply = yield from self._parsed(make(at, view))
            if reply is None or reply[0] not in (b"W", b"L"):
                return reply, view
            at = int(reply[1])
            self.time_is(at)
            if reply[0] == b"L":
                yield from learn(self, reply[3])
        raise StoreError("Redis's time, or what operators order, changes at each question")

    def _parsed(self, ask: Ask) -> Steps[list[bytes] | None]:
        """The words of a reply; None when the store holds no ledger of this tenant."""
        answer = yield ask
        reply: list[bytes] = answer.split()
        self.lost = reply[0] == b"E"
        if self.lost:
            return None
        if reply[2] != b"-":
            watches = self.plans.watches  # none while the budget is lifted
            for number in reply[2].split(b",") if watches else ():
                watch = watches[int(number) - 1]
                self.alerts.append(
                    Alert(watch.share, watch.level_nano, int(reply[1]), watch.action)
                )
        return reply

    def _away(self, error: StoreError) -> None:
        if isinstance(error, OutOfTimeError | NotAskedError):
            return  # slow, or found out by another
        self.breaker.trip()
        self._checked = not self._checks  # it may come back with other settings

    @property
    def empty(self) -> str:
        return (
            f"Redis holds no ledger of tenant {self.tenant!r}: call "
            "ledger.rebuild(records) with the records since the month's start, or "
            "ledger.rebuild(None) where nothing was spent yet"
        )

    def ready(self) -> Steps[None]:
        """At the first contact, and after each outage: is the server fit to hold limits?

        Raises
        ------
        StoreError
            It is older than 6.2, or evicts keys when its memory is full.
        """
        if self._checked:
            return
        answer = yield Ask(None, (b"INFO",))
        lines = [line.partition(":") for line in bytes(answer).decode().splitlines()]
        found = {key: value.strip() for key, _, value in lines}
        version = found.get("redis_version", "0")
        policy = found.get("maxmemory_policy", "")
        fault = ""
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_VERSION:
            fault = f"Redis must be 6.2 or newer; got {version}"
        elif policy != "noeviction":
            fault = (
                f"maxmemory-policy must be 'noeviction', or spent budgets are forgotten when "
                f"memory is full; got {policy!r}"
            )
        if fault:
            self.breaker.reset()  # it is there: whoever asks is told, not denied by an outage
            raise StoreUnfit(fault)
        self._checked = True


class StoreUnfit(StoreError):
    """The server is reached, and must not hold limits."""
