"""From intended calls to call records: prices, ids, latency, one table a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.prices import PriceBook, load_price_book
from costsim.records.schema import to_table
from costsim.simulation.calls import Calls
from costsim.simulation.demand import Demand
from costsim.simulation.ids import fixed_ids
from costsim.simulation.ordering import in_order
from costsim.simulation.routes import RoutePrices, route_prices
from costsim.simulation.streams import key, stream
from costsim.simulation.truth import truth_table

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from costsim.simulation.settings import Feature


class Unseen(NamedTuple):
    """Calls whose records never arrived, by the incident that hid them."""

    calls: int
    nano: int


class RecordedDay(NamedTuple):
    """Records and truth of a local day, and what was silent in it."""

    table: pa.Table | None
    truth: pa.Table
    unseen: dict[str, Unseen]


@dataclass(frozen=True)
class Recorder:
    """Writes down the calls of a day as records, with the truth beside them.

    `downgrades` are the (feature, model) that limits or people may send calls to.
    """

    demand: Demand
    downgrades: tuple[tuple[str, str], ...] = ()

    @cached_property
    def book(self) -> PriceBook:
        return load_price_book(self.demand.world.scenario.price_book)

    @cached_property
    def prices(self) -> RoutePrices:
        """What every route of the run costs, at any time of it."""
        return route_prices(self.demand.world.scenario, self.book, self.downgrades)

    def cost(self, calls: Calls) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Nano-dollars of input and in total, by the prices of each call's own time."""
        return self.prices.cost(
            self.prices.number(calls.variant.route),
            calls.time_us,
            calls.input_tokens,
            calls.cached_tokens,
            calls.output_tokens,
        )

    def latency(self, calls: Calls) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Microseconds to the first token, and nanoseconds for each output token after it.

        Drawn apart from demand, which therefore never moves. Each is one of 65,536 equally likely
        quantiles of its lognormal: a draw is two lookups, and four log-sds out is the end.
        """
        feature = self.demand.world.scenario.features[calls.feature]
        rng = stream(self.demand.seed, calls.feature, calls.cohort, "latency", index=calls.day)
        drawn = rng.integers(0, 1 << 32, calls.drawn, dtype=np.uint32)
        if len(calls) < calls.drawn:
            drawn = drawn.take(calls.index)
        return latency_of(feature, drawn)

    def day(self, day: int, groups: Sequence[Calls]) -> RecordedDay:
        """Records and truth of a local day, in order of (time, user, sequence)."""
        import pyarrow as pa

        start, end = self.demand.world.scenario.calendar.day_range_us(day)
        parts = [g.where((g.time_us >= start) & (g.time_us < end)) for g in groups]
        parts = [part for part in parts if len(part)]
        hidden = [p for p in parts if p.variant.silent and not p.variant.absent]
        seen = [p for p in parts if not (p.variant.silent or p.variant.absent)]
        absent = [self._truth(p) for p in parts if p.variant.absent and p.before is not None]
        if not seen:
            return RecordedDay(to_table({}, 0), truth_table(absent), self._unseen(hidden))
        columns = {name: np.concatenate([getattr(p, name) for p in seen]) for name in _PLAIN}
        order, columns["time_us"] = in_order(columns["time_us"], columns["user"], columns["index"])
        which = np.repeat(np.arange(len(seen)), [len(p) for p in seen])
        which = which.take(order)
        for name in _PLAIN[1:]:
            columns[name] = columns[name].take(order)
        costs = [self.cost(p) for p in seen]
        inner, total = (np.concatenate([c[i] for c in costs]).take(order) for i in (0, 1))
        latency = [self.latency(p) for p in seen]
        first, pace = (np.concatenate([pair[i] for pair in latency]).take(order) for i in (0, 1))
        cached = None
        if any(p.cached_tokens is not None for p in seen):
            cached = np.concatenate(
                [np.zeros(len(p), np.int32) if p.cached_tokens is None else p.cached_tokens
                 for p in seen]
            )[order]  # fmt: skip
        known = self._known(seen, which, columns)
        if cached is not None:
            uses = np.array([p.cached_tokens is not None for p in seen])[which]
            known["cache_read_tokens"] = pa.array(cached, mask=~uses)
        took = np.multiply(columns["output_tokens"], pace, dtype=np.int64)
        took //= 1000
        took += first
        known |= {
            "input_cost_nano": inner,
            "output_cost_nano": total - inner,
            "total_cost_nano": total,
            "latency_ms": milliseconds(took),
            "time_to_first_token_ms": milliseconds(first),
        }
        truths = [self._truth(p) for p in seen if p.variant.incident is not None]
        return RecordedDay(
            to_table(known, len(which)), truth_table(truths + absent), self._unseen(hidden)
        )

    def _known(
        self, parts: Sequence[Calls], which: NDArray[np.int64], columns: dict[str, NDArray[Any]]
    ) -> dict[str, Any]:
        import pyarrow as pa

        world = self.demand.world
        scenario = world.scenario
        features = [scenario.features[p.feature] for p in parts]
        heads = [stream_head(p.feature, p.cohort, p.day) for p in parts]

        def by_part(values: list[Any]) -> pa.Array:
            named = list(dict.fromkeys(values))
            if named == [None]:
                return None
            codes = np.array([named.index(v) for v in values], np.int32).take(which)
            gone = None if None not in named else codes == named.index(None)
            labels = ["" if v is None else v for v in named]
            return pa.DictionaryArray.from_arrays(pa.array(codes, mask=gone), labels)

        def number_by_part(values: list[Any], kind: type) -> pa.Array:
            gone = np.array([v is None for v in values])
            if gone.all():
                return None
            filled: NDArray[Any] = np.array([0 if v is None else v for v in values], kind)
            return pa.array(filled.take(which), mask=gone.take(which) if gone.any() else None)

        tiers = [tier.name for tier in scenario.population.tiers]
        tier = world.users.tier.take(columns["user"])
        caps = [self.demand.tokens_of(p.feature, p.cohort)[1].max for p in parts]
        cut = columns["output_tokens"] == np.array([c or 0 for c in caps], np.int32).take(which)
        model = by_part([p.variant.route.model for p in parts])
        time = pa.array(columns["time_us"] + scenario.calendar.origin_us)
        return {
            "call_id": fixed_ids(heads, which, columns["index"]),
            "timestamp": time.cast(pa.timestamp("us", tz="UTC")),
            "feature_name": by_part([p.feature for p in parts]),
            "user_id": pa.DictionaryArray.from_arrays(columns["user"], world.users.names),
            "user_tier": pa.DictionaryArray.from_arrays(tier, tiers) if tiers else None,
            "session_id": fixed_ids(
                [session_head(p.feature, p.cohort, p.day) for p in parts], which, columns["session"]
            ),
            "provider": by_part([p.variant.route.provider for p in parts]),
            "model": model,
            "response_model": model,
            "operation": "chat",
            "service_tier": by_part([p.variant.route.service_tier for p in parts]),
            "input_tokens": columns["input_tokens"],
            "output_tokens": columns["output_tokens"],
            "total_tokens": columns["input_tokens"] + columns["output_tokens"],
            "price_book": scenario.price_book,
            "usage_source": "simulated",
            "temperature": number_by_part([f.temperature for f in features], np.float32),
            "max_tokens": number_by_part(caps, np.int32),
            "prompt_hash": by_part(
                [prompt_hash(p.feature, p.variant.prompt_version) for p in parts]
            ),
            "finish_reason": pa.DictionaryArray.from_arrays(
                cut.astype(np.int32), ["stop", "length"]
            ),
            "status": "ok",
            "attempt": 1,
            "source": "simulation",
        }

    def _truth(self, calls: Calls) -> tuple[Any, ...]:
        """What each call would have cost without its incident."""
        ids = fixed_ids(
            [stream_head(calls.feature, calls.cohort, calls.day)],
            np.zeros(len(calls), np.int64),
            calls.index,
        )
        plain = np.zeros(len(calls), np.int64)
        if calls.before is not None:
            plain = self.cost(calls.before)[1]
        origin = self.demand.world.scenario.calendar.origin_us
        return ids, calls.variant.incident, plain, calls.time_us + origin

    def _unseen(self, hidden: Sequence[Calls]) -> dict[str, Unseen]:
        found: dict[str, Unseen] = {}
        for calls in hidden:
            name = calls.variant.incident or ""
            before = found.get(name, Unseen(0, 0))
            nano = int(self.cost(calls)[1].sum())
            found[name] = Unseen(before.calls + len(calls), before.nano + nano)
        return found


_PLAIN = ("time_us", "user", "session", "input_tokens", "output_tokens", "index")


def latency_of(
    feature: Feature, drawn: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Microseconds to the first token and nanoseconds for each later one, by 32 random bits."""
    first = _lognormal_table(feature.first_token_ms * 1e3, 0.4)
    pace = _lognormal_table(1e9 / feature.output_tokens_per_second, 0.2)
    return first.take(drawn >> 16), pace.take(drawn & 0xFFFF)


@lru_cache(maxsize=64)
def _lognormal_table(median: float, log_sd: float) -> NDArray[np.uint32]:
    """Whole numbers above 0 at the middles of 65,536 equal shares of a lognormal."""
    from scipy.special import ndtri

    share = (np.arange(1 << 16) + 0.5) / (1 << 16)
    quantiles = median * np.exp(log_sd * ndtri(share))
    # an hour, which no setting's median comes near
    return np.asarray(np.minimum(quantiles, 4e9).astype(np.uint32) + np.uint32(1))


def milliseconds(us: NDArray[np.int64]) -> NDArray[np.float32]:
    """Microseconds as the records show them."""
    return us.astype(np.float32) * np.float32(1e-3)


def stream_head(feature: str, cohort: str, day: int) -> str:
    """Beginning of the ids of a stream's calls of a day."""
    return f"{key(feature, cohort):08x}{day:04x}"


def session_head(feature: str, cohort: str, day: int) -> str:
    """Beginning of the ids of a stream's sessions of a day."""
    return f"{key(feature, cohort, 'session'):08x}{day:04x}"


def prompt_hash(feature: str, version: str) -> str:
    """Hash of a feature's system prompt in one version."""
    return f"{key(feature, version):08x}"
