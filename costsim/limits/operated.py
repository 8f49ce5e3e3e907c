"""An operator's hand on a ledger of this process."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable

from costsim.limits.accounts import Accounts
from costsim.limits.control_file import ControlFile
from costsim.limits.controls import Control, checked_control
from costsim.limits.policy import Policy
from costsim.limits.standing import Standing, standing_at


class Operated(ABC):
    """What a ledger in process does with orders: take them, and stand by them."""

    policy: Policy
    _lock: threading.RLock
    _standing: Standing
    _file: ControlFile | None
    _accounts: Accounts

    @abstractmethod
    def _advance(self, at: int | None = None) -> int: ...

    @abstractmethod
    def _keep(self, control: Control, now: int) -> None:
        """Remember it over a restart."""

    def operate(self, control: Control) -> Control:
        """Take an operator's order, which holds from the next decision on.

        It goes into the file of controls, if the ledger has one, and into its journal.

        Returns
        -------
        Control
            Dated, with its key.

        Examples
        --------
        >>> from costsim.limits import Control, MemoryLedger, Scopes, Target, load_limits
        >>> ledger = MemoryLedger(load_limits("flat-caps"))
        >>> order = Control("stop", Target("feature", "chat"), who="ann", why="runaway agent")
        >>> _ = ledger.operate(order)
        >>> ledger.reserve("call-1", Scopes("bob", "free", "chat"), [("gpt-4o", 1)]).window
        'stopped'
        """
        checked_control(control)
        with self._lock:
            now = self._advance()
            self._look(now)
            taken = control.taken(now, self._standing.controls)
            if self._file is not None:
                taken = self._file.append(taken, now)
            self.obey([taken])
            return taken

    def obey(self, controls: Iterable[Control]) -> None:
        """Take orders that were given elsewhere; those known already change nothing."""
        with self._lock:
            known = {control.key for control in self._standing.controls}
            new = [control for control in controls if control.key not in known]
            if new:
                now = self._advance()
                self._stand((*self._standing.controls, *new), now)
                for control in new:
                    self._keep(control, now)

    def standing(self) -> Standing:
        """The limits in force now, with all orders that led to them."""
        with self._lock:
            self._look(self._advance())
            return self._standing

    def _look(self, now: int) -> None:
        """What operators ordered meanwhile, and what has ended."""
        if self._file is not None:
            self.obey(self._file.news())
        if not self._standing.holds_at(now):
            self._stand(self._standing.controls, now)

    def _stand(self, controls: Iterable[Control], now: int) -> None:
        self._standing = standing_at(self.policy, controls, now)
        standing = self._standing
        self._accounts.obey(standing.rules, standing.watches, latches=standing.latches)
