"""Users whom limits cannot touch are added up, not simulated: the same sums, in a part of the time.

Where only users have limits of their own, nobody's refusal changes what another is allowed. A user
whose windows would never be full if nothing were refused is never refused: that month is its
demand, call by call, and needs no simulation. The others are simulated without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.limits.core import CALLS, NANO, OPEN
from costsim.limits.ladder import ACTING
from costsim.limits.rules import rules_of
from costsim.limits.windows import window_edges
from costsim.simulation.compiled_rules import compile_rules
from costsim.simulation.intents import Intents
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.study.launch.tally import LimitTally, nothing_tallied, rule_count, tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.limits.rules import Rule
    from costsim.study.launch.level_hours import SpendByMinute
    from costsim.study.launch.passed_limits import PassedLimits
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]


class Part(NamedTuple):
    """Intended calls up to a moment."""

    end_us: int
    intents: Intents


class _Calls(NamedTuple):
    """A month's calls as they go when nobody is refused, by request caps."""

    tally: LimitTally
    end_us: Ints
    bound_nano: Ints
    total_nano: Ints
    bound_tokens: Ints
    tokens: Ints
    too_large: NDArray[np.bool_]


def can_fold(rehearsal: Rehearsal, policy: Policy | None) -> bool:
    """Whether users have nothing to do with each other under these limits.

    Limits that several users share, a ladder that acts, a burst guard, a provider's limits, errors
    that are tried again, and limits that look first and record later are simulated in full.
    """
    if policy is None or not rehearsal.open or policy.accounting != "reserve":
        return False
    if any(caps.stated for caps in (*policy.tier.values(), *policy.feature.values())):
        return False
    if policy.burst is not None or any(watch.do in ACTING for watch in policy.organisation.ladder):
        return False
    return not (policy.enforce_organisation and policy.organisation.stated)


