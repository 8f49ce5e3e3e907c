"""A policy compiled for the admission kernel: a cell for each rule and entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costsim.limits.burst import rate_for, rate_of
from costsim.limits.core import DAY, HOUR, MONTH, NO_LIMIT
from costsim.limits.ladder import ACTING, Watch, gate_of
from costsim.limits.rules import EVERYTHING, SCOPES, Rule, rules_of, watches_of
from costsim.limits.windows import window_edges
from costsim.simulation.kernel_layout import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costsim.limits import Policy
    from costsim.simulation.loop_tables import LoopTables

NEVER_ENDS = 2**62


def compile_rules(policy: Policy | None, tables: LoopTables) -> Rules:
    """Cells, limits and windows of a policy over the time of a run; no policy limits nothing."""
    rules = rules_of(policy) if policy else ()
    watches = watches_of(policy, rules) if policy else ()
    limits = [_limits(rule, tables) for rule in rules]
    sizes = [len(part) for part in limits]
    cells = sum(sizes)
    return Rules(
        scope=_ints([SCOPES.index(rule.scope) for rule in rules]),
        unit=_ints([rule.unit for rule in rules]),
        period=_ints([rule.period for rule in rules]),
        offset=_ints(np.cumsum([0, *sizes])[:-1] if sizes else []),
        limit=np.concatenate(limits) if limits else _ints([]),
        settled=np.zeros(cells, np.int64),
        held=np.zeros(cells, np.int64),
        stamp=np.full(cells, -1, np.int64),
        over=np.zeros(len(rules), np.int64),
        edges=_edges(policy, tables),
        window=np.zeros(4, np.int64),
        watch_rule=_ints([watch.rule for watch in watches]),
        watch_level=_ints([watch.level_nano for watch in watches]),
        candidates=_candidates(policy, tables),
        gates=_gates(policy, rules, watches, tables),
        cheap=_cheap(policy, tables),
        pace=_pace(policy, tables),
        scalars=_ints([*_scalars(policy), _gated(watches), int(bool(policy and policy.burst))]),
    )


def _gated(watches: Sequence[Watch]) -> int:
    """The rule that the ladder acts on, -1 for none."""
    return next((watch.rule for watch in watches if watch.action in ACTING), -1)


def _gates(
    policy: Policy | None, rules: Sequence[Rule], watches: Sequence[Watch], tables: LoopTables
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """What the ladder makes of the organisation's month for each feature."""
    rule = _gated(watches)
    cap = NO_LIMIT if rule < 0 else rules[rule].limit_of(EVERYTHING, None)
    found = np.full((len(tables.features), 4), -1, np.int64)
    found[:, [0, 2]] = cap
    for number, feature in enumerate(tables.features):
        gate = gate_of(watches, feature, cap)
        if gate is not None:
            found[number] = gate.asked_limit, gate.asked_level, gate.limit, gate.level
    return found


def _cheap(
    policy: Policy | None, tables: LoopTables
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The routes whose model a downgrade leads to, by feature."""
    known = policy.feature if policy else {}
    routed = [frozenset(known[f].downgrade_to if f in known else ()) for f in tables.features]
    return np.array([[route.model in own for route in tables.routes] for own in routed], np.uint8)


def _pace(
    policy: Policy | None, tables: LoopTables
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    guard = policy.burst if policy else None
    found = np.zeros((len(tables.users) if guard else 0, 3), np.int64)
    if guard is not None:
        tiers = [tables.tiers[t] if tables.tiers else None for t in tables.arrays.tier_of.tolist()]
        rates = {tier: rate_of(rate_for(guard, "", tier)) for tier in set(tiers)}
        found[:, :2] = [rates[tier] for tier in tiers]
        for user in guard.by_user:
            if user in tables.users:
                number = tables.users.index(user)
                found[number, :2] = rate_of(rate_for(guard, user, tiers[number]))
    return found


def _limits(rule: Rule, tables: LoopTables) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Limit of each entity of a rule."""
    if rule.scope == "organisation":
        return _ints([rule.limit_of(EVERYTHING, None)])
    if rule.scope != "user":
        names = tables.tiers or ("",) if rule.scope == "tier" else tables.features
        return _ints([rule.limit_of(name, None) for name in names])
    by_tier = _ints([rule.by_tier.get(tier, rule.limit) for tier in tables.tiers] or [rule.limit])
    found = by_tier[tables.arrays.tier_of]
    for user, limit in rule.by_entity.items():
        if user in tables.users:
            found[tables.users.index(user)] = limit
    return found


def _edges(
    policy: Policy | None, tables: LoopTables
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    begin, end = tables.origin_us, tables.origin_us + tables.end_us
    by_period: list[list[int]] = [[] for _ in range(4)]
    if policy:
        for period in (HOUR, DAY, MONTH):
            edges = window_edges(period, begin, end, policy.zone)
            by_period[period] = [edge - begin for edge in edges]
    width = max(map(len, by_period)) + 1
    return np.array([part + [NEVER_ENDS] * (width - len(part)) for part in by_period], np.int64)


def _candidates(
    policy: Policy | None, tables: LoopTables
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Routes to try after the one asked for; a model keeps the feature's provider and tier."""
    known = policy.feature if policy else {}
    width = max((len(caps.downgrade_to) for caps in known.values()), default=0)
    found = np.full((len(tables.features), width), -1, np.int64)
    for name, caps in known.items():
        feature = tables.features.index(name)
        for at, model in enumerate(caps.downgrade_to):
            found[feature, at] = tables.downgrade_route(feature, model)
    return found


def _scalars(policy: Policy | None) -> list[int]:
    if policy is None:
        return [-1, NO_LIMIT, 0, 0, NO_LIMIT, 0, NO_LIMIT]
    most_in = policy.request.max_input_tokens
    return [
        -1 if most_in is None else most_in,
        policy.request.max_output_tokens,
        int(policy.accounting == "check"),
        round(policy.recording_delay_seconds * 1e6),
        round(policy.lease_seconds * 1e6),
        1,
        policy.request.held_output_tokens,
    ]


def _ints(values: Sequence[int] | object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)
