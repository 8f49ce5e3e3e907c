"""What drove a change: incidents of known cause, named from the records alone."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from costsim.errors import DataError, SettingError
from costsim.records import Records
from costsim.show import figures
from costsim.simulation import simulate
from costsim.spend.decomposition import FACTORS
from costsim.spend.drivers import drivers

START = "2024-03-20T09:00:00"
COHORT = {
    "users": 3,
    "calls_per_day": 2500,
    "input_tokens": {"median": 9000, "log_sd": 0.2},
}
CASES = {
    "volume": {"effect": {"calls_scale": 2.5}},
    "retries": {"effect": {"error_rate": 0.75}},
    "tokens": {"effect": {"input_tokens_scale": 3.0, "prompt_version": "2"}},
    "cache": {"effect": {"cache_share": 0.0}},
    "model": {"effect": {"model": "gpt-4-turbo"}},
    "users": {"cohort": "script"},
}
CHEAP_CACHE = [{"at": "2024-02-28T00:00:00", "model": "gpt-4o", "cache_read": 0.5}]


@pytest.fixture(scope="module")
def happened(small):
    """Four weeks of a small product with an incident of one cause, and what drove it."""

    def make(case):
        chat = {
            "cache": {"share": 0.8},
            "reaction": "script",
            "errors": {"billed": "all"},
        }
        if case == "users":
            chat["cohorts"] = {"script": COHORT}
        incident = {"feature": "chat", "cause": "volume", "starts": START} | CASES[case]
        scenario = small(
            days=28,
            noise={"hour_sigma": 0.1, "hour_phi": 0.5, "day_sigma": 0.05},
            price_changes=CHEAP_CACHE,
            features={"chat": chat},
            incidents={"i": incident},
        )
        result = simulate(scenario, seed=5)
        return result, drivers(result.records, START, "2024-03-20T21:00:00")

    return make


@pytest.mark.parametrize("case", CASES)
def test_the_cause_of_an_incident_is_named_and_so_is_its_feature(happened, case):
    result, found = happened(case)
    assert found.feature == "chat"
    assert found.cause == ("volume" if case == "users" else case)
    assert found.weeks == 2  # of four that were asked for, the records cover two
    frame = found.to_frame()
    assert frame[list(FACTORS)].sum(axis=1).to_numpy() == pytest.approx(frame["change_usd"])
    assert frame["change_usd"].sum() == pytest.approx(found.change_usd)
    inside = result.records.between(START, "2024-03-20T21:00:00").to_pandas(["total_cost_usd"])
    assert found.after_usd == pytest.approx(inside["total_cost_usd"].astype(float).sum())
    if case == "users":
        assert len(found.culprits) == 3
        assert found.culprits["change_usd"].sum() > 0.8 * found.change_usd
    else:
        assert len(found.culprits) < 3
    assert len(found.prompts) == (case == "tokens")
    assert ("is new" in found.words()) == (case == "tokens")


def test_the_weeks_before_are_the_same_local_hours_also_where_clocks_change(small):
    scenario = small(days=25, start="2024-03-01", time_zone="America/New_York",
                     noise={"hour_sigma": 0, "day_sigma": 0})  # fmt: skip
    records = simulate(scenario, seed=2).records
    found = drivers(records, "2024-03-13T09:00", "2024-03-13T17:00", weeks=1)
    before = records.between("2024-03-06T09:00", "2024-03-06T17:00")
    usd = before.to_pandas(["total_cost_usd"])["total_cost_usd"].astype(float).sum()
    assert found.before_usd == pytest.approx(usd)
    assert abs(found.change_usd) < 0.2 * usd


def test_without_history_everything_is_new(small):
    records = simulate(small(days=2), seed=1).records
    found = drivers(records, "2024-03-01T09:00", "2024-03-01T12:00")
    assert (found.weeks, found.before_usd) == (0, 0.0)
    assert found.features["volume"].to_numpy() == pytest.approx(found.features["change_usd"])
    assert found.prompts.empty
    assert repr(found).endswith("next: .users, .to_frame(), .plot()")
    assert "that was not there before" in found._repr_html_()


def test_a_period_that_fell_has_no_cause(small):
    records = simulate(small(days=9), seed=1).records
    frame = records.to_arrow().to_pandas()
    late = frame["timestamp"] >= frame["timestamp"].min() + timedelta(days=8)
    fewer = frame[~late | (np.arange(len(frame)) % 5 == 0)]
    found = drivers(Records.from_frame(fewer), "2024-03-09T09:00", "2024-03-09T12:00")
    assert found.change_usd < 0
    assert (found.feature, found.cause, found.words()) == (None, None, "nothing rose")
    assert found.culprits.empty


def test_what_cannot_be_compared_is_one_clear_line(small):
    records = simulate(small(days=2), seed=1).records
    with pytest.raises(SettingError, match="weeks must be an integer from 1 to 52; got 0"):
        drivers(records, "2024-03-01T09:00", "2024-03-01T12:00", weeks=0)
    with pytest.raises(SettingError, match="start must lie before end"):
        drivers(records, "2024-03-01T12:00", "2024-03-01T12:00")
    with pytest.raises(DataError, match="no priced call"):
        drivers(records, "2023-03-01T09:00", "2023-03-01T12:00")


def test_the_figure_has_a_bar_for_each_part(happened):
    _, found = happened("cache")
    ax = found.plot()
    row = found.features.iloc[0]
    widths = [bar.get_width() for bar in ax.patches]
    assert any(width == pytest.approx(row["cache"]) for width in widths)
    assert "most of it cache" in figures.alt_text(ax)


def test_the_story_s_week_is_a_feature_that_was_not_there_before(surprise_run):
    found = drivers(surprise_run.records, "2024-08-12T07:00", "2024-08-12T19:00")
    assert (found.feature, found.cause) == ("deep_analysis", "volume")
    assert "a feature that was not there before" in found.words()
    [incident] = surprise_run.scenario.incidents.values()
    assert incident.feature == found.feature
    assert found.users["change_usd"].is_monotonic_decreasing
    assert (found.users["change_usd"] > 0).all()
