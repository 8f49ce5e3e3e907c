"""Alarms as incidents: grouped, dated, and their causes named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim.detect import (
    CUSUM,
    Detector,
    Findings,
    HourOfWeek,
    group_incidents,
    load_suite,
    scan,
)
from costsim.detect.incidents import _change_point, _dated, _groups
from costsim.errors import SettingError
from costsim.records import Records
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sizes import smaller

HOURS = pd.date_range("2024-08-01", periods=400, freq="h", tz="UTC")


def alarms(*spans, names=None):
    names = names or [f"d{i}" for i in range(len(spans))]
    return pd.DataFrame(
        {
            "detector": names,
            "time": [HOURS[a] for a, _ in spans],
            "start": [HOURS[a] for a, _ in spans],
            "known_at": [HOURS[a + 1] for a, _ in spans],
            "end": [HOURS[b] for _, b in spans],
        }
    )


@pytest.mark.parametrize(
    ("spans", "quiet", "sizes"),
    [
        ([(10, 12), (36, 40)], 24, [2]),  # just 24 hours of quiet
        ([(10, 12), (37, 40)], 24, [1, 1]),
        ([(10, 90), (20, 21), (100, 101)], 24, [3]),  # within a long one, and soon after it
        ([(10, 12), (12, 13)], 0, [2]),
        ([], 24, []),
    ],
)
def test_alarms_near_each_other_are_one_incident(spans, quiet, sizes):
    assert [len(group) for group in _groups(alarms(*spans), quiet)] == sizes


def test_the_change_point_is_where_the_sum_last_left_zero():
    rising = pd.Series(False, index=HOURS)
    rising.iloc[20:31] = True
    assert _change_point(rising, HOURS[25]) == HOURS[20]
    assert _change_point(rising, HOURS[30]) == HOURS[20]
    assert _change_point(rising, HOURS[31]) == HOURS[31]  # the total does not show it
    rising.iloc[100:300] = True
    assert _change_point(rising, HOURS[290]) == HOURS[290 - 72]  # no further back


def test_what_began_before_the_last_one_ended_goes_on():
    rising = pd.Series(False, index=HOURS)
    rising.iloc[20:90] = True
    groups = list(_groups(alarms((25, 30), (60, 61), (150, 151)), 24))
    assert len(groups) == 3
    dated = _dated(groups, lambda first: _change_point(rising, first["time"]))
    assert [(start, len(group)) for start, group in dated] == [(HOURS[20], 2), (HOURS[150], 1)]


@pytest.mark.parametrize(
    ("scenario", "feature", "cause", "culprits"),
    [
        ("night-script", "code_review", "volume", 1),
        ("prompt-bloat", "support_chat", "tokens", 0),
        ("retry-storm", "support_chat", "retries", 0),
    ],
)
def test_incidents_of_the_library_are_dated_and_explained(scenario, feature, cause, culprits):
    wanted = smaller(load_scenario(scenario), 0.2)  # as in the whole product, and as many hours
    [(name, truth)] = wanted.incidents.items()
    result = simulate(wanted, seed=3)
    begin = pd.Timestamp(wanted.focus.start).tz_localize(wanted.time_zone).tz_convert("UTC")
    found = load_suite("default").scan(result.records, start=begin)
    incidents = group_incidents(result.records, found)
    onset = pd.Timestamp(result.incidents.set_index("name").loc[name, "starts"])
    mine = [
        one for one in incidents if one.start <= onset + pd.Timedelta(hours=12) and one.end > onset
    ]
    assert mine, incidents.to_frame()
    one = mine[0]
    assert (one.drivers.feature, one.drivers.cause) == (feature, cause) == (truth.feature, cause)
    assert len(one.drivers.culprits) == culprits
    assert abs(one.start - onset) <= pd.Timedelta(hours=12)
    assert onset < one.known_at <= onset + pd.Timedelta(hours=24)


def test_an_ordinary_week_has_few_incidents_and_shows_itself(surprise_run):
    records = surprise_run.records.between(None, "2024-08-09T00:00")
    found = load_suite("default").scan(records, start="2024-08-02T04:00Z")
    incidents = group_incidents(records, found)
    assert len(incidents) <= 1
    none = group_incidents(records, Findings(found.alarms.head(0), found.detectors, found.spend,
                                             found.time_zone, found.hours))  # fmt: skip
    assert len(none.to_frame()) == 0
    assert repr(none) == "Incidents(0 of them); next: .to_frame()"
    assert none._repr_html_()
    with pytest.raises(SettingError, match="most must be at least 1; got 0"):
        group_incidents(records, found, most=0)
    with pytest.raises(SettingError, match="quiet_hours must be at least 0; got -1"):
        group_incidents(records, found, quiet_hours=-1)


def test_an_incident_of_a_feature_is_dated_by_that_feature_and_not_by_the_total() -> None:
    """A small feature rises for a day beside a large one, whose hours are noise to it."""
    rng = np.random.default_rng(5)
    grid = pd.date_range("2024-07-01", periods=5 * 168, freq="h", tz="UTC")
    large = 1000.0 + 300.0 * rng.standard_normal(len(grid)).clip(-2, 2)
    small = 1.0 + 0.1 * rng.standard_normal(len(grid))
    small[800:830] *= 1.25
    rows = pd.DataFrame({"timestamp": [*grid, *grid], "usd": [*large, *small]})
    rows["feature_name"] = ["chat"] * len(grid) + ["draft"] * len(grid)
    rows = rows.sort_values("timestamp", kind="stable", ignore_index=True)
    rows["total_cost_nano"] = (rows.pop("usd") * 1e9).round().astype("int64")
    rows["call_id"], rows["status"] = [f"c{i}" for i in range(len(rows))], "ok"
    records = Records.from_frame(rows.assign(source="test"))
    slow = Detector(HourOfWeek(), CUSUM(k=1.0, h=12.0), name="slow", channel="feature")
    found = scan(records, [slow], start=grid[700])
    [one] = group_incidents(records, found)
    first = found.alarms.iloc[0]
    assert first["top_feature"] == "draft"
    assert first["time"] > grid[803]  # it takes hours to add up
    assert abs(one.start - grid[800]) <= pd.Timedelta(hours=1)
