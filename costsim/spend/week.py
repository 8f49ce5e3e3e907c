"""One period against those before it: what it cost, what drove it, where the month would end."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from costsim.errors import DataError, SettingError
from costsim.spend.breakdown import breakdown
from costsim.spend.series import daily

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records

DRIVES = 1.25  # a feature drives the change when it costs this many times its usual


@dataclass(frozen=True)
class Driver:
    """The feature that changed most, and its dearest user."""

    feature: str | None
    usd: float
    usual_usd: float
    changed: bool
    user: str | None
    user_calls: int
    user_usd: float


@dataclass(frozen=True)
class MonthEnd:
    """The bill at the end of the month under three plain assumptions on the days that are left.

    `usual`: each costs what its weekday cost before this period; `as_now`: what it cost in the
    last seven days; `as_last_day`: what the last complete day cost. Missing where history does
    not reach.
    """

    so_far_usd: float
    days_left: int
    usual_usd: float | None
    as_now_usd: float | None
    as_last_day_usd: float | None
    complete: bool


@dataclass(frozen=True)
class Period:
    """What some local days cost; None where history is too short to say."""

    records: Records
    start: date
    days: int
    usd: float
    calls: int
    usual_usd: float | None
    weeks_before: int
    features: pd.DataFrame
    driver: Driver | None
    month: MonthEnd | None
    unpriced_share: float
    unattributed_share: float
    complete_through: datetime
    covered: bool

    @property
    def ratio(self) -> float | None:
        """This period over a usual one."""
        return self.usd / self.usual_usd if self.usual_usd else None


def iso_week(week: str) -> date:
    """Monday of an ISO week such as ``2024-W33``.

    Raises
    ------
    SettingError
        No such week.
    """
    try:
        year, number = week.split("-W")
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError as error:
        raise SettingError(f"week must look like 2024-W33; got {week!r}") from error


def last_week(records: Records) -> tuple[date, int]:
    """First day and number of days to report on: the last ISO week that the records cover whole.

    Where they cover none, all days that they touch.
    """
    span = _span(records)
    zone = ZoneInfo(records.time_zone)
    first, last = span[0].astimezone(zone), (span[1] - timedelta(microseconds=1)).astimezone(zone)
    monday = last.date() - timedelta(days=last.weekday())
    for start in (monday, monday - timedelta(days=7)):
        begin = datetime.combine(start, time(), zone)
        if begin >= first and begin + timedelta(days=7) <= span[1].astimezone(zone):
            return start, 7
    return first.date(), (last.date() - first.date()).days + 1


def period(records: Records, start: date, days: int = 7) -> Period:
    """What some local days cost, against the periods of equal length before them.

    Parameters
    ----------
    records : Records
        With whatever history there is; at most eight periods before are used.
    start : date
        First local day.
    days : int
        At least 1.

    Raises
    ------
    DataError
        No record lies in the period.
    """
    if days < 1:
        raise SettingError(f"days must be at least 1; got {days!r}")
    span = _span(records)
    end = start + timedelta(days=days)
    inside = records.between(start, end)
    features = breakdown(inside, "feature")
    if features.empty:
        raise DataError(f"there is no record from {start} to {end - timedelta(days=1)}")
    by_day = daily(records, by="feature")
    whole = by_day.groupby("date").agg(usd=("usd", "sum"), complete=("complete", "first"))
    befores = [start - timedelta(days=days * n) for n in range(1, 9)]
    covered = [b for b in befores if _all_complete(whole, b, days)]
    before = by_day[
        by_day["date"].map(lambda d: any(b <= d < b + timedelta(days=days) for b in covered))
    ]
    count = len(covered)
    unpriced = float(
        (features["unpriced_share"] * features["calls"]).sum() / features["calls"].sum()
    )
    return Period(
        records=records,
        start=start,
        days=days,
        usd=float(features["total_nano"].sum() / 1e9),
        calls=int(features["calls"].sum()),
        usual_usd=float(before["usd"].sum() / count) if count else None,
        weeks_before=count,
        features=features,
        driver=_driver(inside, features, before, count),
        month=_month_end(whole, start, end, days),
        unpriced_share=unpriced,
        unattributed_share=_unattributed(inside),
        complete_through=min(span[1], datetime.combine(end, time(), ZoneInfo(records.time_zone))),
        covered=_all_complete(whole, start, days),
    )


def _span(records: Records) -> tuple[datetime, datetime]:
    if records.period is None:
        raise DataError("there is no record in range to report on")
    return records.period


def _all_complete(whole: pd.DataFrame, start: date, days: int) -> bool:
    dates = [start + timedelta(days=n) for n in range(days)]
    return all(d in whole.index and bool(whole.loc[d, "complete"]) for d in dates)


def _driver(
    inside: Records, features: pd.DataFrame, before: pd.DataFrame, count: int
) -> Driver | None:
    """Largest rise over the usual where one is large; else the dearest feature."""
    named = features.dropna(subset=["feature_name"])
    if named.empty:
        return None
    usual = before.groupby("feature_name")["usd"].sum() / count if count else None
    rows = named.set_index("feature_name")["total_usd"].fillna(0.0)
    base = rows * 0 if usual is None else usual.reindex(rows.index, fill_value=0.0)
    rises = rows - base
    name = str(rises.idxmax())
    changed = bool(count and rows[name] > DRIVES * base[name] and rises[name] > 0.05 * rows.sum())
    if not changed:
        name = str(rows.idxmax())
    users = _users_of(inside, name)
    top = users.iloc[0] if len(users) else None
    return Driver(
        feature=name,
        usd=float(rows[name]),
        usual_usd=float(base[name]),
        changed=changed,
        user=None if top is None else str(top["user_id"]),
        user_calls=0 if top is None else int(top["calls"]),
        user_usd=0.0 if top is None else float(top["usd"]),
    )


def _users_of(inside: Records, feature: str) -> pd.DataFrame:
    """Calls and dollars of a feature's users, dearest first; those without an id left out."""
    import narwhals as nw

    frame = inside.lazy(["feature_name", "user_id", "total_cost_nano"])
    mine = frame.filter((nw.col("feature_name") == feature) & ~nw.col("user_id").is_null())
    sums = mine.group_by("user_id").agg(
        nw.len().cast(nw.Int64).alias("calls"),
        nw.col("total_cost_nano").sum().cast(nw.Int64).alias("nano"),
    )
    users: pd.DataFrame = sums.collect("pyarrow").to_native().to_pandas()
    users = users.sort_values(["nano", "user_id"], ascending=[False, True], ignore_index=True)
    users["usd"] = users["nano"].fillna(0) / 1e9
    return users


