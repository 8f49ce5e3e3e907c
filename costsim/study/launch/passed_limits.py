"""How far what windows took passed their limits in a rehearsal, beside what may pass them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.limits.core import NANO, NO_LIMIT
from costsim.limits.rules import rules_of
from costsim.simulation.compiled_rules import compile_rules
from costsim.simulation.kernel_layout import ADMITTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.limits.rules import Rule
    from costsim.simulation.admission import Attempts
    from costsim.simulation.kernel_layout import Rules
    from costsim.study.launch.rehearsal import Rehearsal

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

PREFIX = "overshoot."
PARTS = ("windows", "mean_usd", "formula_usd", "worst_usd", "bound_usd", "beyond_usd")
"""What a run tells of each dollar limit, as ``overshoot.SCOPE.CAP.PART``."""


def pays_late(policy: Policy) -> bool:
    """Whether calls may cost more than is set aside for them, so that a limit may be passed.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> pays_late(load_limits("flat-caps"))
    False
    """
    caps = policy.request
    return policy.accounting == "check" or caps.held_output_tokens < caps.max_output_tokens


def dollar_limits(policy: Policy) -> list[tuple[int, Rule]]:
    """The limits in dollars that refuse, with their numbers among all rules."""
    found = []
    for number, rule in enumerate(rules_of(policy)):
        limits = (rule.limit, *rule.by_entity.values(), *rule.by_tier.values())
        if rule.unit == NANO and min(limits) < NO_LIMIT:
            found.append((number, rule))
    return found


class _Taken(NamedTuple):
    """Admitted calls: when, until known, whose, nano-dollars, and those beyond what was held."""

    time: Ints
    known: Ints
    user: Ints
    feature: Ints
    nano: Ints
    beyond: Ints


class PassedLimits:
    """What a month under limits took in their windows beyond them.

    Where a reservation holds the most that a call can cost, the kernel's own accounts tell, to the
    nano-dollar: nothing may pass a limit. Where calls may cost more than was set aside, because a
    quantile of their answers is held or nothing at all, each window is added up from its calls
    once more, and may pass its limit by what they cost beyond it that were open as the last was
    admitted: until then there was room.

    Parameters
    ----------
    rehearsal : Rehearsal
    policy : Policy
        The limits in force.
    """

    def __init__(self, rehearsal: Rehearsal, policy: Policy) -> None:
        self._rehearsal, self._policy = rehearsal, policy
        self._late, self._checks = pays_late(policy), policy.accounting == "check"
        self._delay_us = round(policy.recording_delay_seconds * 1e6)
        self._over = np.zeros(len(rules_of(policy)), np.int64)
        self._parts: list[_Taken] = []

    def add_accounts(self, over_nano: Ints) -> None:
        """What a run's accounts were over by; see ``Admission.overspent``."""
        np.maximum(self._over, over_nano, out=self._over)

    def add_attempts(self, attempts: Attempts) -> None:
        """Calls of a stretch of the run, where they may cost more than is held."""
        if not self._late:
            return
        made = attempts.where(attempts.outcome == ADMITTED)
        end = made.time_us + made.latency_us
        beyond = made.total_nano
        if not self._checks:
            beyond = np.maximum(beyond - self._held(made), 0)
        user, feature = made.user.astype(np.int64), made.feature.astype(np.int64)
        known = end + self._delay_us
        self._parts.append(_Taken(made.time_us, known, user, feature, made.total_nano, beyond))

    def measures(self) -> dict[str, float]:
        """By name: overshoot_usd, overshoot_beyond_bound_usd, and :data:`PARTS` of each limit."""
        limits = dollar_limits(self._policy)
        told = self._of_calls(limits) if self._late else self._of_accounts(limits)
        row = {
            f"{PREFIX}{rule.scope}.{rule.cap}.{part}": value
            for (_, rule), parts in zip(limits, told, strict=True)
            for part, value in zip(PARTS, parts, strict=True)
        }
        worst, beyond = PARTS.index("worst_usd"), PARTS.index("beyond_usd")
        row["overshoot_usd"] = max((parts[worst] for parts in told), default=np.nan)
        row["overshoot_beyond_bound_usd"] = max((parts[beyond] for parts in told), default=np.nan)
        return row

    def _of_accounts(self, limits: list[tuple[int, Rule]]) -> list[tuple[float, ...]]:
        over = [int(self._over[number]) / 1e9 for number, _ in limits]
        return [(0.0 if not usd else np.nan, np.nan, np.nan, usd, 0.0, usd) for usd in over]

    def _of_calls(self, limits: list[tuple[int, Rule]]) -> list[tuple[float, ...]]:
        taken = _Taken(*(np.concatenate(each) for each in zip(*self._parts, strict=True)))
        compiled = compile_rules(self._policy, self._rehearsal.tables)
        return [self._of_limit(taken, number, rule, compiled) for number, rule in limits]

    def _of_limit(
        self, taken: _Taken, number: int, rule: Rule, compiled: Rules
    ) -> tuple[float, ...]:
        entity = self._entities(taken, rule.scope)
        edges = compiled.edges[rule.period]
        begun = entity * (len(edges) + 1) + np.searchsorted(edges, taken.time, side="right")
        booked = begun
        if self._checks:  # a call counts in the window in which it becomes known
            booked = entity * (len(edges) + 1) + np.searchsorted(edges, taken.known, side="right")
        windows, place = np.unique(booked, return_inverse=True)
        limit = np.zeros(len(windows), np.int64)
        limit[place] = compiled.limit[compiled.offset[number] + entity]
        over = _summed(place, taken.nano, len(windows)) - limit
        passed = over > 0
        if not passed.any():
            return 0.0, np.nan, np.nan, 0.0, 0.0, 0.0
        last = np.full(len(windows), -1, np.int64)  # admission; windows may have none of their own
        at = np.minimum(np.searchsorted(windows, begun), len(windows) - 1)
        own = windows[at] == begun
        np.maximum.at(last, at[own], taken.time[own])
        still = (taken.known > last[place]) | (taken.time == last[place])
        bound = _summed(place[still], taken.beyond[still], len(windows))
        formula = np.nan
        if self._checks:
            wanted = _formula_usd(taken, entity, place, np.where(own, at, -1), last)
            formula = float(wanted[passed].mean())
        beyond = max(int((over - bound)[passed].max()), 0)
        worst, most = int(over.max()), int(bound[passed].max())
        mean = float(over[passed].mean()) / 1e9
        return float(passed.sum()), mean, formula, worst / 1e9, most / 1e9, beyond / 1e9

    def _entities(self, taken: _Taken, scope: str) -> Ints:
        if scope == "user":
            return taken.user
        if scope == "tier":
            return np.asarray(self._rehearsal.tables.arrays.tier_of[taken.user], np.int64)
        return taken.feature if scope == "feature" else np.zeros_like(taken.user)

    def _held(self, made: Attempts) -> Ints:
        """What a reservation of each call set aside: by the dearest rate of its input."""
        out = np.minimum(made.max_output, self._policy.request.held_output_tokens)
        held = np.zeros(len(made), np.int64)
        price = self._rehearsal.recorder.prices.cost
        for route in np.unique(made.route).tolist():
            rows = np.flatnonzero(made.route == route)
            time, tokens = made.time_us[rows], made.input_tokens[rows]
            for cached in (np.zeros_like(tokens), tokens):
                bound = price(route, time, tokens, cached, out[rows])[1]
                held[rows] = np.maximum(held[rows], bound)
        return held


