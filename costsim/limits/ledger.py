"""The in-process ledger: reserve before the call, settle after it, and nothing is lost between."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from costsim.errors import LedgerError
from costsim.limits import core
from costsim.limits.accounts import ANONYMOUS, Account, Accounts, Alert, Scopes
from costsim.limits.answers import MOST_OBSERVED, Denied, Granted, Month, Observed, watched_month
from costsim.limits.call import InBlocks
from costsim.limits.checking import checked_amount, checked_id, checked_scopes
from costsim.limits.control_file import ControlFile
from costsim.limits.controls import Control, read_control
from costsim.limits.deciding import Decider
from costsim.limits.journal import Journal
from costsim.limits.operated import Operated
from costsim.limits.policy import Policy
from costsim.limits.request import (
    Request,
    Requests,
    checked_mode,
    checked_policy,
    checked_retention,
    checked_shares,
)
from costsim.limits.standing import FOR_EVER, standing_at
from costsim.limits.windows import window_at


def system_clock() -> int:
    """Microseconds since 1970, as this machine has them."""
    return time.time_ns() // 1000


class _Hold:
    """One call's reservation, and how it was resolved."""

    __slots__ = ("account", "asked", "candidate", "ends_us", "forget_us", "nano", "state")

    def __init__(
        self, asked: Request, candidate: int, nano: int, account: Account, ends_us: int
    ) -> None:
        self.asked = asked
        self.candidate = candidate
        self.nano = nano
        self.account = account
        self.ends_us = ends_us
        self.forget_us = 0
        self.state = "held"


