"""What the first alarm names: once played for all detectors, each as if it were read alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from costsim.detect import (
    AlwaysAlarm,
    FeedSilence,
    FixedThreshold,
    HourOfWeek,
    NeverAlarm,
    Suite,
    UserShare,
    group_incidents,
    load_suite,
    scan,
    seasonal_cusum,
    seasonal_z_score,
)
from costsim.errors import SettingError
from costsim.simulation import load_scenario
from costsim.simulation.sizes import smaller
from costsim.spend.drivers import drivers
from costsim.spend.series import channels
from costsim.study import compare_detectors, named_causes, naming
from costsim.study.seeds import study_seeds
from tests.simulated import night_script, simulated

RIGHT = ["feature_right", "cause_right", "user_right"]
WATCHING = [
    load_suite("default"),
    seasonal_cusum(h=40.0),  # later than the others
    seasonal_z_score(limit=4.0),
    AlwaysAlarm(),
    NeverAlarm(),
]


@pytest.fixture(scope="module")
def played():
    """Two runs for all, and how often each was played, read and explained."""
    counts = {"simulate": 0, "channels": 0, "drivers": []}
    kept = {name: getattr(named_causes, name) for name in counts}

    def simulate(scenario, seed):
        counts["simulate"] += 1
        return simulated(scenario, seed)

    def read(*given):
        counts["channels"] += 1
        return channels(*given)

    def explain(records, start, end):
        counts["drivers"].append((counts["simulate"], start, end))
        return drivers(records, start, end)

    with pytest.MonkeyPatch.context() as patch:
        for name, made in zip(kept, (simulate, read, explain), strict=True):
            patch.setattr(named_causes, name, made)
        return naming(night_script(), WATCHING, [1, 2]), counts


def test_each_is_told_what_it_would_read_alone_in_the_hour_of_its_alarm(played):
    named, _ = played
    [incident] = night_script().incidents.values()
    onset = pd.Timestamp(night_script().calendar.to_utc(incident.starts))
    rows = named.set_index(["detector", "seed"])
    assert len(rows) == 2 * len(WATCHING)
    records = simulated(night_script(), 1).records
    for one in WATCHING[:-1]:
        row = rows.loc[(one.name, 1)]
        known = onset + pd.Timedelta(hours=row["known_h"])
        so_far = records.between(None, known)  # nothing later is there to be read
        members = one.detectors if isinstance(one, Suite) else [one]
        found = scan(so_far, members, start=onset)
        assert set(found.alarms["known_at"]) == {known}
        [wanted] = group_incidents(so_far, found, most=1)
        assert row["said"] == wanted.words()
        assert row["feature_right"] == (wanted.feature == incident.feature)
        assert row["cause_right"] == (wanted.cause == incident.cause)
    assert rows.xs(1, level="seed")["known_h"].nunique() > 1  # not all of them in one hour
    assert rows.loc["never"].isna().all(axis=None)
    default = rows.loc["default"]
    assert default[RIGHT].astype(bool).all(axis=None)
    assert default["said"].str.contains("code_review").all()


def test_a_run_is_played_and_read_once_and_an_hour_explained_once(played):
    named, counts = played
    assert counts["simulate"] == counts["channels"] == 2
    asked = counts["drivers"]
    assert len(set(asked)) == len(asked) < named["said"].notna().sum()


def test_an_alarm_of_silence_names_the_cause_and_nobody():
    silent = smaller(load_scenario("feed-silence"), 0.05)
    named = naming(silent, FeedSilence(HourOfWeek()).with_threshold(2.0), [1])
    row = named.iloc[0]
    assert row["cause_right"]
    assert row[["feature_right", "user_right"]].isna().all()
    assert 0 < row["known_h"] <= 6


def test_an_alarm_after_the_watch_is_none():
    """A script of one hour on a Saturday; what is dearer than that weekend is Monday."""
    scenario = night_script()
    [incident] = scenario.incidents.values()
    short = incident.model_copy(update={"ends": incident.starts + timedelta(hours=1)})
    scenario = scenario.model_copy(update={"incidents": {"short": short}})
    onset = pd.Timestamp(scenario.calendar.to_utc(short.starts))
    total = channels(simulated(scenario, 1).records).total
    dearest = total[onset : onset + pd.Timedelta(hours=24)].max()  # an hour, and a day of grace
    assert total[onset:].max() > 1.1 * dearest
    before, after = (
        FixedThreshold(dearest * times, channel="total", name=f"{times}") for times in (0.99, 1.01)
    )
    named = naming(scenario, [before, after], [1]).set_index("detector")
    assert 0 < named.loc["0.99", "known_h"] <= 25
    assert named.loc["1.01", ["known_h", *RIGHT, "said"]].isna().all()


def test_a_comparison_counts_what_was_named_by_calibrated_detectors(monkeypatch):
    monkeypatch.setattr(named_causes, "simulate", simulated)
    scenario = night_script()
    watching = [seasonal_z_score(), NeverAlarm(), Suite("two", (seasonal_cusum(), UserShare(30.0)))]
    options = {"replicates": 10, "calibration_runs": 4, "false_alarms_per_month": 2.0, "seed": 3}
    said = []
    found = compare_detectors(scenario, watching, naming_runs=1, say=said.append, **options)
    assert "call by call, run 1 of 1" in said
    at = [*found.detectors, next(c for c in found.candidates if c.is_suite).suite(2.0)]
    alone = naming(scenario, at, study_seeds(3, 5, 1))
    pd.testing.assert_frame_equal(
        found.named.sort_values("detector", ignore_index=True),
        alone.sort_values("detector", ignore_index=True),
    )
    row = found.row("two")
    assert row[RIGHT].tolist() == [1.0, 1.0, 1.0]
    assert found.row("never")[RIGHT].isna().all()
    assert found.row("seasonal z-score", "nominal")[RIGHT].isna().all()
    assert "two 1 of 1 / 1 of 1 / 1 of 1" in found.card._repr_html_()
    rows = {"detector": "two", "seed": [1, 2, 3], "known_h": [1.0, 2.0, None]}
    told = {"feature_right": [True, False, None], "cause_right": [True, True, None]}
    three = pd.concat([found.named, pd.DataFrame(rows | told | {"user_right": None})])
    counted = replace(found, named=three[three["detector"].ne("two") | three["known_h"].notna()])
    shown = counted.shown().set_index(["detector", "setting"])[RIGHT]
    assert shown.loc[("two", "calibrated")].tolist() == ["2 of 3", "3 of 3", "1 of 1"]
    assert shown.loc[("never", "calibrated")].isna().all()
    assert shown.loc[("never", "nominal")].isna().all()
    assert "2 of 3" in counted._repr_html_()


@pytest.mark.parametrize("wrong", [-1, 1.5, True])
def test_a_wrong_number_of_runs_is_refused_before_anything_runs(wrong):
    line = f"naming_runs must be an integer of at least 0; got {wrong}"
    with pytest.raises(SettingError, match=line):
        compare_detectors("night-script", naming_runs=wrong)
