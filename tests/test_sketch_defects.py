"""Defects of the story's sketch that this package must not have, by their numbers.

Those of its price table, 4 to 8, are in ``tests/prices/test_sketch_defects.py``.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import costsim
from costsim import spend
from costsim.detect import (
    Detector,
    FixedThreshold,
    Shewhart,
    TrailingMean,
    naive_z_score,
    scan,
    seasonal_cusum,
    seasonal_ewma,
    seasonal_z_score,
    z_score,
)
from costsim.errors import DataError, SettingError
from costsim.records import Records, read_records
from costsim.records.importing import import_records
from costsim.report.week_parts import week_view
from costsim.simulation import Scenario, simulate

MONDAY = pd.Timestamp("2024-07-01", tz="UTC")
PACKAGE = Path(costsim.__file__).parent
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}


def calls(times: pd.DatetimeIndex, usd: float | list[float] = 1.0, **names: object) -> pd.DataFrame:
    """A call at each time."""
    nano = np.round(np.broadcast_to(np.asarray(usd, float), len(times)) * 1e9)
    return pd.DataFrame(
        {
            "call_id": [f"c{n}" for n in range(len(times))],
            "timestamp": times,
            "status": "ok",
            "source": "test",
            "feature_name": "chat",
            "total_cost_nano": nano.astype("int64"),
            **names,
        }
    )


def hours(count: int, usd: float = 1.0, **names: object) -> Records:
    """A call on each hour from Monday on."""
    times = pd.date_range(MONDAY, periods=count, freq="h")
    return Records.from_frame(calls(times, usd, **names))


def test_defect_9_48_bit_call_ids_collide(small: Callable[..., Scenario], tmp_path: Path) -> None:
    """9: 48-bit MD5 call ids collide. Ours differ for equal calls and are longer than 12 digits."""
    simulated = simulate(small(), seed=1).records.to_pandas(["call_id"])["call_id"]
    assert simulated.is_unique
    assert simulated.str.len().min() > 12
    row = "2024-08-09T08:00:00Z,gpt-4o,10,5\n"
    log = tmp_path / "calls.csv"
    log.write_text("timestamp,model,input_tokens,output_tokens\n" + 3 * row)
    assert import_records("generic", log, tmp_path / "out").kept == 3  # alike, and yet three calls
    imported = read_records(tmp_path / "out").to_pandas(["call_id"])["call_id"]
    assert imported.is_unique
    assert imported.str.len().min() > 12


def test_defect_10_naive_local_times_taken_at_the_end(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    """10: naive local timestamps taken at the end. Ours are UTC, and of the start."""
    run = simulate(small(), seed=1).records.to_pandas(["timestamp"])
    assert str(run["timestamp"].dt.tz) == "UTC"
    row = {"request_id": "r", "call_type": "acompletion", "spend": 0.1, "model": "gpt-4o"}
    row |= {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    row |= {"startTime": "2024-11-04T09:00:00Z", "endTime": "2024-11-04T09:00:42Z"}
    (tmp_path / "row.json").write_text(json.dumps([row]))
    import_records("litellm", tmp_path / "row.json", tmp_path / "made")
    begun = read_records(tmp_path / "made").to_pandas(["timestamp"])["timestamp"]
    assert begun.tolist() == [pd.Timestamp("2024-11-04 09:00", tz="UTC")]
    log = tmp_path / "calls.csv"
    log.write_text("timestamp,model,input_tokens\n2024-08-09T08:00:00,gpt-4o,10\n")
    import_records("generic", log, tmp_path / "out", naive_time_zone="America/New_York")
    stored = read_records(tmp_path / "out").to_pandas(["timestamp"])["timestamp"]
    assert stored.tolist() == [pd.Timestamp("2024-08-09 12:00", tz="UTC")]
    with pytest.raises(DataError):
        Records.from_frame(calls(pd.DatetimeIndex(["2024-08-09 08:00"])))


def test_defect_16_resample_and_last_fail_on_pandas_3() -> None:
    """16: `resample("H")` and `.last()` fail on pandas 3. The series run there and warn of none."""
    assert int(pd.__version__.split(".")[0]) >= 3
    records = hours(15 * 24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spend.hourly(records)["usd"].tolist() == [1.0] * (15 * 24)
        assert spend.daily(records)["usd"].tolist() == [24.0] * 15
        assert not len(scan(records, [z_score()]))
        week_view(records)


def test_defect_17_mutates_the_callers_frame() -> None:
    """17: mutates the caller's frame. What is handed in comes back as it was."""
    frame = calls(pd.date_range(MONDAY, periods=60, freq="h")).sample(frac=1, random_state=1)
    series = pd.Series(1.0, pd.date_range(MONDAY, periods=60, freq="h"))
    kept_frame, kept_series = frame.copy(deep=True), series.copy(deep=True)
    records = Records.from_frame(frame)
    spend.hourly(records, by="feature")
    z_score().alarms(series)
    frame_book = costsim.prices.load_price_book("list-2024")
    bill = pd.DataFrame(
        {"model": ["gpt-4o"], "timestamp": [MONDAY], "input_tokens": [9], "output_tokens": [1]}
    )
    kept_bill = bill.copy(deep=True)
    frame_book.price(bill)
    pd.testing.assert_frame_equal(frame, kept_frame)
    pd.testing.assert_series_equal(series, kept_series)
    pd.testing.assert_frame_equal(bill, kept_bill)


