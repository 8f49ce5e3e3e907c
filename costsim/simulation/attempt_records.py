"""From attempts to call records: what was admitted, refused, tried again, sent elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.limits.rules import refusers_of
from costsim.records.schema import to_table
from costsim.simulation.ids import fixed_ids
from costsim.simulation.kernel_layout import (
    ADMITTED,
    DENIED,
    NOT_SENT,
    PROVIDER,
    SWITCHED_OFF,
    THROTTLED,
    TOO_LARGE,
)
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.simulation.recording import (
    Unseen,
    milliseconds,
    prompt_hash,
    session_head,
    stream_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.admission import Attempts
    from costsim.simulation.loop_tables import LoopTables

FAILED, RATE_LIMITED = "ServerError 500", "RateLimitError 429"


class Decision(NamedTuple):
    """What attempts that were decided alike have in common."""

    feature_name: str
    user_tier: str | None
    decision: str  # allow, deny, downgrade, throttle
    denied_scope: str | None
    denied_window: str | None
    by_holds: bool


class AttemptRecords:
    """Makes the records of a run under limits.

    Parameters
    ----------
    tables : LoopTables
    policies : sequence of Policy or None
        Limits in force, by edition.
    """

    def __init__(self, tables: LoopTables, policies: Sequence[Policy | None]) -> None:
        self.tables = tables
        self.policies = policies
        self.decisions: Counter[Decision] = Counter()
        self.unseen: dict[str, Unseen] = {}

    def table(self, attempts: Attempts) -> pa.Table:
        """Records of some attempts in the order in which they were decided."""
        import pyarrow as pa

        attempts = self._told(attempts)
        rows = len(attempts)
        if not rows:
            return to_table({}, 0)
        tables, scenario = self.tables, self.tables.scenario
        sent = attempts.outcome == ADMITTED
        refused = attempts.outcome == DENIED
        ok = sent & ~attempts.failed
        scopes = self._scopes(attempts, refused)
        self._count(attempts, refused, scopes)
        asked = self._asked(attempts)
        moved_down = sent & (attempts.route != asked)
        models = [route.model for route in tables.routes]
        first = np.minimum(attempts.first_us, attempts.latency_us)
        cut = (attempts.output_tokens == attempts.max_output).astype(np.int32)

        def names(codes: Any, labels: Sequence[str], there: Any = None) -> pa.Array:
            mask = None if there is None else ~there
            indices = pa.array(np.asarray(codes, np.int32), mask=mask)
            return pa.DictionaryArray.from_arrays(indices, list(labels))

        def numbers(values: NDArray[Any], there: NDArray[np.bool_], kind: Any = np.int32) -> Any:
            return pa.array(values.astype(kind), mask=~there)

        tiers = list(tables.tiers)
        cached = np.array(tables.cached)[attempts.sequence >> (DAY_BITS + INDEX_BITS)]
        temperatures = [f.temperature for f in scenario.features.values()]
        warm = np.array([t is not None for t in temperatures])[attempts.feature]
        heat = np.array([t or 0 for t in temperatures], np.float32)[attempts.feature]
        providers = [route.provider for route in tables.routes]
        has_provider = np.array([p is not None for p in providers])[attempts.route]
        ids, before = self._ids(attempts)
        status = np.where(refused, 2, np.where(ok, 0, 1))
        time = pa.array(attempts.time_us + scenario.calendar.origin_us)
        total_tokens = attempts.input_tokens + attempts.output_tokens
        return to_table(
            {
                "call_id": ids,
                "timestamp": time.cast(pa.timestamp("us", tz="UTC")),
                "feature_name": names(attempts.feature, tables.features),
                "user_id": names(attempts.user, tables.users),
                "user_tier": names(tables.arrays.tier_of[attempts.user], tiers) if tiers else None,
                "session_id": self._sessions(attempts),
                "provider": names(attempts.route, [p or "" for p in providers], has_provider),
                "model": names(attempts.route, models),
                "response_model": names(attempts.route, models, ok),
                "operation": "chat",
                "service_tier": names(attempts.route, [r.service_tier for r in tables.routes]),
                "input_tokens": numbers(attempts.input_tokens, sent),
                "output_tokens": numbers(attempts.output_tokens, sent),
                "total_tokens": numbers(total_tokens, sent),
                "cache_read_tokens": numbers(attempts.cached_tokens, sent & cached),
                "input_cost_nano": attempts.input_nano,
                "output_cost_nano": attempts.total_nano - attempts.input_nano,
                "total_cost_nano": attempts.total_nano,
                "price_book": scenario.price_book,
                "usage_source": "simulated",
                "latency_ms": pa.array(milliseconds(attempts.latency_us), mask=~sent),
                "time_to_first_token_ms": pa.array(milliseconds(first), mask=~ok),
                "temperature": pa.array(heat, mask=~warm),
                "max_tokens": numbers(attempts.max_output, attempts.max_output >= 0),
                "prompt_hash": self._prompts(attempts),
                "finish_reason": names(cut, ["stop", "length"], ok),
                "status": names(status, ["ok", "error", "denied"]),
                "error": names(attempts.outcome == THROTTLED, [FAILED, RATE_LIMITED], status == 1),
                "denied_scope": scopes[0],
                "denied_window": scopes[1],
                "downgraded_from": names(asked, models, moved_down),
                "attempt": attempts.attempt.astype(np.int32),
                "retry_of": before,
                "source": "simulation",
            },
            rows,
        )

    def _told(self, attempts: Attempts) -> Attempts:
        """Those that were made and whose records arrive; the others are counted."""
        keep = attempts.outcome != NOT_SENT
        silent = self.tables.silent
        if silent.any():
            hidden = silent[attempts.variant] & keep
            for index in np.unique(attempts.variant[hidden]):
                rows = hidden & (attempts.variant == index)
                name = self.tables.variants[index].incident or ""
                before = self.unseen.get(name, Unseen(0, 0))
                self.unseen[name] = Unseen(
                    before.calls + int(rows.sum()),
                    before.nano + int(attempts.total_nano[rows].sum()),
                )
            keep &= ~hidden
        return attempts if keep.all() else attempts.where(keep)

    def _asked(self, attempts: Attempts) -> NDArray[np.int64]:
        """Route that each attempt asked for."""
        own = np.array([self.tables.route(v.route) for v in self.tables.variants])
        moved = attempts.feature != self._own_feature(attempts)
        if not moved.any():
            return np.asarray(own[attempts.variant])
        there = self.tables.arrays.feature_route[attempts.feature]
        return np.where(moved, there, own[attempts.variant])

    def _own_feature(self, attempts: Attempts) -> NDArray[np.int64]:
        of_stream = np.array([self.tables.features.index(f) for f, _ in self.tables.streams])
        return np.asarray(of_stream[attempts.sequence >> (DAY_BITS + INDEX_BITS)])

    def _ids(self, attempts: Attempts) -> tuple[pa.Array, Any]:
        """Ids of the attempts, and of the tries before: those of later ones say which they are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        heads, which = self._heads(attempts, stream_head)
        index = (attempts.sequence & ((1 << INDEX_BITS) - 1)).astype(np.int32)
        base = fixed_ids(heads, which, index)
        again = attempts.attempt > 1
        if not again.any():
            return base, None
        number = pa.array(attempts.attempt)

        def numbered(values: Any) -> Any:
            return pc.binary_join_element_wise(base, values.cast(pa.string()), ".")

        later, third = pa.array(again), pa.array(attempts.attempt > 2)
        ids = pc.if_else(later, numbered(number), base)
        before = pc.if_else(third, numbered(pc.subtract(number, 1)), base)
        return ids, pc.if_else(later, before, pa.scalar(None, pa.string()))

    def _sessions(self, attempts: Attempts) -> pa.Array:
        heads, which = self._heads(attempts, session_head)
        return fixed_ids(heads, which, attempts.session)

    def _heads(
        self, attempts: Attempts, head: Callable[[str, str, int], str]
    ) -> tuple[list[str], NDArray[np.int64]]:
        found, which = np.unique(attempts.sequence >> INDEX_BITS, return_inverse=True)
        heads = [head(*self.tables.stream_day(code)) for code in found.tolist()]
        return heads, which.astype(np.int64)

    def _prompts(self, attempts: Attempts) -> pa.Array:
        """Versions of the system prompt: the variant's, or the feature's that a call moved to."""
        import pyarrow as pa

        tables, scenario = self.tables, self.tables.scenario
        versions = [v.prompt_version for v in tables.variants]
        plain = [f.prompt_version for f in scenario.features.values()]
        own = self._own_feature(attempts)
        code = attempts.variant.astype(np.int64) * len(tables.features) + own
        moved = attempts.feature != own
        code[moved] = len(versions) * len(tables.features) + attempts.feature[moved]
        found, which = np.unique(code, return_inverse=True)
        labels = []
        for pair in found.tolist():
            variant, feature = divmod(pair, len(tables.features))
            version = versions[variant] if variant < len(versions) else plain[feature]
            labels.append(prompt_hash(tables.features[feature], version))
        known = list(dict.fromkeys(labels))
        codes = np.array([known.index(label) for label in labels], np.int32)[which]
        return pa.DictionaryArray.from_arrays(pa.array(codes), known)

    def _scopes(self, attempts: Attempts, refused: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Whose limit refused, and over which window."""
        import pyarrow as pa

        code = attempts.edition.astype(np.int64) * 4096 + attempts.reason + 16
        found, which = np.unique(code, return_inverse=True)
        pairs = [self._reason(*divmod(c, 4096)) for c in found.tolist()]
        arrays = []
        for position in (0, 1):
            labels = list(dict.fromkeys(pair[position] for pair in pairs))
            codes = np.array([labels.index(p[position]) for p in pairs], np.int32)[which]
            indices = pa.array(codes, mask=~refused)
            arrays.append(pa.DictionaryArray.from_arrays(indices, labels))
        return arrays[0], arrays[1]

    def _reason(self, edition: int, shifted: int) -> tuple[str, str]:
        reason = shifted - 16
        if reason == TOO_LARGE:
            return "request", "input_tokens"
        if reason == SWITCHED_OFF:
            return "feature", "switched off"
        if reason == PROVIDER:
            return "provider", "minute"
        policy = self.policies[edition]
        if policy is None:
            return "", ""
        refusers = refusers_of(policy)
        if reason >= len(refusers):
            return "", ""
        return refusers[reason].scope, refusers[reason].window

    def _count(self, attempts: Attempts, refused: NDArray[np.bool_], scopes: Any) -> None:
        """Add up how attempts were decided."""
        down = (attempts.route != self._asked(attempts)) & (attempts.outcome == ADMITTED)
        kind = np.where(refused, 1, np.where(attempts.outcome == THROTTLED, 3, 2 * down))
        tier = self.tables.arrays.tier_of[attempts.user]
        where = [np.where(refused, np.asarray(s.indices.fill_null(0)), 0) for s in scopes]
        labels = [max(len(scope.dictionary), 1) for scope in scopes]
        sizes = (len(self.tables.features), max(len(self.tables.tiers), 1), 4, *labels, 2)
        cells = np.ravel_multi_index(
            (attempts.feature, tier, kind, *where, attempts.by_holds.astype(int)), sizes
        )
        found, counts = np.unique(cells, return_counts=True)
        tiers = self.tables.tiers or (None,)
        for cell, count in zip(found, counts.tolist(), strict=True):
            f, t, k, s, w, h = (int(i) for i in np.unravel_index(cell, sizes))
            scope, window = (
                (scopes[0].dictionary[s].as_py(), scopes[1].dictionary[w].as_py())
                if k == 1
                else (None, None)
            )
            name = ("allow", "deny", "downgrade", "throttle")[k]
            key = Decision(self.tables.features[f], tiers[t], name, scope, window, bool(h))
            self.decisions[key] += count
