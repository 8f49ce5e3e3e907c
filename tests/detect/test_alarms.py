"""Alarms on a series: episodes, times, refusals, and how the result shows itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from costsim.detect import (
    CUSUM,
    Alarms,
    Detector,
    FixedThreshold,
    HourOfWeek,
    Shewhart,
    TrailingMean,
    hour_of_week,
)
from costsim.errors import DataError, SettingError

START = "2024-08-09T00:00Z"
COLUMNS = "time known_at value_usd expected_usd statistic threshold detector start end peak_usd"


def series(values, start=START):
    index = pd.date_range(start, periods=len(values), freq="h", tz="UTC")
    return pd.Series(np.asarray(values, dtype=float), index=index)


def hour(n):
    return pd.Timestamp(START) + pd.Timedelta(hours=n)


def test_neighbouring_alarming_hours_are_one_episode():
    alarms = FixedThreshold().alarms(series([1, 30, 50, 40, 1, 25, 1]))
    frame = alarms.to_frame()
    assert list(frame) == COLUMNS.split()
    assert frame["time"].tolist() == [hour(1), hour(5)]
    assert frame["known_at"].tolist() == [hour(2), hour(6)]
    assert frame["end"].tolist() == [hour(4), hour(6)]
    assert frame["peak_usd"].tolist() == [50.0, 25.0]
    assert frame["value_usd"].tolist() == [30.0, 25.0]
    assert frame["expected_usd"].isna().all()


def test_quiet_hours_join_episodes():
    spend = series([1, 30, 1, 1, 40, 1, 1, 1, 50])
    rule = FixedThreshold()
    assert [len(rule.alarms(spend, quiet_hours=q)) for q in (0, 1, 2, 3)] == [3, 3, 2, 1]


def test_after_an_alarm_the_sum_begins_again_at_zero():
    """k 1, h 5 and z = 3: two a bin, over 5 in each third bin."""
    spend = series([10.0] * 80 + [10.3] * 9)
    detector = Detector(TrailingMean(guard_hours=24, min_scale_usd=0.1), CUSUM(k=1.0, h=5.0))
    alarms = detector.alarms(spend, start=hour(80))
    assert alarms.frame["time"].tolist() == [hour(82), hour(85), hour(88)]
    assert alarms.first.expected_usd == pytest.approx(10.0)
    assert alarms.first.statistic == pytest.approx(6.0)
    assert alarms.first.threshold == 5.0


def test_first_alarm_of_a_batch_is_the_first_of_alarms():
    rng = np.random.default_rng(2)
    spend = series(rng.lognormal(3, 0.3, 800))
    spend.iloc[700:] *= 2
    index = pd.DatetimeIndex(spend.index)
    detector = Detector(HourOfWeek(), CUSUM(k=1.0, h=4.0, head_start_share=0.5))
    alarms = detector.alarms(spend, start=index[600], time_zone="Asia/Kolkata")
    first = detector.first_alarm(spend.to_numpy(), hour_of_week(index, "Asia/Kolkata"), 600)[0]
    assert alarms.first.time == index[first]
    assert alarms.time_zone == "Asia/Kolkata"


def test_missing_hours_are_unknown_and_not_zero():
    spend = series([100.0] * 60 + [100.0] * 40)
    gapped = spend.drop(spend.index[70:90])
    detector = Detector(TrailingMean(), Shewhart(3.0))
    assert len(detector.alarms(gapped)) == 0
    assert len(detector.alarms(gapped).spend) == 100
    assert detector.alarms(gapped).spend["usd"].isna().sum() == 20


def test_an_aware_index_of_another_zone_is_read_as_the_same_instants():
    spend = series([1, 30, 1])
    local = spend.tz_convert("America/New_York")
    pd.testing.assert_frame_equal(
        FixedThreshold().alarms(local).frame, FixedThreshold().alarms(spend).frame
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_come_out_alike_whatever_their_resolution(unit):
    spend = series([1, 30, 1])
    spend.index = spend.index.as_unit(unit)
    frame = FixedThreshold().alarms(spend).frame
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert frame["time"].tolist() == [hour(1)]


def test_empty_and_single_rows_are_survived():
    for values in ([], [5.0], [np.nan], [500.0]):
        for detector in (Detector(HourOfWeek(), CUSUM()), FixedThreshold()):
            alarms = detector.alarms(series(values))
            assert len(alarms) == (values == [500.0] and isinstance(detector, FixedThreshold))
            assert list(alarms.frame) == COLUMNS.split()
            assert str(alarms.frame["time"].dtype).startswith("datetime64[")
            assert alarms.frame["statistic"].dtype == float


def test_integers_and_nullable_floats_are_read():
    index = pd.date_range(START, periods=3, freq="h")
    for values in ([1, 30, 1], pd.array([1.0, 30.0, None], dtype="Float64")):
        assert len(FixedThreshold().alarms(pd.Series(values, index=index))) == 1


def test_it_leaves_the_series_as_it_was():
    spend = series([1, 30, 1])
    before = spend.copy()
    alarms = FixedThreshold().alarms(spend)
    frame = alarms.to_frame()
    frame.loc[0, "value_usd"] = 0.0
    assert alarms.first.value_usd == 30.0
    pd.testing.assert_series_equal(spend, before)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda s: s.iloc[::-1], DataError, "must rise"),
        (lambda s: pd.concat([s, s.iloc[-1:]]), DataError, "must be unique; got 2024-08-09 03"),
        (lambda s: s.tz_localize(None), DataError, "naive"),
        (lambda s: s.reset_index(drop=True), DataError, "DatetimeIndex of bin starts; got Range"),
        (lambda s: s.shift(freq="5min"), DataError, "whole hours"),
        (lambda s: s.replace(30.0, np.inf), DataError, "finite or NaN; got inf"),
        (lambda s: s.astype(str) + "x", DataError, "dollars as numbers"),
    ],
)
def test_a_series_that_is_none_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        FixedThreshold().alarms(change(series([1, 30, 1, 1])))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone must be an IANA name"),
        ({"time_zone": ""}, "time_zone must be an IANA name"),
        ({"start": "2024-08-09"}, "start must be time-zone aware"),
        ({"start": "soon"}, "start must be an aware time"),
        ({"quiet_hours": -1}, "quiet_hours must be at least 0"),
    ],
)
def test_wrong_arguments_say_what_got_and_allowed(arguments, words):
    with pytest.raises(SettingError, match=words):
        FixedThreshold().alarms(series([1.0]), **arguments)
    with pytest.raises(SettingError, match=words):
        FixedThreshold().stream(**arguments)


def test_the_result_is_frozen_and_names_the_next_step():
    alarms = FixedThreshold().alarms(series([1, 30, 1]))
    assert isinstance(alarms, Alarms)
    with pytest.raises(dataclasses.FrozenInstanceError):
        alarms.detector = "other"
    assert repr(alarms) == (
        "<Alarms: 1 alarm by fixed threshold in 3 hours; first: $30.00 in the hour "
        "from 2024-08-09 01:00 UTC (30.00 > 20). Next: .plot() or .to_frame()>"
    )
    none = FixedThreshold().alarms(series([1, 2, 3]))
    assert none.first is None
    assert list(none) == []
    assert "no alarm" in repr(none)


def test_html_holds_the_table_and_escapes_names():
    rule = FixedThreshold(name="<script>x</script>")
    page = rule.alarms(series([1, 30, 1]))._repr_html_()
    assert "<table" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Fri 2024-08-09 01:00 UTC" in page
    assert "<table" not in rule.alarms(series([1, 2]))._repr_html_()


def test_the_plot_is_drawn_where_it_is_asked_for():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    alarms = FixedThreshold().alarms(series([1, 30, 1]))
    assert alarms.plot(ax=ax) is ax
    assert ax.has_data()


def test_live_hours_must_come_in_order_and_be_whole():
    live = FixedThreshold().stream()
    live.update(hour(0), 1.0)
    with pytest.raises(DataError, match="must be after"):
        live.update(hour(0), 1.0)
    with pytest.raises(DataError, match="whole hour"):
        live.update(hour(1) + pd.Timedelta(minutes=1), 1.0)
    with pytest.raises(DataError, match="finite or NaN"):
        live.update(hour(1), float("inf"))
    with pytest.raises(SettingError, match="time must be time-zone aware"):
        live.update("2024-08-10T00:00", 1.0)
    # What was refused left nothing behind.
    assert len(live.alarms().spend) == 1
