"""One period against those before it: what it cost, what drove it, where the month would end."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from costsim.errors import DataError, SettingError
from costsim.spend.breakdown import breakdown
from costsim.spend.series import covered, daily

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
    last seven days; `as_last_day`: as many times its usual as the last complete day did, or just
    what that day cost where nothing is known of usual days. Missing where history does not reach.
    """

    so_far_usd: float
    days_left: int
    usual_usd: float | None
    as_now_usd: float | None
    as_last_day_usd: float | None
    complete: bool

    @property
    def projection(self) -> tuple[float, float, float] | None:
        """Lowest, `as_now` and highest of the three; None where `as_now` cannot be told."""
        if self.as_now_usd is None:
            return None
        known = [self.usual_usd, self.as_now_usd, self.as_last_day_usd]
        ends = [end for end in known if end is not None]
        return min(ends), self.as_now_usd, max(ends)


@dataclass(frozen=True)
class Period:
    """What some local days cost; None where history is too short to say.

    `usual_usd`, by feature in `usual_features`, is the mean cost of the same days of the periods
    before; where the records do not cover a whole period, only its complete days are compared
    (`complete_days`, `complete_usd`).
    """

    records: Records
    start: date
    days: int
    usd: float
    calls: int
    usual_usd: float | None
    weeks_before: int
    complete_days: int
    complete_usd: float
    features: pd.DataFrame
    usual_features: pd.Series[float]
    driver: Driver | None
    month: MonthEnd | None
    unpriced_share: float
    unattributed_share: float
    no_feature_share: float
    no_user_share: float
    seen_from: datetime
    complete_through: datetime
    covered: bool

    @property
    def ratio(self) -> float | None:
        """The complete days of this period over the same days of a usual one."""
        return self.complete_usd / self.usual_usd if self.usual_usd else None


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
    span, edges = _span(records), covered(records)
    zone = ZoneInfo(records.time_zone)
    first, last = span[0].astimezone(zone), (span[1] - timedelta(microseconds=1)).astimezone(zone)
    monday = last.date() - timedelta(days=last.weekday())
    for start in (monday, monday - timedelta(days=7)):
        begin = datetime.combine(start, time(), zone)
        if begin >= edges[0] and begin + timedelta(days=7) <= edges[1]:
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
    done = [n for n in range(days) if _complete(whole, start + timedelta(days=n))]
    covered = [
        first
        for first in (start - timedelta(days=days * n) for n in range(1, 9))
        if done and all(_complete(whole, first + timedelta(days=n)) for n in done)
    ]
    like = {first + timedelta(days=n) for first in covered for n in done}
    before = by_day[by_day["date"].isin(like)]
    now = by_day[by_day["date"].isin({start + timedelta(days=n) for n in done})]
    count = len(covered)
    unpriced = float(
        (features["unpriced_share"] * features["calls"]).sum() / features["calls"].sum()
    )
    bare = _unattributed(inside)
    return Period(
        records=records,
        start=start,
        days=days,
        usd=float(features["total_nano"].sum() / 1e9),
        calls=int(features["calls"].sum()),
        usual_usd=float(before["usd"].sum() / count) if count else None,
        weeks_before=count,
        complete_days=len(done),
        complete_usd=float(now["usd"].sum()),
        features=features,
        usual_features=before.groupby("feature_name")["usd"].sum() / max(count, 1),
        driver=_driver(inside, features, before, now, count),
        month=_month_end(whole, start, end),
        unpriced_share=unpriced,
        unattributed_share=bare["either"],
        no_feature_share=bare["feature"],
        no_user_share=bare["user"],
        seen_from=max(span[0], datetime.combine(start, time(), ZoneInfo(records.time_zone))),
        complete_through=min(span[1], datetime.combine(end, time(), ZoneInfo(records.time_zone))),
        covered=len(done) == days,
    )


def _span(records: Records) -> tuple[datetime, datetime]:
    if records.period is None:
        raise DataError("there is no record in range to report on")
    return records.period


def _complete(whole: pd.DataFrame, day: date) -> bool:
    return bool(whole["complete"].get(day, False))


