"""Breakdowns of 3.8 million records from file, against the same in plain pandas.

What bounds them is reading the columns from Parquet; for users also the hash of 5,000 names.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pandas as pd

from costsim import spend
from costsim.records import Records
from costsim.simulation import simulate

COST, TOKENS = "total_cost_nano", ["input_tokens", "output_tokens"]


def timed(work: Callable[[], object], repeats: int = 2) -> float:
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def read(records: Records, columns: list[str]) -> pd.DataFrame:
    """The columns that are needed, file by file, as pandas does it."""
    assert records.folder is not None
    files = [records.folder / file.path for file in records.manifest.files]
    return pd.concat([pd.read_parquet(file, columns=columns) for file in files])


def pandas_bins(records: Records, keys: list[str]) -> pd.DataFrame:
    rows = read(records, ["timestamp", COST, *TOKENS, *keys])
    rows["time"] = rows["timestamp"].dt.floor("h")
    rows["unpriced"] = rows[COST].isna()
    groups = rows.groupby(["time", *keys], dropna=False, observed=True)
    return groups[[COST, *TOKENS, "unpriced"]].sum()


def pandas_by_feature(records: Records) -> pd.DataFrame:
    groups = read(records, ["feature_name", COST, *TOKENS]).groupby("feature_name", dropna=False)
    costs = groups[COST].agg(["sum", "count", "mean", "max"])
    return costs.assign(p95=groups[COST].quantile(0.95)).join(groups[TOKENS].mean())


def rows() -> list[tuple[str, float, str]]:
    """Each breakdown here and in pandas, with the ratio."""
    records = simulate("surprise-40k", seed=7).records
    pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "bins by feature",
            lambda: spend.bins(records, by=["feature"]),
            lambda: pandas_bins(records, ["feature_name"]),
        ),
        (
            "bins by feature and user",
            lambda: spend.bins(records, by=["feature", "user"]),
            lambda: pandas_bins(records, ["feature_name", "user_id"]),
        ),
        ("by_feature", lambda: spend.by_feature(records), lambda: pandas_by_feature(records)),
    ]
    found = []
    for what, ours, theirs in pairs:
        mine, other = timed(ours), timed(theirs)
        found.append(
            (f"{what}, {len(records):,} records", mine, f"pandas takes {other / mine:.1f} x")
        )
        found.append(("  the same in pandas", other, ""))
    day = records.between("2024-08-13", "2024-08-14")
    seconds = timed(lambda: spend.by_feature(day))
    found.append(
        (f"by_feature of one day, {len(day):,} records", seconds, "one of 35 files opened")
    )
    return found
