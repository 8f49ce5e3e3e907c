"""Verdict, weekly view and month's end, against plain arithmetic on made records."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from costsim import spend
from costsim.errors import DataError, SettingError
from costsim.records import Records
from costsim.report import publish, run_notebook, week_card, week_view, weekly_report
from costsim.report.weekly import week_name
from costsim.show.cards import Ribbon

ZONE = "America/New_York"


def records(days: pd.DatetimeIndex, usd: dict[str, list[float]], **columns: object) -> Records:
    """One call a day and feature at local noon, the first and last second of the span beside."""
    rows = [
        {"timestamp": day + pd.Timedelta(hours=12), "feature_name": name, "usd": dollars[i]}
        for i, day in enumerate(days)
        for name, dollars in usd.items()
    ]
    # two free calls, so that the first and the last day are covered whole
    rows.append({"timestamp": days[0], "feature_name": "idle", "usd": 0.0})
    end = days[-1] + pd.Timedelta(days=1)
    rows.append({"timestamp": end, "feature_name": "idle", "usd": 0.0})
    frame = pd.DataFrame(rows).sort_values("timestamp", ignore_index=True)
    frame["timestamp"] = frame["timestamp"].dt.tz_localize(ZONE).dt.tz_convert("UTC")
    frame["total_cost_nano"] = (frame.pop("usd") * 1e9).astype("int64")
    frame["call_id"] = [f"call-{i}" for i in range(len(frame))]
    frame["user_id"] = "alice@example.com"
    frame["status"], frame["source"], frame["model"] = "ok", "test", "m"
    for name, value in columns.items():
        frame[name] = value
    return Records.from_frame(frame, time_zone=ZONE)


@pytest.fixture(scope="module")
def steady() -> Records:
    """Three weeks from Monday 2024-07-29: chat $10 a day, agent $0, then $40 in the last week."""
    days = pd.date_range("2024-07-29", periods=21, freq="D")
    return records(days, {"chat": [10.0] * 21, "agent": [2.0] * 14 + [40.0] * 7})


def test_a_period_is_compared_with_the_periods_before(steady: Records) -> None:
    found = spend.period(steady, date(2024, 8, 12))
    assert found.usd == pytest.approx(350)
    assert found.usual_usd == pytest.approx(84)
    assert found.ratio == pytest.approx(350 / 84)
    assert found.weeks_before == 2
    assert found.covered
    driver = found.driver
    assert (driver.feature, driver.usd, driver.usual_usd, driver.changed) == (
        "agent",
        280,
        14,
        True,
    )
    assert (driver.user, driver.user_calls, driver.user_usd) == ("alice@example.com", 7, 280)


def test_the_month_ends_by_three_plain_assumptions(steady: Records) -> None:
    month = spend.period(steady, date(2024, 8, 12)).month
    so_far = 12 * 11 + 50 * 7  # 1 to 11 August at $12, 12 to 18 at $50
    assert month.so_far_usd == pytest.approx(so_far)
    assert month.days_left == 13
    assert month.usual_usd == pytest.approx(so_far + 13 * 12)
    assert month.as_now_usd == pytest.approx(so_far + 13 * 50)
    assert month.as_last_day_usd == pytest.approx(so_far + 13 * 50)
    assert month.projection == (month.usual_usd, month.as_now_usd, month.as_now_usd)


def test_the_weekday_of_each_day_left_counts() -> None:
    days = pd.date_range("2024-08-05", periods=7, freq="D")  # Monday to Sunday
    month = spend.period(
        records(days, {"chat": [float(n) for n in range(1, 8)]}), days[0].date()
    ).month
    left = [date(2024, 8, n) for n in range(12, 32)]
    assert month.as_now_usd == pytest.approx(28 + sum(d.isoweekday() for d in left))
    assert month.usual_usd is None
    assert not month.complete  # 1 to 4 August are missing


def test_an_unfinished_week_is_compared_day_by_day(steady: Records) -> None:
    part = steady.between(None, "2024-08-15")
    found = spend.period(part, date(2024, 8, 12))
    assert found.complete_days == 3
    assert found.ratio == pytest.approx(150 / 36)
    assert "3 of 7 days are in; they cost 4.2x the usual." in week_card(found).title


def test_the_card_masks_users_and_names_the_budget(steady: Records) -> None:
    found = spend.period(steady, date(2024, 8, 12))
    card = week_card(found, budget_usd=1000)
    assert card.title == "$350 this week: 4.2x a usual week. $280 of it is agent."
    assert card.level == "bad"
    assert "alice" not in repr(card)
    assert "Month-end $1,132 at this pace against a budget of $1,000." in card.lines
    assert "alice" in repr(week_card(found, show_users=True))
    assert week_card(found, budget_usd=5000).level == "warn"


def test_a_usual_week_is_called_one(steady: Records) -> None:
    card = week_card(spend.period(steady, date(2024, 8, 5)), budget_usd=1000)
    assert card.title == "$84 this week: a usual week." or card.title.startswith("$84.00")
    assert card.level == "ok"


def test_a_change_of_clocks_is_a_whole_week() -> None:
    days = pd.date_range("2024-10-21", periods=21, freq="D")  # clocks go back on 3 November
    found = spend.period(records(days, {"chat": [5.0] * 21}), date(2024, 10, 28))
    assert found.covered
    assert found.usd == pytest.approx(35)
    assert found.ratio == pytest.approx(1)


def test_the_last_whole_week_is_the_default(steady: Records) -> None:
    assert spend.last_week(steady) == (date(2024, 8, 12), 7)
    assert spend.last_week(steady.between(None, "2024-08-15")) == (date(2024, 8, 5), 7)
    assert spend.last_week(steady.between("2024-08-14", "2024-08-16")) == (date(2024, 8, 14), 2)


@pytest.mark.parametrize("week", ["33", "2024-33", "2024-W60", "2024W33", "W33-2024", ""])
def test_weeks_are_iso_weeks(week: str) -> None:
    with pytest.raises(SettingError, match="week must look like 2024-W33"):
        spend.iso_week(week)


def test_iso_weeks_at_the_turn_of_the_year() -> None:
    assert spend.iso_week("2024-W33") == date(2024, 8, 12)
    assert spend.iso_week("2020-W53") == date(2020, 12, 28)
    assert week_name(date(2024, 12, 30), 7) == "2025-W01"
    assert week_name(date(2024, 8, 9), 7) == "2024-08-09-to-2024-08-15"


def test_no_record_in_the_week_is_said(steady: Records) -> None:
    with pytest.raises(DataError, match="no record from 2023-01-02 to 2023-01-08"):
        spend.period(steady, date(2023, 1, 2))


def test_unknown_is_reported_and_never_zero() -> None:
    days = pd.date_range("2024-08-05", periods=7, freq="D")
    bare = records(days, {"chat": [1.0] * 7}, user_id=None, feature_name=None, total_cost_nano=None)
    view = week_view(bare)
    assert "none of them priced" in view.card().title
    assert "No call has a price" in repr(view.days())
    assert "No call has a user id" in repr(view.users())
    assert "No monthly budget" in repr(view.month())
    missing = view.missing().to_frame().set_index("field")["unknown_share"]
    assert missing["user_id"] == missing["feature_name"] == missing["session_id"] == 1
    assert "unpriced 100%" in repr(view.card())


def test_every_part_of_the_view_shows_itself(steady: Records) -> None:
    view = week_view(steady, budget_usd=1000)
    parts = ("days", "features", "models", "users", "concentration", "cost_per_call")
    for name in (*parts, "efficiency", "alarms", "month", "missing", "tiers"):
        part = getattr(view, name)()
        shows = ("_repr_html_", "_repr_mimebundle_")
        assert any(hasattr(part, method) for method in shows), name
    assert "alice" not in view.users()._repr_html_()


def test_a_failing_notebook_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="does not exist"):
        weekly_report(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_page_of_a_notebook_that_loads_from_outside_is_refused(tmp_path: Path) -> None:
    import nbformat
    from nbformat import v4

    cell = v4.new_code_cell("1")
    html = '<img src="https://example.com/pixel.png">'
    cell.outputs = [v4.new_output("display_data", {"text/html": html})]
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "bad.ipynb")
    with pytest.raises(RuntimeError, match=r"bad\.ipynb"):
        publish(tmp_path / "bad.ipynb", tmp_path / "bad.html", ribbon=Ribbon("REAL", "x"))
    assert not (tmp_path / "bad.html").exists()


def test_unknown_notebooks_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="notebook must be one of '00_start_here'"):
        run_notebook("21_monthly", tmp_path / "x.ipynb")
