"""Computed cost beside the cost that a log states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costsim.prices import PriceBook
from costsim.records.importers.values.faults import true

if TYPE_CHECKING:
    import pyarrow as pa

    from costsim.prices.priced import PricedCalls

_PRICED_BY = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
              "cache_write_1h_tokens", "reasoning_tokens", "audio_input_tokens",
              "audio_output_tokens", "model", "response_model", "provider", "service_tier",
              "timestamp")  # fmt: skip


def price(table: pa.Table, book: PriceBook) -> tuple[pa.Table, PricedCalls, int]:
    """The table with costs by the book, what could not be priced, and calls that cost nothing.

    A call answered from the product's own cache never reached a provider: it costs $0, unless
    the log bills it. Fees that the log states are part of the total.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = len(table)
    calls = {name: table[name] for name in _PRICED_BY if name in table.column_names}
    for name in ("input_tokens", "output_tokens"):
        calls.setdefault(name, pa.nulls(rows, pa.int32()))
    if "model" not in calls and "response_model" not in calls:
        calls["model"] = pa.nulls(rows, pa.string())
    priced = book.price(calls)
    columns = priced.columns()
    free = _free(table)
    if free.any():
        chosen = pa.array(free)
        columns = {name: pc.if_else(chosen, 0, column) for name, column in columns.items()}
    total = columns["total_cost_nano"]
    if "other_cost_nano" in table.column_names:
        fees = pc.fill_null(table["other_cost_nano"].combine_chunks(), 0)
        columns["total_cost_nano"] = pc.add(total, fees)
    for name, column in columns.items():
        table = table.append_column(name, column)
    named = pc.if_else(total.is_valid(), book.name, pa.scalar(None, pa.string()))
    table = table.append_column("price_book", named.dictionary_encode())
    if book.as_of is not None:
        kind = pa.timestamp("us", tz="UTC")
        when = pa.scalar(book.as_of, kind)
        at = pc.if_else(total.is_valid(), when, pa.scalar(None, kind))
        table = table.append_column("priced_at", at)
    return table, priced, int(free.sum())


def _free(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    import pyarrow.compute as pc

    if "cache_hit" not in table.column_names:
        return np.zeros(len(table), bool)
    hit = true(table["cache_hit"])
    if "billed_cost_nano" in table.column_names:
        hit &= ~true(pc.greater(table["billed_cost_nano"], 0))
    return hit