class MemoryLedger(InBlocks, Operated):
    """Limits held in this process: exact under threads, gone with the process.

    Parameters
    ----------
    policy : Policy
        From :func:`load_limits`.
    clock : callable, optional
        Microseconds since 1970; the system clock by default. A clock that steps back is taken to
        stand still.
    retention_seconds : float
        How long a resolved call id and an ended window are remembered, at least the lease.
    mode : {"enforce", "observe"}
        "observe" refuses nothing; what would have been refused is held and charged as all calls,
        and the newest 10,000 such answers are in `observed`.
    shares : mapping of scope to number, optional
        The part of each cap that is this process's, such as ``{"user": 0.25}`` for one of four
        processes that share no store; all of it for scopes that are not named.
    journal : path, optional
        A file to which each change is appended before it is answered, and from which a new ledger
        begins where a killed one stopped. What no window needs any more is dropped.
    fsync : {"always", "second", "never"}
        When the journal is forced to the disk: before each answer, at most once a second, or as
        the kernel likes. Only a loss of power can tell them apart.
    controls : path, optional
        A file of operators' orders, which ``costsim limits set``, ``stop``, ``start`` and ``grant``
        append to; looked at before each decision. Need not be there yet.

    Raises
    ------
    SettingError
        A setting that is not allowed.
    LedgerError
        Another process has the journal.
    DataError
        The journal cannot be read; a torn last line is no error.

    Notes
    -----
    Two-phase accounting as in TigerBeetle: a reservation holds an upper bound, settling replaces
    it by what the call cost, in the windows of the reservation. A lease that runs out charges the
    hold, because the provider has probably billed, and a later settle corrects it. With
    ``accounting = "check"`` nothing is held and the windows of the settling are charged: how far
    that overshoots is what the simulation measures.

    Examples
    --------
    >>> from costsim.limits import MemoryLedger, Scopes, load_limits
    >>> ledger = MemoryLedger(load_limits("flat-caps"), clock=lambda: 0)
    >>> alice = Scopes("alice", tier="free", feature="chat")
    >>> ledger.reserve("call-1", alice, [("gpt-4o", 600_000_000)], input_tokens=900)
    Granted(candidate=0, model='gpt-4o', held_nano=600000000)
    >>> denied = ledger.reserve("call-2", alice, [("gpt-4o", 600_000_000)], input_tokens=900)
    >>> denied.scope, denied.window, denied.retry_after_seconds, denied.by_holds
    ('user', 'hour', 3600.0, True)
    >>> ledger.settle("call-1", 250_000_000)
    True
    >>> bool(ledger.reserve("call-2", alice, [("gpt-4o", 600_000_000)], input_tokens=900))
    True
    """

    def __init__(
        self,
        policy: Policy,
        *,
        clock: Callable[[], int] | None = None,
        retention_seconds: float = 172_800,
        mode: Literal["enforce", "observe"] = "enforce",
        shares: Mapping[str, float] | None = None,
        journal: str | Path | None = None,
        fsync: Literal["always", "second", "never"] = "second",
        controls: str | Path | None = None,
    ) -> None:
        self.policy = checked_policy(policy)
        self.alerts: list[Alert] = []
        self.observed: deque[Observed] = deque(maxlen=MOST_OBSERVED)
        self._retention_us = checked_retention(policy, retention_seconds)
        self._observes = checked_mode(mode)
        self._clock = clock or system_clock
        self._lease_us = round(policy.lease_seconds * 1e6)
        keep_us = self._retention_us + self._lease_us
        self._accounts = Accounts(policy, keep_us, checked_shares(shares))
        self._holds: dict[str, _Hold] = {}
        self._leases: deque[_Hold] = deque()  # by their end: time never steps back
        self._resolved: deque[_Hold] = deque()  # by when they may be forgotten
        self._checks = policy.accounting == "check"
        self._requests = Requests(policy)
        self._decide = Decider(policy, self._accounts)
        self._now = 0
        self._due_us = FOR_EVER  # no lease ends, and no call is forgotten, before
        self._lock = threading.RLock()
        self._standing = standing_at(policy, (), 0)
        self._file = None if controls is None else ControlFile(controls)
        self._journal = None if journal is None else Journal(journal, fsync)
        if self._journal is not None:
            self._replay(self._journal)
        if self._file is not None:
            self.obey(self._file.read())

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
        """Hold the first candidate that fits all windows of all scopes, or change nothing.

        Parameters
        ----------
        call_id : str
            The idempotency key: the same call again gets the same grant.
        scopes : Scopes
            Whose budgets it concerns.
        candidates : sequence of (model, upper bound in nano-dollars)
            In order of preference; the first is the model asked for.
        input_tokens : int
            Counted or estimated.
        max_output_tokens : int, optional
            Of one answer at most this many are asked for; the policy's cap by default, and never
            more.
        choices : int
            Answers that are asked for at once: the tokens of all of them are held.

        Raises
        ------
        LedgerError
            The same id was used for another call.
        SettingError
            An id or amount that is not allowed.
        """
        request = self._requests.checked(
            call_id, scopes, candidates, input_tokens, max_output_tokens, choices
        )
        return self.take(request)

    def take(self, request: Request) -> Granted | Denied:
        """:meth:`reserve` of a request that is checked."""
        alone = self._requests.refused(request)
        if alone is not None and not self._observes:  # no ledger is asked, whatever the id was
            return alone
        with self._lock:
            now, standing = self._advance(), self._standing
            if self._file is not None or now >= standing.till_us:
                self._look(now)
                standing = self._standing
            known = self._holds.get(request.call_id)
            if known is not None:
                if known.asked != request:
                    raise LedgerError(f"call id {request.call_id!r} was used for another call")
                return self._decide.grant(known.candidate, request)
            if standing.stops:
                stopped = standing.stopped(request.scopes, now)
                if stopped is not None:  # a person's word, which an observing ledger keeps too
                    return stopped
            account = self._accounts.of(request.scopes, now)
            answer = self._decide(request, account, now) if alone is None else alone
            if isinstance(answer, Denied):
                if not self._observes:
                    return answer
                self.observed.append(Observed(request.call_id, request.scopes, answer))
                answer = self._decide.grant(0, request)
            if self._journal is not None:
                self._write("r", now, request.call_id, answer.candidate, *request.fields)
            self._hold(request, answer, account, now)
            return answer

    def _hold(self, request: Request, granted: Granted, account: Account, now: int) -> None:
        accounts, nano = self._accounts, granted.held_nano
        hold = _Hold(request, granted.candidate, nano, account, now + self._lease_us)
        if accounts.bursts is not None:
            user = ANONYMOUS if account.scopes.user is None else account.scopes.user
            accounts.bursts.take(user, account.scopes.tier, now)
        if self._checks:  # only calls in flight are known before a call ends
            slots, units = account.open_slots, account.open_units
            core.hold(slots, units, len(slots), 0, 0, accounts.held)
        else:
            slots, units = account.slots, account.units
            core.hold(slots, units, len(slots), nano, request.tokens, accounts.held)
            self._leases.append(hold)
            if hold.ends_us < self._due_us:
                self._due_us = hold.ends_us
        self._holds[request.call_id] = hold

    def settle(self, call_id: str, cost_nano: int, tokens: int | None = None) -> bool:
        """Charge what a call cost; a call counts once, however often it is settled.

        Parameters
        ----------
        cost_nano : int
            Nano-dollars, not negative; may pass the hold.
        tokens : int, optional
            Input and output; the held upper bound by default.

        Returns
        -------
        bool
            False when the call had been settled or released before.

        Raises
        ------
        LedgerError
            No such call is known.
        """
        call_id = checked_id(call_id, "call_id")
        checked_amount(cost_nano, "cost_nano")
        if tokens is not None:
            checked_amount(tokens, "tokens")
        with self._lock:
            now = self._advance()
            hold = self._known(call_id)
            if hold.state in ("settled", "released"):
                return False
            if self._journal is not None:
                self._write("s", now, call_id, cost_nano, tokens)
            self._settle(hold, cost_nano, tokens, now)
            return True

    def _settle(self, hold: _Hold, cost_nano: int, tokens: int | None, now: int) -> None:
        used = hold.asked.tokens if tokens is None else tokens
        if hold.state == "expired":
            self._book(hold.account, cost_nano - hold.nano, used - hold.asked.tokens, 0)
            hold.state = "settled"
        elif self._checks:
            self._drop(hold)
            self._book(self._accounts.of(hold.account.scopes, now), cost_nano, used, 1)
            self._resolve(hold, "settled", now)
        else:
            self._replace(hold, cost_nano, used)
            self._resolve(hold, "settled", now)

    def _replace(self, hold: _Hold, cost_nano: int, tokens: int) -> None:
        """Book what a call took in place of its hold."""
        account, accounts = hold.account, self._accounts
        slots = account.slots
        core.settle(
            slots, account.units, account.periods, len(slots), hold.nano, hold.asked.tokens,
            cost_nano, tokens, accounts.settled, accounts.held,
        )  # fmt: skip
        self._tell_levels()

    def _tell_levels(self) -> None:
        accounts = self._accounts
        if accounts.watched < len(accounts.watches):
            self.alerts += accounts.reached(self._now)

    def release(self, call_id: str) -> bool:
        """Drop the hold of a call that was not made; False when it was resolved before."""
        call_id = checked_id(call_id, "call_id")
        with self._lock:
            now = self._advance()
            hold = self._known(call_id)
            if hold.state != "held":
                return False
            if self._journal is not None:
                self._write("x", now, call_id)
            self._drop(hold)
            self._tell_levels()  # an order's end may have brought one down to what is settled
            self._resolve(hold, "released", now)
            return True

    def usage(self, scopes: Scopes) -> dict[tuple[str, str], tuple[int, int, int]]:
        """What the windows of some scopes hold now: ``{(scope, cap): (settled, held, limit)}``."""
        with self._lock:
            now = self._advance()
            self._look(now)
            account = self._accounts.of(checked_scopes(scopes), now)
            return {
                (self._accounts.rules[r].scope, self._accounts.rules[r].cap): (
                    self._accounts.settled[slot],
                    self._accounts.held[slot],
                    limit,
                )
                for r, slot, limit in zip(
                    account.rules, account.slots, account.limits, strict=True
                )
            }  # fmt: skip

    def month(self) -> Month:
        """The organisation's month now, and how many levels of its ladder were reached.

        Raises
        ------
        SettingError
            The policy has no ``organisation.month_usd``.
        """
        with self._lock:
            now, accounts = self._advance(), self._accounts
            self._look(now)
            account = accounts.of(Scopes(None), now)
            rules = [accounts.rules[r] for r in account.rules]
            slot = account.slots[watched_month([(r.scope, r.cap) for r in rules], self.policy)]
            settled, standing = accounts.settled[slot], self._standing
            reached = standing.reached(settled, accounts.watched)
            return Month(
                now, settled, accounts.held[slot], reached, standing.budget_nano, standing.watches
            )

    def close(self) -> None:
        """Close the journal, if there is one."""
        if self._journal is not None:
            self._journal.close()

    def _write(self, *entry: Any) -> None:
        """Into the journal before anything changes: what cannot be recorded is not admitted."""
        assert self._journal is not None
        if self._journal.large:
            self._shrink(self._journal)
        self._journal.append(list(entry))

    def _keep(self, control: Control, now: int) -> None:
        if self._journal is not None:
            self._write("c", now, control.to_json())

    def _replay(self, journal: Journal) -> None:
        """The state that the journal's changes made, whatever the policy would say to them now."""
        for kind, at, call_id, *rest in journal.entries:
            now = self._advance(at)
            if kind == "c":
                self._stand((*self._standing.controls, read_control(call_id)), now)
                continue
            if not self._standing.holds_at(now):
                self._stand(self._standing.controls, now)
            if kind == "r":
                candidate, scopes, candidates, tokens_in, held_out = rest
                models = tuple((model, bound) for model, bound in candidates)
                tokens = tokens_in + held_out
                request = Request(call_id, Scopes(*scopes), models, tokens_in, held_out, tokens)
                granted = self._decide.grant(candidate, request)
                account = self._accounts.of(request.scopes, now)
                self._hold(request, granted, account, now)
                continue
            known = self._holds.get(call_id)
            if known is None or known.state in ("settled", "released"):
                continue  # the retention was longer then
            if kind == "s":
                nano, used = rest
                self._settle(known, nano, used, now)
            elif known.state == "held":
                self._drop(known)
                self._resolve(known, "released", now)
        journal.entries = []
        self.alerts.clear()  # they were told before
        self._advance()
        self._shrink(journal)

    def _shrink(self, journal: Journal) -> None:
        """Drop calls that no window of this month and no retention needs."""
        start, _ = window_at(core.MONTH, self._now, self.policy.zone)
        month = {entry[2] for entry in journal.read() if entry[1] >= start and entry[0] == "r"}
        journal.shrink(
            lambda entry: entry[0] == "c" or entry[2] in month or entry[2] in self._holds
        )

    def __repr__(self) -> str:
        open_calls = sum(hold.state == "held" for hold in self._holds.values())
        return (
            f"MemoryLedger({self.policy.name}, {open_calls:,} calls open); "
            "next: ledger.reserve(call_id, scopes, candidates)"
        )

    def _known(self, call_id: str) -> _Hold:
        hold = self._holds.get(call_id)
        if hold is None:
            raise LedgerError(
                f"call id {call_id!r} is not known: it was never granted, or longer ago than "
                f"{self._retention_us / 1e6:g} s"
            )
        return hold

    def _book(self, account: Account, cost_nano: int, tokens: int, calls: int) -> None:
        accounts, slots = self._accounts, account.slots
        core.charge(
            slots, account.units, account.periods, len(slots),
            cost_nano, tokens, calls, accounts.settled,
        )  # fmt: skip
        self._tell_levels()

    def _drop(self, hold: _Hold) -> None:
        account, held = hold.account, self._accounts.held
        if self._checks:
            slots, units = account.open_slots, account.open_units
            core.release(slots, units, len(slots), 0, 0, held)
        else:
            slots, units = account.slots, account.units
            core.release(slots, units, len(slots), hold.nano, hold.asked.tokens, held)

    def _resolve(self, hold: _Hold, state: str, at: int) -> None:
        hold.state = state
        hold.forget_us = at + self._retention_us
        self._resolved.append(hold)
        if hold.forget_us < self._due_us:
            self._due_us = hold.forget_us

    def _advance(self, at: int | None = None) -> int:
        """The time, after what it brings: leases that run out, and what may be forgotten."""
        now = int(self._clock()) if at is None else at
        if now <= self._now:
            return self._now
        self._now = now
        if now >= self._due_us or now >= self._accounts.next_end:
            self._happen(now)
        return now

    def _happen(self, now: int) -> None:
        while self._leases and self._leases[0].ends_us <= now:
            hold = self._leases.popleft()
            if hold.state == "held":
                self._replace(hold, hold.nano, hold.asked.tokens)
                self._resolve(hold, "expired", hold.ends_us)
        self._accounts.roll(now)
        while self._resolved and self._resolved[0].forget_us <= now:
            del self._holds[self._resolved.popleft().asked.call_id]
        self._due_us = min(
            self._leases[0].ends_us if self._leases else FOR_EVER,
            self._resolved[0].forget_us if self._resolved else FOR_EVER,
        )
