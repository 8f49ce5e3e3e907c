"""Planned campaigns: taken out exactly, and nothing else with them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from costsim.detect import FixedThreshold, Suite, load_suite, scan
from costsim.errors import SettingError
from costsim.records import Records
from costsim.spend import Planned, channels

HOURS = pd.date_range("2024-10-26T22:00Z", periods=72, freq="h")  # 00:00 in Berlin; 27th: 25 hours
CAMPAIGN = Planned(datetime(2024, 10, 27), datetime(2024, 10, 28), 2.0, account="mailing")


def records(*, twice=(), feature="chat"):
    """A dollar a call: one an hour of two features each, two where the campaign doubles them."""
    rows = [
        {"timestamp": at, "feature_name": name, "user_id": f"{name}-user", "user_tier": "pro"}
        for at in HOURS
        for name in ("chat", "code")
        for _ in range(2 if at in twice and name in (feature, "chat") else 1)
    ]
    frame = pd.DataFrame(rows).assign(status="ok", source="example", total_cost_nano=10**9)
    frame["call_id"] = [str(number) for number in frame.index]
    return Records.from_frame(frame, time_zone="Europe/Berlin")


def same(one, other):
    for name in ("total", "top_user", "top_feature", "calls", "tiers", "features"):
        left, right = getattr(one, name), getattr(other, name)
        pd.testing.assert_frame_equal(
            pd.DataFrame(left).astype(float), pd.DataFrame(right).astype(float)
        )


def test_what_comes_as_planned_is_as_ever_on_a_day_of_25_hours():
    campaign = HOURS[:25]
    doubled = records(twice=campaign, feature="code")
    assert channels(doubled).total.tolist() == [4.0] * 25 + [2.0] * 47
    same(channels(doubled, planned=[CAMPAIGN]), channels(records()))
    quarter = channels(doubled, 15, [CAMPAIGN]).total
    assert quarter.sum() == channels(records(), 15).total.sum()


def test_a_plan_of_one_feature_leaves_the_others():
    doubled = records(twice=HOURS[:25], feature="chat")
    plan = Planned(CAMPAIGN.starts, CAMPAIGN.ends, 2.0, ("chat",))
    same(channels(doubled, planned=[plan]), channels(records()))
    heard = channels(records(), planned=[plan])
    assert heard.features["chat"].iloc[:25].tolist() == [0.5] * 25
    assert heard.features["code"].tolist() == [1.0] * 72


def test_what_comes_on_top_of_the_plan_is_heard_and_the_notes_say_what_was_taken_out():
    doubled = records(twice=HOURS[:25], feature="code")
    alarm = [FixedThreshold(2.5, channel="total")]
    assert len(scan(doubled, alarm)) == 1
    found = scan(doubled, alarm, planned=[CAMPAIGN])
    assert len(found) == 0
    assert found.planned == (
        "2 times the calls of all features planned from 2024-10-27 00:00 to 2024-10-28 00:00: "
        "taken out before detectors listen.",
    )
    small = Planned(CAMPAIGN.starts, CAMPAIGN.ends, 1.25)
    assert scan(doubled, alarm, planned=[small]).alarms["value_usd"].max() == 4 / 1.25
    later = Planned(datetime(2025, 1, 1), datetime(2025, 1, 2), 2.0)
    assert scan(doubled, alarm, planned=[later]).planned == ()


def test_a_suite_brings_its_plan_in_its_file(tmp_path):
    suite = Suite("mine", (FixedThreshold(2.5, channel="total"),), planned=(CAMPAIGN,))
    path = suite.write(tmp_path / "mine.toml")
    assert load_suite(path) == suite
    assert 'account = "mailing"' in path.read_text()
    assert len(suite.scan(records(twice=HOURS[:25], feature="code"))) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("starts = 2024-08-16T00:00:00", "ends must lie after starts"),
        ("calls_scale = 0", "calls_scale must be above 0 and finite; got 0"),
        ("calls_scale = true", "calls_scale must be a number; got True"),
        ("starts = 2024-08-12T00:00:00Z", "starts must be a local time without an offset"),
        ('features = "chat"', r"features must be a list of texts; got 'chat'"),
        ("factor = 2", r"planned\[0\].factor is no setting of Planned; allowed: \['account'"),
    ],
)
def test_bad_plans_get_one_line(change, words, tmp_path):
    rows = {"starts": "2024-08-12T00:00:00", "ends": "2024-08-15T00:00:00", "calls_scale": "1.6"}
    key, value = change.split(" = ")
    plan = "\n".join(f"{k} = {v}" for k, v in (rows | {key: value}).items())
    path = tmp_path / "s.toml"
    path.write_text(f'[[planned]]\n{plan}\n[[detectors]]\nkind = "FixedThreshold"\n')
    with pytest.raises(SettingError, match=words):
        load_suite(path)
