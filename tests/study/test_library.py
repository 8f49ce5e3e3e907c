"""The library compared: limits first, then detectors beside dummies, and what alarms name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from costsim.detect import (
    AlwaysAlarm,
    FixedThreshold,
    Guarded,
    NeverAlarm,
    Suite,
    UserShare,
    compared_detectors,
    seasonal_cusum,
    seasonal_z_score,
)
from costsim.errors import SettingError
from costsim.show import figures
from costsim.simulation import load_scenario
from costsim.study import benign_weeks, compare_library
from costsim.study.library import BENIGN, incident_scenarios

WATCHING = (
    seasonal_z_score(),
    UserShare(daily_budget_usd=55_000 / 30),
    FixedThreshold(),
    AlwaysAlarm(),
    NeverAlarm(),
)


@pytest.fixture(scope="module")
def found():
    return compare_library(
        ["night-script", "prompt-bloat"], WATCHING, replicates=12, calibration_runs=6, seed=6
    )


def test_every_scenario_with_an_incident_can_be_watched():
    names = incident_scenarios()
    assert {"surprise-40k", "slow-ramp", "night-script", "feed-silence"} <= set(names)
    assert not {"quiet", "startup-10k", *BENIGN} & set(names)
    for name in names:
        assert load_scenario(name).incidents


def test_what_can_be_found_is_told_before_who_finds_it(found):
    limits = found.limits()
    assert limits["scenario"].tolist() == ["night-script", "prompt-bloat"]
    assert limits["detectable"].all()
    # a script at night stands out in its first hour; longer prompts do in what calls cost
    assert limits["median_h"].tolist() == [1, 1]
    assert limits["channel"][1].startswith("unit_cost:")


def test_dummies_stand_beside_the_others_and_never_look_good(found):
    table = found.to_frame().set_index(["scenario", "detector"])
    for name in found.comparisons:
        never, always = table.loc[(name, "never")], table.loc[(name, "always")]
        assert never["missed"] == 1
        assert always["kept_runs"] == 0
        assert always["false_alarms_per_month"] == 720
        assert np.isnan(always["times_best"])
        mine = table.loc[name]
        single = mine.loc[["seasonal z-score", "user share", "fixed threshold"]]
        assert single["times_best"].min() == 1
        assert (mine["burned_median_usd"].dropna() <= never["burned_median_usd"] * 1.001).all()


def test_the_heat_map_says_dollars_and_misses(found):
    ax = found.plot()
    words = [text.get_text() for text in ax.texts]
    assert "missed" in words
    assert "early" in words
    assert sum(word.startswith("$") for word in words) >= 4
    text = figures.alt_text(ax)
    assert "night-script: fixed threshold $" in text
    assert "limit $" in text
    assert "2 of them detectable" in repr(found)
    assert found._repr_html_().count("<table") == 2


def test_all_kinds_are_there_once_and_the_slow_ones_on_request():
    kinds = {type(d).__name__ for d in compared_detectors(1000)}
    assert {"RandomAlarm", "AlwaysAlarm", "NeverAlarm", "CountCusum", "CountGLR"} <= kinds
    assert len(compared_detectors(1000, refitted=True)) == len(compared_detectors(1000)) + 4
    named = {d.name: d for d in compared_detectors(1000)}
    plain, guarded = named["seasonal CUSUM"], named["guarded CUSUM"]
    assert guarded.baseline == Guarded(plain.baseline)  # and nothing else tells them apart
    assert replace(guarded, baseline=plain.baseline, name=plain.name) == plain


def test_benign_weeks_are_counted_with_what_the_budget_allows():
    loud = Suite("loud", (FixedThreshold(1.0, channel="total"),), 1.0)
    table = benign_weeks(loud, runs=10)
    told = table[~table["announced"]]
    assert told["scenario"].tolist() == ["quiet", *BENIGN]
    assert table.loc[table["announced"], "scenario"].tolist() == ["benign-surge"]
    assert (table["rings"] == 1).all()
    days = told.set_index("scenario")["days"]
    assert days["quiet"] == 7
    assert days["benign-launch"] > 7  # from its launch on
    np.testing.assert_allclose(table["allowed"], 1 - np.exp(-table["days"] / 30))
    mute = Suite("mute", (NeverAlarm(),))
    assert (benign_weeks(mute, runs=10)["rings"] == 0).all()
    with pytest.raises(SettingError, match="runs must be at least 10; got 3"):
        benign_weeks(mute, runs=3)


def test_a_campaign_that_was_announced_rings_no_more_than_an_ordinary_week():
    one = Suite("one", (seasonal_cusum(h=18.0),), 1.0)
    table = benign_weeks(one, runs=20).set_index(["scenario", "announced"])["rings"]
    assert table[("benign-surge", False)] >= 0.8
    assert table[("benign-surge", True)] <= table[("quiet", False)] + 0.05
