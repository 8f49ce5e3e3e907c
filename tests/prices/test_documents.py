"""A folder of documents: each counted, or skipped with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from costsim.errors import DataError
from costsim.prices import documents
from costsim.prices.documents import count_documents


def test_every_file_is_counted_or_skipped_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("x" * 40)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.md").write_text("x" * 9)
    (tmp_path / "scan.PDF").write_bytes(b"%PDF-1.4")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text(" \n\t")
    (tmp_path / "latin.txt").write_bytes("Gr\u00f6\u00dfe".encode("latin-1"))
    (tmp_path / "wide.txt").write_bytes("text".encode("utf-16"))
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0")
    (tmp_path / ".env").write_text("hidden=1")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere")
    found = count_documents(tmp_path)
    assert found.rows == (("b.txt", 40, 10), ("deep/er/a.md", 9, 3))
    assert dict(found.skipped) == {
        ".git": "hidden folder",
        ".env": "hidden",
        "blank.txt": "empty",
        "broken.txt": "no regular file",
        "empty.txt": "empty",
        "latin.txt": "not UTF-8",
        "loop": "link to another folder",
        "program": "binary",
        "scan.PDF": ".pdf is not plain text: extract its text first",
        "wide.txt": "UTF-16: save it as UTF-8",
    }
    assert found.estimated
    assert len(found.skipped_frame()) == len(found.skipped)


def test_files_too_large_for_a_request_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LARGEST_BYTES", 2_000_000)
    (tmp_path / "small.txt").write_text("a")
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2_000_001)
    assert count_documents(tmp_path).skipped == (("large.txt", "over 2 MB"),)


def test_folders_that_cannot_be_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert count_documents(tmp_path).skipped == (("closed", "cannot be read: Permission denied"),)


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfabcd")
    assert count_documents(tmp_path).rows == (("a.txt", 4, 1),)


def test_of_a_page_the_text_alone_counts(tmp_path: Path) -> None:
    (tmp_path / "page.HTML").write_text(
        "<html><head><style>p { color: red }</style><title>A title</title></head><body>"
        "<p>Two &amp; more</p><script>if (a < b) { alert('<p>no</p>') }</script>"
        "<div>last<br>line</div></body></html>"
    )
    text = "A title\nTwo & more\nlast\nline"
    assert count_documents(tmp_path).rows == (("page.HTML", len(text), -(-len(text) // 4)),)


def test_one_file_is_a_folder_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcd")
    assert count_documents(tmp_path / "a.txt").rows == (("a.txt", 4, 1),)


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (None, "documents must be an existing folder; got '.*nowhere'"),
        ({}, "documents must hold at least one text; '.*' has no file"),
        ({"a.docx": b"PK"}, "has 1 skipped, such as a.docx: .docx is not plain text"),
    ],
)
def test_a_folder_without_a_text_is_one_clear_line(
    tmp_path: Path, files: dict[str, bytes] | None, line: str
) -> None:
    folder = tmp_path / "nowhere"
    if files is not None:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=line):
        count_documents(folder)


def test_the_frame_shows_the_longest_first_and_quantiles_are_of_the_documents(
    tmp_path: Path,
) -> None:
    for place, size in enumerate((40, 400, 80, 4_000, 160)):
        (tmp_path / f"{place}.txt").write_text("x" * size)
    found = count_documents(tmp_path)
    assert found.tokens == [10, 100, 20, 1_000, 40]
    assert found.quantiles([0, 0.5, 1]) == [10, 40, 1_000]
    frame = found.to_frame()
    assert list(frame.columns) == ["document", "characters", "tokens"]
    assert frame["tokens"].tolist() == [1_000, 100, 40, 20, 10]
    assert "5 documents; median 40 tokens" in repr(found)
    assert "<table" in found._repr_html_()
