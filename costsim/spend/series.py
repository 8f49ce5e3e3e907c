"""Spend over time: hourly and daily series, and the channels that detectors read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from costsim.errors import DataError
from costsim.spend.bins import bins, checked_minutes, local
from costsim.spend.planned import Planned, beside_the_plan
from costsim.spend.user_rise import RISE_USD, user_rise

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records


def hourly(records: Records, *, by: str | None = None) -> pd.DataFrame:
    """Dollars and calls an hour, hours without a call included as 0.

    Parameters
    ----------
    records : Records
        Covered from the first to the last hour of their range.
    by : {'tier', 'feature', 'model', 'user', ...}, optional
        Also by this.

    Returns
    -------
    pandas.DataFrame
        time (UTC, start of the local hour), the column of `by`, usd, calls, input_tokens,
        output_tokens, cost_nano. The first and last hour may be partial: see `complete`, True
        where the records' range covers the whole hour.
    """
    import pandas as pd

    cube = bins(records, by=[by] if by else [])
    grid = _grid(records, cube)
    if by:
        key = cube.columns[1]
        names = cube[key].drop_duplicates()
        full = pd.MultiIndex.from_product([grid, names], names=["time", key])
        cube = cube.set_index(["time", key]).reindex(full).reset_index()
    else:
        cube = cube.set_index("time").reindex(grid).rename_axis("time").reset_index()
    counts = ["calls", "input_tokens", "output_tokens", "cost_nano", "unpriced_calls"]
    cube[counts] = cube[counts].fillna(0).astype("int64")
    cube["usd"] = cube["cost_nano"] / 1e9
    span = records.period
    assert span is not None
    hour = pd.Timedelta(hours=1)
    cube["complete"] = (cube["time"] >= span[0]) & (cube["time"] + hour <= span[1])
    return cube


def daily(records: Records, *, by: str | None = None) -> pd.DataFrame:
    """Dollars and calls a local day: date, the column of `by`, usd, calls, cost_nano, complete.

    A day is complete where the records cover it; see :func:`covered`.
    """
    import pandas as pd

    hours = hourly(records, by=by)
    hours["date"] = local(hours["time"], records.time_zone).date
    keys = ["date", hours.columns[1]] if by else ["date"]
    counts = ["calls", "input_tokens", "output_tokens", "cost_nano", "unpriced_calls"]
    days = hours.groupby(keys, dropna=False, sort=True)[counts].sum().reset_index()
    days["usd"] = days["cost_nano"] / 1e9
    span = covered(records)
    dates = pd.to_datetime(days["date"])
    starts = _midnights(dates, records.time_zone)
    ends = _midnights(dates + timedelta(days=1), records.time_zone)
    days["complete"] = (starts >= span[0]) & (ends <= span[1])
    return days


def covered(records: Records) -> tuple[datetime, datetime]:
    """From when to when days count as complete.

    A log begins with its first call and ends with its last, seldom at midnight: up to an hour
    without a call at either end is taken as covered. A stated range is taken as it is.

    Raises
    ------
    DataError
        There is no record in range.
    """
    span = records.period
    if span is None:
        raise DataError("there is no record in range")
    if records.simulated:
        return span
    slack = timedelta(hours=1)
    low = span[0] if span[0] == records.start else span[0] - slack
    high = span[1] if span[1] == records.end else span[1] + slack
    return low, high


def _midnights(dates: pd.Series[Any], time_zone: str) -> pd.Series[Any]:
    """When local days begin: where clocks change at midnight, at the first moment of the day."""
    import numpy as np

    first = np.ones(len(dates), dtype=bool)
    starts: pd.Series[Any] = dates.dt.tz_localize(
        time_zone, ambiguous=first, nonexistent="shift_forward"
    )
    return starts


@dataclass(frozen=True)
class Channels:
    """Dollars by bin that detectors watch, on one regular UTC index.

    ``total`` is all spend, ``top_user`` the dearest user of the bin and ``top_feature`` the
    dearest feature; ``new_user`` is the dearest of those first seen less than 7 days ago, missing
    in the first 7 days of the records, in which everybody is new. ``user_rise`` is how many times
    a user's day so far is the mean of the user's last seven, see
    :func:`costsim.spend.user_rise.user_rise`. ``who`` names them (columns top_user, top_feature,
    new_user, user_rise). A call without a user counts in the total and the feature,
    but is nobody's. ``bin_minutes`` is the width of a bin.
    """

    total: pd.Series
    top_user: pd.Series
    top_feature: pd.Series
    new_user: pd.Series
    user_rise: pd.Series
    who: pd.DataFrame
    features: pd.DataFrame
    calls: pd.DataFrame
    tiers: pd.DataFrame
    bin_minutes: int = 60

    def __getitem__(self, name: str) -> pd.Series:
        series: pd.Series = getattr(self, name)
        return series

    def each(self, name: str) -> dict[str, pd.Series]:
        """The series of a channel by feature or tier; of one that has a single series, that one.

        ``feature`` are dollars from the feature's first call on: before it there is nothing to
        compare a launch with, and no 0 that it would rise from. ``tier`` are those of a user
        tier, likewise. ``unit_cost`` is USD per 1,000 calls, missing in bins of less than 20
        calls. ``calls`` are those of all features.
        """
        if name == "feature":
            usd = since_first_call(self.features, self.calls)
            return {str(key): usd[key] for key in usd}
        if name == "tier":
            usd = since_first_call(self.tiers, self.tiers)
            return {str(key): usd[key] for key in usd}
        if name == "unit_cost":
            cost = unit_cost(self.features, self.calls)
            return {str(key): cost[key] for key in cost}
        if name == "calls":
            return {"": self.calls.sum(axis=1)}
        return {"": self[name]}


def since_first_call(usd: Any, calls: Any) -> Any:
    """Dollars from each feature's first call on, missing before; time is the last but one axis.

    Examples
    --------
    >>> import numpy as np
    >>> since_first_call(np.array([[0.0], [2.0], [0.0]]), np.array([[0], [1], [0]])).T.tolist()
    [[nan, 2.0, 0.0]]
    """
    import numpy as np

    if isinstance(usd, np.ndarray):
        return np.where(np.maximum.accumulate(calls, axis=-2) > 0, usd, np.nan)
    return usd.where(calls.cummax() > 0)


NEW_DAYS = 7
"""Days from a user's first call in which the user is new."""
UNIT_CALLS = 20
"""Calls of a bin below which their mean says nothing of what one costs."""


