"""LiteLLM rows against figures worked out by hand from its table and from list prices."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costsim.records import read_records
from costsim.records.importing import import_records

FIXTURE = Path(__file__).parent / "fixtures" / "litellm.csv"


def frame_of(out: Path) -> pd.DataFrame:
    return read_records(out).to_arrow().to_pandas().set_index("call_id")


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    import_records("litellm", FIXTURE, tmp_path / "out")
    return frame_of(tmp_path / "out")


def made(tmp_path: Path, **values: Any) -> Any:
    """One row of LiteLLM's API as JSON, imported."""
    row = {
        "request_id": "r",
        "call_type": "acompletion",
        "spend": 0.001,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "startTime": "2024-11-04T09:00:00Z",
        "endTime": "2024-11-04T09:00:01Z",
        "model": "gpt-4o",
    }
    (tmp_path / "row.json").write_text(json.dumps([{**row, **values}]))
    receipt = import_records("litellm", tmp_path / "row.json", tmp_path / "made")
    return frame_of(tmp_path / "made").iloc[0], receipt


def test_an_openai_call_field_by_field(rows: pd.DataFrame) -> None:
    call = rows.loc["chatcmpl-1"]
    assert call["timestamp"] == pd.Timestamp("2024-11-04T09:00:00Z")
    assert (call["user_id"], call["team"], call["session_id"]) == ("ann", "search", "s-1")
    assert (call["model"], call["response_model"], call["provider"]) == ("fast", "gpt-4o", "openai")
    assert list(call["tags"]) == ["prod", "web"]
    assert (call["operation"], call["status"], call["cache_hit"]) == ("chat", "ok", False)
    assert (call["input_tokens"], call["cache_read_tokens"], call["output_tokens"]) == (
        1000,
        800,
        100,
    )
    assert call["latency_ms"] == 2500
    assert call["time_to_first_token_ms"] == 400
    assert call["provider_request_id"] == "chatcmpl-1"


def test_users_are_end_users_else_key_owners(rows: pd.DataFrame) -> None:
    assert rows.loc["msg-2", "user_id"] == "bob"
    assert rows.loc["msg-3", "user_id"] == "key-owner"


@pytest.mark.parametrize(
    ("call", "whole", "read", "write"),
    [
        ("msg-2", 5000, 3000, 1000),  # parts fit: the prompt includes them
        ("msg-3", 31 + 1253, 0, 1253),  # written tokens do not fit into the prompt
        ("msg-4", 12 + 2495 + 300, 2495, 300),  # Anthropic's own form: both stand beside it
    ],
)
def test_cached_tokens_are_inside_the_input(
    rows: pd.DataFrame, call: str, whole: int, read: int, write: int
) -> None:
    found = rows.loc[call, ["input_tokens", "cache_read_tokens", "cache_write_tokens"]]
    assert found.tolist() == [whole, read, write]


def test_our_dollars_equal_the_spend_that_the_fixture_worked_out(rows: pd.DataFrame) -> None:
    # list prices of November 2024, $ a million: gpt-4o 2.50 / 1.25 cached / 10,
    # claude-3-5-sonnet 3 / 0.30 read / 3.75 written / 15, text-embedding-3-small 0.02
    billed = ["chatcmpl-1", "msg-2", "msg-3", "msg-4", "emb-7"]
    by_hand = [2_500_000, 10_650_000, 11_796_750, 2_659_500, 1_000]
    assert rows.loc[billed, "billed_cost_nano"].tolist() == by_hand
    assert rows.loc[billed, "total_cost_nano"].tolist() == by_hand


def test_failures_keep_their_code_and_no_text(rows: pd.DataFrame) -> None:
    failed = rows.loc["fail-5"]
    assert (failed["status"], failed["error"]) == ("error", "RateLimitError:429")
    assert pd.isna(failed["input_tokens"])
    assert pd.isna(failed["output_tokens"])
    assert pd.isna(failed["total_cost_nano"])


def test_answers_from_its_own_cache_cost_nothing(rows: pd.DataFrame) -> None:
    hit = rows.loc["chatcmpl-1_cache_hit1730710000.1"]
    assert (hit["cache_hit"], hit["total_cost_nano"]) == (True, 0)
    assert rows["cache_hit"].isna().tolist() == [False] * 6 + [True, True]  # "None" and ""


def test_unknown_models_have_no_price(rows: pd.DataFrame) -> None:
    assert pd.isna(rows.loc["own-8", "total_cost_nano"])
    assert pd.isna(rows.loc["own-8", "price_book"])


