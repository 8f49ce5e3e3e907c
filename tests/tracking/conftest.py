"""Made records: a dollar an hour, with a burst or a silence in the last week."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from costsim.detect import Detector, FeedSilence, HourOfWeek, Shewhart, Suite
from costsim.records import Records

START = pd.Timestamp("2024-07-01", tz="UTC")  # a Monday
BURST = pd.Timestamp("2024-08-01 10:00", tz="UTC")


@pytest.fixture(scope="session")
def suite() -> Suite:
    z = Detector(HourOfWeek(), Shewhart(limit=8.0), name="z")
    return Suite("mine", (z, FeedSilence(HourOfWeek())), 0.5, "a test")


@pytest.fixture(scope="session")
def made() -> Callable[..., Records]:
    def make(hours: int = 5, usd_per_hour: float = 20.0, until: int = 1000) -> Records:
        """Five weeks, or so many hours from the burst; bob's burst is on the last Thursday."""
        grid = pd.date_range(START, periods=5 * 168, freq="h")
        rows = pd.DataFrame({"timestamp": grid + pd.Timedelta(minutes=5), "user_id": "ann"})
        rows["usd"] = [1.0 + 0.01 * (i % 7) for i in range(len(rows))]
        minutes = pd.to_timedelta(range(60 * hours), unit="min")
        more = pd.DataFrame({"timestamp": BURST + minutes}).assign(user_id="bob")
        rows = pd.concat([rows, more.assign(usd=usd_per_hour / 60)])
        rows = rows[rows["timestamp"] < BURST + pd.Timedelta(hours=until)]
        rows = rows.sort_values("timestamp", kind="stable", ignore_index=True)
        rows["total_cost_nano"] = (rows.pop("usd") * 1e9).round().astype("int64")
        rows["call_id"] = [f"c{i}" for i in range(len(rows))]
        rows["feature_name"], rows["model"] = "chat", "m"
        rows["status"], rows["source"] = "ok", "test"
        return Records.from_frame(rows)

    return make
