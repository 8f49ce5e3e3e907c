"""Where the money goes: totals, shares and cost a call by feature, user, tier, model, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.spend.bins import KEYS, _key, sums

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records


def by_feature(records: Records) -> pd.DataFrame:
    """Spend by feature; columns as :func:`breakdown`.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> table = by_feature(costsim.simulate(quiet, seed=1).records)
    >>> table["feature_name"].iloc[0], round(table["share"].sum(), 9)
    ('code_review', np.float64(1.0))
    """
    return breakdown(records, "feature")


def by_user(records: Records) -> pd.DataFrame:
    """Spend by user; calls without a user id are one row with a missing name."""
    return breakdown(records, "user")


def by_tier(records: Records) -> pd.DataFrame:
    """Spend by the users' tier."""
    return breakdown(records, "tier")


def by_model(records: Records) -> pd.DataFrame:
    """Spend by requested model."""
    return breakdown(records, "model")


def by_prompt(records: Records) -> pd.DataFrame:
    """Spend by hash of the system prompt: the versions of a prompt side by side."""
    return breakdown(records, "prompt")


def by_session(records: Records) -> pd.DataFrame:
    """Spend by session; calls without one are one row with a missing name."""
    return breakdown(records, "session")


def breakdown(records: Records, by: str) -> pd.DataFrame:
    """Spend by one key, dearest first.

    Parameters
    ----------
    records : Records
        The range is the records' own; see :meth:`Records.between`.
    by : {'feature', 'user', 'tier', 'model', 'prompt', 'session'}
        The key. Calls where it is unknown are a row with a missing name: nothing is lost.

    Returns
    -------
    pandas.DataFrame
        total_usd, share (of priced dollars), calls, mean_usd, p95_usd and max_usd (of priced
        calls, a call), mean_input_tokens, mean_output_tokens, unpriced_share (of calls).
        total_nano is the exact sum.

    Raises
    ------
    UnknownNameError
        `by` is not one of the keys.
    """
    import narwhals as nw
    import pandas as pd

    key = _key(by)
    cost = nw.col("total_cost_nano")
    needed = [key, "input_tokens", "output_tokens", "total_cost_nano"]
    spread = [
        cost.cast(nw.Float64).quantile(0.95, interpolation="linear").alias("p95"),
        cost.max().alias("max"),
        nw.col("input_tokens").count().alias("with_input"),
        nw.col("output_tokens").count().alias("with_output"),
    ]
    grouped = records.lazy(needed).group_by(key).agg(*sums(), *spread)
    rows: pd.DataFrame = grouped.collect("pyarrow").to_native().to_pandas()
    rows = rows.sort_values(["cost_nano", key], ascending=[False, True], ignore_index=True)
    priced = rows["calls"] - rows["unpriced_calls"]
    total = int(rows["cost_nano"].sum())
    return pd.DataFrame(
        {
            key: rows[key],
            "total_usd": (rows["cost_nano"] / 1e9).where(priced > 0),
            "share": (
                rows["cost_nano"] / total if total else rows["cost_nano"] * float("nan")
            ).where(priced > 0),
            "calls": rows["calls"].astype("int64"),
            "mean_usd": rows["cost_nano"] / 1e9 / priced.where(priced > 0),
            "p95_usd": rows["p95"] / 1e9,
            "max_usd": rows["max"] / 1e9,
            "mean_input_tokens": rows["input_tokens"]
            / rows["with_input"].where(rows["with_input"] > 0),
            "mean_output_tokens": rows["output_tokens"]
            / rows["with_output"].where(rows["with_output"] > 0),
            "unpriced_share": rows["unpriced_calls"] / rows["calls"],
            "total_nano": rows["cost_nano"].astype("int64"),
        }
    )


__all__ = [
    "KEYS",
    "breakdown",
    "by_feature",
    "by_model",
    "by_prompt",
    "by_session",
    "by_tier",
    "by_user",
]
