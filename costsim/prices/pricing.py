"""Pricing whole columns: resolve each name and price epoch once, then integer arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.errors import DataError
from costsim.prices.columns import Integers, Words, instants, integers, pick, words
from costsim.prices.instants import DAY_US, to_microseconds
from costsim.prices.rate_table import PARTS, RateTable
from costsim.prices.timeline import Resolved, Timeline
from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.prices.book import PriceBook
    from costsim.prices.priced import PricedCalls

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NAMES: Final = ("model", "response_model", "provider", "service_tier")
_DENSE: Final = 1 << 22
_BLOCK: Final = 1 << 17


@dataclass(frozen=True, eq=False)
class _Grid:
    """Which unit price each row has: rows -> key -> resolved price."""

    key: NDArray[np.intp]
    names: tuple[tuple[str | None, ...], ...]
    resolved: tuple[Resolved, ...]


def price_calls(book: PriceBook, calls: Any) -> PricedCalls:
    """Price calls with a book; see `PriceBook.price`."""
    from costsim.prices.priced import PricedCalls

    tokens = {name: _tokens(calls, name) for name in ("input_tokens", "output_tokens")}
    for name in PARTS:
        column = pick(calls, name)
        if column is not None:
            tokens[name] = integers(column, name)
    size = len(tokens["input_tokens"].values)
    texts = [words(pick(calls, name), name) for name in NAMES]
    if pick(calls, "model") is None and pick(calls, "response_model") is None:
        raise DataError("calls must have a column 'model' or 'response_model'; got neither")
    lengths = {name: len(column.values) for name, column in tokens.items()}
    for name, text in zip(NAMES, texts, strict=True):
        lengths[name] = size if text.codes is None else len(text.codes)
    for name, length in lengths.items():
        if length != size:
            raise DataError(f"{name} must have {size:,} rows like input_tokens; got {length:,}")
    grid = _resolve(book, calls, texts, size)
    table = RateTable.of(grid.resolved)
    reason = np.empty(size, dtype=np.int8)
    costs = np.empty((3, size), dtype=np.int64)
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        cut = {name: _slice(column, block) for name, column in tokens.items()}
        reason[block], *parts = table.price(grid.key[block], cut)
        for row, part in enumerate(parts):
            costs[row, block] = part
    return PricedCalls.of(
        book.name,
        costs=costs,
        reason=reason,
        key=grid.key,
        names=grid.names,
        tokens=(tokens["input_tokens"].values, tokens["output_tokens"].values),
        index=getattr(calls, "index", None),
    )


def _tokens(calls: Any, name: str) -> Integers:
    column = pick(calls, name)
    if column is None:
        raise DataError(f"calls must have a column {name!r}; got none")
    return integers(column, name)


def _slice(column: Integers, block: slice) -> Integers:
    present = None if column.present is None else column.present[block]
    return Integers(column.values[block], present)


def _resolve(book: PriceBook, calls: Any, texts: Sequence[Words], size: int) -> _Grid:
    """Number the distinct (names, price epoch, part of day) and resolve each number once."""
    code: Any = np.zeros(size, dtype=np.intp)
    domain = 1
    for text in texts:
        if text.codes is not None:
            code = code * len(text.levels) + text.codes
        domain *= len(text.levels)
    present, code = _compress(code, domain)
    combos = [_decode(int(number), texts) for number in present]
    timelines = [book.timeline(*combo) for combo in combos]
    dated = [timeline for timeline in timelines if timeline.starts or timeline.day_starts]
    if not dated or book.as_of is not None:
        at = to_microseconds(book.as_of, "as_of") if book.as_of else 0
        return _Grid(code, tuple(combos), tuple(timeline.at(at) for timeline in timelines))
    return _resolve_dated(calls, code, combos, timelines)


def _resolve_dated(
    calls: Any, code: NDArray[np.intp], combos: list[Any], timelines: list[Timeline]
) -> _Grid:
    column = pick(calls, "timestamp")
    if column is None:
        resolved = tuple(_undated(timeline) for timeline in timelines)
        return _Grid(code, tuple(combos), resolved)
    times = instants(column)
    if len(times.values) != len(code):
        raise DataError(
            f"timestamp must have {len(code):,} rows like input_tokens; got {len(times.values):,}"
        )
    if not len(code):
        return _Grid(code, (), ())
    first, edges, day_edges = _edges(timelines, times)
    stretch = np.searchsorted(edges, times.values, side="right")
    if times.present is not None:
        stretch[~times.present] = len(edges) + 1  # a stretch of its own: moment unknown
    stretches = len(edges) + 2
    key = code * stretches + stretch
    parts = len(day_edges) + 1
    if parts > 1:
        key = key * parts + np.searchsorted(day_edges, times.values % DAY_US, side="right")
    used, key = _compress(key, len(combos) * stretches * parts)
    names: list[Any] = []
    resolved_list: list[Resolved] = []
    for number in used.tolist():
        rest, part = divmod(number, parts)
        which, at = divmod(rest, stretches)
        names.append(combos[which])
        if at == stretches - 1:
            resolved_list.append(_undated(timelines[which]))
        else:
            instant = int(edges[at - 1]) if at else first
            of_day = int(day_edges[part - 1]) if part else 0
            resolved_list.append(timelines[which].at(instant, of_day))
    return _Grid(key, tuple(names), tuple(resolved_list))


def _edges(timelines: list[Timeline], times: Integers) -> tuple[int, Ints, Ints]:
    """Return the first call's moment, and the later moments and times of day of changes."""
    where = True if times.present is None else times.present
    far = np.iinfo(np.int64)
    low: Any = times.values.min(initial=far.max, where=where)
    high = times.values.max(initial=far.min, where=where)
    edges = {edge for one in timelines for edge in one.starts if low < edge <= high}
    day_edges = {edge for one in timelines for edge in one.day_starts}
    return (
        int(low),
        np.array(sorted(edges), dtype=np.int64),
        np.array(sorted(day_edges), dtype=np.int64),
    )


def _undated(timeline: Timeline) -> Resolved:
    """Return the price of a call of unknown time: only a price that never changed."""
    different = timeline.everything()
    return next(iter(different)) if len(different) == 1 else Unpriced.TIMESTAMP


def _decode(number: int, texts: Sequence[Words]) -> tuple[str | None, ...]:
    names: list[str | None] = []
    for text in reversed(texts):
        if text.codes is None:
            names.append(text.levels[0])
        else:
            number, code = divmod(number, len(text.levels))
            names.append(text.levels[code])
    return tuple(reversed(names))


def _compress(code: NDArray[Any], domain: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Renumber codes to 0, 1, ...; return the old numbers in use, and the new codes."""
    if domain > _DENSE:
        used, new = np.unique(code, return_inverse=True)
        return used.astype(np.intp), new.astype(np.intp)
    used = np.flatnonzero(np.bincount(code, minlength=domain))
    lookup = np.zeros(domain, dtype=np.intp)
    lookup[used] = np.arange(len(used))
    return used, lookup[code]
