"""One run in a few numbers: what a worker hands back in place of its records."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.result import SimulationResult


def spend_totals(result: SimulationResult) -> dict[str, float | str | None]:
    """Calls, denials and dollars of a run, by feature and tier too.

    Parameters
    ----------
    result : SimulationResult

    Returns
    -------
    dict
        calls (first attempts), attempts, denied (attempts), users (who called), total_usd,
        week_usd (of the scenario's week), worst_user (of the most dollars), worst_user_usd,
        blocked_users_share (of users who called, those with at least one denial), and
        feature_NAME_usd and tier_NAME_usd for each feature and tier of the scenario.

    Examples
    --------
    >>> import costsim
    >>> day = costsim.load_scenario("quiet").first_days(1)
    >>> totals = spend_totals(costsim.simulate(day, seed=7))
    >>> totals["calls"] == totals["attempts"], totals["denied"]
    (True, 0)
    """
    cube, scenario = _cube(result), result.scenario
    users = cube[["user_id", "nano", "denied"]].groupby("user_id").sum()
    worst = users["nano"].idxmax() if len(users) else None
    found: dict[str, float | str | None] = {
        **{name: int(cube[name].sum()) for name in ("calls", "attempts", "denied")},
        "users": len(users),
        "total_usd": int(cube["nano"].sum()) / 1e9,
        "week_usd": int(cube["week_nano"].sum()) / 1e9,
        "worst_user": None if worst is None else str(worst),
        "worst_user_usd": int(users["nano"].max()) / 1e9 if len(users) else 0.0,
        "blocked_users_share": float((users["denied"] > 0).mean()) if len(users) else 0.0,
    }
    tiers = [tier.name for tier in scenario.population.tiers]
    for kind, key, names in (
        ("feature", "feature_name", list(scenario.features)),
        ("tier", "user_tier", tiers),
    ):
        sums = cube.groupby(key)["nano"].sum()
        found |= {f"{kind}_{name}_usd": int(sums.get(name, 0)) / 1e9 for name in names}
    return found


def _cube(result: SimulationResult) -> pd.DataFrame:
    """Integer sums by feature, tier and user, in one pass over the records."""
    import narwhals as nw

    week = result.scenario.focus
    calendar = result.scenario.calendar
    first = (week.start - result.scenario.start).days
    low, high = (
        calendar.origin + timedelta(microseconds=calendar.day_range_us(day)[edge])
        for day, edge in ((max(first, 0), 0), (min(first + week.days, calendar.days) - 1, 1))
    )
    keys = ["feature_name", "user_tier", "user_id"]
    cost, time = nw.col("total_cost_nano"), nw.col("timestamp")
    sums = {
        "calls": (nw.col("attempt") == 1).cast(nw.Int64).sum(),
        "attempts": nw.len(),
        "denied": (nw.col("status") == "denied").cast(nw.Int64).sum(),
        "nano": cost.sum(),
        "week_nano": nw.when((time >= low) & (time < high)).then(cost).otherwise(0).sum(),
    }
    frame = result.records.lazy([*keys, "timestamp", "attempt", "status", "total_cost_nano"])
    grouped = frame.group_by(*keys).agg(
        *(value.cast(nw.Int64).alias(name) for name, value in sums.items())
    )
    cube: pd.DataFrame = grouped.collect("pyarrow").to_native().to_pandas()
    return cube.sort_values(keys, ignore_index=True)  # ties of the worst user fall the same way
