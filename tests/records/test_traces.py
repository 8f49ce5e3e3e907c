"""Public traces: BurstGPT by hand, and the real Azure files against an independent reading."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from costsim.errors import SettingError
from costsim.records import read_records
from costsim.records.importing import import_records

FIXTURES = Path(__file__).parent / "fixtures"
AZURE = Path(__file__).parents[3] / "shared" / "data" / "azure"
real = pytest.mark.skipif(not AZURE.is_dir(), reason=f"the real traces are not in {AZURE}")

# Published shape of the traces: rows, then p50 p90 p95 p99 and largest of input and output.
PUBLISHED = {
    "AzureLLMInferenceTrace_code.csv": (
        8_819, (1469, 5187, 7303, 7436, 7437), (13, 55, 90, 251, 1899),
    ),
    "AzureLLMInferenceTrace_conv.csv": (
        19_366, (1020, 2734, 4083, 4142, 14050), (129, 424, 451, 601, 1000),
    ),
}  # fmt: skip


def test_burstgpt_times_sessions_and_failures(tmp_path: Path) -> None:
    source = FIXTURES / "burstgpt.csv"
    import_records("burstgpt", source, tmp_path / "out", start="2024-01-01")
    rows = read_records(tmp_path / "out").to_arrow().to_pandas()
    assert [str(t) for t in rows["timestamp"][:2]] == [
        "2024-01-01 00:00:05+00:00",
        "2024-01-01 00:00:45.250000+00:00",
    ]
    assert rows["session_id"].fillna("-").tolist() == ["17", "17", "-", "-", "-", "18"]
    assert rows["latency_ms"].tolist() == [2500, 9750, 500, 1000, 0, 3000]
    assert rows["status"].tolist() == ["ok", "ok", "ok", "error", "error", "ok"]
    assert rows["output_tokens"].isna().tolist() == [False, False, False, True, True, False]
    assert rows["input_tokens"].fillna(-1).tolist() == [472, 1087, 417, 1360, -1, 10]
    assert rows["model"].tolist() == ["GPT-4", "GPT-4", "ChatGPT", "ChatGPT", "ChatGPT", "GPT-4"]
    assert rows["total_cost_nano"].isna().tolist() == [False, False, True, True, True, False]


def test_burstgpt_version_1_has_no_sessions(tmp_path: Path) -> None:
    source = tmp_path / "v1.csv"
    source.write_text(
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,472,18,490,Conversation log\n"
    )
    receipt = import_records("burstgpt", source, tmp_path / "out", start="2023-06-01")
    assert receipt.kept == 1
    assert {"session_id", "latency_ms"} <= set(receipt.facts.unknown)


def test_burstgpt_day_0_is_local_midnight(tmp_path: Path) -> None:
    source = FIXTURES / "burstgpt.csv"
    import_records(
        "burstgpt", source, tmp_path / "out", start="2024-01-01", naive_time_zone="Asia/Shanghai"
    )
    first = read_records(tmp_path / "out").to_arrow()["timestamp"][0].as_py()
    assert first.isoformat() == "2023-12-31T16:00:05+00:00"


def test_a_start_is_asked_for_and_only_where_it_means_something(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="start must be given for 'burstgpt'"):
        import_records("burstgpt", FIXTURES / "burstgpt.csv", tmp_path / "out")
    with pytest.raises(SettingError, match="start must be left out for 'azure'"):
        import_records("azure", FIXTURES / "azure.csv", tmp_path / "out", start="2024-01-01")
    with pytest.raises(SettingError, match="start must look like 2024-01-01; got 'monday'"):
        import_records("burstgpt", FIXTURES / "burstgpt.csv", tmp_path / "o", start="monday")


@real
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_azure_traces(name: str, tmp_path: Path) -> None:
    receipt = import_records("azure", AZURE / name, tmp_path / "out")
    rows, inputs, outputs = PUBLISHED[name]
    assert (receipt.read, receipt.kept, receipt.rejected) == (rows, rows, 0)
    with (AZURE / name).open(newline="") as handle:
        there = list(csv.DictReader(handle))
    frame = read_records(tmp_path / "out").to_arrow().to_pandas()
    assert frame["input_tokens"].sum() == sum(int(r["ContextTokens"]) for r in there)
    assert frame["output_tokens"].sum() == sum(int(r["GeneratedTokens"]) for r in there)
    times = pd.to_datetime([r["TIMESTAMP"] for r in there]).tz_localize("UTC").floor("us")
    assert (np.sort(times.to_numpy()) == frame["timestamp"].to_numpy()).all()
    for column, published in (("input_tokens", inputs), ("output_tokens", outputs)):
        found = frame[column].quantile([0.5, 0.9, 0.95, 0.99, 1.0])
        assert np.rint(found).tolist() == pytest.approx(published, abs=1)
    unknown = ["model", "feature_name", "user_id", "session_id", "finish_reason", "latency_ms"]
    assert frame[unknown].isna().all(axis=None)
    assert frame["total_cost_nano"].isna().all()
    assert receipt.share(receipt.facts.unpriced_calls) == 1


@real
def test_both_traces_in_one_folder_say_that_they_may_overlap(tmp_path: Path) -> None:
    import_records("azure", AZURE / "*conv.csv", tmp_path / "out", model="gpt-4o", feature="chat")
    receipt = import_records("azure", AZURE, tmp_path / "out", model="gpt-4o", feature="code")
    assert receipt.kept == 8_819
    assert receipt.rows_in_folder == 8_819 + 19_366
    assert any("counted twice" in note for note in receipt.notes)
    assert receipt.facts.dollars.ours_total_nano


@real
def test_real_azure_is_quick(tmp_path: Path) -> None:
    import_records("azure", FIXTURES / "azure.csv", tmp_path / "warm", model="gpt-4o")
    begin = time.perf_counter()
    import_records("azure", AZURE / "AzureLLMInferenceTrace_conv.csv", tmp_path / "out")
    assert time.perf_counter() - begin < 2.0
