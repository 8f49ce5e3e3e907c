"""The one definition of a record, and everything that is made from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from costsim.errors import DataError
from costsim.records.schema import (
    BY_NAME,
    COST_FIELDS,
    DERIVED,
    FIELDS,
    TOKEN_FIELDS,
    arrow_schema,
    check_frame,
    reference,
    to_table,
)

# Names of record version 1, written down from the design and not from the code.
NAMES = """
call_id timestamp model feature_name user_id session_id input_tokens output_tokens total_tokens
latency_ms temperature max_tokens prompt_hash finish_reason cache_hit error cache_read_tokens
cache_write_tokens cache_write_1h_tokens reasoning_tokens audio_input_tokens audio_output_tokens
tenant_id environment user_tier team tags provider response_model operation service_tier attempt
retry_of provider_request_id trace_id status denied_scope denied_window downgraded_from price_book
priced_at usage_source reserved_at ingested_at time_to_first_token_ms source input_cost_nano
output_cost_nano total_cost_nano other_cost_nano billed_cost_nano
"""
DESIGN = NAMES.split()
TIMES = pd.to_datetime(["2024-08-09", "2024-08-10", "2024-08-11"], utc=True)


def frame(**changes):
    base = {"call_id": ["a", "b", "c"], "timestamp": TIMES, "status": "ok", "source": "mine"}
    return pd.DataFrame(base | changes)


def test_the_record_has_the_fields_of_version_1_once_each():
    assert sorted(BY_NAME) == sorted(DESIGN)
    assert len(FIELDS) == len(BY_NAME)
    assert {"uncached_input_tokens", "tokens_per_second"} == set(DERIVED)


def test_a_field_says_its_unit_in_its_name():
    for field in FIELDS:
        if field.kind == "nano":
            assert field.name.endswith("_nano")
            assert arrow_schema().field(field.name).type == pa.int64()
        if field.name.endswith("_tokens"):
            assert field.kind == "count"
        if field.name.endswith("_ms"):
            assert field.unit == "ms"
        if field.kind == "time":
            assert arrow_schema().field(field.name).type == pa.timestamp("us", "UTC")
    assert len(COST_FIELDS) == 5
    assert len(TOKEN_FIELDS) == 10


def test_what_is_unknown_is_null_and_never_zero():
    table = to_table({"call_id": ["a", "b"], "input_tokens": [1, None]}, 2)
    assert table.schema == arrow_schema()
    assert table["input_tokens"].to_pylist() == [1, None]
    for name in set(BY_NAME) - {"call_id", "input_tokens"}:
        assert table[name].null_count == 2, name


@pytest.mark.parametrize(
    "value",
    [
        ["x", None, "x"],
        np.array(["x", None, "x"], object),
        pd.Series(["x", None, "x"], dtype="str"),
        pd.Categorical(["x", None, "x"]),
        pa.array(["x", None, "x"], pa.large_string()),
        pa.chunked_array([["x"], [None, "x"]]),
        pa.array(["x", None, "x"]).dictionary_encode(),
    ],
    ids=["list", "object", "str", "categorical", "large", "chunked", "dictionary"],
)
def test_text_of_any_origin_becomes_the_same_column(value):
    column = to_table({"feature_name": value}, 3)["feature_name"]
    assert column.type == pa.dictionary(pa.int32(), pa.string())
    assert column.to_pylist() == ["x", None, "x"]


def test_one_value_serves_all_rows():
    table = to_table({"status": "ok", "attempt": 2, "cache_hit": False, "temperature": 0.5}, 3)
    assert table["status"].to_pylist() == ["ok"] * 3
    assert table["attempt"].to_pylist() == [2] * 3
    assert table["cache_hit"].to_pylist() == [False] * 3
    assert table["temperature"].to_pylist() == [0.5] * 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prompt": ["hello"]}, r"columns must be fields of record version 1; got \['prompt'\]"),
        ({"input_tokens": [1.5]}, "input_tokens must be int32; .*1.5"),
        ({"input_tokens": [2**31]}, "input_tokens must be int32; .*2147483648"),
        ({"input_tokens": ["many"]}, "input_tokens must be int32"),
        ({"timestamp": ["noon"]}, "timestamp must be timestamp"),
        ({"status": ["ok", "ok"]}, "status must have 1 values; got 2"),
    ],
)
def test_a_table_refuses_what_does_not_fit(columns, message):
    with pytest.raises(DataError, match=message):
        to_table(columns, 1)


def test_a_good_frame_is_returned_unchanged():
    good = frame(input_tokens=[1, 2, 3], cache_read_tokens=[1, None, 0], cache_hit=[True, None, 0])
    before = good.copy(deep=True)
    assert check_frame(good) is good
    pd.testing.assert_frame_equal(good, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"call_id": ["a", "a", "b"]}, "call_id must be unique: 2 rows, first a"),
        ({"status": ["ok", None, "ok"]}, "status must not be missing: 1 row$"),
        ({"status": ["ok", "done", "late"]}, r"status must be one of \['ok', .*2 rows, first done"),
        ({"output_tokens": [1, -2, -3]}, "output_tokens must not be negative: 2 rows, first -2"),
        ({"total_cost_nano": [-1, 2, 3]}, "total_cost_nano must not be negative: 1 row"),
        (
            {"input_tokens": [5, 5, None], "cache_read_tokens": [6, 5, 9]},
            "cache_read_tokens must not exceed input_tokens: 1 row",
        ),
        (
            {"output_tokens": 5, "reasoning_tokens": 6},
            "reasoning_tokens must not exceed output_tokens: 3 rows",
        ),
        ({"input_tokens": ["1", "2", "3"]}, "input_tokens must hold numbers; got str"),
        ({"prompt_text": "hello"}, "prompt_text is no field of record version 1"),
        ({"timestamp": TIMES.tz_localize(None)}, "timestamp must hold times with a time zone"),
        ({"timestamp": ["2024-08-09"] * 3}, "timestamp must hold times with a time zone; got str"),
        ({"service_tier": "cheap"}, "service_tier must be one of"),
    ],
)
def test_a_bad_frame_is_refused_with_column_rule_rows_and_first_value(changes, message):
    with pytest.raises(DataError, match=message):
        check_frame(frame(**changes))


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_a_required_column_is_asked_for_by_name(name):
    with pytest.raises(DataError, match=f"^{name} is required$"):
        check_frame(frame().drop(columns=name))


def test_all_failures_are_listed_at_once_five_of_them_in_words():
    bad = frame(call_id="a", status="bad", input_tokens=-1, output_tokens=-1, latency_ms=-1.0)
    with pytest.raises(DataError) as caught:
        check_frame(bad)
    text = str(caught.value)
    for word in ("call_id", "status", "input_tokens", "output_tokens", "latency_ms"):
        assert word in text
    with pytest.raises(DataError, match=r"; and 2 more$"):
        check_frame(bad.assign(max_tokens=-1, nonsense=0))


def test_a_time_in_any_zone_is_the_same_moment():
    berlin = TIMES.tz_convert("Europe/Berlin")
    assert check_frame(frame(timestamp=berlin))["timestamp"].equals(pd.Series(berlin))
    mixed = [TIMES[0].tz_convert("Asia/Tokyo"), TIMES[1], TIMES[2].tz_convert("Asia/Kolkata")]
    check_frame(frame(timestamp=pd.Series(mixed, dtype=object)))


def test_the_reference_page_is_what_the_definition_gives():
    page = Path(__file__).parents[2] / "docs" / "record.md"
    assert page.read_text(encoding="utf-8") == reference()
    for name in DESIGN:
        assert f"| {name} |" in reference()


def test_a_label_that_is_there_twice_is_written_once():
    """Arrow would leave room for both on the page of labels, filled with what lay in memory."""
    codes = pa.array([0, 1, None, 2, 1], pa.int32())
    twice = pa.DictionaryArray.from_arrays(codes, ["openai", "anthropic", "openai"])
    column = to_table({"call_id": list("abcde"), "provider": twice}, 5)["provider"].combine_chunks()
    assert column.dictionary.to_pylist() == ["openai", "anthropic"]
    assert column.to_pylist() == twice.to_pylist() == ["openai", "anthropic", None, "openai",
                                                       "anthropic"]  # fmt: skip
