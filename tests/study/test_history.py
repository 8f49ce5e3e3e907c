"""Ordinary life from one's own records: their weeks as they were, in other orders."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from costsim.detect import FixedThreshold, seasonal_z_score
from costsim.errors import DataError
from costsim.simulation import simulate
from costsim.spend.series import channels
from costsim.study.history import bootstrap_runs, history_weeks
from costsim.study.quiet import WATCH_DAYS, WATCHES


@pytest.fixture(scope="module")
def records(small):
    """From Friday 1 March, five weeks in Berlin: clocks spring forward on Sunday the 31st."""
    return simulate(small(days=35, time_zone="Europe/Berlin"), seed=5).records


def test_weeks_are_those_of_the_records(records):
    weeks = history_weeks(records)
    assert weeks["total"].shape == (4, 168)
    assert weeks["feature"].shape == (4, 168, 2)
    hourly = channels(records).total
    first = hourly["2024-03-03T23:00Z":"2024-03-10T22:00Z"]  # Monday 00:00 in Berlin
    np.testing.assert_allclose(weeks["total"][0], first.to_numpy())
    np.testing.assert_allclose(np.nansum(weeks["feature"], axis=2), np.nan_to_num(weeks["total"]))
    # the hour that clocks skip, Sunday 02:00, is missing in the last week and only there
    gaps = np.argwhere(np.isnan(weeks["total"]))
    assert gaps.tolist() == [[3, 6 * 24 + 2]]


def test_runs_are_made_of_whole_weeks_with_all_channels_together(records):
    weeks = history_weeks(records)
    quiet = bootstrap_runs(records, range(6), training=28)
    spend = quiet.spend
    assert quiet.training_hours == 28 * 24
    assert spend.total.shape == (6, (28 + WATCHES * WATCH_DAYS) * 24)
    assert (spend.hour_of_week[:169] == [*range(168), 0]).all()
    used = set()
    for run in range(6):
        for week in range(0, spend.total.shape[1], 168):
            part = slice(week, week + 168)
            [which] = [
                w for w in range(4)
                if np.array_equal(spend.total[run, part], weeks["total"][w], equal_nan=True)
            ]  # fmt: skip
            used.add(which)
            for name in ("feature", "unit_cost", "calls", "tier", "new_user", "user_rise"):
                np.testing.assert_array_equal(spend.each[name][run, part], weeks[name][which])
            np.testing.assert_array_equal(spend.top_user[run, part], weeks["top_user"][which])
    assert used == {0, 1, 2, 3}
    again = bootstrap_runs(records, [3], training=28)
    np.testing.assert_array_equal(again.spend.total[0], spend.total[3])


def test_detectors_are_calibrated_on_them(records):
    quiet = bootstrap_runs(records, range(20))
    for detector in (FixedThreshold(channel="total"), seasonal_z_score()):
        threshold = quiet.paths(detector).threshold(1.0)
        rate = quiet.false_alarms(detector.with_threshold(threshold)).per_month
        assert 0 < threshold < np.inf
        assert rate <= 1.0


def test_weeks_of_a_known_incident_are_left_out(records):
    out = (datetime(2024, 3, 13, 9, tzinfo=UTC), datetime(2024, 3, 13, 10, tzinfo=UTC))
    kept = history_weeks(records, leave_out=[out])["total"]
    every = history_weeks(records)["total"]
    np.testing.assert_array_equal(kept, np.delete(every, 1, axis=0))


def test_two_complete_weeks_are_needed(small):
    short = simulate(small(days=12), seed=1).records
    with pytest.raises(DataError, match=r"at least 2 complete weeks, .* in UTC, .* got 1"):
        bootstrap_runs(short, [1])
