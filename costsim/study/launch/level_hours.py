"""How long a month stands at each level of its ladder."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from costsim.limits.core import MONTH
from costsim.limits.policy import nano
from costsim.limits.windows import window_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.admission import Attempts
    from costsim.simulation.intents import Intents
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]

MINUTE_US = 60_000_000
PREFIX = "level_hours."
BELOW = "below every level"


def level_names(policy: Policy) -> list[str]:
    """The stretches of a month, lowest first; none where the policy has no levels."""
    levels = policy.organisation.levels
    return [BELOW, *(level.words for level in levels)] if levels else []


class SpendByMinute:
    """Dollars of a simulated stretch by the minute in which they are known: when a call ends.

    Parameters
    ----------
    rehearsal : Rehearsal
    policy : Policy
        Whose levels and months are meant; its limits need not be in force.
    """

    def __init__(self, rehearsal: Rehearsal, policy: Policy) -> None:
        self._rehearsal = rehearsal
        self._policy = policy
        self._start, end = rehearsal.month.range_us(rehearsal.month.days)
        self._nano = np.zeros((end - self._start) // MINUTE_US + 1, np.int64)
        origin = rehearsal.month.scenario.calendar.origin_us
        last = self._start + len(self._nano) * MINUTE_US
        edges = window_edges(MONTH, origin + self._start, origin + last, policy.zone)[:-1]
        self._edges = [edge - origin for edge in edges]
        self._checks = policy.accounting == "check"
        self._delay = round(policy.recording_delay_seconds * 1e6)
        self.needed = bool(policy.organisation.levels)

    def add(self, time_us: Ints, end_us: Ints, total_nano: Ints) -> None:
        """Calls by when they start and end, in microseconds since the scenario's start."""
        known = end_us + self._delay
        if not self._checks:  # a call counts in the month of its reservation
            for edge in self._edges:
                known[(time_us < edge) & (known >= edge)] = edge - 1
        minute = (known - self._start) // MINUTE_US
        minute = np.clip(minute, 0, len(self._nano) - 1)
        sums = np.bincount(minute, total_nano, minlength=len(self._nano))  # exact to 2**53
        self._nano += sums.astype(np.int64)

    def add_attempts(self, attempts: Attempts) -> None:
        """What was admitted."""
        if self.needed and len(attempts):
            end = attempts.time_us + attempts.latency_us
            self.add(attempts.time_us, end, attempts.total_nano)

    def add_intents(self, intents: Intents) -> None:
        """What is meant, where nothing stands in between."""
        if self.needed and len(intents):
            took = intents.first_us + intents.output_tokens * intents.pace_ns // 1000
            self.add(intents.time_us, intents.time_us + took, self._rehearsal.cost(intents))

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """What :func:`costsim.study.launch.sums_kernel.note` adds to, and needs to know."""
        known = [self._start, self._delay, int(self._checks)]
        return self._nano, np.array(self._edges, np.int64), np.array(known, np.int64)

    def hours(self) -> dict[str, float]:
        """Hours of the told month at each stretch, the highest level that is on; to the minute."""
        if not self.needed:
            return {}
        policy, month = self._policy, self._rehearsal.month
        begin, end = month.range_us(month.month)
        spent = np.cumsum(self._nano)
        for edge in self._edges:
            at = (edge - self._start) // MINUTE_US
            spent[at:] -= spent[at - 1] if at else 0
        bounds = _bounds(policy)
        told = spent[(begin - self._start) // MINUTE_US : (end - self._start) // MINUTE_US]
        stretch = np.searchsorted(bounds, told, side="right")
        minutes = np.bincount(stretch, minlength=len(bounds) + 1)
        names = level_names(policy)
        return {f"{PREFIX}{name}": float(n) / 60 for name, n in zip(names, minutes, strict=True)}


def history_hours(
    policy: Policy, time_us: Ints, end_us: Ints, total_nano: Ints
) -> dict[str, float]:
    """Hours of a history at each stretch, of all its months.

    From its first call until its last call has ended.

    Parameters
    ----------
    policy : Policy
        Whose levels and months are meant.
    time_us, end_us : array of shape (calls,)
        When each call is asked for and when it is settled, in microseconds since 1970; at least
        one.
    total_nano : array of shape (calls,)

    Examples
    --------
    >>> from costsim.limits import parse_limits
    >>> ladder = [{"at": 0.5, "do": "notify"}]
    >>> limits = parse_limits({"name": "a", "organisation": {"month_usd": 10, "ladder": ladder}})
    >>> hour = 3_600_000_000 * np.arange(4)
    >>> found = history_hours(limits, hour, hour, np.array([2, 4, 0, 1]) * 10**9)
    >>> list(found.values())
    [1.0, 2.0]
    """
    names, bounds = level_names(policy), _bounds(policy)
    begin, end = int(time_us.min()), int(end_us.max())
    spent = np.zeros(len(bounds) + 1)
    edges = (begin, *window_edges(MONTH, begin, end + 1, policy.zone))
    for first, after in pairwise(edges):
        # a call counts in the month of its reservation
        own = (time_us >= first) & (time_us < after)
        known = np.minimum(end_us[own], after)
        order = np.argsort(known, kind="stable")
        moments = np.array([first, *known[order], min(after, end)], np.int64)
        settled = np.concatenate([[0], np.cumsum(total_nano[own][order])])
        stretch = np.searchsorted(bounds, settled, side="right")
        spent += np.bincount(stretch, np.diff(moments), minlength=len(spent))
    return {name: float(us) / 3.6e9 for name, us in zip(names, spent, strict=False)}


def _bounds(policy: Policy) -> list[int]:
    budget = policy.organisation.month_usd or 0.0
    return [nano(budget * level.at) for level in policy.organisation.levels]
