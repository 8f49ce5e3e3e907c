"""Runs of an incident that may begin at any hour, or begins before its week."""

from __future__ import annotations

import numpy as np
import pytest

from costsim.detect import FixedThreshold, seasonal_cusum
from costsim.errors import SettingError
from costsim.simulation import load_scenario
from costsim.simulation.bin_sampler import sample_bins
from costsim.study.incident_runs import GRACE_HOURS, NEVER, IncidentRuns, IncidentWatch


def test_a_movable_incident_begins_at_every_hour_of_the_day_and_on_every_day():
    runs = IncidentRuns.of(load_scenario("slow-ramp"), range(24))
    assert (np.diff(runs.onset) == 7).all()
    assert len(set(runs.onset % 24)) == 24
    assert len({onset // 24 for onset in runs.onset}) == 7
    assert set(runs.end - runs.onset) == {14 * 24}
    for run, onset in enumerate(runs.onset):
        assert not runs.spend.excess[run, :onset].any()
        assert runs.spend.excess[run, onset : onset + 48].sum() > 0


def test_one_that_is_bound_to_the_calendar_stays_where_it_is():
    scenario = load_scenario("night-script")
    runs = IncidentRuns.of(scenario, range(5))
    watch = IncidentWatch.of(scenario)
    assert set(runs.onset) == {watch.onset}
    assert set(runs.end) == {watch.end}
    np.testing.assert_array_equal(runs.spend.total, sample_bins(scenario, range(5)).total)


def test_what_begins_before_its_week_is_watched_from_its_first_day():
    watch = IncidentWatch.of(load_scenario("slow-ramp"))
    assert watch.start == watch.onset == 21 * 24


def test_an_alarm_long_after_the_end_is_not_the_incident_s():
    scenario = load_scenario("retry-storm")
    incident = next(iter(scenario.incidents.values()))
    watch = IncidentWatch.of(scenario)
    last = scenario.calendar.elapsed_us(incident.ends) / 3.6e9
    assert watch.end == np.ceil(last) + GRACE_HOURS


def movable(small):
    return small(
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


def test_rows_are_those_of_each_run_by_hand(small):
    runs = IncidentRuns.of(movable(small), range(30))
    rule = FixedThreshold(5.0, channel="total")
    first = runs.first(rule)
    rows = runs.rows(first)
    assert rows["run"].tolist() == list(range(30))
    met = 0
    for run in range(30):
        onset, end = runs.onset[run], runs.end[run]
        over = np.flatnonzero(runs.spend.total[run, runs.start : end] > 5.0) + runs.start
        row = rows.iloc[run]
        assert row["missed"] == (len(over) == 0)
        if not len(over):
            assert first[run] == NEVER
            continue
        assert first[run] == over[0]
        if over[0] >= onset:
            met += 1
            assert row["first_h"] == row["known_h"] == over[0] + 1 - onset
            burned = runs.spend.excess[run, onset : over[0] + 1].sum()
            assert row["burned_usd"] == pytest.approx(burned)
    assert met > 5
    assert runs.seen(first).sum() == rows["first_h"].notna().sum() == met
    assert (runs.first_for(seasonal_cusum(), [1.0, 1e9])[:, 1] == NEVER).all()


def test_each_run_is_that_of_its_seed_wherever_it_stands(small):
    many = IncidentRuns.of(movable(small), range(30))
    other = IncidentRuns.of(movable(small), [*range(24), *range(100, 106)])
    np.testing.assert_array_equal(many.spend.total[:24], other.spend.total[:24])
    assert (many.spend.total[24:] != other.spend.total[24:]).any()


def test_two_weeks_before_the_incident_are_needed(small):
    early = {"feature": "chat", "cause": "volume", "starts": "2024-03-08T00:00:00"}
    scenario = small(
        days=28,
        incidents={"i": early | {"effect": {"calls_scale": 2.0}}},
    )
    with pytest.raises(SettingError, match="must begin at least 14 days after the start"):
        IncidentWatch.of(scenario)
