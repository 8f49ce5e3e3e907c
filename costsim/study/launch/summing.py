"""Admission that keeps sums in place of attempts: what a search over limits needs, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costsim.limits.rules import rules_of
from costsim.simulation.admission import Admission, grown_pool
from costsim.simulation.kernel_layout import MORE_POOL, NEXT_ROW, OUT, ROWS
from costsim.study.launch.compiled_sums import sums_kernel_of
from costsim.study.launch.sums_kernel import Sums
from costsim.study.launch.tally import LimitTally, nothing_tallied, rule_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.kernel_layout import Block, Rules
    from costsim.study.launch.level_hours import SpendByMinute
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]


class SummedAdmission(Admission):
    """A run under limits of which only the sums are kept; nobody acts in it.

    Parameters
    ----------
    rehearsal : Rehearsal
    policy : Policy, optional
    spent : SpendByMinute, optional
        What is admitted is added to it.
    watched : bool
        Whether to count how many calls are under way.
    """

    room = 8192  # what is decided is counted while it is still in the processor's cache

    def __init__(
        self,
        rehearsal: Rehearsal,
        policy: Policy | None,
        spent: SpendByMinute | None = None,
        watched: bool = False,
    ) -> None:
        self._nothing = nothing_tallied(rehearsal, rule_count(policy))
        shape = self._nothing.calls.shape
        self._sums = sums_of(rehearsal, (*shape, 9), len(self._nothing.reasons), spent)
        if watched:
            self._sums = self._sums._replace(under_way=by_minute(rehearsal))
        super().__init__(rehearsal.tables, policy)

    def whole(self, block: Block, until_us: int) -> LimitTally:
        """All calls of a month, in the order of time."""
        self._block = block
        self._scalars[NEXT_ROW], self._scalars[ROWS] = 0, len(block.time_us)
        while self.advance(until_us) is not None:
            pass  # a level of the budget: nobody is there to hear of it
        self._flush()
        return self.tally

    def users(self, block: Block, first: Ints, users: Ints, until_us: int) -> LimitTally:
        """The calls of some users, one user after the other.

        Parameters
        ----------
        block : Block
            Calls by user, those of each in order of time.
        first : array of shape (users + 1,)
            Where the calls of each begin.
        users : array
            Which of them.
        """
        policy = self.policies[-1]
        assert policy is not None
        rules = user_rules(policy, self._rules)
        at = np.zeros(2, np.int64)
        while (
            sums_kernel_of("admit_users")(
                until_us, users, first, at, rules, self.tables.arrays, self._state, block,
                self._pool, self._out, self._sums,
            ) == MORE_POOL
        ):  # fmt: skip
            self._pool = grown_pool(self._pool, self._scalars)
        return self.tally

    @property
    def under_way(self) -> Ints:
        """By how many each minute has more calls under way than the one before; or nothing."""
        return self._sums.under_way

    @property
    def tally(self) -> LimitTally:
        """The sums until now."""
        cells = self._sums.cells
        named = zip(self._nothing._fields, np.moveaxis(cells, -1, 0).copy(), strict=False)
        return self._nothing._replace(**dict(named), reasons=self._sums.reasons)

    def _flush(self) -> None:
        size = int(self._scalars[OUT])
        if size:
            sums_kernel_of("add_up")(self.tables.arrays, self._block, self._out, size, self._sums)
            self._scalars[OUT] = 0


def sums_of(
    rehearsal: Rehearsal, shape: tuple[int, ...], reasons: int, spent: SpendByMinute | None
) -> Sums:
    """Empty sums of a month; dollars by the minute go into `spent`."""
    month = rehearsal.month
    minutes, edges, known = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(3, np.int64))
    if spent is not None and spent.needed:
        minutes, edges, known = spent.arrays
    return Sums(
        cells=np.zeros(shape, np.int64),
        reasons=np.zeros((reasons, shape[1]), np.int64),
        spans=np.array([*month.range_us(month.month), *month.range_us(month.week)], np.int64),
        minutes=minutes,
        edges=edges,
        known=known,
        under_way=np.zeros(0, np.int64),
    )


def by_minute(rehearsal: Rehearsal) -> Ints:
    """A zero for each minute of the month, and two."""
    start, end = rehearsal.month.range_us(rehearsal.month.month)
    return np.zeros((end - start) // 60_000_000 + 2, np.int64)


def user_rules(policy: Policy | None, compiled: Rules) -> Rules:
    """The rules of users alone, which come first."""
    count = sum(rule.scope == "user" for rule in rules_of(policy)) if policy else 0
    own = {name: getattr(compiled, name)[:count] for name in ("scope", "unit", "period", "offset")}
    none = np.zeros(0, np.int64)
    return compiled._replace(**own, watch_rule=none, watch_level=none)
