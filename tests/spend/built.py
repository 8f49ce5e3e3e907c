"""Records built hour by hour, of which every dollar and its reason is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from costsim.records import Records

Change = Callable[[pd.DataFrame], pd.DataFrame]
"""From the incident's ordinary calls to those that were made instead."""

USD_A_MILLION = {"small": (2.0, 0.5, 8.0), "large": (10.0, 2.5, 30.0)}
"""Input, cached input and output, of each model."""


def ordinary(start: str, hours: int, seed: int = 0) -> pd.DataFrame:
    """Calls of two features by ten users, two calls an hour each, all day and night."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=hours, freq="h", tz="UTC")
    index = pd.MultiIndex.from_product(
        [times, ["chat", "batch"], [f"u{n}" for n in range(10)], range(2)],
        names=["hour", "feature_name", "user_id", "call"],
    )
    calls = index.to_frame(index=False)
    count = len(calls)
    seconds = pd.to_timedelta(rng.integers(0, 3600, count), unit="s")
    return calls.assign(
        timestamp=calls["hour"] + seconds,
        user_tier=np.where(calls["user_id"] < "u7", "free", "pro"),
        model="small",
        prompt_hash=calls["feature_name"] + "-v1",
        input_tokens=rng.normal(4000, 80, count).astype(int),
        cached=0.5,
        output_tokens=rng.normal(500, 10, count).astype(int),
        price=1.0,
        attempt=1,
    )


def priced(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls with their dollars, from the token counts and the unit prices."""
    read = (calls["input_tokens"] * calls["cached"]).astype(int)
    fresh, cheap, out = (calls["model"].map(lambda m, i=i: USD_A_MILLION[m][i]) for i in range(3))
    inner = ((calls["input_tokens"] - read) * fresh + read * cheap) * calls["price"] * 1000
    outer = calls["output_tokens"] * out * calls["price"] * 1000
    return calls.assign(
        cache_read_tokens=read,
        input_cost_nano=inner.round().astype("int64"),
        total_cost_nano=inner.round().astype("int64") + outer.round().astype("int64"),
    )


def built(
    start: str, hours: int, changes: dict[str, tuple[str, str, Change]], **records: Any
) -> tuple[Records, dict[str, float]]:
    """Records in which some features change, and the dollars that each change adds.

    Parameters
    ----------
    changes : dict
        By feature: from when (UTC), to when, and what its calls become.
    """
    calls, added = ordinary(start, hours), {}
    for feature, (begin, end, change) in changes.items():
        hit = (calls["feature_name"] == feature) & (calls["hour"] >= pd.Timestamp(begin, tz="UTC"))
        hit &= calls["hour"] < pd.Timestamp(end, tz="UTC")
        before, after = calls[hit], change(calls[hit].copy())
        added[feature] = (
            priced(after)["total_cost_nano"].sum() - priced(before)["total_cost_nano"].sum()
        ) / 1e9
        calls = pd.concat([calls[~hit], after], ignore_index=True)
    calls = priced(calls.sort_values(["timestamp", "user_id", "call"], ignore_index=True))
    calls["call_id"] = [f"c{n:07d}" for n in range(len(calls))]
    kept = calls.drop(columns=["hour", "call", "cached", "price"])
    return Records.from_frame(kept.assign(status="ok", source="test"), **records), added


def more_calls(calls: pd.DataFrame) -> pd.DataFrame:
    """One user makes 40 calls for each of their own."""
    script = calls[calls["user_id"] == "u3"]
    return pd.concat([calls, *[script] * 39], ignore_index=True)


def longer(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.assign(input_tokens=calls["input_tokens"] * 4)


def wordier(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.assign(output_tokens=calls["output_tokens"] * 6)


def dearer(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.assign(price=3.0)


def mixed(calls: pd.DataFrame) -> pd.DataFrame:
    """Every second call goes to the large model."""
    return calls.assign(model=np.where(calls["call"] == 0, "large", "small"))


def uncached(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.assign(cached=0.0)


def retried(calls: pd.DataFrame) -> pd.DataFrame:
    """Four attempts for each call."""
    return pd.concat([calls.assign(attempt=n) for n in range(1, 5)], ignore_index=True)


def rewritten(calls: pd.DataFrame) -> pd.DataFrame:
    """A new prompt, three times as long, on all calls but one user's."""
    old = calls["user_id"] == "u9"
    return calls.assign(
        prompt_hash=calls["prompt_hash"].where(old, "chat-v2"),
        input_tokens=calls["input_tokens"].where(old, calls["input_tokens"] * 3),
    )
