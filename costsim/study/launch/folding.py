"""Users whom limits cannot touch are added up, not simulated: the same sums, in a part of the time.

Where only users have limits of their own, nobody's refusal changes what another is allowed. A user
whose windows would never be full if nothing were refused is never refused: that month is its
demand, call by call, and needs no simulation. The others are simulated without them, each alone.
A cap of the organisation's month that is never reached changes nothing, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.limits.core import NO_LIMIT
from costsim.limits.ladder import ACTING
from costsim.limits.rules import rules_of
from costsim.prices.unit import PICO_PER_NANO
from costsim.simulation.compiled_rules import compile_rules
from costsim.study.launch.as_meant_kernel import (
    IN_MONTH,
    MEANT,
    OPEN_MONTH,
    OPEN_WEEK,
    SIZED_MONTH,
    SIZED_WEEK,
    TOLD,
    Meant,
    OpenCalls,
    Windows,
)  # fmt: skip
from costsim.study.launch.compiled_sums import sums_kernel_of
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.summing import SummedAdmission, by_minute, sums_of, user_rules
from costsim.study.launch.tally import LimitTally, nothing_tallied, rule_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.limits.rules import Rule
    from costsim.study.launch.level_hours import SpendByMinute
    from costsim.study.launch.passed_limits import PassedLimits
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

OPEN_CALLS = 16_384
"""Room for calls in flight, to begin with."""


class _AsMeant(NamedTuple):
    """A month of which nothing is refused."""

    cells: Ints
    too_large: Bools
    peaks: Ints
    under_way: Ints


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
    calls : MonthCalls, optional
        Its intended calls; by default all of them.
    """

    def __init__(self, rehearsal: Rehearsal, calls: MonthCalls | None = None) -> None:
        self.rehearsal = rehearsal
        self.intended = MonthCalls(rehearsal) if calls is None else calls
        self.end_us = rehearsal.month.range_us(rehearsal.month.days)[1]
        self.users = len(rehearsal.tables.arrays.tier_of)
        self._found: dict[object, _AsMeant] = {}

    @property
    def calls(self) -> Ints:
        """How many calls of each stream each user means to make; shape (streams, users)."""
        return np.ascontiguousarray(self._known.cells[..., MEANT])

    @property
    def open(self) -> LimitTally:
        """The month where nothing stands between what is meant and what is called."""
        if not self.rehearsal.open:
            return self.simulate(None)
        return self._tally(OPEN_MONTH, OPEN_WEEK, MEANT, self._known.cells, 0)

    def run(
        self,
        policy: Policy,
        spent: SpendByMinute | None = None,
        passed: PassedLimits | None = None,
    ) -> LimitTally:
        """The month under limits, in full where they must be; its dollars into `spent`, too.

        Users whose windows never fill pass no limit; what the others do goes into `passed`.
        """
        return next(self.runs([policy], spent, passed))

    def runs(
        self,
        policies: Sequence[Policy],
        spent: SpendByMinute | None = None,
        passed: PassedLimits | None = None,
    ) -> Iterator[LimitTally]:
        """The month under each of some limits."""
        alone = [self._alone(policy, spent) for policy in policies]
        for policy, own in zip(policies, alone, strict=True):
            found = None if own is None else self._folded(own, spent, policy, passed)
            yield self.simulate(policy, spent, passed) if found is None else found

    def _alone(self, policy: Policy, spent: SpendByMinute | None) -> Policy | None:
        """What may be tried user by user: the limits, or but for the organisation's month."""
        if can_fold(self.rehearsal, policy):
            return policy
        month = self.rehearsal.month
        if (
            spent is not None
            or month.days != month.month
            or [*policy.organisation.stated] != ["month_usd"]
        ):
            return None
        own = policy.model_copy(update={"enforce_organisation": False})
        return own if can_fold(self.rehearsal, own) else None

    def _folded(
        self,
        own: Policy,
        spent: SpendByMinute | None,
        policy: Policy,
        passed: PassedLimits | None,
    ) -> LimitTally | None:
        """The month where each user is alone; None where the organisation's cap may be reached."""
        found, rules, free = self._as_meant(own), rule_count(own), self.untouched(own)
        there = self._tally(SIZED_MONTH, SIZED_WEEK, TOLD, found.cells, rules).of_users(free)
        if spent is not None and spent.needed:
            self.note(spent, own, free)
        admission = SummedAdmission(self.rehearsal, own, spent, watched=policy is not own)
        touched = np.flatnonzero(~free)
        there = there.plus(admission.users(*self.intended.by_user, touched, self.end_us))
        if passed is not None:
            passed.add_accounts(admission.overspent)
        if policy is not own:
            # never more than all that is spent, and what is in flight; one call more is asked for
            at_once = int(np.cumsum(found.under_way + admission.under_way).max())
            most = int(there.month_nano.sum()) + (at_once + 1) * self._dearest_nano(own)
            if most > policy.organisation.stated["month_usd"]:
                return None
        return there

    def _dearest_nano(self, policy: Policy) -> int:
        """No call is held for more."""
        arrays, caps = self.rehearsal.tables.arrays, policy.request
        tokens = int(self.intended.either.input_tokens.max(initial=0))
        tokens = min(tokens, caps.max_input_tokens or tokens)
        dearest = max(int(arrays.input_pico.max()), int(arrays.cached_pico.max()))
        pico = tokens * dearest + caps.max_output_tokens * int(arrays.output_pico.max())
        return pico // PICO_PER_NANO + 1

    def simulate(
        self,
        policy: Policy | None,
        spent: SpendByMinute | None = None,
        passed: PassedLimits | None = None,
    ) -> LimitTally:
        """The month of everybody, in the order of time."""
        admission = SummedAdmission(self.rehearsal, policy, spent)
        found = admission.whole(self.intended.by_time, self.end_us)
        if passed is not None:
            passed.add_accounts(admission.overspent)
        return found

    def note(self, spent: SpendByMinute, policy: Policy | None, users: Bools) -> None:
        """Book dollars of users who are never refused, or without limits of all, by the minute."""
        sums = sums_of(self.rehearsal, (1, self.users, 1), 0, spent)
        tables = self.rehearsal.tables.arrays
        sums_kernel_of("noted")(tables, self.intended.either, _request(policy), users, sums)

    def untouched(self, policy: Policy) -> Bools:
        """Users who are never refused, shape (users,)."""
        found = self._as_meant(policy)
        free = ~found.too_large
        compiled = compile_rules(policy, self.rehearsal.tables)
        for number in range(found.peaks.shape[1]):
            at = int(compiled.offset[number])
            free &= found.peaks[:, number] <= compiled.limit[at : at + self.users]
        return np.asarray(free)

    def peaks(self, policy: Policy, rule: Rule) -> Ints:
        """What a user's limit must be for nobody to notice it; shape (users,).

        In the rule's unit, whatever its own limit.
        """
        return np.asarray(self._as_meant(policy).peaks[:, rules_of(policy).index(rule)])

    @property
    def _known(self) -> _AsMeant:
        """What does not depend on limits: of any that were looked at, or of none."""
        return next(iter(self._found.values()), None) or self._as_meant(None)

    def _as_meant(self, policy: Policy | None) -> _AsMeant:
        tables, request = self.rehearsal.tables, _request(policy)
        kinds = (
            [(r.unit, r.period) for r in rules_of(policy) if r.scope == "user"] if policy else []
        )
        key = (*request.tolist(), *kinds, policy and policy.time_zone)
        if key in self._found:
            return self._found[key]
        streams, users, count = len(tables.streams), self.users, len(kinds)
        rules = user_rules(policy, compile_rules(policy, tables))
        meant = Meant(
            cells=np.zeros((streams, users, 7), np.int64),
            too_large=np.zeros(users, np.int64),
            uncapped=_request(None),
            under_way=by_minute(self.rehearsal),
        )
        windows = Windows(
            peaks=np.zeros((users, count), np.int64),
            present=np.full((users, count), -1, np.int64),
            filled=np.zeros((users, count), np.int64),
            last=np.full(users, -1, np.int64),
        )
        spans = sums_of(self.rehearsal, (1, 1, 1), 0, None).spans
        under_way, done, block = _open_calls(OPEN_CALLS), 0, self.intended.either
        while (
            done := sums_kernel_of("made_as_meant")(
                done, tables.arrays, block, request, spans, rules, meant, windows, under_way
            )
        ) < len(block.time_us):
            under_way = _more_open_calls(under_way)
        found = _AsMeant(meant.cells, meant.too_large > 0, windows.peaks, meant.under_way)
        self._found[key] = found
        return found

    def _tally(self, month: int, week: int, calls: int, cells: Ints, rules: int) -> LimitTally:
        """Everybody's month where nothing is refused."""
        return nothing_tallied(self.rehearsal, rules)._replace(
            month_nano=cells[..., month].copy(),
            week_nano=cells[..., week].copy(),
            made=cells[..., IN_MONTH].copy(),
            calls=cells[..., calls].copy(),
        )


def _request(policy: Policy | None) -> Ints:
    """Most input, most output and most output held; -1 where there is none."""
    if policy is None:
        return np.array([-1, -1, NO_LIMIT], np.int64)
    caps = policy.request
    most = -1 if caps.max_input_tokens is None else caps.max_input_tokens
    return np.array([most, caps.max_output_tokens, caps.held_output_tokens], np.int64)


def _open_calls(room: int) -> OpenCalls:
    nodes = np.zeros((room, 7), np.int64)
    nodes[:, 0] = np.arange(1, room + 1)
    nodes[-1, 0] = -1
    return OpenCalls(np.zeros(1, np.int64), nodes)


def _more_open_calls(full: OpenCalls) -> OpenCalls:
    """Twice the room."""
    room = len(full.nodes)
    twice = _open_calls(2 * room)
    twice.nodes[:room] = full.nodes
    twice.free[0] = room
    return twice
