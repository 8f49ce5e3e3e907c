"""Records with everything that real logs have: gaps, missing names, unpriced calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim.records import Records


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """4,000 calls of five days around the end of summer time."""
    rng = np.random.default_rng(8)
    count = 4000
    span = 5 * 86_400_000_000
    times = pd.Timestamp("2024-10-25", tz="UTC") + pd.to_timedelta(
        np.sort(rng.integers(0, span, count)), unit="us"
    )

    def names(values, share):
        drawn = pd.Series(rng.choice(values, count)).astype(object)
        return drawn.where(rng.random(count) < share, None)

    def counts(low, high, share):
        drawn = pd.Series(rng.integers(low, high, count)).astype("Int64")
        return drawn.where(rng.random(count) < share)

    frame = pd.DataFrame(
        {
            "call_id": [f"c{n:05d}" for n in range(count)],
            "timestamp": times,
            "status": "ok",
            "source": "test",
            "feature_name": names(["chat", "draft", "search"], 0.9),
            "user_id": names([f"u{n}" for n in range(30)], 0.8),
            "user_tier": names(["free", "pro"], 0.7),
            "model": names(["gpt-4o", "gpt-4-turbo"], 0.95),
            "prompt_hash": names(["aa", "bb"], 0.5),
            "session_id": names([f"s{n}" for n in range(300)], 0.6),
            "finish_reason": names(["stop", "stop", "length", "tool_calls"], 0.8),
            "input_tokens": counts(0, 9000, 0.97),
            "output_tokens": counts(0, 900, 0.93),
            "cache_hit": counts(0, 2, 0.6).astype("boolean"),
            "total_cost_nano": counts(1, 10**13, 0.85),
        }
    )
    read = (frame["input_tokens"].fillna(0) * rng.random(count)).astype(int)
    frame["cache_read_tokens"] = read.astype("Int64").where(rng.random(count) < 0.5)
    # one whole group without a price, and none without tokens
    frame.loc[frame["feature_name"] == "search", "total_cost_nano"] = pd.NA
    return frame


@pytest.fixture(scope="session")
def records(rows: pd.DataFrame) -> Records:
    return Records.from_frame(rows)
