"""Formats against Decimal: what is printed is the number, rounded half up, and never a false 0."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import DataError
from costsim.show import formats

MONEY = st.decimals("-99999999", "99999999", places=6)
SUFFIX = {"k": 3, "M": 6, "B": 9, "T": 12}


def read_back(text: str) -> Decimal:
    bare = text.replace("$", "").replace(",", "")
    power = SUFFIX.get(bare[-1], 0)
    return Decimal(bare[:-1] if power else bare).scaleb(power)


@pytest.mark.parametrize(
    "unknown", [None, math.nan, pd.NA, pd.NaT, np.float64("nan"), Decimal("nan")]
)
@pytest.mark.parametrize("show", ["usd", "usd_short", "share", "count", "number", "ratio", "hours"])
def test_unknown_is_a_dash(show: str, unknown: object) -> None:
    assert getattr(formats, show)(unknown) == "–"


@given(MONEY.filter(lambda x: abs(x) >= 100))
def test_large_dollars_are_whole_and_half_up(amount: Decimal) -> None:
    whole = amount.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert read_back(formats.usd(amount)) == whole


@given(st.decimals("0.10", "99.99", places=5))
def test_middle_dollars_have_cents(amount: Decimal) -> None:
    text = formats.usd(amount)
    cents = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assert text == f"${cents}"


@given(st.decimals("0.000000001", "0.0999", places=9).filter(lambda x: x > 0))
def test_small_dollars_keep_two_digits(amount: Decimal) -> None:
    shown = read_back(formats.usd(amount))
    assert shown > 0
    assert abs(shown - amount) / amount <= Decimal("0.05")


@given(MONEY)
def test_only_zero_is_shown_as_zero(amount: Decimal) -> None:
    assert (read_back(formats.usd(amount)) == 0) == (amount == 0)
    assert formats.usd(amount).startswith("-") == (amount < 0)


@given(st.integers(-9 * 10**14, 9 * 10**14))
def test_short_dollars_err_by_five_percent_at_most(amount: int) -> None:
    text = formats.usd_short(amount)
    assert abs(read_back(text) - amount) <= abs(amount) * Decimal("0.05")
    assert len(text) <= 6


def test_half_is_rounded_up_on_the_printed_decimal() -> None:
    assert formats.usd(2.675) == "$2.68"  # whose binary value lies below the half
    assert formats.usd(-2.675) == "-$2.68"
    assert formats.usd(np.float64(0.125)) == "$0.13"
    assert formats.usd(100.5) == "$101"
    assert formats.count(0.5) == "1"


def test_the_axis_forms_asked_for() -> None:
    assert [formats.usd_short(x) for x in (0, 0.001, 0.1, 1200, 38000, 999_600)] == [
        "$0",
        "$0.001",
        "$0.10",
        "$1.2k",
        "$38k",
        "$1M",
    ]


@given(st.floats(0, 1))
def test_share_is_zero_or_hundred_only_where_exact(fraction: float) -> None:
    text = formats.share(fraction)
    assert (text == "0%") == (fraction == 0)
    assert (text == "100%") == (fraction == 1)
    if text[0] not in "<>":
        places = 1 if "." in text else 0
        assert abs(Decimal(text[:-1]) - Decimal(repr(fraction)) * 100) <= Decimal(5).scaleb(
            -places - 1
        )


def test_infinite_is_said() -> None:
    assert formats.hours(math.inf) == "never"
    assert formats.usd(math.inf) == "$∞"


@pytest.mark.parametrize(
    ("span", "said"),
    [(0, "0 h"), (0.001, "<1 min"), (0.995, "1 h"), (47.9, "47.9 h"), (47.99, "2 days")],
)
def test_hours(span: float, said: str) -> None:
    assert formats.hours(span) == said


def test_times_are_told_in_the_readers_zone() -> None:
    # New York is four hours behind UTC in August, and it is still Sunday there.
    at = datetime(2024, 8, 12, 3, 30, tzinfo=UTC)
    assert formats.weekday_time(at, "America/New_York") == "Sun 23:30"
    assert formats.weekday_time(pd.Timestamp(at), "UTC") == "Mon 03:30"
    assert formats.moment(at, "Asia/Kolkata") == "Mon 12 Aug 2024 09:00"
    assert formats.day(date(2024, 8, 9)) == "Fri 9 Aug"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(DataError, match="naive"):
        formats.weekday_time(datetime(2024, 8, 12), "UTC")