def unit_cost(usd: Any, calls: Any) -> Any:
    """USD per 1,000 calls, missing where there are fewer than 20; of arrays or frames alike.

    Examples
    --------
    >>> import numpy as np
    >>> unit_cost(np.array([3.0, 3.0]), np.array([19, 100])).tolist()
    [nan, 30.0]
    """
    import numpy as np

    enough = calls >= UNIT_CALLS
    if isinstance(usd, np.ndarray):
        return np.divide(1000 * usd, calls, out=np.full(usd.shape, np.nan), where=enough)
    return 1000 * usd.where(enough) / calls.where(enough)


def channels(records: Records, bin_minutes: int = 60, planned: Sequence[Planned] = ()) -> Channels:
    """Read the channels of some records from the cube.

    Parameters
    ----------
    records : Records
        Covered from the first to the last bin of their range.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin.
    planned : sequence of Planned
        Campaigns that are taken out: detectors hear what is beside the plan.

    Raises
    ------
    DataError
        There is no record in range.
    SettingError
        There are no such bins.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> records = costsim.simulate(quiet, seed=1).records
    >>> [len(channels(records, minutes).total) for minutes in (60, 15)]
    [24, 96]
    """
    import pandas as pd

    checked_minutes(bin_minutes)
    cube = bins(records, by=["tier", "feature", "user"], minutes=bin_minutes)
    if cube.empty:
        raise DataError("there is no record in range to make a series of")
    grid = _grid(records, cube, bin_minutes)
    cube = beside_the_plan(cube, planned, records.time_zone)
    total = cube.groupby("time")["cost_nano"].sum().reindex(grid, fill_value=0) / 1e9
    tops, who = {}, pd.DataFrame(index=grid)
    for name, key in (("top_user", "user_id"), ("top_feature", "feature_name")):
        by = cube.dropna(subset=[key]).groupby(["time", key], sort=True)["cost_nano"].sum()
        spent = by.reset_index()
        tops[name], who[name] = _dearest(spent, key, grid)
        if name == "top_user":
            begin = pd.Timestamp(grid[0] + timedelta(days=NEW_DAYS))
            new = _of_new_users(spent, begin)
            tops["new_user"], who["new_user"] = _dearest(new, key, grid)
            tops["new_user"] = tops["new_user"].where(grid >= begin)
            tops["user_rise"], who["user_rise"] = _risen(spent, grid, records.time_zone)
    tiers = cube.dropna(subset=["user_tier"]).groupby(["time", "user_tier"])["cost_nano"].sum()
    named = cube.dropna(subset=["feature_name"])
    named = named.assign(priced=named["calls"] - named["unpriced_calls"])
    sums = named.groupby(["time", "feature_name"])[["cost_nano", "priced"]].sum()
    features, calls = (
        sums[name].unstack(fill_value=0).reindex(grid, fill_value=0)
        for name in ("cost_nano", "priced")
    )
    return Channels(
        total=total,
        **tops,
        who=who,
        features=features / 1e9,
        calls=calls,
        tiers=tiers.unstack(fill_value=0).reindex(grid, fill_value=0) / 1e9,
        bin_minutes=bin_minutes,
    )


