"""The oracle: every call a SimPy process of its own, against the in-process ledger.

Slow and plain. It takes the same intended calls as the admission kernel, in the same written order
of events (time, kind, user, sequence, attempt), and must give identical attempts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import simpy

from costsim.limits import Granted, MemoryLedger, Scopes, core
from costsim.limits.rules import refusers_of, rules_of, watches_of
from costsim.simulation import pricing, reacting
from costsim.simulation.admission import KINDS, Attempts, Crossing, no_attempts
from costsim.simulation.draws import ERROR, FINAL, RETRY, RETURN, WAIT, coin
from costsim.simulation.kernel_layout import (
    ADMITTED,
    ARRIVE,
    DENIED,
    EXPIRE,
    NOT_SENT,
    PROVIDER,
    SETTLE,
    SWITCHED_OFF,
    THROTTLED,
    TOO_LARGE,
)

if TYPE_CHECKING:
    from costsim.limits import Policy
    from costsim.simulation.intents import Intents
    from costsim.simulation.loop_tables import LoopTables

MINUTE_US: Final = 60_000_000
Rank = tuple[int, ...]


class OrderedEnvironment(simpy.Environment):
    """SimPy's environment with the written order of events at one time.

    Priorities are tuples; SimPy's own (a process begins or ends) come before all others.
    """

    def schedule(self, event: simpy.Event, priority: Any = 1, delay: Any = 0) -> None:
        rank = priority if isinstance(priority, tuple) else (-1, priority)
        super().schedule(event, rank, delay)  # type: ignore[arg-type]

    def next(self) -> tuple[float, Rank]:
        """Time and rank of the next event; infinite when there is none."""
        if not self._queue:
            return float("inf"), ()
        at, rank, _, _ = self._queue[0]
        return at, rank  # type: ignore[return-value]


class Moment(simpy.Event):
    """A moment of the run, at its place among the events of the same time."""

    def __init__(self, env: OrderedEnvironment, at: int, rank: Rank) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, rank, at - env.now)


class EventAdmission:
    """What :class:`~costsim.simulation.admission.Admission` does, call by call.

    Parameters
    ----------
    tables : LoopTables
    policy : Policy, optional
        Limits in force; none by default.
    """

    def __init__(self, tables: LoopTables, policy: Policy | None = None) -> None:
        self.tables = tables
        self._env = OrderedEnvironment(initial_time=0)
        arrays = tables.arrays
        self._reactions = arrays.reactions.tolist()
        self._tier = [tables.tiers[t] if tables.tiers else None for t in arrays.tier_of.tolist()]
        self._epochs = arrays.epochs.tolist()
        above = {
            (e, r): arrays.above[e, r].tolist()
            for e in range(arrays.above.shape[0])
            for r in range(arrays.above.shape[1])
        }
        self._prices: tuple[Any, Any, Any, Any] = (
            above,
            _by_key(arrays.input_pico),
            _by_key(arrays.cached_pico),
            _by_key(arrays.output_pico),
        )
        self._off: set[int] = set()
        self._forced: dict[int, int] = {}
        self._left: set[int] = set()
        count = len(arrays.provider_limit) // 2
        self._minute = [-1] * count
        self._used = [[0, 0] for _ in range(count)]
        self._limits = [arrays.provider_limit[2 * p : 2 * p + 2].tolist() for p in range(count)]
        self._units = arrays.provider_units.tolist()
        self._rows: list[tuple[Any, ...]] = []
        self._crossing: Crossing | None = None
        self.policies: list[Policy | None] = []
        self.waiting = 0
        self.set_policy(policy)

    def set_policy(self, policy: Policy | None) -> None:
        """Put limits in force; they begin with nothing used and nothing in flight."""
        self.policies.append(policy)
        self._policy = policy
        self._candidates: dict[int, list[int]] = {}
        if policy is None:
            self._ledger: MemoryLedger | None = None
            return
        clock = lambda: self.tables.origin_us + int(self._env.now)  # noqa: E731
        self._ledger = MemoryLedger(policy, clock=clock)
        refusers = refusers_of(policy)
        self._reasons = {(each.scope, each.cap, each.level): i for i, each in enumerate(refusers)}
        watches = watches_of(policy, rules_of(policy))
        self._levels = {(each.share, each.action): i for i, each in enumerate(watches)}
        for name, caps in policy.feature.items():
            feature = self.tables.features.index(name)
            self._candidates[feature] = [
                self.tables.downgrade_route(feature, model) for model in caps.downgrade_to
            ]

    def switch_off(self, feature: int, off: bool = True) -> None:
        """Refuse all calls of a feature, or no longer."""
        (self._off.add if off else self._off.discard)(feature)

    def force_route(self, feature: int, route: int) -> None:
        """Send a feature's calls to another model; -1 for its own again."""
        self._forced[feature] = route

    def feed(self, intents: Intents) -> None:
        """Give the next intended calls: a process each."""
        columns = [getattr(intents, f.name).tolist() for f in fields(intents)]
        names = [f.name for f in fields(intents)]
        for row in zip(*columns, strict=True):
            self._env.process(self._call(dict(zip(names, row, strict=True))))

    def advance(self, until_us: int) -> Crossing | None:
        """Go on to a moment; what settles at it is done, what arrives at it is not."""
        while True:
            at, rank = self._env.next()
            if at > until_us or (at == until_us and rank[0] == ARRIVE):
                return None
            self._env.step()
            if self._crossing is not None:
                found, self._crossing = self._crossing, None
                return found

    def take(self) -> Attempts:
        """The attempts since the last time, and forget them."""
        rows, self._rows = self._rows, []
        if not rows:
            return no_attempts()
        columns: dict[str, Any] = {
            f.name: np.array(column, kind)
            for f, kind, column in zip(
                fields(Attempts), KINDS, zip(*rows, strict=True), strict=True
            )
        }
        return Attempts(**columns)

    def _call(self, call: dict[str, Any]) -> Generator[Any, Any, None]:
        """One intended call: its first attempt, and what its caller does when it is refused."""
        env, arrays = self._env, self.tables.arrays
        user, sequence, key = call["user"], call["sequence"], call["key"]
        feature, tries, attempt = call["feature"], 0, 1
        came_back = moved = False
        when = call["time_us"]
        while True:
            self.waiting += 1
            yield Moment(env, when, (ARRIVE, user, sequence, attempt))
            self.waiting -= 1
            now = int(env.now)
            made = self._attempt(call, feature, attempt, moved)
            failed, refused, retry_at, latency = made
            if not (failed or refused):
                return
            base, retry_at = (now + latency, now + latency) if failed else (now, retry_at)
            cheaper = int(arrays.cheaper[feature])
            action, when = reacting.react(
                self._reactions,
                call["reaction"],
                base,
                refused,
                retry_at,
                tries,
                came_back,
                moved,
                cheaper >= 0,
                *(coin(key, attempt, purpose) for purpose in (RETRY, WAIT, FINAL, RETURN)),
            )
            if action == reacting.GIVE_UP:
                return
            if action == reacting.LEAVE:
                self._left.add(user)
                return
            attempt += 1
            if action == reacting.RETRY:
                tries += 1
            elif action == reacting.COME_BACK:
                came_back = True
            else:
                moved, feature = True, cheaper

    def _attempt(
        self, call: dict[str, Any], feature: int, attempt: int, moved: bool
    ) -> tuple[bool, bool, int, int]:
        """Decide and write down one attempt: failed, refused, when to try again, latency."""
        arrays, now, user = self.tables.arrays, int(self._env.now), call["user"]
        epoch = bisect_right(self._epochs, now) - 1
        tokens_in, cached, tokens_out = (
            call["input_tokens"],
            call["cached_tokens"],
            call["output_tokens"],
        )
        most_out, route = call["max_output"], call["route"]
        below, billed = call["error_below"], call["billed"]
        if moved:
            route = int(arrays.feature_route[feature])
            most_out = int(arrays.feature_max[feature])
            below, billed = (
                int(arrays.feature_error_below[feature]),
                int(arrays.feature_billed[feature]),
            )
            if (top := int(arrays.feature_most_input[feature])) >= 0:
                tokens_in = min(tokens_in, top)
                cached = min(cached, tokens_in)
        if self._policy:
            cap = self._policy.request.max_output_tokens
            most_out = cap if most_out < 0 else min(most_out, cap)
        if most_out >= 0:
            tokens_out = min(tokens_out, most_out)
        bound_out = most_out if most_out >= 0 else tokens_out
        held_out = bound_out
        if self._policy:
            held_out = min(bound_out, self._policy.request.held_output_tokens)
        if self._forced.get(feature, -1) >= 0:
            route = self._forced[feature]
        outcome, reason, by_holds, retry_at = ADMITTED, 0, False, reacting.NO_MOMENT
        name = f"{call['sequence']}.{attempt}"
        chosen = route
        if user in self._left:
            outcome = NOT_SENT
        elif feature in self._off:
            outcome, reason = DENIED, SWITCHED_OFF
        elif self._ledger is not None:
            others = self._candidates.get(feature, ())
            routes = [route, *(r for r in others if r != route)]
            bounds = [
                (self.tables.routes[r].model, self._bound(epoch, r, tokens_in, held_out))
                for r in routes
            ]
            answer = self._ledger.reserve(
                name,
                Scopes(self.tables.users[user], self._tier[user], self.tables.features[feature]),
                bounds,
                input_tokens=tokens_in,
                max_output_tokens=bound_out,
            )
            if isinstance(answer, Granted):
                chosen = routes[answer.candidate]
            else:
                outcome, by_holds = DENIED, answer.by_holds
                reason = self._reasons.get((answer.scope, answer.cap, answer.level), TOO_LARGE)
                if answer.retry_at_us is not None:
                    retry_at = answer.retry_at_us - self.tables.origin_us
        provider = int(arrays.route_provider[chosen])
        if outcome == ADMITTED and provider >= 0:
            ends = self._throttle(provider, now, tokens_in + bound_out)
            if ends is not None:
                outcome, reason, retry_at = THROTTLED, PROVIDER, ends
                if self._ledger is not None:
                    self._ledger.release(name)
        failed, latency, inner, total = False, 0, 0, 0
        if outcome == ADMITTED:
            failed = coin(call["key"], attempt, ERROR) < below
            used_in, used_out, latency = tokens_in, tokens_out, call["first_us"]
            if failed:
                used_out = tokens_out = tokens_out if billed == 2 else 0
                used_in = tokens_in if billed >= 1 else 0
            else:
                latency += tokens_out * call["pace_ns"] // 1000
            if used_in or used_out:
                inner, total = pricing.attempt_nano(
                    *self._prices, epoch, chosen, used_in, cached, used_out
                )
            if self._ledger is not None:
                self._settle_later(call, attempt, name, now, latency, total, used_in + used_out)
        self._rows.append(
            (
                now, user, call["sequence"], attempt, outcome, reason, len(self.policies) - 1,
                chosen, feature, call["variant"], call["session"], tokens_in, cached, tokens_out,
                most_out, inner, total, latency, call["first_us"], failed, by_holds,
            )
        )  # fmt: skip
        return failed, outcome in (DENIED, THROTTLED), retry_at, latency

    def _bound(self, epoch: int, route: int, tokens_in: int, most_out: int) -> int:
        return pricing.bound_nano(*self._prices, epoch, route, tokens_in, most_out)

    def _throttle(self, provider: int, now: int, tokens: int) -> int | None:
        """Count a call at its provider; when it would be admitted, where it is not."""
        minute = now // MINUTE_US
        if self._minute[provider] != minute:
            self._minute[provider], self._used[provider] = minute, [0, 0]
        used, own, none = self._used[provider], self._limits[provider], [0, 0]
        if core.refusal([0, 1], self._units, own, 2, 0, tokens, used, none) >= 0:
            ends = [(minute + 1) * MINUTE_US] * 2
            return core.admits_at([0, 1], self._units, own, ends, 2, 0, tokens, used, none)
        core.hold([0, 1], self._units, 2, 0, tokens, used)
        return None

    def _settle_later(
        self,
        call: dict[str, Any],
        attempt: int,
        name: str,
        now: int,
        latency: int,
        nano: int,
        tokens: int,
    ) -> None:
        assert self._policy is not None
        rank = (call["user"], call["sequence"], attempt)
        checks = self._policy.accounting == "check"
        lease = round(self._policy.lease_seconds * 1e6)
        delay = round(self._policy.recording_delay_seconds * 1e6) if checks else 0
        ledger = self._ledger
        assert ledger is not None
        self._env.process(
            self._settle(ledger, name, now + latency + delay, (SETTLE, *rank), nano, tokens)
        )
        if not checks and latency >= lease:
            self._env.process(self._lapse(ledger, now + lease, (EXPIRE, *rank)))

    def _settle(
        self, ledger: MemoryLedger, name: str, at: int, rank: Rank, nano: int, tokens: int
    ) -> Generator[Any, Any, None]:
        self.waiting += 1
        yield Moment(self._env, at, rank)
        self.waiting -= 1
        if ledger is self._ledger:
            ledger.settle(name, nano, tokens)
            self._notice(ledger)

    def _lapse(self, ledger: MemoryLedger, at: int, rank: Rank) -> Generator[Any, Any, None]:
        self.waiting += 1
        yield Moment(self._env, at, rank)
        self.waiting -= 1
        if ledger is self._ledger:
            ledger.usage(Scopes(None))  # time passes: the lease runs out now
            self._notice(ledger)

    def _notice(self, ledger: MemoryLedger) -> None:
        """Say that watched levels were crossed."""
        if ledger.alerts:
            last = ledger.alerts[-1]
            level = self._levels[last.share, last.action]
            self._crossing = Crossing(last.at_us - self.tables.origin_us, level)
            ledger.alerts.clear()


def _by_key(table: Any) -> dict[tuple[int, ...], int]:
    return {index: int(value) for index, value in np.ndenumerate(table)}
