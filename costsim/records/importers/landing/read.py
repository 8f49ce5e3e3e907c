"""One file, read and translated: the rows that stay, and the rows that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import DataError
from costsim.records.importers.columns.plan import Plan, Request, make_plan, to_load
from costsim.records.importers.columns.synonyms import holds_texts
from costsim.records.importers.draft import Draft, Options
from costsim.records.importers.reading.chunk import OBJECT, Chunk, Rows
from costsim.records.importers.reading.open import open_rows
from costsim.records.importers.reading.sources import SourceFile
from costsim.records.importers.registry import Importer
from costsim.records.rejects import Reject, raw_line
from costsim.show.formats import count

if TYPE_CHECKING:
    import pyarrow as pa

# Columns that lead back from a record to its row; dropped before anything is written.
FROM_SOURCE, FROM_ROW = "from_source", "from_row"
_HOPELESS = 1000


@dataclass(eq=False)
class ReadFile:
    """What came of one file.

    Parameters
    ----------
    source : SourceFile
    rows : Rows
    plan : Plan
    tables : list of pyarrow.Table
        Rows that stay, with the fields that are known.
    refused : list of (ordinal, reason, raw)
    read : int
        Rows seen, broken ones included.
    notes : list of str
    zoneless : bool
        Some times carry no zone.
    """

    source: SourceFile
    rows: Rows
    plan: Plan
    tables: list[pa.Table] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    read: int = 0
    notes: list[str] = field(default_factory=list)
    zoneless: bool = False

    def rejects(self) -> list[Reject]:
        """Refused rows with their lines, in the order of the file."""
        lines = self.rows.lines([ordinal for ordinal, _, _ in self.refused])
        found = [
            Reject(self.source.name, lines.get(ordinal, ordinal), reason, raw)
            for ordinal, reason, raw in self.refused
        ]
        return sorted(found, key=lambda reject: reject.line)


def read_file(
    importer: Importer,
    source: SourceFile,
    number: int,
    request: Request,
    options: Options,
    progress: Callable[[int], object] | None,
) -> ReadFile:
    """Read one file to its end.

    Raises
    ------
    DataError
        It is not of this format, or none of its first rows can be kept.
    """
    rows = open_rows(source)
    try:
        plan = make_plan(importer, source.name, rows, request, options)
    except DataError:
        if _any_row(rows):
            raise
        return ReadFile(source, rows, Plan((), ()))  # nothing there to be named or guessed
    done = ReadFile(source, rows, plan, notes=list(rows.notes))
    formats: dict[str, Any] = {}
    counted: Counter[str] = Counter()
    for chunk in rows.chunks(to_load(plan, rows.columns)):
        draft = Draft(chunk, options, formats, rows.paths)
        _translate(draft, importer, plan)
        _collect(done, draft, number)
        counted += draft.notes
        done.zoneless |= bool(draft.zoneless)
        if progress:
            progress(len(chunk) + len(chunk.malformed))
        if done.read >= _HOPELESS and len(done.refused) == done.read:
            first = done.rejects()[0]
            raise DataError(f"none of the first {count(done.read)} rows can be kept; {first}")
    done.notes += [f"{source.name}: {note} ({count(n)} rows)." for note, n in counted.items()]
    done.notes += [
        f"{source.name}: {name} is {form}." for name, form in formats.items() if form.inferred
    ]
    if source.open_end and source.kind != "json":
        done.notes.append(
            f"{source.name}: the last line has no line end; if the file was cut there, its last "
            "row may be wrong."
        )
    return done


def _any_row(rows: Rows) -> bool:
    return any(len(chunk) or chunk.malformed for chunk in rows.chunks(rows.columns[:1]))


def _translate(draft: Draft, importer: Importer, plan: Plan) -> None:
    draft.load(plan.reads)
    for use in plan.uses:
        draft.translate(use)
    if importer.refine:
        importer.refine(draft)
    for name, value in importer.constants.items():
        draft.fill(name, value)
    draft.fill("source", importer.name)
    draft.complete()


def _collect(done: ReadFile, draft: Draft, number: int) -> None:
    import pyarrow as pa

    chunk = draft.chunk
    done.read += len(chunk) + len(chunk.malformed)
    table = draft.kept(made_prefix(done.source))
    ordinals = chunk.ordinals[draft.faults.good]
    table = table.append_column(FROM_SOURCE, pa.array(np.full(len(table), number, np.int32)))
    done.tables.append(table.append_column(FROM_ROW, pa.array(ordinals)))
    for row, reason in draft.faults:
        raw = draft.excerpt(row, done.plan.uses)
        done.refused.append((int(chunk.ordinals[row]), reason, raw))
    _malformed(done, chunk, secret=bool(draft.options.key))


def _malformed(done: ReadFile, chunk: Chunk, *, secret: bool) -> None:
    private = secret or OBJECT in chunk.table.column_names
    private = private or bool(done.plan.private) or any(map(holds_texts, done.rows.columns))
    for row in chunk.malformed:
        done.refused.append((row.ordinal, row.reason, raw_line(row.text, private=private)))


def made_prefix(source: SourceFile) -> str:
    """How ids made from a source begin: 80 bits of its content's digest."""
    return source.digest[:20]
