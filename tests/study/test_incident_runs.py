"""Runs of an incident that may begin at any hour, or begins before its week."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.detect import FixedThreshold, seasonal_cusum
from costsim.errors import SettingError
from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import sample_hourly
from costsim.study.incident_runs import GRACE_HOURS, NEVER, IncidentRuns, IncidentWatch


def test_a_movable_incident_begins_at_every_hour_of_the_day_and_on_every_day():
    runs = IncidentRuns.of(load_scenario("slow-ramp"), range(24))
    onsets = np.array([watch.onset for watch, _ in runs.parts])
    assert len(onsets) == 24
    assert (np.diff(onsets) == 7).all()
    assert len(set(onsets % 24)) == 24
    assert len({onset // 24 for onset in onsets}) == 7
    spans = {watch.end - watch.onset for watch, _ in runs.parts}
    assert spans == {14 * 24}
    for watch, spend in runs.parts:
        assert not spend.excess[:, : watch.onset].any()
        assert spend.excess[:, watch.onset : watch.onset + 48].sum() > 0


def test_one_that_is_bound_to_the_calendar_stays_where_it_is():
    scenario = load_scenario("night-script")
    runs = IncidentRuns.of(scenario, range(5))
    [(watch, spend)] = runs.parts
    assert watch == IncidentWatch.of(scenario)
    np.testing.assert_array_equal(spend.total, sample_hourly(scenario, range(5)).total)


def test_what_begins_before_its_week_is_watched_from_its_first_day():
    watch = IncidentWatch.of(load_scenario("slow-ramp"))
    assert watch.start == watch.onset == 21 * 24


def test_an_alarm_long_after_the_end_is_not_the_incident_s():
    scenario = load_scenario("retry-storm")
    incident = next(iter(scenario.incidents.values()))
    watch = IncidentWatch.of(scenario)
    last = scenario.calendar.elapsed_us(incident.ends) / 3.6e9
    assert watch.end == np.ceil(last) + GRACE_HOURS


def test_rows_come_in_the_order_of_the_seeds(small):
    scenario = small(
        days=21,
        incidents={
            "more": {
                "feature": "chat",
                "cause": "volume",
                "starts": "2024-03-16T00:00:00",
                "effect": {"calls_scale": 4.0},
                "movable": True,
            }
        },
    )
    runs = IncidentRuns.of(scenario, range(30))
    rule = FixedThreshold(5.0, channel="total")
    first = runs.first(rule)
    rows = runs.rows(first)
    assert rows["run"].tolist() == list(range(30))
    for run in (0, 7, 29):
        part, within = run % 24, run // 24
        hour, watch = first[part][within], runs.parts[part][0]
        row = rows.iloc[run]
        assert row["missed"] == (hour == NEVER)
        if watch.onset <= hour < NEVER:
            assert row["first_h"] == hour + 1 - watch.onset
    seen = runs.seen(first)
    assert seen.sum() == rows["first_h"].notna().sum()
    many = runs.first_for(seasonal_cusum(), [1.0, 1e9])
    assert all((part[:, 1] == NEVER).all() for part in many)


def test_two_weeks_before_the_incident_are_needed(small):
    early = {"feature": "chat", "cause": "volume", "starts": "2024-03-08T00:00:00"}
    scenario = small(
        days=28,
        incidents={"i": early | {"effect": {"calls_scale": 2.0}}},
    )
    with pytest.raises(SettingError, match="must begin at least 14 days after the start"):
        IncidentWatch.of(scenario)