def _of_new_users(spent: pd.DataFrame, begin: pd.Timestamp) -> pd.DataFrame:
    """Bins of users first seen from `begin` on, and less than so many days ago; by time."""
    first = spent.drop_duplicates("user_id").set_index("user_id")["time"]
    late = first[first >= begin]
    if late.empty:
        return spent.head(0)
    theirs = spent[spent["user_id"].isin(late.index)]
    return theirs[theirs["time"] - theirs["user_id"].map(late) < timedelta(days=NEW_DAYS)]


def _risen(
    spent: pd.DataFrame, grid: pd.DatetimeIndex, time_zone: str
) -> tuple[pd.Series, pd.Series]:
    """The largest rise of a user in each bin, and whose; of users with a day that counts."""
    import pandas as pd

    dates = pd.Series(local(grid, time_zone).tz_localize(None).normalize(), index=grid)
    daily = spent.groupby([spent["time"].map(dates), "user_id"])["cost_nano"].sum()
    large = daily[daily >= RISE_USD * 1e9].index.get_level_values(1).unique()
    theirs = spent[spent["user_id"].isin(large)]
    usd = theirs.pivot(index="time", columns="user_id", values="cost_nano")
    usd = usd.reindex(grid).fillna(0.0).astype(float) / 1e9
    day = (dates - dates.iloc[0]).dt.days.to_numpy()
    rise, column = user_rise(usd.to_numpy(), day)
    found = pd.Series(rise, index=grid)
    names = pd.Series(usd.columns.to_numpy(object)[column] if len(large) else None, index=grid)
    return found, names.astype(object).where(found > 0)


def _dearest(spent: pd.DataFrame, key: str, grid: pd.DatetimeIndex) -> tuple[pd.Series, pd.Series]:
    """Dollars of the dearest in each bin, and who it is; of two, the first by name."""
    best = spent.sort_values(["time", "cost_nano", key], ascending=[True, False, True])
    best = best.drop_duplicates("time").set_index("time")
    return (
        best["cost_nano"].reindex(grid, fill_value=0) / 1e9,
        best[key].astype(object).reindex(grid),
    )


def _grid(records: Records, cube: pd.DataFrame, minutes: int = 60) -> pd.DatetimeIndex:
    """Every local bin that the records' range touches."""
    import pandas as pd

    span = records.period
    if span is None or (cube.empty and records.manifest.period is None):
        raise DataError("there is no record in range to make a series of")
    width = pd.Timedelta(minutes=minutes)
    anchor = cube["time"].iloc[0] if len(cube) else pd.Timestamp(span[0])
    low, high = pd.Timestamp(span[0]), pd.Timestamp(span[1])
    first = anchor - -(-(anchor - low) // width) * width
    last = cube["time"].iloc[-1] if len(cube) else first  # a record may lie on the very end
    count = max(int(-(-(high - first) // width)), int((last - first) // width) + 1)
    return pd.date_range(first, periods=count, freq=width, unit="us")
