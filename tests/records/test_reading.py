"""Reading files: rows, their numbers and their lines, against Python's own csv and json."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costsim.records.importers.reading import csv_rows, json_rows
from costsim.records.importers.reading.chunk import OBJECT, Rows
from costsim.records.importers.reading.open import open_rows
from costsim.records.importers.reading.sources import SourceFile, inspect

cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\ufeff"), max_size=8)
tables = st.lists(st.lists(cells, min_size=1, max_size=4), max_size=12)
_many = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


def opened(path: Path) -> tuple[SourceFile, Rows]:
    source = inspect(path, path.name)
    return source, open_rows(source)


@_many
@given(tables)
def test_csv_rows_numbers_and_lines(tmp_path: Path, rows: list[list[str]]) -> None:
    """Rows of another width are set aside; every row keeps its number and line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    truth = []
    for row in rows:
        truth.append((text.getvalue().count("\n") + 1, row))
        writer.writerow(row)
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    _, there = opened(path)
    good: list[tuple[int, list[str]]] = []
    bad: list[int] = []
    for chunk in there.chunks(["a", "b", "c"]):
        columns = [chunk.table[name].to_pylist() for name in "abc"]
        values = [[cell.decode() for cell in row] for row in zip(*columns, strict=True)]
        good += zip(chunk.ordinals.tolist(), values, strict=True)
        bad += [row.ordinal for row in chunk.malformed]
    assert good == [(n, row) for n, (_, row) in enumerate(truth, 1) if len(row) == 3]
    assert bad == [n for n, (_, row) in enumerate(truth, 1) if len(row) != 3]
    numbers = list(range(1, len(truth) + 1))
    assert dict(there.lines(numbers)) == {n: line for n, (line, _) in enumerate(truth, 1)}


def test_many_chunks_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "_BLOCK", 256)
    rows = [f"{n},{n * n}" if n % 17 else f"{n}" for n in range(1, 500)]
    path = tmp_path / "t.csv"
    path.write_text("n,square\n" + "\n".join(rows) + "\n")
    _, there = opened(path)
    chunks = list(there.chunks(["n"]))
    assert len(chunks) > 10
    seen: list[int] = []
    for chunk in chunks:
        assert [int(v) for v in chunk.table["n"].to_pylist()] == chunk.ordinals.tolist()
        seen += [*chunk.ordinals.tolist(), *(row.ordinal for row in chunk.malformed)]
    assert sorted(seen) == list(range(1, 500))


def test_json_lines_in_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "_BYTES", 100)
    lines = [json.dumps({"n": n, "deep": {"x": n}}) if n % 5 else "{broken" for n in range(1, 60)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines[:30]) + "\n\n" + "\n".join(lines[30:]))
    _, there = opened(path)
    assert there.columns == ("n", "deep", "deep.x")
    assert there.paths["deep.x"] == ("deep", "x")
    good, bad = {}, []
    for chunk in there.chunks([]):
        texts = chunk.table[OBJECT].to_pylist()
        good |= dict(zip(chunk.ordinals.tolist(), (json.loads(t)["n"] for t in texts), strict=True))
        bad += [row.ordinal for row in chunk.malformed]
    shift = {n: n if n <= 30 else n + 1 for n in range(1, 60)}  # the blank line counts as a line
    assert good == {shift[n]: n for n in range(1, 60) if n % 5}
    assert bad == [shift[n] for n in range(1, 60) if not n % 5]


def test_an_open_quote_says_how_much_it_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,2\n3,"open\n5,6\n7,8\n')
    _, there = opened(path)
    broken = [row for chunk in there.chunks(["a"]) for row in chunk.malformed]
    assert [row.ordinal for row in broken] == [2]
    assert broken[0].reason.startswith("a quote is never closed and swallows")


@pytest.mark.parametrize(
    ("text", "kind"),
    [("a,b\n1,2\n", "csv"), ('[{"a": 1}]', "json"), ('{"a": 1}\n{"a": 2}\n', "jsonl"),
     ('{"a": 1}', "jsonl"), ('{"data": [{"a": 1}]}', "json"), ('{\n "a": 1\n}', "json"),
     ('\ufeff[{"a": 1}]', "json")],
)  # fmt: skip
def test_files_are_known_by_their_content(text: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "whatever.txt"
    path.write_text(text, encoding="utf-8")
    source, there = opened(path)
    assert source.kind == kind
    assert there.columns[0] == "a"