def test_defect_18_aware_data_against_naive_now() -> None:
    """18: aware data against naive now, and `now()` makes a replay irreproducible."""
    records = hours(48)
    with pytest.raises((DataError, SettingError, TypeError), match="aware"):
        scan(records, [FixedThreshold()], start=datetime(2024, 7, 1))
    with pytest.raises((DataError, SettingError), match="aware"):
        FixedThreshold().alarms(pd.Series(1.0, pd.date_range("2024-07-01", periods=3, freq="h")))
    assert scan(records, [FixedThreshold()], start=datetime(2024, 7, 1, tzinfo=UTC)).hours
    # `costsim prices` and `estimate` mean today unless told a day; ledgers and watch are live
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"datetime", "date", "time", "pd", "Timestamp"}
    }
    # and so is the operator's hand on a ledger
    live = {"limits/ledger.py", "tracking/watch.py", "cli/operator_options.py"}
    assert readers == live | {"cli/estimate.py", "cli/maintenance.py"}


def test_defect_19_rows_without_a_user_vanish() -> None:
    """19: rows without a user vanish in groupby ($99 of $100 in one trial). They are a row."""
    times = pd.date_range(MONDAY, periods=2, freq="min")
    records = Records.from_frame(
        calls(times, [99.0, 1.0], user_id=[None, "ann"], user_tier=[None, "pro"])
    )
    for key, name in (("user", "user_id"), ("tier", "user_tier")):
        table = spend.breakdown(records, key)
        assert table["total_usd"].sum() == 100
        assert table.loc[table[name].isna(), "total_usd"].tolist() == [99.0]
        assert spend.daily(records, by=key)["usd"].sum() == 100
    assert spend.bins(records)["cost_nano"].sum() == 100 * 10**9


