"""From intended calls to call records: prices, ids, latency, one table a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.prices import PriceBook, load_price_book, split_cost
from costsim.records.schema import to_table
from costsim.simulation.demand import Calls, Demand
from costsim.simulation.streams import key, stream

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_HEX = np.frombuffer("".join(f"{b:02x}" for b in range(256)).encode(), np.uint8).reshape(256, 2)


@dataclass(frozen=True)
class Recorder:
    """Writes down the calls of a day as records, with the truth beside them."""

    demand: Demand

    @cached_property
    def book(self) -> PriceBook:
        return load_price_book(self.demand.world.scenario.price_book)

    def cost(self, calls: Calls) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Nano-dollars of input and in total, by the prices of the calls' day."""
        scenario = self.demand.world.scenario
        feature = scenario.features[calls.feature]
        at = scenario.calendar.date_of(calls.day)
        unit = self.book.unit(feature.model, at=at, provider=feature.provider)
        tokens_in = calls.input_tokens.astype(np.int64)
        tokens_out = calls.output_tokens.astype(np.int64)
        price_in, price_out = unit.input_pico, unit.output_pico
        costs_in, costs_out = tokens_in * price_in, tokens_out * price_out
        for above, rates in unit.long_input:
            long = tokens_in > above
            costs_in[long] = tokens_in[long] * (rates.input or 0)
            costs_out[long] = tokens_out[long] * (rates.output or 0)
        inner, _, total = split_cost(costs_in, costs_out)
        return inner, total

    def day(self, day: int, groups: Sequence[Calls]) -> tuple[pa.Table, pa.Table]:
        """Records and truth of a local day, in order of (time, user, sequence)."""
        import pyarrow as pa

        start, end = self.demand.world.scenario.calendar.day_range_us(day)
        parts = [g.where((g.time_us >= start) & (g.time_us < end)) for g in groups]
        parts = [part for part in parts if len(part)]
        if not parts:
            return to_table({}, 0), _truth_table([], [], [])
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _PLAIN}
        which = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
        costs = [self.cost(p) for p in parts]
        latency = [self._latency(p) for p in parts]
        order = _order(columns["time_us"], columns["user"], columns["index"])
        which = which[order]
        for name in columns:
            columns[name] = columns[name][order]
        inner, total = (np.concatenate([c[i] for c in costs])[order] for i in (0, 1))
        first, took = (np.concatenate([pair[i] for pair in latency])[order] for i in (0, 1))
        table = self._table(day, parts, which, columns, inner, total, first, took)
        return table, self._truth(parts, which, table["call_id"].combine_chunks(), pa)

    def _table(
        self,
        day: int,
        parts: Sequence[Calls],
        which: NDArray[np.int64],
        columns: dict[str, NDArray[Any]],
        inner: NDArray[np.int64],
        total: NDArray[np.int64],
        first: NDArray[np.float32],
        took: NDArray[np.float32],
    ) -> pa.Table:
        import pyarrow as pa

        world = self.demand.world
        scenario = world.scenario
        features = [scenario.features[p.feature] for p in parts]
        rows = len(which)

        def by_part(values: list[Any]) -> pa.Array:
            named = list(dict.fromkeys(values))
            codes = np.array([named.index(v) for v in values], np.int32)[which]
            gone = None if None not in named else codes == named.index(None)
            labels = ["" if v is None else v for v in named]
            return pa.DictionaryArray.from_arrays(pa.array(codes, mask=gone), labels)

        def number_by_part(values: list[Any], kind: type) -> pa.Array:
            filled: NDArray[Any] = np.array([0 if v is None else v for v in values], kind)
            gone = np.array([v is None for v in values])
            return pa.array(filled[which], mask=gone[which])

        tiers = [tier.name for tier in scenario.population.tiers]
        out_of_room = np.array([f.output_tokens.max or 0 for f in features])[which]
        cut = (columns["output_tokens"] == out_of_room).astype(np.int32)
        model = by_part([f.model for f in features])
        time = pa.array(columns["time_us"] + scenario.calendar.origin_us)
        known = {
            "call_id": self._ids(parts, which, columns["index"]),
            "timestamp": time.cast(pa.timestamp("us", tz="UTC")),
            "feature_name": by_part([p.feature for p in parts]),
            "user_id": pa.DictionaryArray.from_arrays(columns["user"], world.users.names),
            "user_tier": pa.DictionaryArray.from_arrays(world.users.tier[columns["user"]], tiers)
            if tiers
            else None,
            "session_id": self._ids(parts, which, columns["session"], "s"),
            "provider": by_part([f.provider for f in features]),
            "model": model,
            "response_model": model,
            "operation": "chat",
            "service_tier": "default",
            "input_tokens": columns["input_tokens"],
            "output_tokens": columns["output_tokens"],
            "total_tokens": columns["input_tokens"] + columns["output_tokens"],
            "input_cost_nano": inner,
            "output_cost_nano": total - inner,
            "total_cost_nano": total,
            "price_book": scenario.price_book,
            "usage_source": "simulated",
            "latency_ms": took,
            "time_to_first_token_ms": first,
            "temperature": number_by_part([f.temperature for f in features], np.float32),
            "max_tokens": number_by_part([f.output_tokens.max for f in features], np.int32),
            "prompt_hash": by_part(
                [
                    f"{key(p.feature, f.prompt_version):08x}"
                    for p, f in zip(parts, features, strict=True)
                ]
            ),
            "finish_reason": pa.DictionaryArray.from_arrays(cut, ["stop", "length"]),
            "status": "ok",
            "attempt": 1,
            "source": "simulation",
        }
        return to_table(known, rows)

    def _ids(
        self,
        parts: Sequence[Calls],
        which: NDArray[np.int64],
        number: NDArray[np.int32],
        mark: str = "",
    ) -> pa.Array:
        """Fixed-width ids: stream, day drawn, number within; a join key between paired runs."""
        import pyarrow as pa

        heads = [f"{mark}{key(p.feature, p.cohort):08x}{p.day:04x}" for p in parts]
        head = np.array([list(h.encode()) for h in heads], np.uint8)
        text = np.empty((len(which), head.shape[1] + 8), np.uint8)
        text[:, : head.shape[1]] = head[which]
        big = number.astype(">u4").view(np.uint8).reshape(-1, 4)
        text[:, head.shape[1] :] = _HEX[big].reshape(-1, 8)
        offsets = np.arange(len(which) + 1, dtype=np.int32) * text.shape[1]
        return pa.StringArray.from_buffers(len(which), pa.py_buffer(offsets), pa.py_buffer(text))

    def _latency(self, calls: Calls) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Time to first token and to the last, in ms; drawn apart so that demand never moves."""
        feature = self.demand.world.scenario.features[calls.feature]
        rng = stream(self.demand.seed, calls.feature, calls.cohort, "latency", index=calls.day)
        z = rng.standard_normal((2, calls.drawn), dtype=np.float32)[:, calls.index]
        first = np.exp(0.4 * z[0] + np.float32(np.log(feature.first_token_ms)))
        pace = np.float32(1000 / feature.output_tokens_per_second) * np.exp(0.2 * z[1])
        return first, first + calls.output_tokens * pace

    def _truth(
        self, parts: Sequence[Calls], which: NDArray[np.int64], ids: pa.Array, pa: Any
    ) -> pa.Table:
        """The calls that would not exist without an incident: counterfactual cost 0."""
        incidents = self.demand.world.scenario.incidents
        tables = []
        for name, incident in incidents.items():
            rows = np.isin(which, [i for i, p in enumerate(parts) if p.feature == incident.feature])
            chosen = ids.filter(pa.array(rows))
            tables.append(_truth_table(chosen, [name] * len(chosen), [0] * len(chosen)))
        return pa.concat_tables(tables) if tables else _truth_table([], [], [])


_PLAIN = ("time_us", "user", "session", "input_tokens", "output_tokens", "index")


def _truth_table(ids: Any, incidents: Any, costs: Any) -> pa.Table:
    import pyarrow as pa

    kinds = pa.schema(
        [
            ("call_id", pa.string()),
            ("incident", pa.string()),
            ("counterfactual_cost_nano", pa.int64()),
        ]
    )
    arrays = [
        pa.array(column, kind) if not isinstance(column, pa.Array) else column
        for column, kind in zip((ids, incidents, costs), kinds.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=kinds)


def _order(
    time: NDArray[np.int64], user: NDArray[np.int32], index: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Order by (time, user, sequence); ties of time are rare, so the full sort is too."""
    order = np.argsort(time, kind="stable")
    sorted_time = time[order]
    if (sorted_time[1:] == sorted_time[:-1]).any():
        order = np.lexsort((index, user, time))
    return np.asarray(order)
