"""The operator's hand on a ledger in Redis: what was ordered, read when it has changed.

Each decision is sent with the edition of the orders that its limits follow from, and with the
moments between which no order ends. A store with another edition answers that instead of deciding.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costsim.errors import StoreError
from costsim.limits.accounts import Scopes
from costsim.limits.control_file import control_lines
from costsim.limits.controls import Control, checked_control, in_order
from costsim.limits.standing import Standing, standing_at
from costsim.limits.store.keys import Plans

if TYPE_CHECKING:
    from costsim.limits.policy import Policy
    from costsim.limits.store.steps import Core, Steps

NONE_READ = b"-"
"""Edition of a list to which nothing was ever added."""
_TRIES = 5


class View(NamedTuple):
    """The limits as a process knows them, made ready for questions."""

    standing: Standing
    edition: bytes
    plans: Plans
    stamp: bytes

    @classmethod
    def of(cls, standing: Standing, edition: bytes, keep_us: int) -> View:
        plans = Plans(standing, keep_us)
        stamp = b"%b %d %d" % (edition, standing.since_us, standing.till_us)
        return cls(standing, edition, plans, stamp)


def first_view(policy: Policy, keep_us: int) -> View:
    """Before anything was read."""
    return View.of(standing_at(policy, (), 0), NONE_READ, keep_us)


def learn(core: Core, edition: bytes | None = None) -> Steps[bool]:
    """Read what was ordered, unless it is of the edition known; whether there is a ledger.

    What this process knows and the store has lost is put back.
    """
    if edition is not None and edition == core.view.edition:
        core.see((), edition, core.now())  # only an end has passed
        return True
    for _ in range(_TRIES):
        there, found, edition = yield from _read(core)
        have = {control.key for control in found}
        lost = [control for control in core.view.standing.controls if control.key not in have]
        core.see(found, edition, core.now())
        if not there or not lost or (yield from _add(core, edition, lost)):
            return there
    raise StoreError("Redis gets other operators' orders at each question")


def operate(core: Core, control: Control) -> Steps[Control]:
    """Add an order; it holds from the next decision of every process on."""
    checked_control(control)
    yield from core.ready()
    yield from core.usage(Scopes(None))  # leases that have run out are charged under what held then
    taken = control
    for _ in range(_TRIES):
        if not (yield from learn(core)):
            raise StoreError(core.empty)
        given = core.view.standing.controls
        for each in given:
            if each.key == taken.key:  # its answer was lost, and the question asked again
                return each
        taken = taken.taken(core.now(), given)
        if (yield from _add(core, core.view.edition, [taken])):
            return taken
    raise StoreError("Redis gets other operators' orders at each question")


def standing(core: Core) -> Steps[Standing]:
    """The limits in force now, with all orders that led to them."""
    yield from core.ready()
    if not (yield from learn(core)):
        raise StoreError(core.empty)
    return core.view.standing


def put_back(core: Core, controls: Iterable[Control]) -> Steps[None]:
    """Before a lost ledger is served again: the orders that this process or a file knows."""
    core.see(controls, core.view.edition, core.now())
    for _ in range(_TRIES):
        _, found, edition = yield from _read(core)
        have = {control.key for control in found}
        lost = [control for control in core.view.standing.controls if control.key not in have]
        core.see(found, edition, core.now())
        if not lost or (yield from _add(core, edition, lost)):
            return
    raise StoreError("Redis gets other operators' orders at each question")


def _read(core: Core) -> Steps[tuple[bool, list[Control], bytes]]:
    state, now, edition, *entries = yield core.ask("controls", None, b"")
    lines = b"".join(bytes(entry) + b"\n" for entry in entries)
    found, faults = control_lines(lines, f"controls of tenant {core.tenant!r}")
    for fault in faults:  # a newer version's, perhaps: the others hold all the same
        warnings.warn(fault, RuntimeWarning, stacklevel=2)
    if state == b"V":
        core.time_is(int(now))
    return state == b"V", found, bytes(edition)


def _add(core: Core, edition: bytes, controls: Sequence[Control]) -> Steps[bool]:
    """Whether nobody added anything meanwhile."""
    mark = os.urandom(6).hex().encode()
    entries = (control.to_json().encode() for control in in_order(controls))
    done = yield core.ask("controls", None, edition, mark, *entries)
    if done:
        core.see(controls, mark, core.now())
    return bool(done)
