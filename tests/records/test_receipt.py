"""Figures of a receipt against small cases done by hand."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from costsim.records.importers.landing.facts import facts
from costsim.records.importing import import_records
from costsim.records.rejects import Reject, file_name, stage

DAY = datetime(2024, 8, 9, tzinfo=UTC)


def calls(minutes: list[float], **columns: list[object]) -> pa.Table:
    times = [DAY + timedelta(minutes=m) for m in minutes]
    columns.setdefault("total_cost_nano", [0] * len(minutes))
    return pa.table({"timestamp": pa.array(times, pa.timestamp("us", "UTC")), **columns})


def test_gaps_are_long_for_an_hour_and_for_the_log() -> None:
    # every minute, then silences of 50 min, 61 min, 3 h, 2 h and 90 min
    minutes, at = [0.0], 0.0
    for silence in (1, 1, 50, 1, 61, 1, 180, 1, 120, 1, 90, 1, 1, 1):
        at += silence
        minutes.append(at)
    found = facts(calls(minutes), None)
    assert found.gap_count == 4
    assert [round(gap.hours * 60) for gap in found.gaps] == [180, 120, 90]
    assert found.gaps[0].start == DAY + timedelta(minutes=115)


def test_a_sparse_log_has_no_gaps() -> None:
    assert facts(calls([0, 180, 400, 500, 720]), None).gap_count == 0
    assert facts(calls([0]), None).gap_count == 0


def test_dollars_are_compared_only_where_both_are_known() -> None:
    model = pa.array(["a", "a", "b", None]).dictionary_encode()
    table = calls([0, 1, 2, 3], response_model=model, billed_cost_nano=[10, None, 5, 7],
                  total_cost_nano=[12, 100, None, 7])  # fmt: skip
    import pandas as pd

    why = pd.DataFrame({"model": ["b"], "reason": ["unknown model"], "calls": [1]})
    dollars = facts(table, why).dollars
    assert (dollars.calls, dollars.theirs_nano, dollars.ours_nano) == (2, 17, 19)
    assert dollars.difference_nano == 2
    assert (dollars.theirs_total_nano, dollars.ours_total_nano) == (22, 119)
    assert [(d.model, d.calls, d.theirs_nano, d.ours_nano) for d in dollars.by_model] == [
        ("a", 1, 10, 12),
        (None, 1, 7, 7),
        ("b", 1, 5, None),
    ]
    assert dollars.theirs_unpriced_nano == 5


def write(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("timestamp,model,user_id,input_tokens,output_tokens,billed_cost\n"
                    + "".join(row + "\n" for row in rows))  # fmt: skip
    return path


def test_shares_and_what_they_are_of(tmp_path: Path) -> None:
    log = write(
        tmp_path,
        "2024-08-09T08:00:00Z,gpt-4o,ann,1000,100,0.01",
        "2024-08-09T09:30:00Z,mystery,,3000,900,0.02",
        "2024-08-10T09:30:00Z,gpt-4o,bob,0,0,",
        "2024-08-10T09:30:01Z,gpt-4o,bob,1000,,",
    )
    receipt = import_records("generic", log, tmp_path / "out")
    facts_ = receipt.facts
    assert facts_.unpriced_calls == 2
    assert facts_.unpriced_tokens == 3900 + 1000
    assert facts_.tokens == 1100 + 3900 + 1000
    assert {(m, r) for m, r, _ in facts_.unpriced} == {
        ("mystery", "unknown model"),
        ("gpt-4o", "missing token count"),
    }
    assert (facts_.no_feature, facts_.no_user) == (4, 1)
    assert {name for name, _ in receipt.missing} == {
        "feature_name", "session_id", "cache_read_tokens", "latency_ms", "finish_reason",
    }  # fmt: skip
    text = " ".join(str(receipt).split())
    for part in (
        "4 calls imported, none rejected",
        "4 read = 4 kept + 0 duplicates + 0 rejected",
        "Unattributed: 100% of calls have no feature, 25% no user",
        "Unpriced: 50% of calls, 82% of tokens",
        "over the 1 call where both are known: theirs $0.010, ours $0.0065",
        "no weekly rhythm",
    ):
        assert part in text


def test_a_call_from_its_own_cache_is_free_unless_billed(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "timestamp,model,input_tokens,output_tokens,cache_hit,billed_cost\n"
        "2024-08-09T08:00:00Z,gpt-4o,1000,100,true,\n"
        "2024-08-09T08:00:01Z,gpt-4o,1000,100,true,0\n"
        "2024-08-09T08:00:02Z,gpt-4o,1000,100,true,0.0035\n"
    )
    receipt = import_records("generic", path, tmp_path / "out", price_book="list-2024")
    assert receipt.facts.dollars.ours_total_nano == 1000 * 5000 + 100 * 15000
    assert any("2 calls were answered from the product's own cache" in n for n in receipt.notes)


def test_fees_are_part_of_the_total(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "timestamp,model,input_tokens,output_tokens,other_cost_usd\n"
        "2024-08-09T08:00:00Z,gpt-4o,1000,100,0.01\n2024-08-09T08:00:00Z,gpt-4o,1000,100,\n"
    )
    receipt = import_records("generic", path, tmp_path / "out", price_book="list-2024")
    assert receipt.facts.dollars.ours_total_nano == 2 * 6_500_000 + 10_000_000


def test_names_in_a_receipt_are_escaped(tmp_path: Path) -> None:
    log = write(tmp_path, "2024-08-09T08:00:00Z,<b>x</b>,ann,1,1,0.1")
    receipt = import_records("generic", log, tmp_path / "out", feature="<i>chat</i>")
    assert "<b>x" not in receipt._repr_html_()
    assert "<i>chat" not in receipt._repr_html_()


def test_reject_lists_are_inert_in_a_spreadsheet(tmp_path: Path) -> None:
    staged = stage(tmp_path, file_name("a/b.csv", "0123456789"), [Reject("b.csv", 2, "r", "=1+1")])
    with staged.open(newline="") as handle:
        assert list(csv.reader(handle))[1] == ["b.csv", "2", "r", "'=1+1"]


def test_json_is_plain_values(tmp_path: Path) -> None:
    log = write(tmp_path, "2024-08-09T08:00:00Z,gpt-4o,ann,1,1,0.1")
    receipt = import_records("generic", log, tmp_path / "out")
    values = json.loads(json.dumps(receipt.to_dict()))
    assert values["dollars"]["theirs_nano"] == 100_000_000
    assert values["unattributed"] == {"no_feature_share": 1.0, "no_user_share": 0.0}
    assert values["next"] == f"costsim spend {tmp_path / 'out'}"


@pytest.mark.parametrize("rows", [1, 2])
def test_a_receipt_of_nothing_new(rows: int, tmp_path: Path) -> None:
    log = write(tmp_path, *["2024-08-09T08:00:00Z,gpt-4o,ann,1,1,0.1"] * rows)
    import_records("generic", log, tmp_path / "out", feature="chat")
    again = import_records("generic", log, tmp_path / "out", feature="chat")
    assert "Nothing new" in str(again)
    assert "Supplied" not in str(again)
    assert again.rows_in_folder == rows


def words_of(receipt: object) -> str:
    return " ".join(str(receipt).split())


def test_stated_costs_of_calls_without_a_price_are_told(tmp_path: Path) -> None:
    log = write(
        tmp_path,
        "2024-08-09T08:00:00Z,gpt-4o,ann,1000,100,0.5",
        "2024-08-09T08:00:01Z,mystery,ann,1000,100,1.25",
    )
    receipt = import_records("generic", log, tmp_path / "out")
    told = "theirs for all calls $1.75, of which $1.25 on calls without a price of ours"
    assert told in words_of(receipt)
    row = receipt.by_model().set_index("model").loc["mystery"]
    assert (row["calls"], row["theirs_usd"]) == (1, 1.25)
    assert row[["ours_usd", "difference_usd"]].isna().all()


@pytest.mark.parametrize(
    ("billed", "rounding"),
    # 1,000 tokens in and 100 out at $5 and $15 a million: $0.0065
    [("0.0065004", True), ("0.0064996", True), ("0.0065", False), ("0.00655", False)],
)
def test_rounding_is_no_difference(billed: str, rounding: bool, tmp_path: Path) -> None:
    log = write(tmp_path, f"2024-08-09T08:00:00Z,gpt-4o,ann,1000,100,{billed}")
    receipt = import_records("generic", log, tmp_path / "out", price_book="list-2024")
    assert ("none beyond rounding" in words_of(receipt)) is rounding


@pytest.mark.parametrize(
    ("first", "last", "enough"),
    [
        ("2024-08-05T00:01:00Z", "2024-08-18T23:59:00Z", True),
        ("2024-08-05T00:01:00Z", "2024-08-18T22:00:00Z", False),
    ],
)
def test_two_weeks_need_no_call_at_midnight(
    first: str, last: str, enough: bool, tmp_path: Path
) -> None:
    log = write(tmp_path, *(f"{when},gpt-4o,ann,1,1,0.1" for when in (first, last)))
    receipt = import_records("generic", log, tmp_path / "out")
    assert ("need two weeks" not in words_of(receipt)) is enough


def test_what_times_are_taken_for_is_said(tmp_path: Path) -> None:
    naive = write(tmp_path, "2024-08-09T08:00:00,gpt-4o,ann,1,1,0.1")
    berlin = {"naive_time_zone": "Europe/Berlin", "time_zone": "Asia/Tokyo"}
    said = words_of(import_records("generic", naive, tmp_path / "a", **berlin))  # type: ignore[arg-type]
    assert "Times carry no zone: read as Europe/Berlin (--naive-time-zone)." in said
    assert "Days are cut in Asia/Tokyo (--time-zone)." in said
    zoned = write(tmp_path, "2024-08-09T08:00:00+02:00,gpt-4o,ann,1,1,0.1")
    said = words_of(import_records("generic", zoned, tmp_path / "b"))
    assert "carry no zone" not in said
    assert "Days are cut in UTC" in said
    traces = tmp_path / "azure.csv"
    traces.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,10,1\n")
    assert "carry no zone" not in words_of(import_records("azure", traces, tmp_path / "c"))
    said = words_of(import_records("azure", traces, tmp_path / "d", naive_time_zone="Asia/Tokyo"))
    assert "read as Asia/Tokyo" in said


def test_a_file_imported_before_is_skipped_in_whole_words(tmp_path: Path) -> None:
    log = write(tmp_path, "2024-08-09T08:00:00Z,gpt-4o,ann,1,1,0.1")
    log = log.rename(tmp_path / "a rather long name of a log of calls.csv")
    import_records("generic", log, tmp_path / "out")
    said = words_of(import_records("generic", log, tmp_path / "out"))
    assert "1 file skipped: imported before." in said
    assert "Rows: 0 read" not in said
    assert f"imported before as {log.name}, not read again" in said
