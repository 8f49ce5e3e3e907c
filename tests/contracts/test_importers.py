"""What every importer must do, run on each that is registered.

A format is ready when `tests/records/fixtures` has a hand-written `<name>.csv` with good and bad
rows, and beside it `<name>.json` that says what must come of it, worked out by hand.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from costsim.errors import CostsimError, DataError, DatasetError, ImportRejected, UnknownNameError
from costsim.records import check_frame, read_records
from costsim.records.importers import importers
from costsim.records.importers.draft import WHOLES
from costsim.records.importing import import_records
from costsim.records.manifest import Manifest
from costsim.records.receipt import Receipt
from costsim.records.schema import FIELDS

FIXTURES = Path(__file__).parents[1] / "records" / "fixtures"
FORMATS = sorted(importers())


@pytest.fixture(params=FORMATS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(name: str) -> dict[str, Any]:
    path = FIXTURES / f"{name}.json"
    assert path.exists(), f"write {path.name} and {name}.csv by hand for the new format {name!r}"
    return dict(json.loads(path.read_text()))


def run(name: str, source: Path, out: Path, **more: Any) -> Receipt:
    return import_records(name, source, out, **{**told(name)["options"], **more})


def stored(out: Path) -> pd.DataFrame:
    return read_records(out).to_arrow().to_pandas()


def good_rows(name: str, place: Path) -> Path:
    """The fixture without the rows that are refused."""
    bad = {int(line) for line in told(name)["rejected"]}
    with (FIXTURES / f"{name}.csv").open(newline="") as handle:
        reader = csv.reader(handle)
        rows, line = [], 1
        for row in reader:
            if line not in bad:
                rows.append(row)
            line = reader.line_num + 1
    path = place / f"{name}-good.csv"
    with path.open("w", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    return path


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*")) if folder.exists() else []


def test_counts_sums_and_period(name: str, tmp_path: Path) -> None:
    truth = told(name)
    receipt = run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    assert receipt.read == truth["read"]
    assert receipt.kept == truth["kept"]
    assert receipt.duplicates == truth["duplicates"]
    assert receipt.rejected == len(truth["rejected"])
    assert receipt.read == receipt.kept + receipt.duplicates + receipt.rejected
    frame = stored(tmp_path / "out")
    assert len(frame) == truth["kept"]
    assert frame["input_tokens"].sum() == truth["input_tokens"]
    assert frame["output_tokens"].sum() == truth["output_tokens"]
    assert receipt.facts.period is not None
    assert [t.isoformat() for t in receipt.facts.period] == truth["period"]
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.kind == "REAL"
    assert list(manifest.period or ()) == truth["period"]
    assert [(s.format, s.rows) for s in manifest.sources] == [(name, truth["kept"])]


def test_rows_obey_the_schema(name: str, tmp_path: Path) -> None:
    run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    frame = stored(tmp_path / "out")
    check_frame(frame)
    assert set(frame["source"]) == {name}
    for whole, parts in WHOLES.items():
        assert (frame[list(parts)].sum(axis=1) <= frame[whole].fillna(np.inf)).all()
    both = frame.dropna(subset=["input_tokens", "output_tokens"])
    assert (both["total_tokens"] == both["input_tokens"] + both["output_tokens"]).all()


def test_nothing_is_invented(name: str, tmp_path: Path) -> None:
    run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    frame = stored(tmp_path / "out")
    assert {f.name for f in FIELDS if frame[f.name].notna().any()} == set(told(name)["known"])


def test_supplied_names_fill_only_what_is_unknown(name: str, tmp_path: Path) -> None:
    run(name, FIXTURES / f"{name}.csv", tmp_path / "bare")
    run(name, FIXTURES / f"{name}.csv", tmp_path / "said", model="gpt-4o", feature="chat")
    bare, said = stored(tmp_path / "bare"), stored(tmp_path / "said")
    before, after = bare["model"].astype(object), said["model"].astype(object)
    assert after.tolist() == before.where(before.notna(), "gpt-4o").tolist()
    assert set(said["feature_name"]) == {"chat"}
    supplied = Manifest.read(tmp_path / "said").supplied
    assert supplied["model"] == "gpt-4o"
    assert supplied["feature_name"] == "chat"


def test_refused_rows_have_file_line_and_reason(name: str, tmp_path: Path) -> None:
    receipt = run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    with Path(receipt.rejects_files[0]).open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["file"] for row in rows} == {f"{name}.csv"}
    truth = told(name)["rejected"]
    assert [row["line"] for row in rows] == sorted(truth, key=int)
    for row in rows:
        assert row["reason"].startswith(truth[row["line"]])
        assert "secret" not in row["raw"] + row["reason"]


def test_ids_are_stable_and_distinct(name: str, tmp_path: Path) -> None:
    for out in ("one", "two"):
        run(name, FIXTURES / f"{name}.csv", tmp_path / out)
    one, two = (stored(tmp_path / out) for out in ("one", "two"))
    assert one["call_id"].is_unique
    pd.testing.assert_frame_equal(one, two)


def test_importing_twice_doubles_nothing(name: str, tmp_path: Path) -> None:
    run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    before = {p: p.read_bytes() for p in everything(tmp_path / "out") if p.is_file()}
    zipped = tmp_path / "again.csv.gz"
    zipped.write_bytes(gzip.compress((FIXTURES / f"{name}.csv").read_bytes()))
    for source in (FIXTURES / f"{name}.csv", zipped):
        receipt = run(name, source, tmp_path / "out")
        assert receipt.kept == 0
        assert "imported before" in receipt.sources[0].note
        assert "Nothing new" in str(receipt)
    assert {p: p.read_bytes() for p in everything(tmp_path / "out") if p.is_file()} == before


def test_strict_refuses_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    first = min(told(name)["rejected"], key=int)
    with pytest.raises(ImportRejected, match=f"{name}.csv line {first}: ") as caught:
        run(name, FIXTURES / f"{name}.csv", out, strict=True)
    assert "nothing was written" in str(caught.value)
    assert not everything(tmp_path)
    receipt = run(name, good_rows(name, tmp_path), out, strict=True)
    assert receipt.rejected == 0
    assert receipt.kept == told(name)["kept"]


def test_strict_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(name, good_rows(name, tmp_path), out)
    before = {p: p.read_bytes() for p in everything(out) if p.is_file()}
    with pytest.raises(ImportRejected):
        run(name, FIXTURES / f"{name}.csv", out, strict=True)
    assert {p: p.read_bytes() for p in everything(out) if p.is_file()} == before


@pytest.mark.parametrize("form", ["bom", "crlf", "gz", "semicolon", "blank lines", "open end"])
def test_forms_of_the_same_rows(name: str, form: str, tmp_path: Path) -> None:
    plain = (FIXTURES / f"{name}.csv").read_bytes()
    run(name, FIXTURES / f"{name}.csv", tmp_path / "plain")
    path = tmp_path / f"{name}.csv"
    content = {
        "bom": b"\xef\xbb\xbf" + plain,
        "crlf": plain.replace(b"\n", b"\r\n"),
        "gz": gzip.compress(plain),
        "blank lines": b"\n" + plain + b"\n\n",
        "open end": plain.rstrip(b"\n"),
    }
    if form == "semicolon":
        with (
            (FIXTURES / f"{name}.csv").open(newline="") as source,
            path.open("w", newline="") as to,
        ):
            csv.writer(to, delimiter=";", lineterminator="\n").writerows(csv.reader(source))
    else:
        path.write_bytes(content[form])
    receipt = run(name, path, tmp_path / "out")
    plain_frame, frame = stored(tmp_path / "plain"), stored(tmp_path / "out")
    changing = ["call_id"] if frame["provider_request_id"].isna().all() else []
    pd.testing.assert_frame_equal(frame.drop(columns=changing), plain_frame.drop(columns=changing))
    with Path(receipt.rejects_files[0]).open(newline="", encoding="utf-8") as handle:
        lines = [int(row["line"]) - (form == "blank lines") for row in csv.DictReader(handle)]
    assert lines == sorted(int(line) for line in told(name)["rejected"])
    if form == "open end":
        assert any("no line end" in note for note in receipt.notes)


WRONG = {
    "empty": b"",
    "spaces": b"  \n \n",
    "header only": None,
    "wrong columns": b"colour,size\nred,3\n",
    "no header": b"1,2,3\n4,5,6\n",
    "binary": bytes(range(256)) * 20,
    "zip": b"PK\x03\x04" + bytes(100),
    "web page": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "utf-16": "a,b\n1,2\n".encode("utf-16"),
    "cut gzip": gzip.compress(b"TIMESTAMP,ContextTokens\n" * 1000)[:-20],
    "cut parquet": b"PAR1" + bytes(64),
    "cut json": b'[{"id": 1}, {"id":',
    "json of nothing": b"[]",
    "json of words": b'["a", "b"]',
    "unknown delimiter": b"TIMESTAMP^ContextTokens\n2024^3\n",
    "twice": b"model,model\n1,2\n",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_get_one_line_and_leave_nothing(name: str, case: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    content = WRONG[case]
    if content is None:
        content = (FIXTURES / f"{name}.csv").read_bytes().partition(b"\n")[0] + b"\n"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        run(name, path, tmp_path / "runs" / "out")
    assert str(caught.value).startswith("given") or "none of" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert everything(tmp_path) == [path]


@pytest.mark.parametrize("part", [0.1, 0.37, 0.5, 0.83, 0.99])
def test_a_file_cut_anywhere_is_counted_or_refused(name: str, part: float, tmp_path: Path) -> None:
    whole = (FIXTURES / f"{name}.csv").read_bytes()
    path = tmp_path / "cut.csv"
    path.write_bytes(whole[: int(len(whole) * part)])
    try:
        receipt = run(name, path, tmp_path / "out")
    except DataError:
        assert everything(tmp_path) == [path]
    else:
        assert receipt.read == receipt.kept + receipt.duplicates + receipt.rejected
        assert receipt.kept == len(stored(tmp_path / "out")) <= told(name)["kept"]


def test_a_simulation_is_no_place_for_real_calls(name: str, tmp_path: Path) -> None:
    Manifest(kind="SIMULATED", scenario="quiet").commit(tmp_path)
    with pytest.raises(DatasetError, match="simulation 'quiet'"):
        run(name, FIXTURES / f"{name}.csv", tmp_path)
    assert [p.name for p in everything(tmp_path)] == ["manifest.json"]


def test_receipts_show_themselves(name: str, tmp_path: Path) -> None:
    receipt = run(name, FIXTURES / f"{name}.csv", tmp_path / "out")
    assert f"costsim spend {tmp_path / 'out'}" in str(receipt)
    assert "<script" not in receipt._repr_html_()
    assert receipt.to_frame()["kept_rows"].sum() == receipt.kept
    values = json.loads(json.dumps(receipt.to_dict(), allow_nan=False))
    assert values["rows"]["kept"] == receipt.kept
    assert repr(receipt).startswith(f"Receipt({name}: ")


def test_unknown_format() -> None:
    with pytest.raises(UnknownNameError, match=r"format must be one of .*did you mean 'litellm'"):
        import_records("lite-llm", "x", "y")
    assert issubclass(UnknownNameError, CostsimError)
