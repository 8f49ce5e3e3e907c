"""Which files an import reads, and what each of them is, by its content."""

from __future__ import annotations

import glob
import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from costsim.errors import DataError, SettingError
from costsim.records.manifest import NAME as MANIFEST

Kind = Literal["csv", "json", "jsonl", "parquet"]

EXTENSIONS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
_HEAD = 1 << 16
# First bytes of files that people hand over instead of an export, and what to do about each.
_WRONG = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook: unpack it or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save it as CSV"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "an SQLite database: export its table as CSV"),
    (b"BZh", "compressed with bzip2: unpack it or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it or use gzip"),
    (b"\xfd7zXZ", "compressed with xz: unpack it or use gzip"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
)


@dataclass(frozen=True)
class SourceFile:
    """A file to import.

    Parameters
    ----------
    path : Path
    name : str
        What receipts, manifests and reject lists call it; never its place on the machine.
    kind : {"csv", "json", "jsonl", "parquet"}
    zipped : bool
        Compressed with gzip.
    digest : str
        SHA-256 of the content, unpacked: a zipped copy is the same source.
    open_end : bool
        The last line has no line end.
    odd_quotes : bool
        One of its quotes may never be closed.
    """

    path: Path
    name: str
    kind: Kind
    zipped: bool
    digest: str
    open_end: bool
    odd_quotes: bool = False

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The content, unpacked.

        Raises
        ------
        DataError
            The compressed file is cut short or damaged.
        """
        opened = gzip.open if self.zipped else open
        with cast(IO[bytes], opened(self.path, "rb")) as stream:
            try:
                yield stream
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(f"{self.name} is cut short or damaged: {error}") from error


def find_files(sources: str | Path | Iterable[str | Path], out: Path) -> list[tuple[Path, str]]:
    """Files named by paths, folders and patterns, each once, with the name it goes by.

    Raises
    ------
    SettingError
        A source is not there, or holds no file that can be read.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise SettingError("sources must name at least one file, folder or pattern; got none")
    found: dict[Path, Path] = {}
    for source in given:
        for path in _expand(Path(source), str(source), out.resolve()):
            found.setdefault(path.resolve(), path)
    names = _names(list(found.values()))
    return list(zip(found.values(), names, strict=True))


def _expand(path: Path, text: str, out: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        if (path / MANIFEST).exists():
            raise SettingError(f"sources must be foreign logs; {path} is a records folder already")
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and _readable(p)]
        files = [p for p in files if out not in p.resolve().parents]
    else:
        files = [Path(p) for p in sorted(glob.glob(text, recursive=True)) if Path(p).is_file()]
    if not files:
        what = f"holds no {', '.join(EXTENSIONS)} file" if path.is_dir() else "does not exist"
        raise SettingError(f"source {text!r} {what}")
    return files


def _readable(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts if part not in (".", ".."))
    name = path.name.lower().removesuffix(".gz")
    return not hidden and name.endswith(EXTENSIONS)


def _names(paths: Sequence[Path]) -> list[str]:
    """File names, led by their folder's where two are alike."""
    plain = [path.name for path in paths]
    return [
        name if plain.count(name) == 1 else f"{path.resolve().parent.name}/{name}"
        for path, name in zip(paths, plain, strict=True)
    ]


def inspect(path: Path, name: str) -> SourceFile:
    """What a file is, by its content, with its digest; reads it once.

    Raises
    ------
    DataError
        It is empty, or no text, Parquet or JSON.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}") from error
    draft = SourceFile(path, name, "csv", zipped, "", False)
    digest = hashlib.sha256()
    with draft.open() as stream:
        head = tail = stream.read(_HEAD)
        digest.update(head)
        quotes = head.count(b'"')
        while block := stream.read(1 << 20):
            digest.update(block)
            quotes += block.count(b'"')
            tail = block
    kind = _kind(head, name)
    ends = kind == "parquet" or tail.endswith((b"\n", b"\r"))
    return SourceFile(path, name, kind, zipped, digest.hexdigest(), not ends, quotes % 2 == 1)


def _kind(head: bytes, name: str) -> Kind:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise DataError(f"{name} is empty")
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, what in _WRONG:
        if head.startswith(magic):
            raise DataError(f"{name} must be CSV, JSON, JSON Lines or Parquet; it is {what}")
    if text[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError(f"{name} must be CSV, JSON, JSON Lines or Parquet; it is a web page or XML")
    if b"\x00" in head[:4096]:
        raise DataError(f"{name} must be CSV, JSON, JSON Lines or Parquet; it is no text")
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "jsonl" if _whole_object(text) else "json"
    return "csv"


def _whole_object(text: bytes) -> bool:
    """Whether the first line is an object by itself, as in JSON Lines."""
    import json

    first, more, rest = text.partition(b"\n")
    try:
        value = json.loads(first)
    except ValueError:
        # A first line cut by the sample, or broken, with more objects below it.
        return not more or rest.lstrip().startswith(b"{")
    # One object alone that holds a list of objects is an answer of an API.
    wraps = any(isinstance(v, list) and v and isinstance(v[0], dict) for v in value.values())
    return bool(rest.strip()) or not wraps
