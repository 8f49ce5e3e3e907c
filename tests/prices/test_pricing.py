"""Pricing of columns: against the scalar calculation, and what stays without a price."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import DataError
from costsim.prices import PriceBook, UnitPrice, call_cost
from costsim.prices.rate_table import INPUT_PARTS, OUTPUT_PARTS

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet", "gemini-2.5-pro", "gpt-4-turbo")
DAYS = (datetime(2024, 8, 9, tzinfo=UTC), datetime(2024, 10, 2, tzinfo=UTC))


@st.composite
def one_call(draw: st.DrawFn) -> dict[str, Any]:
    call: dict[str, Any] = {
        "model": draw(st.sampled_from(MODELS)),
        "timestamp": draw(st.sampled_from(DAYS)),
    }
    for side, kinds in (("input", INPUT_PARTS), ("output", OUTPUT_PARTS)):
        parts = {kind: draw(st.integers(0, 10**6)) for kind in kinds}
        call[f"{side}_tokens"] = sum(parts.values()) + draw(st.integers(0, 10**8))
        call.update({f"{kind}_tokens": tokens for kind, tokens in parts.items()})
    return call


@settings(max_examples=60, deadline=None)
@given(st.lists(one_call(), min_size=1, max_size=12))
def test_columns_cost_what_single_calls_cost(
    current: PriceBook, calls: list[dict[str, Any]]
) -> None:
    priced = current.price(pa.Table.from_pylist(calls))
    for row, call in enumerate(calls):
        tokens = {name: value for name, value in call.items() if name.endswith("tokens")}
        one = call_cost(current.unit(call["model"], at=call["timestamp"]), **tokens)
        assert priced.input_cost_nano[row].as_py() == one.input_nano
        assert priced.output_cost_nano[row].as_py() == one.output_nano
        assert priced.total_cost_nano[row].as_py() == one.total_nano


@settings(max_examples=40, deadline=None)
@given(one_call(), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(current: PriceBook, call: dict[str, Any], more: int) -> None:
    longer = {**call, "output_tokens": call["output_tokens"] + more}
    cost = current.price(pa.Table.from_pylist([call, longer])).total_cost_nano.to_pylist()
    assert cost[0] <= cost[1]


FRAME = pd.DataFrame(
    {
        "model": ["gpt-4o", "gpt-4-turbo", "gpt-4o"],
        "timestamp": pd.to_datetime(["2024-09-01", "2024-09-01", "2024-11-01"], utc=True),
        "input_tokens": [1_000_000, 1_000, 1_000_000],
        "output_tokens": [0, 1_000, 0],
    },
    index=[7, 8, 9],
)
NANO = [5_000_000_000, 40_000_000, 2_500_000_000]


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        lambda frame: frame.astype({"model": object}),
        lambda frame: frame.astype({"model": "category", "input_tokens": "Int64"}),
        lambda frame: frame.astype({"input_tokens": float, "output_tokens": "int32"}),
        lambda frame: frame.assign(timestamp=frame["timestamp"].dt.tz_convert("Asia/Tokyo")),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: pa.Table.from_pandas(frame),
        lambda frame: pa.Table.from_pandas(frame).to_batches()[0],
        lambda frame: pa.concat_tables(
            [pa.Table.from_pandas(frame.iloc[:1]), pa.Table.from_pandas(frame.iloc[1:])]
        ),
        lambda frame: frame.to_dict("list"),
        lambda frame: {name: frame[name].to_numpy() for name in frame},
        lambda frame: {
            **frame.to_dict("list"),
            "timestamp": frame["timestamp"].dt.tz_localize(None).to_numpy("datetime64[s]"),
            "model": frame["model"].to_numpy("U20"),
        },
    ],
)
def test_any_kind_of_column_will_do(current: PriceBook, convert: Callable[..., Any]) -> None:
    assert current.price(convert(FRAME)).total_cost_nano.to_pylist() == NANO


def test_the_result_keeps_the_index_and_adds_up(current: PriceBook) -> None:
    priced = current.price(FRAME)
    frame = priced.to_frame()
    assert frame.index.tolist() == [7, 8, 9]
    assert (frame["input_cost_nano"] + frame["output_cost_nano"]).tolist() == NANO
    assert priced.total_nano == sum(NANO)
    assert priced.total_usd == pytest.approx(7.54)
    assert (priced.unpriced_calls, priced.unpriced_calls_share) == (0, 0.0)
    assert priced.unpriced.empty
    assert priced.total_cost_nano.to_numpy().dtype == np.int64  # no gaps: no copy, no floats


@pytest.mark.parametrize("day", ["2024-09-01", "2024-10-01T23:59:59.999999", "2024-10-02"])
def test_a_price_step_outside_the_data_still_counts(current: PriceBook, day: str) -> None:
    moment = pd.Timestamp(day, tz="UTC")
    calls = {"model": ["gpt-4o"], "timestamp": [moment], "input_tokens": [10], "output_tokens": [0]}
    expected = current.unit("gpt-4o", at=moment.to_pydatetime())
    assert current.price(calls).total_nano == 10 * expected.input_pico // 1000


def test_the_threshold_of_long_input_belongs_to_the_lower_price(current: PriceBook) -> None:
    calls = {"model": "gemini-2.5-pro", "input_tokens": [200_000, 200_001], "output_tokens": [0, 0]}
    assert current.price(calls).total_cost_nano.to_pylist() == [200_000 * 1_250, 200_001 * 2_500]


def test_an_unknown_model_is_null_and_counted(current: PriceBook) -> None:
    calls = {
        "model": ["gpt-4o", "secret", "secret", "other", None],
        "timestamp": [DAYS[1]] * 5,
        "input_tokens": [1_000, 300, 100, 60, 40],
        "output_tokens": [0, 100, 0, 0, 0],
    }
    priced = current.price(calls)
    assert priced.total_cost_nano.to_pylist()[1:] == [None] * 4
    assert priced.input_cost_nano.null_count == priced.output_cost_nano.null_count == 4
    assert priced.unpriced_calls_share == 4 / 5
    assert priced.unpriced_tokens_share == 600 / 1_600
    table = priced.unpriced
    assert table["model"].fillna("-").tolist() == ["secret", "other", "-"]
    assert table["calls"].tolist() == [2, 1, 1]
    assert table["tokens"].tolist() == [500, 60, 40]
    assert set(table["reason"]) == {"unknown model", "missing model name"}
    assert priced.to_frame()["total_cost_nano"].isna().sum() == 4


def test_missing_counts_give_missing_costs(list_2024: PriceBook) -> None:
    calls = pd.DataFrame(
        {"model": "gpt-4o", "input_tokens": [10, None, 10], "output_tokens": [1, 1, None]}
    )
    priced = list_2024.price(calls)
    assert [cost is None for cost in priced.total_cost_nano.to_pylist()] == [False, True, True]
    assert priced.unpriced["reason"].tolist() == ["missing token count"]


def test_a_part_that_is_not_reported_counts_as_none(list_2024: PriceBook) -> None:
    calls = {"model": "gpt-4o", "input_tokens": [10], "output_tokens": [1]}
    with_null = {**calls, "cache_read_tokens": [None]}
    assert list_2024.price(with_null).total_nano == list_2024.price(calls).total_nano > 0


@pytest.mark.parametrize(
    "odd",
    [
        {"cache_read_tokens": 6, "cache_write_tokens": 5},
        {"cache_read_tokens": 11},
        {"reasoning_tokens": 3},
        {"reasoning_tokens": 1, "audio_output_tokens": 2},
        {"cache_write_1h_tokens": -1},
        {"input_tokens": -1},
        {"input_tokens": 2 * 10**9},
        {"input_tokens": 2**62},
        dict.fromkeys([f"{kind}_tokens" for kind in INPUT_PARTS], 2**62),  # int64 wraps to 0
    ],
)
def test_inconsistent_counts_have_no_price(list_2024: PriceBook, odd: dict[str, int]) -> None:
    good = {"input_tokens": 10, "output_tokens": 2}
    rows = pa.Table.from_pylist(
        [{"model": "gpt-4o", **dict.fromkeys(odd, 0), **good}, {"model": "gpt-4o", **good, **odd}]
    )
    priced = list_2024.price(rows)
    assert priced.total_cost_nano.to_pylist() == [80_000, None]
    assert priced.unpriced["reason"].tolist() == ["inconsistent token counts"]


def test_the_model_that_answered_wins_when_it_has_a_price(list_2024: PriceBook) -> None:
    calls = {
        "model": ["gpt-4", "gpt-4", "gpt-4", "alias"],
        "response_model": ["gpt-4o-2024-05-13", "gpt-4-secret", None, "gpt-4o"],
        "input_tokens": [1_000_000] * 4,
        "output_tokens": [0] * 4,
    }
    usd = [nano / 10**9 for nano in list_2024.price(calls).total_cost_nano.to_pylist()]
    assert usd == [5, 30, 30, 5]


def test_service_tiers(current: PriceBook) -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    tiers = [None, "default", "standard", "batch", "flex", "priority", "scale"]
    calls = {
        "model": ["gpt-5"] * 7,
        "timestamp": [day] * 7,
        "service_tier": tiers,
        "input_tokens": [1_000_000] * 7,
        "output_tokens": [0] * 7,
    }
    priced = current.price(calls)
    usd = [nano and nano / 10**9 for nano in priced.total_cost_nano.to_pylist()]
    assert usd == [1.25, 1.25, 1.25, 0.625, 0.625, 2.5, None]
    assert priced.unpriced["reason"].tolist() == ["no price for this service tier"]


def test_a_dated_price_needs_a_timestamp(current: PriceBook) -> None:
    calls = {"model": ["gpt-4o", "gpt-4-turbo"], "input_tokens": [9, 9], "output_tokens": [9, 9]}
    for timed in (
        calls,
        {**calls, "timestamp": [None, None]},
        {**calls, "timestamp": [None, DAYS[0]]},
    ):
        priced = current.price(timed)
        assert [cost is None for cost in priced.total_cost_nano.to_pylist()] == [True, False]
        assert priced.unpriced["reason"].tolist() == ["missing timestamp, and the price is dated"]


def test_prices_that_depend_on_the_hour(current: PriceBook) -> None:
    # DeepSeek, from 2025-02 to 2025-09: $0.55 a million, $0.135 from 16:30 to 00:30 UTC
    usd = {"00:29": 0.135, "00:30": 0.55, "16:29": 0.55, "16:30": 0.135, "23:59": 0.135}
    for clock, price in usd.items():
        unit = current.unit("deepseek-reasoner", at=f"2025-07-01T{clock}:00Z")
        assert unit.input_pico == round(price * 10**6)
    calls = {
        "model": "deepseek-reasoner",
        "timestamp": [datetime.fromisoformat(f"2025-07-01T{clock}:00Z") for clock in usd],
        "input_tokens": [1_000] * 5,
        "output_tokens": [0] * 5,
    }
    assert current.price(calls).total_cost_nano.to_pylist() == [
        round(price * 10**6) for price in usd.values()
    ]


def test_a_model_that_is_free_costs_nothing_and_is_priced(
    book_of: Callable[[str], PriceBook],
) -> None:
    book = book_of(
        '[[price]]\nmodel = "free"\ninput_usd_per_million = 0\noutput_usd_per_million = 0\n'
        'source = "test"\n[[price]]\nmodel = "embed"\ninput_usd_per_million = 1\nsource = "test"'
    )
    calls = {
        "model": ["free", "embed", "embed", "embed"],
        "input_tokens": [10, 1_000, 1_000, 1_000],
        "output_tokens": [10, 0, None, 1],
    }
    priced = book.price(calls)
    assert priced.total_cost_nano.to_pylist() == [0, 1_000_000, 1_000_000, None]
    assert priced.unpriced["reason"].tolist() == ["no price for this kind of token"]


def test_no_calls_cost_nothing(current: PriceBook) -> None:
    empty = FRAME.iloc[:0]
    priced = current.price(empty)
    assert (len(priced), priced.total_nano, priced.unpriced_tokens_share) == (0, 0, 0.0)
    assert len(priced.to_frame()) == 0


def test_many_names_are_resolved_too(list_2024: PriceBook) -> None:
    size = 3_000  # names x names beyond what is numbered densely
    names = [f"model-{number}" for number in range(size)]
    calls = {
        "model": ["gpt-4o", *names],
        "response_model": [None, *reversed(names)],
        "input_tokens": [1_000] * (size + 1),
        "output_tokens": [0] * (size + 1),
    }
    priced = list_2024.price(calls)
    assert priced.total_nano == 5_000_000
    assert priced.unpriced["calls"].sum() == size


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_tokens": None}, "must have a column 'input_tokens'"),
        ({"model": None}, "'model' or 'response_model'; got neither"),
        ({"input_tokens": [1.5]}, "input_tokens must be whole numbers"),
        ({"input_tokens": ["x"]}, "input_tokens must be whole numbers"),
        ({"output_tokens": [1, 2]}, "output_tokens must have 1 rows like input_tokens; got 2"),
        ({"model": ["gpt-4o", "gpt-4"]}, "model must have 1 rows like input_tokens; got 2"),
        ({"model": [3]}, "model must be text; got int64"),
        ({"timestamp": [datetime(2024, 8, 9)]}, "timestamp must have a time zone"),
        ({"timestamp": [20240809]}, "timestamp must be UTC times; got int64"),
        ({"timestamp": DAYS}, "timestamp must have 1 rows like input_tokens; got 2"),
    ],
)
def test_columns_that_cannot_be_read(current: PriceBook, change: Any, says: str) -> None:
    calls = {"model": ["gpt-4o"], "input_tokens": [1], "output_tokens": [1], **change}
    with pytest.raises(DataError, match=says):
        current.price(calls)


def test_something_that_is_no_frame(current: PriceBook) -> None:
    with pytest.raises(DataError, match="got int"):
        current.price(3)


def test_units_are_frozen(list_2024: PriceBook) -> None:
    unit = list_2024.unit("gpt-4o")
    assert isinstance(unit, UnitPrice)
    with pytest.raises(AttributeError):
        unit.model = "other"  # type: ignore[misc]
