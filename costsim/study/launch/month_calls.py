"""A month's intended calls, in order of time or by user: each order is made when it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from costsim.simulation.intents import block_by_user, block_of_days

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costsim.simulation.calls import Calls
    from costsim.simulation.kernel_layout import Block
    from costsim.study.launch.rehearsal import Rehearsal


class ByUser(NamedTuple):
    """Calls by user, those of each in order of time, and where the calls of each begin."""

    block: Block
    first: NDArray[np.int64]


class MonthCalls:
    """The intended calls of a month, in either order.

    Parameters
    ----------
    rehearsal : Rehearsal
    days : sequence of sequence of Calls, optional
        Groups of each day; by default all of the rehearsal's.
    """

    def __init__(self, rehearsal: Rehearsal, days: Sequence[Sequence[Calls]] | None = None) -> None:
        self.rehearsal = rehearsal
        self._days = [groups for _, groups in rehearsal.groups()] if days is None else days

    @cached_property
    def by_time(self) -> Block:
        """As the admission kernel reads them."""
        return block_of_days(self._days, self.rehearsal.recorder, self.rehearsal.tables)

    @cached_property
    def by_user(self) -> ByUser:
        """As they are read where users have nothing to do with each other."""
        tables = self.rehearsal.tables
        users = len(tables.arrays.tier_of)
        return ByUser(*block_by_user(self._days, self.rehearsal.recorder, tables, users))

    @property
    def either(self) -> Block:
        """In the order of time where that is there and the other is not; by user else."""
        there = vars(self)
        return self.by_time if "by_time" in there and "by_user" not in there else self.by_user.block

    def changed(self, change: Callable[[Block], Block]) -> MonthCalls:
        """The same calls with other numbers of tokens, in the same orders."""
        return _Changed(self, change)


class _Changed(MonthCalls):
    def __init__(self, calls: MonthCalls, change: Callable[[Block], Block]) -> None:
        super().__init__(calls.rehearsal, ())
        self._calls, self._change = calls, change

    @cached_property
    def by_time(self) -> Block:
        return self._change(self._calls.by_time)

    @cached_property
    def by_user(self) -> ByUser:
        block, first = self._calls.by_user
        return ByUser(self._change(block), first)
