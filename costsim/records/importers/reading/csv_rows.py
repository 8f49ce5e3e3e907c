"""Rows of CSV files: text columns in chunks, broken rows set aside, exact line numbers."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from costsim.errors import DataError
from costsim.records.importers.reading.chunk import Chunk, Malformed, Rows
from costsim.records.importers.reading.sources import SourceFile
from costsim.show.text import plain

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BLOCK = 16 << 20


def open_csv(source: SourceFile) -> Rows:
    """A CSV file by its header.

    Raises
    ------
    DataError
        There is no header, or it names a column twice.
    """
    with source.open() as stream:
        head = stream.read(1 << 20).decode("utf-8-sig", errors="replace")
    first = next((line for line in head.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=_outside_quotes(first).count)
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    header = next((row for row in reader if any(cell.strip() for cell in row)), [])
    names = [cell.strip() for cell in header]
    if sum(_is_value(name) for name in names) * 2 >= len(names):
        raise DataError(
            f"{source.name}: the first line must name the columns; got {plain(first, 80)!r}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source.name}: columns must have different names; {twice[0]!r} is twice")
    notes: tuple[str, ...] = ()
    if delimiter != ",":
        notes = (f"{source.name}: columns are divided by {DELIMITERS[delimiter]}",)
    above = reader.line_num

    def chunks(wanted: Sequence[str]) -> Iterator[Chunk]:
        found = _chunks(source, names, above, delimiter, wanted)
        return _without_last(found) if _ends_in_quotes(source, delimiter) else found

    def lines(ordinals: Sequence[int]) -> Mapping[int, int]:
        return _lines(source, delimiter, set(ordinals)) if ordinals else {}

    return Rows(tuple(names), chunks, lines, notes=notes)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _is_value(name: str) -> bool:
    """Whether a cell of the first line looks like data: empty, or begins with a number."""
    return not name or name.lstrip("+-.$")[:1].isdigit()


def _chunks(
    source: SourceFile, names: list[str], above: int, delimiter: str, wanted: Sequence[str]
) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    broken: list[Any] = []

    def set_aside(row: Any) -> str:
        broken.append(row)
        return "skip"

    with source.open() as stream:
        try:
            reader = pa_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                # one thread, so that broken rows are numbered
                pa_csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=names, skip_rows=above
                ),
                pa_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_aside
                ),
                # bytes: one that is not UTF-8 shall cost its row, not the file
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.binary()),
                    include_columns=list(wanted),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return  # nothing below the header
        done = 0
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                break
            except pa.ArrowInvalid as error:
                raise DataError(
                    f"{source.name}: a row near row {done + 1:,} is longer than "
                    f"{_BLOCK >> 20} MB or has a quote that is never closed ({error})"
                ) from error
            # the parser may run ahead: rows broken further down belong to a later chunk
            aside = _take(broken, done, len(batch), above)
            yield _chunk(batch, done, aside, len(names), above)
            done += len(batch) + len(aside)
        if broken:
            yield _chunk(_none(wanted), done, broken, len(names), above)


def _ends_in_quotes(source: SourceFile, delimiter: str) -> bool:
    """Whether the last row runs to the end of the file because its quote is never closed."""
    if not source.odd_quotes:
        return False
    try:
        with source.open() as stream, _any_length():
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            for _ in csv.reader(text, delimiter=delimiter, strict=True):
                pass
    except csv.Error:
        return True
    return False


def _without_last(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Chunks with the very last row set aside, if it passed for a whole one."""
    held = None
    for chunk in chunks:
        if held is not None:
            yield held
        held = chunk
    if held is None:
        return
    last = int(held.ordinals[-1]) if len(held) else 0
    if last and not any(row.ordinal > last for row in held.malformed):
        broken = Malformed(last, "a quote is never closed and swallows what follows", "")
        held = Chunk(held.table.slice(0, len(held) - 1), held.ordinals[:-1],
                     (*held.malformed, broken))  # fmt: skip
    yield held


@contextmanager
def _any_length() -> Iterator[None]:
    """Python's csv with cells of any length; its limit is the process's."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _take(broken: list[Any], done: int, good: int, above: int) -> list[Any]:
    """Broken rows that stand among the next `good` good ones, taken off the list."""
    taken: list[Any] = []
    while broken and _ordinal(broken[0], above) <= done + good + len(taken):
        taken.append(broken.pop(0))
    return taken


def _ordinal(row: Any, above: int) -> int:
    return int(row.number) - above


def _chunk(batch: Any, done: int, broken: Sequence[Any], width: int, above: int) -> Chunk:
    import pyarrow as pa

    gone = {_ordinal(row, above) for row in broken}
    total = len(batch) + len(broken)
    ordinals = np.arange(done + 1, done + total + 1, dtype=np.int64)
    if gone:
        ordinals = ordinals[~np.isin(ordinals, list(gone))]
    malformed = tuple(Malformed(_ordinal(r, above), _reason(r, width), r.text) for r in broken)
    table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    return Chunk(table, ordinals[: len(batch)], malformed)


def _reason(row: Any, width: int) -> str:
    lines = row.text.count("\n") + 1
    if row.text.count('"') % 2:
        swallowed = f" and swallows {lines - 1:,} more lines" if lines > 1 else ""
        return f"a quote is never closed{swallowed}"
    return f"row must have {width} columns like the header; got {row.actual_columns}"


def _none(wanted: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array([], pa.binary()) for name in wanted})


def _lines(source: SourceFile, delimiter: str, ordinals: set[int]) -> Mapping[int, int]:
    """Where rows begin; a second reading, made only when there is something to point at."""
    found: dict[int, int] = {}
    with source.open() as stream, _any_length():
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter=delimiter)
        ordinal, before = -1, 0
        for row in reader:
            if row:
                ordinal += 1
                if ordinal in ordinals:
                    found[ordinal] = before + 1
                    if len(found) == len(ordinals):
                        break
            before = reader.line_num
    return found
