"""Names in the store, and what scripts are told of rules and windows."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from costsim.limits.accounts import ANONYMOUS, Scopes, concerned
from costsim.limits.burst import rate_for, rate_of
from costsim.limits.core import DAY, HOUR, MONTH, NO_LIMIT, OPEN
from costsim.limits.ladder import Gate, gate_of
from costsim.limits.policy import LARGEST_NANO
from costsim.limits.request import Request
from costsim.limits.standing import Standing
from costsim.limits.store.wire import Words
from costsim.limits.windows import window_at

_UNITS = "nct"
_LONGEST = 64  # bytes
_MOST_PLANS = 50_000
_PERIODS = (HOUR, DAY, MONTH)


def encoded(text: str) -> str:
    """An id as a part of a key: base64url, or a hash of it above 64 bytes.

    Examples
    --------
    >>> encoded("alice")
    'YWxpY2U'
    >>> encoded("x" * 65)[0], len(encoded("x" * 65))
    ('~', 33)
    """
    data = text.encode()
    if len(data) > _LONGEST:
        return "~" + hashlib.blake2b(data, digest_size=16).hexdigest()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Keys:
    """Keys of one tenant; its hash tag keeps them in one slot of a cluster."""

    def __init__(self, prefix: str, tenant: str) -> None:
        self.prefix = f"{prefix}:{{{encoded(tenant)}}}:".encode()
        self.state = self.prefix + b"state"
        self.leases = self.prefix + b"leases"

    def call(self, name: bytes) -> bytes:
        """Key of a call's record, from its encoded id."""
        return self.prefix + b"call:" + name


class Plan(NamedTuple):
    """The rules that concern some scopes, as scripts read them and as people do."""

    words: Words
    rules: tuple[tuple[str, str, int], ...]
    bases: tuple[tuple[str, int, int], ...]
    gate: Gate | None = None
    gated: int = -1
    burst: bytes = b""


class Plans:
    """What scripts are told of limits: rules of scopes, windows of a moment, levels to watch."""

    def __init__(self, standing: Standing, keep_us: int) -> None:
        self.rules, self.watches = standing.rules, standing.watches
        levels = " ".join(str(watch.level_nano) for watch in self.watches)
        self.watched = f"organisation::month_usd {levels}".encode() if levels else b""
        policy = standing.policy
        self._latches = standing.latches
        self._burst = policy.burst
        self._routed = {name: frozenset(caps.downgrade_to) for name, caps in policy.feature.items()}
        self._zone = policy.zone
        self._keep_us = keep_us
        self._known: dict[Scopes, Plan] = {}
        self._windows = Words(0, b"")
        self._valid = (0, 0)

    def of(self, scopes: Scopes) -> Plan:
        """The plan of some scopes."""
        plan = self._known.get(scopes)
        if plan is None:
            if len(self._known) >= _MOST_PLANS:
                self._known.clear()
            plan = self._known[scopes] = self._plan(scopes)
        return plan

    def _plan(self, scopes: Scopes) -> Plan:
        words: list[bytes] = []
        named: list[tuple[str, str, int]] = []
        bases = []
        gate, gated, month = None, -1, self.watches[0].rule if self.watches else -1
        for index, entity, limit in concerned(self.rules, scopes):
            rule = self.rules[index]
            if index == month:
                gate, gated = gate_of(self.watches, scopes.feature, limit), len(named)
                limit = limit if gate is None else gate.limit
            base = f"{rule.scope}:{encoded(entity)}:{rule.cap}"
            allowed = "-" if limit == NO_LIMIT else str(limit)
            words += [s.encode() for s in (base, _UNITS[rule.unit], str(rule.period), allowed)]
            named.append((rule.scope, rule.cap, limit))
            bases.append((base, rule.unit, rule.period))
        return Plan(Words.of(words), tuple(named), tuple(bases), gate, gated, self._pace(scopes))

    def _pace(self, scopes: Scopes) -> bytes:
        """The burst guard for a user, as scripts read it."""
        if self._burst is None:
            return b""
        user = ANONYMOUS if scopes.user is None else scopes.user
        rate = rate_of(rate_for(self._burst, user, scopes.tier))
        return f"user:{encoded(user)}:burst {rate.interval_us} {rate.tolerance_us}".encode()

    def ladder(self, request: Request) -> bytes:
        """What the ladder makes of the organisation's month for a call, as scripts read it."""
        plan = self.of(request.scopes)
        gate = plan.gate
        if gate is None:
            return b""
        limit = min(gate.asked_limit, LARGEST_NANO)
        routes = self._routed.get(request.scopes.feature or "", frozenset())
        asked = "".join("0" if model in routes else "1" for model, _ in request.candidates)
        levels = f"{gate.asked_level + 1} {gate.level + 1}"
        return f"{plan.gated + 1} {limit} {levels} {self._latches:d} {asked}".encode()

    def windows(self, at_us: int) -> Words:
        """Of the hour, the day and the month of a moment: edges, and what ends their slots' names.

        The start, the end, the end of the next, and the names' ends of both.
        """
        start, end = self._valid
        if not start <= at_us < end:
            words, hour = [], window_at(HOUR, at_us, self._zone)
            for period in _PERIODS:
                first, second = window_at(period, at_us, self._zone)
                third = window_at(period, second, self._zone)[1]
                names = f":{first // 1_000_000}", f":{second // 1_000_000}"
                words += [str(word).encode() for word in (first, second, third, *names)]
            self._windows, self._valid = Words.of(words), hour
        return self._windows

    def slots(self, scopes: Scopes, at_us: int, now_us: int) -> bytes:
        """Slots that a call of that moment is charged to, with how long they are to be kept."""
        words = []
        for base, unit, period in self.of(scopes).bases:
            if period == OPEN:
                continue
            start, end = window_at(period, at_us, self._zone)
            keep = (end + self._keep_us - now_us) // 1000
            if keep > 0:
                words.append(f"{base}:{start // 1_000_000} {_UNITS[unit]} {keep}")
        return " ".join(words).encode()


def digest(request: Request) -> bytes:
    """What a call id stands for: the same id with other fields is an error."""
    scopes, *rest = request.fields
    data = repr((tuple(scopes), *rest)).encode()
    return base64.urlsafe_b64encode(hashlib.blake2b(data, digest_size=12).digest())
