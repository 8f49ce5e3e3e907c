"""How well the tokens are used: sizes, ratios, truncation, cache, finish reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.spend.bins import _key

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records


@dataclass(frozen=True, repr=False)
class Efficiency:
    """Token efficiency of some records; unknown is missing, never 0.

    ``metrics`` has a row per group: mean and p95 of input and output tokens; output over input
    as the ratio of sums and as the mean of the calls' ratios (they differ widely); the share of
    calls cut at their limit (`truncated_share`, of calls whose finish reason is known); the share
    of input read from the prompt cache and of calls answered from the response cache (of calls
    where it is known). ``finish_reasons`` has their shares.
    """

    metrics: pd.DataFrame
    finish_reasons: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        return self.metrics

    def __repr__(self) -> str:
        row = self.metrics.iloc[0] if len(self.metrics) else None
        text = (
            "no calls"
            if row is None
            else (
                f"mean input {row['mean_input_tokens']:,.0f}, output "
                f"{row['mean_output_tokens']:,.0f} tokens over {row['calls']:,.0f} calls"
            )
        )
        return f"Efficiency({text}); next: .to_frame(), .finish_reasons"

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.metrics) + table_html(self.finish_reasons)


def efficiency(records: Records, *, by: str | None = None) -> Efficiency:
    """Token efficiency, overall or by one key.

    Parameters
    ----------
    records : Records
        The range is the records' own.
    by : {'feature', 'user', 'tier', 'model', 'prompt', 'session'}, optional
        Group by this; largest number of calls first.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> found = efficiency(costsim.simulate(quiet, seed=1).records)
    >>> row = found.metrics.iloc[0]
    >>> bool(row["output_input_ratio"] < row["mean_output_input_ratio"])
    True
    """
    import narwhals as nw

    keys = [_key(by)] if by else []
    needed = [
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "finish_reason",
        "cache_hit",
        *keys,
    ]
    frame = records.lazy(list(dict.fromkeys(needed)))
    used_in, used_out = nw.col("input_tokens"), nw.col("output_tokens")
    both = used_in.is_null() | used_out.is_null()
    # in billionths, because a parallel sum of floats differs from run to run
    billionths = (used_out.cast(nw.Float64) / used_in * 1e9).round().cast(nw.Int64)
    ratio = nw.when((used_in > 0) & ~both).then(billionths)
    cached = nw.col("cache_read_tokens")
    frame = frame.with_columns(
        whole=nw.lit(1),
        ratio=ratio,
        both_in=nw.when(~both).then(used_in),
        both_out=nw.when(~both).then(used_out),
        cached_of=nw.when(~cached.is_null()).then(used_in),
        cut=nw.when(~nw.col("finish_reason").is_null())
        .then(nw.col("finish_reason") == "length")
        .cast(nw.Int64),
        hit=nw.col("cache_hit").cast(nw.Int64),
    )
    aggregated = frame.group_by(*(keys or ["whole"])).agg(
        nw.len().cast(nw.Int64).alias("calls"),
        used_in.mean().alias("mean_input_tokens"),
        used_in.cast(nw.Float64).quantile(0.95, interpolation="linear").alias("p95_input_tokens"),
        used_out.mean().alias("mean_output_tokens"),
        used_out.cast(nw.Float64).quantile(0.95, interpolation="linear").alias("p95_output_tokens"),
        nw.col("both_in").sum().cast(nw.Float64).alias("sum_in"),
        nw.col("both_out").sum().cast(nw.Float64).alias("sum_out"),
        nw.col("ratio").mean().alias("ratio"),
        nw.col("cut").mean().alias("truncated_share"),
        cached.sum().cast(nw.Float64).alias("sum_cached"),
        nw.col("cached_of").sum().cast(nw.Float64).alias("sum_cached_of"),
        nw.col("hit").mean().alias("response_cache_share"),
    )
    rows: pd.DataFrame = aggregated.collect("pyarrow").to_native().to_pandas()
    rows = rows.sort_values(
        ["calls", *keys], ascending=[False] + [True] * len(keys), ignore_index=True
    )
    rows["mean_output_input_ratio"] = rows["ratio"] / 1e9
    rows["output_input_ratio"] = rows["sum_out"] / rows["sum_in"].where(rows["sum_in"] > 0)
    rows["cached_input_share"] = rows["sum_cached"] / rows["sum_cached_of"].where(
        rows["sum_cached_of"] > 0
    )
    order = [
        *keys,
        "calls",
        "mean_input_tokens",
        "p95_input_tokens",
        "mean_output_tokens",
        "p95_output_tokens",
        "output_input_ratio",
        "mean_output_input_ratio",
        "truncated_share",
        "cached_input_share",
        "response_cache_share",
    ]
    reasons = (
        frame.group_by(*keys, "finish_reason")
        .agg(nw.len().cast(nw.Int64).alias("calls"))
        .collect("pyarrow")
    )
    found: pd.DataFrame = reasons.to_native().to_pandas()
    found = found.sort_values(
        [*keys, "calls"], ascending=[True] * len(keys) + [False], ignore_index=True
    )
    per = (
        found.groupby(keys, dropna=False)["calls"].transform("sum")
        if keys
        else found["calls"].sum()
    )
    found["share"] = found["calls"] / per
    return Efficiency(rows[order], found)
