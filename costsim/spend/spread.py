"""How spend spreads: over the calls of a feature, and over the users of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.errors import DataError
from costsim.spend.breakdown import breakdown

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records


def cost_per_call(records: Records) -> pd.DataFrame:
    """Dollars of one call by feature: usd_low (5th percentile), usd_p50, usd_p95, usd_max.

    Priced calls only; the dearest median first.
    """
    import narwhals as nw

    cost = nw.col("total_cost_nano").cast(nw.Float64)
    frame = records.lazy(["feature_name", "total_cost_nano"])
    priced = frame.filter(~nw.col("total_cost_nano").is_null() & ~nw.col("feature_name").is_null())
    levels = {"usd_low": 0.05, "usd_p50": 0.5, "usd_p95": 0.95}
    quantiles = [
        (cost.quantile(level, interpolation="linear") / 1e9).alias(name)
        for name, level in levels.items()
    ]
    grouped = priced.group_by("feature_name").agg(*quantiles, (cost.max() / 1e9).alias("usd_max"))
    rows: pd.DataFrame = grouped.collect("pyarrow").to_native().to_pandas()
    return rows.sort_values(["usd_p50", "feature_name"], ascending=[False, True], ignore_index=True)


def concentration(records: Records) -> pd.DataFrame:
    """Share of the dollars on the heaviest users: rank_share and cost_share, both 0 to 1.

    Users with an id only, however many calls they made.

    Raises
    ------
    DataError
        No priced call has a user id.
    """
    import numpy as np
    import pandas as pd

    users = breakdown(records, "user").dropna(subset=["user_id"])
    spent = np.sort(users["total_nano"].to_numpy())[::-1]
    if not spent.sum():
        raise DataError("no priced call has a user id; there is no concentration to show")
    ranks = np.arange(len(spent) + 1) / len(spent)
    shares = np.concatenate([[0.0], np.cumsum(spent) / spent.sum()])
    return pd.DataFrame({"rank_share": ranks, "cost_share": shares})
