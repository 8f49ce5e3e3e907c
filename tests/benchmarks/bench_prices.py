"""How fast a price book prices a million calls.

Ratios are against one plain NumPy pass over the same columns (two gathers, two products, one
rounding), which is the floor of any pricing. What bounds it is finding each call's price by name
and day.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from costsim.prices.book import PriceBook

MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4-turbo",
    "gpt-3.5-turbo",
    "gpt-4.1",
    "claude-3-5-sonnet",
    "claude-3-haiku",
    "gemini-2.5-pro",
)


def calls(count: int, seed: int = 0) -> pd.DataFrame:
    """Draw calls of eight models over the year 2024, half of the input cached."""
    rng = np.random.default_rng(seed)
    tokens = rng.lognormal(7, 1, count).astype(np.int64)
    year = rng.integers(0, 365 * 86_400_000_000, count)
    return pd.DataFrame(
        {
            "model": pd.Categorical.from_codes(rng.integers(0, 8, count), MODELS).astype("str"),
            "timestamp": pd.DatetimeIndex(
                np.datetime64("2024-01-01", "us") + year, tz="UTC", copy=False
            ),
            "input_tokens": tokens,
            "cache_read_tokens": tokens // 2,
            "output_tokens": rng.lognormal(5, 1, count).astype(np.int64),
        }
    )


def floor(frame: pd.DataFrame) -> None:
    """Price one input and one output rate with nothing resolved and nothing checked."""
    row = frame["output_tokens"].to_numpy() % 8
    rates = np.arange(1, 9) * 500_000
    pico = frame["input_tokens"].to_numpy() * rates[row]
    pico += frame["output_tokens"].to_numpy() * rates[row]
    np.negative(-pico // 1000)


def best_of(repeats: int, work: Any, *arguments: Any) -> float:
    """Return the shortest of some timings, in seconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work(*arguments)
        times.append(perf_counter() - start)
    return min(times)


def rows(count: int = 1_000_000, repeats: int = 5) -> list[tuple[str, float, float]]:
    """Return (name, seconds, ratio to the floor) for each way of pricing `count` calls."""
    frame = calls(count)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    objects = frame.assign(model=frame["model"].astype(object))
    base = best_of(repeats, floor, frame)
    start = perf_counter()
    book = PriceBook.load("current")
    book.price(frame.head(1_000))
    first = perf_counter() - start
    closed = PriceBook.load("list-2024")
    million = f"{count:,} calls"
    timed = [
        ("load the book and price 1,000 calls, first time", first),
        (f"{million}, dated book, pandas", best_of(repeats, book.price, frame)),
        (f"{million}, dated book, Python strings", best_of(repeats, book.price, objects)),
        (f"{million}, dated book, Arrow", best_of(repeats, book.price, table)),
        (f"{million}, closed list, Arrow", best_of(repeats, closed.price, table)),
        (f"{million}, floor", base),
    ]
    return [(name, seconds, seconds / base) for name, seconds in timed]


if __name__ == "__main__":
    for name, seconds, ratio in rows():
        print(f"{name:<55} {seconds:8.3f} s {ratio:8.1f} x floor")