def _unattributed(inside: Records) -> float:
    """Share of calls without a feature or without a user."""
    import narwhals as nw

    frame = inside.lazy(["feature_name", "user_id"])
    bare = nw.col("feature_name").is_null() | nw.col("user_id").is_null()
    table = frame.select(bare.cast(nw.Int64).mean().alias("share")).collect("pyarrow")
    return float(table.item())


def _month_end(whole: pd.DataFrame, start: date, end: date, days: int) -> MonthEnd | None:
    """The month of the period's last day, read at the end of the period."""
    last = end - timedelta(days=1)
    first = last.replace(day=1)
    length = calendar.monthrange(last.year, last.month)[1]
    known = whole[(whole.index >= first) & (whole.index < end)]
    if known.empty:
        return None
    left = [first.replace(day=n) for n in range(last.day + 1, length + 1)]
    so_far = float(known["usd"].sum())
    complete = _all_complete(whole, first, last.day)

    def projected(window_start: date, window_end: date) -> float | None:
        window = whole[
            (whole.index >= window_start) & (whole.index < window_end) & whole["complete"]
        ]
        by_weekday = window["usd"].groupby([d.weekday() for d in window.index]).mean()
        if any(d.weekday() not in by_weekday.index for d in left):
            return None
        return so_far + float(sum(by_weekday[d.weekday()] for d in left))

    complete_last = last in whole.index and bool(whole.loc[last, "complete"])
    return MonthEnd(
        so_far_usd=so_far,
        days_left=len(left),
        usual_usd=projected(start - timedelta(days=56), start),
        as_now_usd=projected(end - timedelta(days=7), end),
        as_last_day_usd=so_far + len(left) * float(whole.loc[last, "usd"])
        if complete_last
        else None,
        complete=complete,
    )