def step_after(history: int, level: float, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Ordinary hours with noise, then an incident that lasts."""
    usd = np.random.default_rng(3).normal(10, 1, history + length)
    usd[history:] += level
    return usd, np.arange(len(usd)) % 168


def test_defect_20_mean_and_sd_include_the_incident() -> None:
    """20: mean and sd include the incident. Only the foil, named as such, judges so."""
    usd, week = step_after(1344, 50.0, 1)
    # what is judged is not in its own scale: ten times the excess is near ten times the z
    ten_times = usd.copy()
    ten_times[-1] += 9 * 50.0
    assert z_score().statistic(ten_times, week)[-1] > 8 * z_score().statistic(usd, week)[-1]
    bound = 23 / 24**0.5  # Shiffler 1988: (n - 1) / sqrt(n), however much is spent
    foil = naive_z_score(window_hours=24)
    assert foil.name == "naive z-score"
    assert foil.statistic(usd * 1e6, week)[-1] <= bound + 1e-9
    excluding = Detector(TrailingMean(window_hours=24, min_hours=24), Shewhart(3.0))
    assert excluding.statistic(usd, week)[-1] > 5 * bound


def test_defect_21_partial_hours_silence_and_an_alert_an_hour() -> None:
    """21: partial last hour counted, short history silent, one alert an hour, earliest three."""
    # the last hour has one minute of data: no detector judges it, and the hour says so
    times = pd.DatetimeIndex([*pd.date_range(MONDAY, periods=400, freq="h"),
                              MONDAY + pd.Timedelta(hours=399, minutes=1)])  # fmt: skip
    records = Records.from_frame(calls(times, [10.0] * 399 + [0.0, 500.0]))
    assert not spend.hourly(records)["complete"].iloc[-1]
    found = scan(records, [FixedThreshold(usd_per_hour=100.0), z_score()])
    assert (len(found), found.hours) == (0, 399)
    # under a day of history: said, and the rules still judge
    short = scan(hours(20, usd=50.0), [z_score(), FixedThreshold(usd_per_hour=20.0)])
    assert "only these judge: fixed threshold." in " ".join(short.notes)
    assert short.first().set_index("detector")["known_at"].notna().to_dict() == {
        "z-score": False,
        "fixed threshold": True,
    }
    # an incident of ten hours is one alarm, and a later one is not crowded out
    usd = [1.0] * 400
    usd[300:310] = [90.0] * 10
    usd[370:373] = [900.0] * 3
    times = pd.date_range(MONDAY, periods=400, freq="h")
    episodes = scan(Records.from_frame(calls(times, usd)), [FixedThreshold(usd_per_hour=20.0)])
    assert episodes.alarms["time"].tolist() == [times[300], times[370]]
    assert episodes.alarms["peak_usd"].tolist() == [90.0, 900.0]


def test_defect_22_a_month_projected_from_a_day() -> None:
    """22: `total_7d * 30 / 7` on less than seven days (a first day of $9.5k says $40,714)."""
    first_day = pd.DatetimeIndex([MONDAY, MONDAY + pd.Timedelta("24h") - pd.Timedelta("1us")])
    one = Records.from_frame(calls(first_day, [9500.0, 0.0]))
    month = spend.period(one, date(2024, 7, 1), 1).month
    assert month is None or month.as_now_usd is None
    assert "40,714" not in repr(week_view(one, budget_usd=50_000).card())
    assert "it needs seven complete days" in repr(
        week_view(hours(6 * 24 + 5), budget_usd=50_000).card()
    )
    week = spend.period(hours(8 * 24), date(2024, 7, 1), 7).month
    assert week is not None
    assert week.as_now_usd == pytest.approx(31 * 24)


def test_defect_23_a_budget_of_zero_divides_by_zero() -> None:
    """23: budget 0 divides by zero. A report treats it as none, a rule refuses it."""
    records = hours(15 * 24)
    view = week_view(records, budget_usd=0)
    assert "budget" not in repr(view.card())
    assert "No monthly budget" in repr(view.month())
    assert view.findings.hours
    with pytest.raises(SettingError, match="above 0"):
        costsim.detect.UserShare(daily_budget_usd=0)
    assert not any(d.channel == "top_user" for d in costsim.detect.standard_detectors(0))


def test_defect_24_lambda_quantiles_and_everything_in_memory() -> None:
    """24: lambda quantiles in groupby. DuckDB's p95 is numpy's, group by group."""
    rng = np.random.default_rng(4)
    usd = np.round(rng.lognormal(0, 2, 500), 9)
    users = rng.choice(["ann", "bob", "cy"], 500, p=[0.9, 0.09, 0.01])
    times = pd.date_range(MONDAY, periods=500, freq="min")
    table = spend.by_user(Records.from_frame(calls(times, usd, user_id=users)))
    for row in table.itertuples():
        mine = usd[users == row.user_id]
        assert row.p95_usd == pytest.approx(np.quantile(mine, 0.95), rel=1e-9)


def test_defect_24_a_lazy_read_carries_only_the_columns_asked_for() -> None:
    """24: everything in memory. A read has the columns and the rows asked for, no more."""
    part = hours(48).between("2024-07-02")
    frame = part.to_pandas(["total_cost_nano"])
    assert (frame.columns.tolist(), len(frame)) == (["total_cost_nano"], 24)


def test_defect_25_trend_and_margin_of_the_text_are_in_the_code() -> None:
    """25: the text asks for trend and tiers, none is in the code. This part of it is."""
    # $1 an hour for two weeks, then $3: the month at the old pace, the new one and the last day's
    times = pd.date_range(MONDAY, periods=21 * 24 + 1, freq="h")
    usd = np.where(np.arange(len(times)) < 14 * 24, 1.0, 3.0)
    records = Records.from_frame(calls(times, list(usd), user_tier="free"))
    period = spend.period(records, date(2024, 7, 15), 7)
    so_far = 14 * 24 + 7 * 72
    assert period.ratio == pytest.approx(3)
    assert period.month is not None
    assert period.month.so_far_usd == pytest.approx(so_far)
    assert period.month.usual_usd == pytest.approx(so_far + 10 * 24)
    assert period.month.as_now_usd == pytest.approx(so_far + 10 * 72)
    view = week_view(records, week="2024-W29", budget_usd=1_000)
    assert f"${so_far + 10 * 72:,.0f} at this pace against a budget of $1,000" in repr(view.card())
    assert spend.by_tier(records)["user_tier"].tolist() == ["free"]


@pytest.mark.parametrize(
    "detector",
    [z_score(), seasonal_z_score(), seasonal_cusum(), seasonal_ewma()],
    ids=lambda d: d.name,
)
def test_defect_20_what_is_expected_comes_from_before_only(detector: Detector) -> None:
    """20: the expectation of an hour is the same whether or not the incident comes in it."""
    usd, _ = step_after(1344, 0.0, 1)
    index = pd.date_range(MONDAY, periods=len(usd), freq="h")
    expected = []
    for excess in (200.0, 20_000.0):
        series = pd.Series(usd, index).copy()
        series.iloc[-1] += excess
        alarms = detector.alarms(series, start=index[-1])
        assert len(alarms) == 1
        expected.append(alarms.frame["expected_usd"].iloc[0])
    assert expected[0] == pytest.approx(expected[1], rel=1e-12)
