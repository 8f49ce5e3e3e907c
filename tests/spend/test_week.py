"""A week against those before it: totals, driver and month end by hand."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from costsim.errors import DataError, SettingError
from costsim.records import Records
from costsim.spend import iso_week, last_week, period

ZONE = "America/New_York"


def days_of(costs, start="2024-07-01", until=None):
    """One call of `chat` a local day at noon, and one at its first and last microsecond for $0."""
    rows = []
    for offset, usd in enumerate(costs):
        day = pd.Timestamp(start, tz=ZONE) + pd.DateOffset(days=offset)
        end = day + pd.DateOffset(days=1)
        for number, (at, nano) in enumerate(
            [(day, 0), (day + pd.Timedelta("12h"), round(usd * 1e9)), (end, -1)]
        ):
            if nano >= 0 or offset == len(costs) - 1:
                rows.append((f"{offset}-{number}", at, max(nano, 0)))
    frame = pd.DataFrame(rows, columns=["call_id", "timestamp", "total_cost_nano"])
    frame = frame.assign(status="ok", source="t", feature_name="chat", user_id="u1")
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    return Records.from_frame(frame, time_zone=ZONE)


def test_iso_weeks_begin_on_monday():
    assert iso_week("2024-W33") == date(2024, 8, 12)
    assert iso_week("2025-W01") == date(2024, 12, 30)
    for wrong in ("2024-W54", "2024-33", "W33", "", "2024-W00"):
        with pytest.raises(SettingError, match="week must look like 2024-W33"):
            iso_week(wrong)


def test_the_last_whole_week():
    # Monday 1 July to Sunday 21 July
    assert last_week(days_of([1] * 21)) == (date(2024, 7, 15), 7)
    assert last_week(days_of([1] * 20)) == (date(2024, 7, 8), 7)
    assert last_week(days_of([1] * 3))[0] == date(2024, 7, 1)


def test_a_week_against_the_mean_of_those_before():
    costs = [10] * 7 + [20] * 7 + [60] * 7
    found = period(days_of(costs), date(2024, 7, 15))
    assert found.usd == pytest.approx(420)
    assert found.usual_usd == pytest.approx((70 + 140) / 2)
    assert found.weeks_before == 2
    assert found.ratio == pytest.approx(4)
    assert found.covered
    assert found.driver.feature == "chat"
    assert (found.driver.user, found.driver.user_usd) == ("u1", pytest.approx(420))
    assert found.complete_through == datetime(2024, 7, 22, tzinfo=ZoneInfo(ZONE))


def test_month_end_under_three_assumptions():
    costs = [10] * 7 + [20] * 7 + [60] * 6 + [80]
    month = period(days_of(costs), date(2024, 7, 15)).month
    so_far = 70 + 140 + 360 + 80
    assert month.so_far_usd == pytest.approx(so_far)
    assert month.days_left == 10  # 22 to 31 July: Monday to Wednesday of the week after
    assert month.usual_usd == pytest.approx(so_far + 10 * 15)
    sundays = 1  # 28 July costs what the last Sunday did
    assert month.as_now_usd == pytest.approx(so_far + (10 - sundays) * 60 + sundays * 80)
    assert month.as_last_day_usd == pytest.approx(so_far + 10 * 80)
    assert month.complete


def test_a_first_day_says_its_run_rate_and_not_a_thirtieth_of_it():
    """A first day of $9.5k is a rate of about $285k a month, not of $40,714."""
    found = period(days_of([9500], start="2024-06-01"), date(2024, 6, 1), 1)
    assert found.usual_usd is None
    assert found.ratio is None
    assert found.month.as_last_day_usd == pytest.approx(30 * 9500)
    assert found.month.usual_usd is None  # there is no history to say so


def test_the_forty_thousand_dollar_week(surprise_run, surprise):
    found = period(surprise_run.records, surprise.focus.start)
    assert found.usd == pytest.approx(38_000, rel=0.15)
    assert found.usual_usd == pytest.approx(12_000, rel=0.1)
    assert found.weeks_before == 4
    assert found.driver.feature == "deep_analysis"
    assert found.driver.changed
    assert found.driver.user_calls == pytest.approx(847, rel=0.15)
    assert (found.unpriced_share, found.unattributed_share) == (0, 0)
    rows = surprise_run.records.between("2024-08-09").to_pandas(
        ["feature_name", "user_id", "total_cost_nano"]
    )
    assert found.calls == len(rows)
    assert found.usd == pytest.approx(int(rows["total_cost_nano"].sum()) / 1e9, rel=1e-12)
    deep = rows[rows["feature_name"] == "deep_analysis"]
    top = deep.groupby("user_id")["total_cost_nano"].sum()
    assert found.driver.user == top.idxmax()
    assert found.driver.user_usd == pytest.approx(int(top.max()) / 1e9)


def test_unpriced_and_unattributed_shares(rows, records):
    found = period(records, date(2024, 10, 25), 3)
    inside = rows[rows["timestamp"] < pd.Timestamp("2024-10-28", tz="UTC")]
    assert found.unpriced_share == pytest.approx(inside["total_cost_nano"].isna().mean())
    bare = inside["feature_name"].isna() | inside["user_id"].isna()
    assert found.unattributed_share == pytest.approx(bare.mean())


def test_a_period_without_records_or_days_is_refused(records):
    with pytest.raises(DataError, match="no record from 2024-12-01 to 2024-12-07"):
        period(records, date(2024, 12, 1))
    with pytest.raises(SettingError, match="days must be at least 1"):
        period(records, date(2024, 10, 25), 0)
    with pytest.raises(DataError, match="no record in range"):
        last_week(records.between("2030-01-01"))
