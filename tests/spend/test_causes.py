"""Causes and culprits of incidents that were built by hand, to the dollar."""

from __future__ import annotations

import pandas as pd
import pytest

from costsim.detect import Detector, HourOfWeek, Shewhart, group_incidents, scan
from costsim.records import Records
from costsim.spend.drivers import drivers
from tests.spend.built import (
    built,
    dearer,
    longer,
    mixed,
    more_calls,
    retried,
    rewritten,
    uncached,
    wordier,
)

START, HOURS = "2024-05-06", 5 * 168  # a Monday
BEGIN, END = "2024-06-05 09:00", "2024-06-05 17:00"
CAUSES = {
    "volume": more_calls,
    "tokens": longer,
    "tokens of the output": wordier,
    "price": dearer,
    "model": mixed,
    "cache": uncached,
    "retries": retried,
    "tokens of a new prompt": rewritten,
}
WATCH = [
    Detector(HourOfWeek(offset_usd=0.01), Shewhart(3.0), name="total z"),
    Detector(HourOfWeek(offset_usd=0.01), Shewhart(3.0), name="feature z", channel="feature"),
]


@pytest.mark.parametrize("case", CAUSES)
def test_an_incident_is_dated_priced_and_its_cause_named(case):
    records, added = built(START, HOURS, {"chat": (BEGIN, END, CAUSES[case])})
    incidents = group_incidents(records, scan(records, WATCH, start="2024-05-27T00:00Z"))
    [one] = incidents
    assert one.start == pd.Timestamp(BEGIN, tz="UTC")
    assert one.known_at == pd.Timestamp(BEGIN, tz="UTC") + pd.Timedelta(hours=1)
    assert one.end == pd.Timestamp(END, tz="UTC")
    found = one.drivers
    assert (found.feature, found.cause) == ("chat", case.split()[0])
    # against other weeks' same hours, whose tokens differ by chance only
    assert found.change_usd == pytest.approx(added["chat"], rel=0.02)
    assert found.features["change_usd"].iloc[0] == pytest.approx(added["chat"], rel=0.02)
    users = found.users[found.users["feature_name"] == "chat"].set_index("user_id")
    brought = users["change_usd"] / found.change_usd
    if case == "volume":
        assert found.culprits["user_id"].tolist() == ["u3"]
        assert brought["u3"] > 0.95
    else:  # ten users who all do alike
        assert brought.max() < 0.15


def test_each_user_brings_a_tenth_of_what_all_do_alike_and_one_all_of_a_script():
    records, added = built(START, HOURS, {"chat": (BEGIN, END, more_calls)})
    found = drivers(records, BEGIN + "Z", END + "Z")
    [row] = found.culprits.itertuples()
    assert (row.user_id, row.new) == ("u3", False)
    assert row.change_usd == pytest.approx(added["chat"], rel=0.02)
    assert "1 user brings" in found.words()


def test_a_new_prompt_is_named_from_its_first_hour_on_with_its_share_of_calls():
    records, _ = built(START, HOURS, {"chat": (BEGIN, END, rewritten)})
    first_hour = drivers(records, BEGIN + "Z", "2024-06-05 10:00Z")
    [row] = first_hour.prompts.itertuples()
    assert (row.feature_name, row.prompt_hash) == ("chat", "chat-v2")
    assert row.share == pytest.approx(0.9)
    assert "prompt chat-v2 is new" in first_hour.words()
    before = drivers(records, "2024-06-05 08:00Z", BEGIN + "Z")
    assert before.prompts.empty
    # an hour later it is one that was there before, though not in these hours of other weeks
    assert drivers(records, "2024-06-05 10:00Z", "2024-06-05 11:00Z").prompts.empty


def test_a_prompt_that_has_long_been_called_at_another_hour_is_not_new():
    """Of a nightly job, daily at 03 since the first day; then its prompt is called by day too."""
    frame = built(START, HOURS, {"chat": (BEGIN, END, rewritten)})[0].to_arrow().to_pandas()
    nightly = (frame["feature_name"] == "chat") & (frame["timestamp"].dt.hour == 3)
    frame.loc[nightly, "prompt_hash"] = "chat-v2"
    found = drivers(Records.from_frame(frame), BEGIN + "Z", END + "Z")
    assert found.feature == "chat"
    assert found.prompts.empty
    assert "is new" not in found.words()


def test_two_incidents_at_one_time_are_told_apart_by_their_features():
    both = {"chat": (BEGIN, END, longer), "batch": (BEGIN, END, more_calls)}
    records, added = built(START, HOURS, both)
    [one] = group_incidents(records, scan(records, WATCH, start="2024-05-27T00:00Z"))
    rose = one.drivers.risen.set_index("feature_name")
    assert rose["cause"].to_dict() == {"chat": "tokens", "batch": "volume"}
    for feature, usd in added.items():
        assert rose.loc[feature, "change_usd"] == pytest.approx(usd, rel=0.02)
    assert rose.index[0] == max(added, key=added.get) == one.drivers.feature
    assert one.drivers.change_usd == pytest.approx(sum(added.values()), rel=0.02)
    words = one.drivers.words()
    assert f"also {rose.index[1]} +$" in words
    assert "more tokens a call" in words
    assert "more requests" in words


def test_a_second_feature_that_moves_by_chance_is_no_second_incident():
    records, _ = built(START, HOURS, {"chat": (BEGIN, END, longer)})
    found = drivers(records, BEGIN + "Z", END + "Z")
    assert found.risen["feature_name"].tolist() == ["chat"]
    assert "also" not in found.words()


@pytest.mark.parametrize(
    ("start", "begin", "end", "night", "hours", "usual"),
    [
        # clocks go back: from 23:00 to 05:00 are seven hours, one of them twice
        ("2024-09-30", "2024-11-03 03:00", "2024-11-03 10:00", "2024-11-02T23:00", 7, 6),
        # clocks go on: from 23:00 to 05:00 are five hours
        ("2024-02-05", "2024-03-10 04:00", "2024-03-10 09:00", "2024-03-09T23:00", 5, 6),
    ],
)
def test_an_incident_over_the_night_in_which_clocks_change(start, begin, end, night, hours, usual):
    changes = {"chat": (begin, end, longer)}
    records, added = built(start, 5 * 168, changes, time_zone="America/New_York")
    seen = scan(records, WATCH, start=pd.Timestamp(begin, tz="UTC") - pd.Timedelta(days=7))
    [one] = group_incidents(records, seen)
    assert (one.start, one.end) == (pd.Timestamp(begin, tz="UTC"), pd.Timestamp(end, tz="UTC"))
    assert one.start.tz_convert("America/New_York").isoformat().startswith(night)
    assert (one.drivers.feature, one.drivers.cause) == ("chat", "tokens")
    # compared by the clock: other weeks have six hours from 23:00 to 05:00
    ordinary_hour = one.drivers.before_usd / usual
    wanted = added["chat"] + (hours - usual) * ordinary_hour
    assert one.drivers.change_usd == pytest.approx(wanted, rel=0.02)
