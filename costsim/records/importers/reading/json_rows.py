"""Rows of JSON and JSON Lines files: whole objects in chunks, values taken later by path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from costsim.errors import DataError
from costsim.records.importers.reading.chunk import OBJECT, Chunk, Malformed, Rows, same_lines
from costsim.records.importers.reading.sources import SourceFile

_BYTES = 16 << 20
_LINES = 100_000
_SAMPLE = 2_000
_DEPTH = 4


def open_jsonl(source: SourceFile) -> Rows:
    """A file with one JSON object a line."""

    def chunks(_: Sequence[str]) -> Iterator[Chunk]:
        with source.open() as stream:
            numbered = enumerate(stream, start=1)
            while block := list(_some(numbered)):
                yield _lines_chunk(block)

    with source.open() as stream:
        sample = [value for line in islice(stream, _SAMPLE) if (value := _object(line)) is not None]
    paths = _paths(sample)
    return Rows(tuple(paths), chunks, same_lines, paths)


def _some(numbered: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Some next lines, as many as fit in a chunk."""
    size = 0
    for number, line in islice(numbered, _LINES):
        size += len(line)
        yield number, line
        if size > _BYTES:
            return


def open_json(source: SourceFile) -> Rows:
    """A JSON list of objects, or an object that holds one, such as an answer of an API.

    Raises
    ------
    DataError
        It is no JSON, or there is no list of objects in it.
    """
    with source.open() as stream:
        try:
            value = json.load(stream)
        except ValueError as error:
            raise DataError(
                f"{source.name} is not valid JSON or cut short: {error} (one object a line is "
                "read as JSON Lines)"
            ) from error
    items, where = _items(value)
    if items is None:
        raise DataError(f"{source.name} must hold a list of objects; got {type(value).__name__}")

    def chunks(_: Sequence[str]) -> Iterator[Chunk]:
        for start in range(0, len(items), _LINES):
            block = items[start : start + _LINES]
            texts = [json.dumps(item).encode() for item in block]
            yield _lines_chunk(list(enumerate(texts, start=start + 1)))

    paths = _paths([item for item in items[:_SAMPLE] if isinstance(item, dict)])
    notes = (f"{source.name}: rows are the list under {where!r}",) if where else ()
    return Rows(tuple(paths), chunks, same_lines, paths, notes)


def _items(value: Any) -> tuple[list[Any] | None, str]:
    if isinstance(value, list):
        return value, ""
    if not isinstance(value, dict):
        return None, ""
    lists = {k: v for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    if not lists:
        return [value], ""
    name = max(lists, key=lambda k: len(lists[k]))
    return lists[name], name


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _lines_chunk(block: list[tuple[int, bytes]]) -> Chunk:
    """Good lines as they are; what is no object is set aside. Blank lines are no rows."""
    import pyarrow as pa

    from costsim.records.importers.values.json_values import are_objects

    if block[0][0] == 1:
        block[0] = (1, block[0][1].removeprefix(b"\xef\xbb\xbf"))
    block = [(n, stripped) for n, line in block if (stripped := line.strip())]
    malformed, good, ordinals = [], [], []
    texts = [line.decode("utf-8", errors="replace") for _, line in block]
    whole = are_objects(texts)
    for (ordinal, line), text, fine in zip(block, texts, whole, strict=True):
        if fine:
            good.append(text)
            ordinals.append(ordinal)
        else:
            malformed.append(Malformed(ordinal, _reason(line), text))
    table = pa.table({OBJECT: pa.array(good, pa.string())})
    return Chunk(table, np.array(ordinals, np.int64), tuple(malformed))


def _reason(line: bytes) -> str:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return f"line must be a JSON object; {error.msg.lower()} at column {error.colno}"
    except ValueError:
        return "line must be UTF-8 text"
    return f"line must be a JSON object; got {type(value).__name__}"


def _paths(sample: Sequence[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Names of all values, nested ones joined by dots, in the order they are met."""
    paths: dict[str, tuple[str, ...]] = {}

    def walk(value: dict[str, Any], before: tuple[str, ...]) -> None:
        for key, inner in value.items():
            path = (*before, key)
            paths.setdefault(".".join(path), path)
            if isinstance(inner, dict) and len(path) < _DEPTH:
                walk(inner, path)

    for item in sample:
        walk(item, ())
    return paths
