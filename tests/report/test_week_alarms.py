"""Alarms of the weekly report: a suite's, as incidents in dollars, against made records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import costsim
from costsim.detect import Detector, FeedSilence, HourOfWeek, Shewhart, Suite, load_suite
from costsim.errors import SettingError
from costsim.records import Records
from costsim.report import week_view, weekly_report
from costsim.report.week_alarms import rate_words, suite_words
from costsim.show.mask import mask_user
from costsim.simulation.sizes import smaller

START = pd.Timestamp("2024-07-01", tz="UTC")  # a Monday
BURST = pd.Timestamp("2024-08-01 10:00", tz="UTC")
SUITE = Suite("mine", (Detector(HourOfWeek(), Shewhart(limit=8.0), name="z"),), 0.5, "a test")


def calls(silent: bool = False) -> Records:
    """Five weeks of a dollar an hour by ann; on a Thursday bob adds $20 an hour for five hours.

    Or, where silent, nobody calls in the last two days but for a last call.
    """
    hours = pd.date_range(START, periods=5 * 168, freq="h")
    rows = pd.DataFrame({"timestamp": hours + pd.Timedelta(minutes=5), "user_id": "ann"})
    rows["usd"] = [1.0 + 0.01 * (i % 7) for i in range(len(rows))]
    if silent:
        rows = rows[(rows["timestamp"] < hours[-48]) | (rows["timestamp"] > hours[-1])]
    else:
        more = pd.DataFrame({"timestamp": BURST + pd.to_timedelta(range(300), unit="min")})
        rows = pd.concat([rows, more.assign(user_id="bob", usd=1 / 3)])
    last = pd.DataFrame({"timestamp": [hours[-1] + pd.Timedelta(hours=1)], "usd": 0.0})
    rows = pd.concat([rows, last.assign(user_id="ann")]).sort_values("timestamp", ignore_index=True)
    rows["total_cost_nano"] = (rows.pop("usd") * 1e9).astype("int64")
    rows["call_id"] = [f"c{i}" for i in range(len(rows))]
    rows["feature_name"], rows["model"] = "chat", "m"
    rows["status"], rows["source"] = "ok", "test"
    return Records.from_frame(rows)


@pytest.fixture(scope="module")
def burst() -> Records:
    return calls()


def test_an_incident_has_its_span_its_dollars_and_its_culprit(burst: Records) -> None:
    view = week_view(burst, week="2024-W31", suite=SUITE)
    [row] = view.alarms().to_frame().to_dict("records")
    assert (row["from"], row["last_alarm"]) == (BURST, BURST + pd.Timedelta(hours=5))
    assert row["known"] == BURST + pd.Timedelta(hours=1)
    # $100 more; ann's own cents differ by less than 7 a hour
    assert row["above_usual_usd"] == pytest.approx(100, abs=0.35)
    assert (row["feature"], row["cause"]) == ("chat", "more requests")
    assert row["culprits"] == f"{mask_user('bob')} $100"
    assert "bob" not in view.alarms()._repr_html_()
    assert "chat from Thu 10:00, known Thu 11:00, $100 above" in repr(view.card())
    shown = week_view(burst, week="2024-W31", suite=SUITE, show_users=True)
    assert shown.alarms().to_frame()["culprits"].item() == "bob $100"


def test_the_suites_own_thresholds_speak(burst: Records) -> None:
    deaf = Suite("deaf", tuple(d.with_threshold(1e9) for d in SUITE.detectors), 0.5, "a test")
    view = week_view(burst, week="2024-W31", suite=deaf)
    assert "No alarm in" in repr(view.alarms())
    assert "No alarm by the suite deaf." in view.card().lines
    assert week_view(burst, week="2024-W30", suite=SUITE).findings.alarms.empty


def test_silence_is_an_incident_too() -> None:
    suite = Suite("quiet", (FeedSilence(HourOfWeek()),))
    view = week_view(calls(silent=True), week="2024-W31", suite=suite)
    rows = view.alarms().to_frame()
    assert "no call with a price" in rows["cause"].tolist()
    assert rows["above_usual_usd"].isna().any()
    assert "no call with a price" in repr(view.card())


def test_the_page_says_which_suite_watched_and_what_it_stands_on() -> None:
    assert suite_words(SUITE) == (
        "1 detector of the suite mine, 0.5 false alarms a month of all together, calibrated on "
        "a test."
    )
    assert "not calibrated" in suite_words(replace(SUITE, false_alarms_per_month=None))
    assert rate_words(2.0) == "2 false alarms a month"


def test_history_that_is_too_short_is_said_and_no_calm_is_claimed(burst: Records) -> None:
    view = week_view(burst.between("2024-07-25", "2024-07-27"))
    assert "seasonal detectors are silent" in repr(view.alarms())
    assert not [line for line in view.card().lines if "alarm" in line]


def test_the_report_takes_a_suite_file_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = smaller(costsim.load_scenario("quiet"), 0.1).first_days(22)
    costsim.simulate(quiet, seed=1, out=tmp_path / "runs")
    loud = tuple(d.with_threshold(0.5) for d in SUITE.detectors)
    Suite("loud", loud, 3.0, "nothing at all").write(tmp_path / "loud.toml")
    monkeypatch.chdir(tmp_path)
    done = weekly_report("runs", "pages", suite="loud.toml")
    page = done.page.read_text()
    assert "3 false alarms a month of all together, calibrated on nothing at all" in page
    assert "--suite loud.toml" in page
    assert str(tmp_path) not in page
    assert "suite loud" in repr(done.card)
    with pytest.raises(SettingError, match="suite must be one of 'default'; got 'nope'"):
        weekly_report("runs", "pages", suite="nope")


def test_the_default_suite_watches_where_none_is_given(burst: Records) -> None:
    assert week_view(burst, week="2024-W31").suite == load_suite("default")
