"""Suites: files that come back as they were, and faults in one line."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest

import costsim
from costsim.detect import (
    CUSUM,
    EWMA,
    Detector,
    FeedSilence,
    FixedThreshold,
    HourOfWeek,
    NaiveZScore,
    Shewhart,
    Suite,
    TrailingMean,
    UserShare,
    load_suite,
    parse_suite,
    suite_names,
)
from costsim.errors import DataError, SettingError, UnknownNameError
from costsim.simulation import load_scenario
from costsim.simulation.sizes import smaller
from costsim.spend.series import channels
from tests.simulated import simulated

MIXED = Suite(
    'a "mixed" one',
    (
        Detector(HourOfWeek(weeks=5), CUSUM(k=0.5, h=7.25, clip=4.0), name="slow"),
        Detector(TrailingMean(window_hours=48), EWMA(lam=0.3), channel="top_feature"),
        Detector(HourOfWeek(), Shewhart(4.5), name="user", channel="top_user"),
        UserShare(daily_budget_usd=1800.0, share=0.02),
        FixedThreshold(usd_per_hour=55.5),
        NaiveZScore(limit=2.5),
    ),
    false_alarms_per_month=0.5,
    calibrated_on="nothing",
)


def test_a_suite_comes_back_from_its_file_as_it_was(tmp_path):
    path = MIXED.write(tmp_path / "deep" / "mine.toml")
    assert load_suite(path) == MIXED
    assert [p.name for p in path.parent.iterdir()] == ["mine.toml"]
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert head[0].startswith('# a "mixed" one: 0.5 false alarms a month')
    assert len(head) == 1 + len(MIXED.detectors)


def test_only_what_differs_from_the_defaults_is_written():
    text = Suite("plain", (Detector(HourOfWeek(), CUSUM()),)).to_toml()
    [row] = tomllib.loads(text)["detectors"]
    assert row == {
        "kind": "Detector",
        "name": "HourOfWeek + CUSUM",
        "baseline": {"kind": "HourOfWeek"},
        "chart": {"kind": "CUSUM"},
    }


def test_bundled_suites_load_and_say_what_they_stand_on():
    for name in suite_names():
        suite = costsim.load_suite(name)
        assert suite.false_alarms_per_month is not None
        assert suite.calibrated_on
        assert "next: .scan(records)" in repr(suite)
        assert len(suite.describe().splitlines()) == 1 + len(suite.detectors)
    # a default serves any budget: no threshold in dollars
    assert all(isinstance(d, Detector | FeedSilence) for d in load_suite("default").detectors)


def test_a_suite_has_the_bin_that_its_thresholds_are_for(surprise_run, tmp_path):
    suite = Suite("quick", (FixedThreshold(20.0, channel="total"),), bin_minutes=15)
    assert "bins of 15 minutes" in suite.describe()
    assert load_suite(suite.write(tmp_path / "quick.toml")) == suite
    assert "bin_minutes" not in Suite("plain", suite.detectors).to_toml()
    records = surprise_run.records.between("2024-08-12", "2024-08-13")
    found = suite.scan(records)
    assert (found.bin_minutes, found.hours, len(found.spend)) == (15, 24, 96)
    assert set(found.alarms["known_at"] - found.alarms["time"]) == {pd.Timedelta("15min")}
    with pytest.raises(SettingError, match=r"bin_minutes must be one of .* got 7"):
        parse_suite({"bin_minutes": 7, "detectors": [{"kind": "FixedThreshold"}]})


def test_a_suite_scans_as_its_detectors_do():
    suite = load_suite("default")
    records = simulated(smaller(load_scenario("surprise-40k"), 0.1), seed=7).records
    one = suite.scan(records, start="2024-08-12T11:00Z")
    heard, zone = channels(records, 60), records.time_zone
    alone = [
        (alarm.known_at, detector.name)
        for detector in suite.detectors
        for usd in heard.each(detector.channel).values()
        for alarm in detector.alarms(usd, "2024-08-12T11:00Z", zone, quiet_hours=24)
    ]
    found = zip(one.alarms["known_at"], one.alarms["detector"], strict=True)
    assert sorted(found) == sorted(alone)
    assert set(one.first()["detector"]) == {d.name for d in suite.detectors}


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(DataError, match="is there already"):
        MIXED.write(path)
    assert path.read_text() == "precious"
    MIXED.write(path, overwrite=True)
    assert load_suite(path) == MIXED


CHART = {"kind": "CUSUM"}
GOOD = {"kind": "Detector", "baseline": {"kind": "HourOfWeek"}, "chart": CHART}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({}, "suite: a suite must have at least one detector; got none"),
        ({"detector": []}, r"suite: detector is no key of a suite; allowed: \['name'"),
        ({"detectors": 3}, "detectors must be tables"),
        ({"detectors": [{}]}, r"detectors\[0\].kind must be one of .*'Detector'.*got None"),
        ({"detectors": [{"kind": "Suite"}]}, "kind must be one of .*got 'Suite'"),
        ({"detectors": [GOOD, GOOD]}, "name each detector once; got 'HourOfWeek \\+ CUSUM' twice"),
        ({"detectors": [GOOD | {"chart": CHART | {"h": -1}}]}, r"\.chart: h must be above 0"),
        ({"detectors": [GOOD | {"chart": CHART | {"x": 1}}]}, "x is no setting of CUSUM; allowed"),
        ({"detectors": [GOOD | {"chart": {"kind": "HourOfDay"}}]}, r"chart.kind must be one of"),
        ({"detectors": [GOOD | {"baseline": CHART}]}, "baseline must be a Baseline"),
        ({"detectors": [{"kind": "UserShare"}]}, "daily_budget_usd"),
        ({"detectors": [GOOD], "false_alarms_per_month": 0}, "must be above 0 and finite; got 0"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(data, line):
    with pytest.raises(SettingError, match=line) as raised:
        parse_suite(data)
    assert "\n" not in str(raised.value)


def test_unknown_names_and_broken_files_are_said(tmp_path):
    with pytest.raises(UnknownNameError, match="suite must be one of"):
        load_suite("nope")
    with pytest.raises(SettingError, match="does not exist"):
        load_suite(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    with pytest.raises(SettingError, match="not valid TOML"):
        load_suite(tmp_path / "broken.toml")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('kind = "Detector"\nbaseline = {kind = "HourOfWeek", weeks = 2.5}\n'
         'chart = {kind = "CUSUM"}',
         r"detectors\[0\].baseline.weeks must be a whole number; got 2.5"),
        ('kind = "FixedThreshold"\nusd_per_hour = "a"',
         r"detectors\[0\].usd_per_hour must be a number; got 'a'"),
        ('kind = "FixedThreshold"\nusd_per_hour = true', "usd_per_hour must be a number; got True"),
        ('kind = "FixedThreshold"\nusd_per_hour = nan', "usd_per_hour must be above 0; got nan"),
        ('kind = "FixedThreshold"\nname = 3', "name must be text; got 3"),
        ('kind = "FixedThreshold"\nchannel = ["total"]', "channel must be text; got"),
        ('kind = ["FixedThreshold"]', "kind must be one of"),
        ('kind = "Detector"\nbaseline = 3\nchart = {kind = "CUSUM"}',
         "baseline must be a Baseline such as"),
        ('kind = "Detector"\nbaseline = {kind = "HourOfWeek"}\n'
         'chart = {kind = "CusumBank", ks = [1.0, "a"]}',
         r"chart.ks must be a list of numbers; got \[1.0, 'a'\]"),
        ('kind = "Detector"\nbaseline = {kind = "HourOfWeek"}\n'
         'chart = {kind = "CUSUM", k = "x"}', "chart.k must be a number; got 'x'"),
    ],
)  # fmt: skip
def test_a_setting_of_another_type_is_one_clear_line(tmp_path, rows, line):
    file = tmp_path / "mine.toml"
    file.write_text(f"[[detectors]]\n{rows}\n")
    with pytest.raises(SettingError, match=line) as raised:
        load_suite(file)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("mine.toml: ")


@pytest.mark.parametrize("rate", ["true", "inf", "'1'", "0"])
def test_a_budget_of_false_alarms_is_a_number_above_0(tmp_path, rate):
    file = tmp_path / "mine.toml"
    file.write_text(f"false_alarms_per_month = {rate}\n[[detectors]]\nkind = 'FixedThreshold'\n")
    with pytest.raises(
        SettingError, match="false_alarms_per_month must be above 0 and finite; got"
    ):
        load_suite(file)


def test_settings_in_hours_are_whole_whoever_gives_them():
    for make, line in (
        (lambda: HourOfWeek(weeks=2.5), "weeks must be a whole number of at least 2; got 2.5"),
        (lambda: TrailingMean(window_hours="a"), "window_hours must be a whole number"),
        (lambda: FixedThreshold("a"), "usd_per_hour must be above 0; got 'a'"),
        (lambda: HourOfWeek(min_weeks=0), "min_weeks must be at least 1; got 0"),
    ):
        with pytest.raises(SettingError, match=line):
            make()
    assert HourOfWeek(weeks=np.int64(4)).weeks == 4