class FoldedMonth:
    """A month's demand that is admitted under many limits, each time only where they bind.

    Parameters
    ----------
    rehearsal : Rehearsal
    parts : sequence of Part
        Its days, in order.
    """

    def __init__(self, rehearsal: Rehearsal, parts: Sequence[Part]) -> None:
        self.rehearsal = rehearsal
        self.parts = parts
        self.users = len(rehearsal.tables.arrays.tier_of)
        self._plain: dict[tuple[int | None, int, int], _Calls] = {}
        self._peaks: dict[tuple[object, ...], Ints] = {}

    def run(
        self,
        policy: Policy,
        spent: SpendByMinute | None = None,
        passed: PassedLimits | None = None,
    ) -> LimitTally:
        """The month under limits, in full where they must be; its dollars into `spent`, too.

        Users whose windows never fill pass no limit; what the others do goes into `passed`.
        """
        if not can_fold(self.rehearsal, policy):
            return self.simulate(policy, None, spent, passed)
        free = self.untouched(policy)
        if spent is not None and spent.needed:
            calls, theirs = self._calls(policy), free[self._user]
            spent.add(self._time[theirs], calls.end_us[theirs], calls.total_nano[theirs])
        there = _sized(self._calls(policy).tally.of_users(free), rule_count(policy))
        return there.plus(self.simulate(policy, ~free, spent, passed))

    def simulate(
        self,
        policy: Policy | None,
        users: NDArray[np.bool_] | None,
        spent: SpendByMinute | None = None,
        passed: PassedLimits | None = None,
    ) -> LimitTally:
        """The month of some users, or of all, by the admission kernel."""
        loop, rules = self.rehearsal.loop(policy), rule_count(policy)
        found = nothing_tallied(self.rehearsal, rules)
        for part in self.parts:
            intents = part.intents
            if users is not None:
                intents = intents.take(np.flatnonzero(users[intents.user]))
            attempts = loop.day(intents, part.end_us)
            if spent is not None:
                spent.add_attempts(attempts)
            found = found.plus(tally(attempts, self.rehearsal, rules))
        if passed is not None:
            passed.add_accounts(loop.overspent)
        return found

    def untouched(self, policy: Policy) -> NDArray[np.bool_]:
        """Users who are never refused, shape (users,)."""
        calls = self._calls(policy)
        large = np.bincount(self._user[calls.too_large], minlength=self.users)
        free = large == 0
        compiled = compile_rules(policy, self.rehearsal.tables)
        for number, rule in enumerate(rules_of(policy)):
            if rule.scope == "user":
                at = int(compiled.offset[number])
                free &= self.peaks(policy, rule) <= compiled.limit[at : at + self.users]
        return np.asarray(free)

    def peaks(self, policy: Policy, rule: Rule) -> Ints:
        """What a user's limit must be for nobody to notice it; shape (users,).

        In the rule's unit, whatever its own limit.
        """
        key = (rule.unit, rule.period, policy.time_zone, *_request(policy))
        if key not in self._peaks:
            from costsim.study.launch.peak_kernel import peaks

            calls = self._calls(policy)
            found = np.zeros(self.users, np.int64)
            if rule.unit == NANO:
                ask, used = calls.bound_nano, calls.total_nano
            elif rule.unit == CALLS:
                ask = np.ones(len(self._time), np.int64)
                used = np.zeros_like(ask) if rule.period == OPEN else ask
            else:
                ask, used = calls.bound_tokens, calls.tokens
            window = self._windows(policy, rule.period)
            order, first = self._by_user
            time, end, window, ask, used = (  # in one sweep, user by user
                column.take(order) for column in (self._time, calls.end_us, window, ask, used)
            )
            peaks(first, time, end, window, ask, used, found)
            self._peaks[key] = found
        return self._peaks[key]

    def _windows(self, policy: Policy, period: int) -> Ints:
        """Number of the window of each call."""
        if period == OPEN:
            return np.zeros(len(self._time), np.int64)
        tables = self.rehearsal.tables
        begin, end = tables.origin_us, tables.origin_us + tables.end_us
        edges = np.array(window_edges(period, begin, end, policy.zone), np.int64) - begin
        return np.asarray(np.searchsorted(edges, self._time, side="right"), np.int64)

    @cached_property
    def _time(self) -> Ints:
        return np.concatenate([part.intents.time_us for part in self.parts])

    @cached_property
    def _user(self) -> NDArray[np.int32]:
        return np.concatenate([part.intents.user for part in self.parts])

    @cached_property
    def _by_user(self) -> tuple[Ints, Ints]:
        """Calls by user and time, and where each user's begin."""
        order = np.argsort(self._user.astype(np.uint16 if self.users < 2**16 else np.int64),
                           kind="stable")  # fmt: skip
        counts = np.bincount(self._user, minlength=self.users)
        return order, np.concatenate([[0], np.cumsum(counts)])

    def _calls(self, policy: Policy) -> _Calls:
        key = _request(policy)
        if key not in self._plain:
            parts = [self._of_part(part.intents, policy) for part in self.parts]
            columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
            self._plain[key] = _Calls(self._tally(parts), *columns)
        return self._plain[key]

    def _of_part(self, intents: Intents, policy: Policy) -> tuple[Ints, ...]:
        """Columns of :class:`_Calls` but the first."""
        cap_in, cap_out, cap_held = _request(policy)
        most = np.where(intents.max_output < 0, cap_out, np.minimum(intents.max_output, cap_out))
        out, held = np.minimum(intents.output_tokens, most), np.minimum(most, cap_held)
        cost, tokens_in = self.rehearsal.cost, intents.input_tokens
        bound = cost(intents, cached_tokens=np.zeros_like(tokens_in), output_tokens=held)
        prices = self.rehearsal.recorder.prices
        if (prices.cached_pico > prices.input_pico).any():  # a hold is by the dearest rate
            bound = np.maximum(bound, cost(intents, cached_tokens=tokens_in, output_tokens=held))
        latency = intents.first_us + out * intents.pace_ns // 1000
        large = np.zeros(len(out), np.bool_) if cap_in is None else tokens_in > cap_in
        return (
            intents.time_us + latency,
            bound,
            cost(intents, output_tokens=out),
            tokens_in + held,
            tokens_in + out,
            np.asarray(large),
        )

    def _tally(self, parts: Sequence[tuple[Ints, ...]]) -> LimitTally:
        """Everybody's month where nothing is refused."""
        streams = len(self.rehearsal.tables.streams)
        found = nothing_tallied(self.rehearsal, 0)
        month, week, made, calls = (np.zeros(streams * self.users, np.int64) for _ in range(4))
        span = self.rehearsal.month
        for part, columns in zip(self.parts, parts, strict=True):
            intents, nano = part.intents, columns[2]
            cell = (intents.sequence >> (DAY_BITS + INDEX_BITS)) * self.users + intents.user
            for sums, days in ((month, span.month), (week, span.week)):
                there = np.flatnonzero(self.rehearsal.within(intents, days))
                if len(there):
                    sums += np.bincount(cell[there], nano[there], len(sums)).astype(np.int64)
            told = self.rehearsal.within(intents, span.month)
            made += np.bincount(cell[told], minlength=len(made))
            told |= self.rehearsal.within(intents, span.week)
            calls += np.bincount(cell[told], minlength=len(calls))
        shape = (streams, self.users)
        return found._replace(
            month_nano=month.reshape(shape),
            week_nano=week.reshape(shape),
            made=made.reshape(shape),
            calls=calls.reshape(shape),
        )


def _request(policy: Policy) -> tuple[int | None, int, int]:
    caps = policy.request
    return caps.max_input_tokens, caps.max_output_tokens, caps.held_output_tokens


def _sized(found: LimitTally, rules: int) -> LimitTally:
    """With room for the refusals of so many rules."""
    users = found.calls.shape[1]
    empty = np.zeros((rules, users), np.int64)
    return found._replace(reasons=np.concatenate([found.reasons, empty]))