def _driver(
    inside: Records, features: pd.DataFrame, before: pd.DataFrame, now: pd.DataFrame, count: int
) -> Driver | None:
    """Largest rise over the usual where one is large; else the dearest feature.

    Like is compared with like: rises are of the complete days alone, as the usual is.
    """
    named = features.dropna(subset=["feature_name"])
    if named.empty:
        return None
    usual = before.groupby("feature_name")["usd"].sum() / count if count else None
    rows = named.set_index("feature_name")["total_usd"].fillna(0.0)
    base = rows * 0 if usual is None else usual.reindex(rows.index, fill_value=0.0)
    like = now.groupby("feature_name")["usd"].sum().reindex(rows.index, fill_value=0.0)
    rises = like - base
    name = str(rises.idxmax())
    changed = bool(count and like[name] > DRIVES * base[name] and rises[name] > 0.05 * like.sum())
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


def _unattributed(inside: Records) -> dict[str, float]:
    """Share of calls without a feature, without a user, and without either of them."""
    import narwhals as nw

    frame = inside.lazy(["feature_name", "user_id"])
    no_feature, no_user = nw.col("feature_name").is_null(), nw.col("user_id").is_null()
    lacking = {"feature": no_feature, "user": no_user, "either": no_feature | no_user}
    shares = [expr.cast(nw.Int64).mean().alias(name) for name, expr in lacking.items()]
    table = frame.select(*shares).collect("pyarrow")
    return {name: float(table[name][0]) for name in lacking}


def _month_end(whole: pd.DataFrame, start: date, end: date) -> MonthEnd | None:
    """The month of the period's last complete day, read at the end of that day."""
    done = [d for d in whole.index if d < end and whole.loc[d, "complete"]]
    if not done:
        return None
    last = max(done)
    first = last.replace(day=1)
    length = calendar.monthrange(last.year, last.month)[1]
    so_far = float(whole.loc[(whole.index >= first) & (whole.index <= last), "usd"].sum())
    left = [first.replace(day=n) for n in range(last.day + 1, length + 1)]

    def by_weekday(window_start: date, window_end: date) -> pd.Series[float]:
        """Mean cost of each weekday, Monday 0, over the complete days of a window."""
        window = whole[
            (whole.index >= window_start) & (whole.index < window_end) & whole["complete"]
        ]
        means: pd.Series[float] = window["usd"].groupby([d.weekday() for d in window.index]).mean()
        return means

    def rest(weekdays: pd.Series[float]) -> float | None:
        """What the days left cost if each costs what its weekday does."""
        if any(d.weekday() not in weekdays.index for d in left):
            return None
        return float(sum(weekdays[d.weekday()] for d in left))

    week_end = last + timedelta(days=1)
    whole_week = all(_complete(whole, last - timedelta(days=n)) for n in range(7))
    usual = by_weekday(start - timedelta(days=56), start)
    usual_rest = rest(usual)
    now_rest = rest(by_weekday(week_end - timedelta(days=7), week_end)) if whole_week else None
    usual_last = float(usual.get(last.weekday(), 0.0))
    last_usd = float(whole.loc[last, "usd"])
    last_rest = last_usd * len(left)
    if usual_rest is not None and usual_last > 0:
        last_rest = usual_rest * last_usd / usual_last
    return MonthEnd(
        so_far_usd=so_far,
        days_left=len(left),
        usual_usd=None if usual_rest is None else so_far + usual_rest,
        as_now_usd=None if now_rest is None else so_far + now_rest,
        as_last_day_usd=so_far + last_rest,
        complete=all(_complete(whole, first.replace(day=n)) for n in range(1, last.day + 1)),
    )


def month_to_date(period: Period) -> pd.DataFrame:
    """Dollars since the first of the period's month: time (last second of a local day, UTC),
    cumulative_usd; complete days only, so an empty frame where there is none.
    """
    import pandas as pd

    until = period.start + timedelta(days=period.days)
    first = (until - timedelta(days=1)).replace(day=1)
    days = daily(period.records.between(first, until))
    days = days[days["complete"]]
    midnight = pd.to_datetime(days["date"]) + pd.Timedelta(days=1)
    ends = midnight.dt.tz_localize(period.records.time_zone) - pd.Timedelta(seconds=1)
    return pd.DataFrame({"time": ends.dt.tz_convert("UTC"), "cumulative_usd": days["usd"].cumsum()})
