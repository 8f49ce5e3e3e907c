"""Scans: which series each channel gives a detector, and whose the alarm is."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from costsim.detect import FixedThreshold, NewFeature, NewUser, Suite, scan
from costsim.errors import SettingError
from costsim.records import Records
from costsim.spend.series import channels

HOURS = pd.date_range("2024-03-01", periods=20 * 24, freq="h", tz="UTC")


@pytest.fixture(scope="module")
def records():
    """A dollar an hour of each of two features and tiers; what is new is dear for an hour."""
    hour = np.arange(480)
    streams = [
        ("chat", "ann", "free", np.ones(480)),
        ("draft", "bob", "pro", np.ones(480)),
        ("agent", "bob", "pro", np.where(hour == 300, 31.0, 1.0) * (hour > 250)),
        ("chat", "eve", "free", np.where(hour == 400, 9.0, 0.1) * (hour > 390)),
    ]  # fmt: skip
    rows = pd.concat(
        pd.DataFrame(
            {
                "timestamp": HOURS,
                "feature_name": feature,
                "user_id": user,
                "user_tier": tier,
                "total_cost_nano": (usd * 1e9).astype("int64"),
            }
        )[usd > 0]
        for feature, user, tier, usd in streams
    ).sort_values(["timestamp", "user_id", "feature_name"], ignore_index=True)
    rows["call_id"] = [f"c{n}" for n in range(len(rows))]
    return Records.from_frame(rows.assign(status="ok", source="test", model="gpt-4o"))


def test_an_alarm_names_the_feature_user_or_tier_that_it_is_of(records):
    tier = FixedThreshold(8.0, name="tier", channel="tier")
    watching = [NewFeature(20.0), NewUser(5.0), tier, FixedThreshold(20.0, channel="top_user")]
    found = scan(records, watching).to_frame().set_index("detector")
    assert len(found) == 5
    assert found.loc["new feature", ["time", "top_feature"]].tolist() == [HOURS[300], "agent"]
    assert found.loc["new user", ["time", "top_user"]].tolist() == [HOURS[400], "eve"]
    rows = found.loc["tier"]
    assert rows["tier"].tolist() == ["pro", "free"]
    assert rows["time"].tolist() == [HOURS[300], HOURS[400]]
    assert rows["top_feature"].tolist() == ["agent", "chat"]
    assert found.loc["fixed threshold", "top_user"] == "bob"
    assert found.drop(index="tier")["tier"].isna().all()


def test_without_an_alarm_the_columns_are_the_same(records):
    none = scan(records, [FixedThreshold(1e6)]).to_frame()
    some = scan(records, [FixedThreshold(20.0)]).to_frame()
    assert len(none) == 0
    assert list(none) == list(some)


def test_channels_that_were_read_before_are_not_read_again(records, monkeypatch):
    watching = [NewFeature(20.0), NewUser(5.0), FixedThreshold(8.0, channel="tier")]
    wanted = scan(records, watching, start=HOURS[200])
    heard = channels(records)
    module = import_module("costsim.detect.scan")
    monkeypatch.setattr(module, "channels", None)  # calling it would fail
    found = scan(records, watching, start=HOURS[200], heard=heard)
    pd.testing.assert_frame_equal(found.to_frame(), wanted.to_frame())
    suite = Suite("mine", tuple(watching))
    by_suite = suite.scan(records, start=HOURS[200], heard=heard)
    pd.testing.assert_frame_equal(by_suite.to_frame(), wanted.to_frame())
    with pytest.raises(SettingError, match="heard must have bins of 15; got 60"):
        scan(records, watching, bin_minutes=15, heard=heard)
