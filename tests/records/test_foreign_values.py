"""Foreign values against a second reading: datetime, Decimal, int."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import DataError, SettingError
from costsim.records.importers.values import numbers, times, words
from costsim.records.importers.values.faults import Faults, shown

instants = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30))
unhurried = settings(deadline=None)  # the first example loads libraries
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def read(values: list[Any], zone: str = "UTC", form: str | None = None) -> tuple[Any, Faults]:
    column = pa.array(values)
    faults = Faults(len(column))
    said = times.TimeFormat(form) if form else times.detect(column, "t")
    return times.instants(column, said, zone, faults, "t").to_pylist(), faults


@unhurried
@given(st.lists(st.tuples(instants, st.none() | offsets), min_size=1, max_size=6))
def test_iso_times_with_and_without_a_zone(given: list[tuple[datetime, Any]]) -> None:
    aware = [t.replace(tzinfo=zone) for t, zone in given]
    found, faults = read([t.isoformat() for t in aware])
    assert found == [(t if t.tzinfo else t.replace(tzinfo=UTC)).astimezone(UTC) for t in aware]
    assert not len(faults)


@pytest.mark.parametrize(
    "text",
    ["2024-08-09T08:00:00Z", "2024-08-09 08:00:00+00", "2024-08-09 10:00:00.000+02:00",
     "2024-08-09T08:00:00.0000000", "2024-08-09 08:00:00 UTC", "2024-08-09 08:00",
     " 2024-08-09T08:00:00Z ", "2024-08-09T04:00:00-0400"],
)  # fmt: skip
def test_how_tools_write_one_instant(text: str) -> None:
    found, _ = read([text, "2024-08-09T08:00:00+00:00"])
    assert found == [datetime(2024, 8, 9, 8, tzinfo=UTC)] * 2


@unhurried
@given(instants, st.sampled_from(["s", "ms", "us", "ns"]))
def test_epoch_units_are_told_from_their_size(when: datetime, unit: str) -> None:
    micros = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )
    number = {"s": micros // 10**6, "ms": micros // 1000, "us": micros, "ns": micros * 1000}[unit]
    for values in ([str(number)], [number]):
        found, faults = read(values)
        assert times.detect(pa.array(values), "t") == times.TimeFormat(unit, inferred=True)
        exact = {"s": 10**6, "ms": 1000, "us": 1, "ns": 1}[unit]
        assert found == [
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros // exact * exact)
        ]
        assert not len(faults)


def test_fractions_of_an_epoch_second() -> None:
    assert read(["1723190400.25"])[0] == [datetime(2024, 8, 9, 8, 0, 0, 250_000, tzinfo=UTC)]


def test_an_epoch_of_no_or_mixed_units_is_asked_for() -> None:
    for values in (["5", "7"], ["1723190400", "1723190400123"]):
        with pytest.raises(DataError, match="t must hold epoch seconds, ms, us or ns"):
            times.detect(pa.array(values), "t")
    with pytest.raises(SettingError, match="unit of t must be iso, s, ms"):
        times.declared("weeks", "t")


def test_times_out_of_range_and_no_times_are_refused_row_by_row() -> None:
    found, faults = read(["2024-08-09", "0001-01-01", "soon", None, "2150-01-01"])
    assert [row for row, _ in faults] == [1, 2, 4]
    assert found[0] == datetime(2024, 8, 9, tzinfo=UTC)
    assert (
        dict(faults)[1]
        == "t must be an ISO 8601 time such as 2024-08-09T14:00:00Z; got '0001-01-01'"
    )
    assert dict(faults)[4] == "t must lie between 2000 and 2100; got '2150-01-01'"
    _, faults = read(["1723190400"] * 9 + ["99999999999999999"])
    assert [row for row, _ in faults] == [9]


def test_clock_changes_of_a_zone() -> None:
    # Berlin 2024: 02:30 does not exist on 31 March, and comes twice on 27 October
    found, faults = read(
        ["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-08-09T10:00:00"], "Europe/Berlin"
    )
    assert list(faults) == [(0, "t must exist in Europe/Berlin; got '2024-03-31 02:30:00'")]
    assert found[1:] == [
        datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
        datetime(2024, 8, 9, 8, tzinfo=UTC),
    ]


@unhurried
@given(st.lists(st.decimals(0, 5000, places=9), min_size=1, max_size=8))
def test_dollars_to_the_nearest_nano(amounts: list[Decimal]) -> None:
    faults = Faults(len(amounts))
    found = numbers.nano(pa.array([str(a) for a in amounts]), "usd", faults, "cost").to_pylist()
    exact = [int((a * 10**9).to_integral_value(ROUND_HALF_EVEN)) for a in amounts]
    assert found == exact
    assert not len(faults)


@pytest.mark.parametrize(
    ("text", "unit", "nano"),
    [("2.1e-05", "usd", 21_000), ("+0.5", "usd", 500_000_000), (".25", "cents", 2_500_000),
     ("1E2", "nano", 100), ("3", "microusd", 3_000)],
)  # fmt: skip
def test_how_dollars_are_written(text: str, unit: str, nano: int) -> None:
    assert numbers.nano(pa.array([text]), unit, Faults(1), "cost").to_pylist() == [nano]


@pytest.mark.parametrize("text", ["-1", "1,50", "$3", "inf", "abc", "1e300", "0x10", "1_000"])
def test_what_is_no_amount(text: str) -> None:
    faults = Faults(2)
    found = numbers.nano(pa.array([text, "1"]), "usd", faults, "cost").to_pylist()
    assert [row for row, _ in faults] == [0]
    assert found[1] == 10**9


@unhurried
@given(st.lists(st.none() | st.integers(0, 2**31 - 1), min_size=1, max_size=8))
def test_counts_as_text_floats_and_integers(counts: list[int | None]) -> None:
    texts = [None if n is None else str(n) for n in counts]
    floats = [None if n is None else float(n) for n in counts]
    for values, kind in (
        (texts, pa.string()),
        ([None if t is None else t + ".0" for t in texts], pa.string()),
        ([None if t is None else t.encode() for t in texts], pa.binary()),
        (floats, pa.float64()),
        (counts, pa.int64()),
    ):
        faults = Faults(len(counts))
        assert numbers.count(pa.array(values, kind), faults, "n").to_pylist() == counts
        assert not len(faults)


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "2147483648", "12x", "1e400", "99999999999999999999"]
)
def test_what_is_no_count(text: str) -> None:
    faults = Faults(2)
    assert numbers.count(pa.array([text, "7"]), faults, "n").to_pylist()[1] == 7
    assert [row for row, _ in faults] == [0]


@pytest.mark.parametrize(
    ("said", "ours"),
    [("success", "ok"), ("FAILURE", "error"), ("200", "ok"), ("200.0", "ok"), ("429", "denied"),
     ("503", "error"), ("499", "aborted"), ("cancelled", "aborted"), ("", None)],
)  # fmt: skip
def test_outcomes(said: str, ours: str | None) -> None:
    assert words.outcome(pa.array([said]), Faults(1)).to_pylist() == [ours]


def test_words_that_mean_nothing_and_one_that_is_a_name() -> None:
    said = ["", " ", "NULL", "None", "nan", "\\N", "Null", "none"]
    assert words.text(pa.array(said), Faults(8), "user").to_pylist() == [None] * 6 + [
        "Null",
        "none",
    ]


def test_flags_and_labels() -> None:
    faults = Faults(4)
    said = pa.array(["True", "0", "None", "maybe"])
    assert words.flag(said, faults, "hit").to_pylist() == [True, False, None, None]
    assert list(faults) == [(3, "hit must be true or false; got 'maybe'")]
    labels = pa.array(['["a", "b"]', "c, d", None, "[]"])
    assert words.names(labels, Faults(4), "tags").to_pylist() == [
        ["a", "b"],
        ["c", "d"],
        None,
        None,
    ]


@unhurried
@given(st.text(max_size=200))
def test_what_is_shown_is_one_short_line(text: str) -> None:
    assert len(shown(text)) <= 42
    assert "\n" not in shown(text)
    if len(text.split()) > 3:
        assert "characters of text" in shown(text)