def test_no_key_prompt_or_address_is_stored(tmp_path: Path) -> None:
    receipt = import_records("litellm", FIXTURE, tmp_path / "out")
    stored = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    everything = frame_of(tmp_path / "out").to_csv() + str(receipt.to_dict()) + str(stored)
    assert "88dc28d0" not in everything
    assert "poem" not in everything
    assert set(receipt.private) == {"api_key", "messages", "response"}


def test_the_receipt_says_what_was_converted(tmp_path: Path) -> None:
    receipt = import_records("litellm", FIXTURE, tmp_path / "out")
    assert any("beside the prompt" in note and "(2 rows)" in note for note in receipt.notes)
    dollars = receipt.facts.dollars
    hand = 2_500_000 + 10_650_000 + 11_796_750 + 2_659_500 + 1_000
    assert (dollars.calls, dollars.theirs_nano, dollars.difference_nano) == (6, hand, 0)
    assert receipt.facts.unpriced_calls == 2  # the failed call and the unknown model
    assert receipt.share(receipt.facts.no_feature) == 1


def as_json_rows() -> list[dict[str, Any]]:
    with FIXTURE.open(newline="") as handle:
        rows = [dict(row) for row in csv.DictReader(handle)]
    for row in rows:
        for name in ("metadata", "request_tags", "messages", "response"):
            row[name] = json.loads(row[name], strict=False)
        for name in ("spend", "prompt_tokens", "completion_tokens", "total_tokens"):
            row[name] = json.loads(row[name]) if row[name] != "a lot" else row[name]
        row["completionStartTime"] = row["completionStartTime"] or None
    return rows


@pytest.mark.parametrize("form", ["list", "answer", "lines"])
def test_json_gives_the_same_records(form: str, rows: pd.DataFrame, tmp_path: Path) -> None:
    items = as_json_rows()
    path = tmp_path / "spend"
    path.write_text(
        "".join(json.dumps(item) + "\n" for item in items)
        if form == "lines"
        else json.dumps(items if form == "list" else {"data": items, "total": len(items)})
    )
    receipt = import_records("litellm", path, tmp_path / "json")
    pd.testing.assert_frame_equal(frame_of(tmp_path / "json"), rows)
    assert receipt.rejected == 4
    listed = Path(receipt.rejects_files[0]).read_text()
    assert [line.split(",")[1] for line in listed.splitlines()[1:]] == ["9", "10", "12", "13"]


def test_one_hour_writes_are_apart(tmp_path: Path) -> None:
    usage = {
        "cache_creation_input_tokens": 60,
        "prompt_tokens_details": {
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": 20,
                "ephemeral_1h_input_tokens": 40,
            }
        },
    }
    call, _ = made(tmp_path, metadata={"usage_object": usage})
    assert (call["cache_write_tokens"], call["cache_write_1h_tokens"]) == (20, 40)


def test_reasoning_beside_the_answer_is_added(tmp_path: Path) -> None:
    usage = {"completion_tokens_details": {"reasoning_tokens": 25}}
    call, receipt = made(tmp_path, total_tokens=135, metadata={"usage_object": usage})
    assert (call["output_tokens"], call["reasoning_tokens"], call["total_tokens"]) == (35, 25, 135)
    assert any("beside the answer" in note for note in receipt.notes)


def test_the_total_proves_that_cached_tokens_stand_beside(tmp_path: Path) -> None:
    usage = {"cache_read_input_tokens": 40}
    call, _ = made(tmp_path, total_tokens=150, metadata={"usage_object": usage})
    assert (call["input_tokens"], call["cache_read_tokens"]) == (140, 40)


def test_a_first_token_at_the_end_is_no_stream(tmp_path: Path) -> None:
    call, _ = made(tmp_path, completionStartTime="2024-11-04T09:00:01Z")
    assert pd.isna(call["time_to_first_token_ms"])


def test_names_inside_the_metadata_can_be_mapped(tmp_path: Path) -> None:
    row = as_json_rows()[0]
    row["metadata"]["spend_logs_metadata"] = {"feature": "deep_analysis"}
    (tmp_path / "row.json").write_text(json.dumps([row]))
    given = "feature_name=metadata.spend_logs_metadata.feature"
    import_records("litellm", tmp_path / "row.json", tmp_path / "out", map=given)
    assert frame_of(tmp_path / "out")["feature_name"].tolist() == ["deep_analysis"]


def test_metadata_that_is_no_json_leaves_the_parts_unknown(tmp_path: Path) -> None:
    call, _ = made(tmp_path, metadata="{'usage_object': None}")
    assert (call["input_tokens"], call["status"]) == (100, "ok")
    assert pd.isna(call["cache_read_tokens"])