def _summed(place: Ints, nano: Ints, count: int) -> Ints:
    return np.asarray(np.bincount(place, nano, count).astype(np.int64))  # exact to 2**53


def _formula_usd(taken: _Taken, entity: Ints, booked: Ints, begun: Ints, last: Ints) -> Floats:
    """The closed form of looking first, for each window: of its calls, at their concurrency.

    That is how many calls of its account, not known yet, a call finds on average that begins in
    the later half of the time in which the window fills: it begins empty.

    Parameters
    ----------
    entity, booked, begun : array
        Of each call: whose account, number of the window that it counts in, and of that in which
        it begins (-1 for none).
    last : array
        When the last call of each window begins.
    """
    span = int(taken.known.max()) + 1
    arrivals, known = entity * span + taken.time, np.sort(entity * span + taken.known)
    flying = np.searchsorted(np.sort(arrivals), arrivals)
    flying -= np.searchsorted(known, arrivals, side="right")
    count, own = len(last), begun >= 0
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, begun[own], taken.time[own])
    full = np.flatnonzero(own & (taken.time >= first[begun] + (last - first)[begun] // 2))
    calls = np.maximum(np.bincount(begun[full], minlength=count), 1)
    concurrency = np.bincount(begun[full], flying[full], count) / calls
    usd, seconds = taken.nano / 1e9, (taken.known - taken.time) / 1e6
    sums = (np.bincount(booked, v, count) for v in (usd, usd**2, usd * seconds, seconds))
    c, cc, cs, s = (np.maximum(each, 1e-300) for each in sums)
    return np.asarray(cc / (2 * c) + concurrency * cs / s)
