"""From files to a committed dataset, or to nothing at all."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import DataError, ImportRejected
from costsim.records import rejects as listing
from costsim.records.importers.landing.days import by_time, days
from costsim.records.importers.landing.facts import facts
from costsim.records.importers.landing.identity import (
    CONFLICT,
    already_there,
    any_given,
    repeats,
)
from costsim.records.importers.landing.pricing import price
from costsim.records.importers.landing.read import (
    FROM_ROW,
    FROM_SOURCE,
    ReadFile,
    made_prefix,
    read_file,
)
from costsim.records.importers.reading.sources import inspect
from costsim.records.importers.values.faults import shown
from costsim.records.manifest import Manifest, Source
from costsim.records.receipt import Receipt, SourceCount
from costsim.records.rejects import Reject
from costsim.records.schema import to_table
from costsim.records.writer import DatasetWriter
from costsim.show.formats import count

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from costsim.records.importing import ImportSettings


@dataclass(frozen=True)
class Landing:
    """One import, start to end."""

    settings: ImportSettings
    supplied: Mapping[str, str]
    version: str
    progress: Callable[[int], object] | None = None

    def run(self, files: Sequence[tuple[Path, str]]) -> Receipt:
        """Import the files; on any failure the folder is as it was, or not there."""
        out = self.settings.out
        above = [folder for folder in (out, *out.parents) if not folder.exists()]
        try:
            with DatasetWriter(out, append=True) as writer:
                try:
                    return self._run(writer, files)
                finally:
                    listing.sweep(out)
        finally:
            for folder in above:  # innermost first; those with something in them stay
                with suppress(OSError):
                    folder.rmdir()

    def _run(self, writer: DatasetWriter, files: Sequence[tuple[Path, str]]) -> Receipt:
        done, skipped = self._read(writer.before, files)
        table = _joined(done)
        kept, repeated = self._once(table, done, writer)
        rejects = {file.source.name: file.rejects() for file in done}
        self._judge(kept, done, rejects)
        kept = by_time(kept)
        kept, priced, free = price(kept, self.settings.book)
        found = facts(kept, priced.unpriced)
        counts = _counts(done, kept, repeated)
        notes = [note for file in done for note in file.notes]
        if free:
            notes.append(f"{count(free)} calls were answered from the product's own cache: $0.")
        notes += self._overlap(writer.before, done, kept)
        before = writer.before
        manifest = self._manifest(before, done, counts, kept)
        if manifest != before:
            staged = [
                listing.stage(writer.folder, listing.file_name(file.source.name,
                              file.source.digest), rejects[file.source.name])
                for file in done if rejects[file.source.name]
            ]  # fmt: skip
            manifest = writer.commit(manifest, list(self._write(writer, kept)))
            places = [listing.publish(path).relative_to(writer.folder) for path in staged]
        else:
            places = []
        plans = [file.plan for file in done]
        was = before.monthly_budget_usd if before else None
        return Receipt(
            format=self.settings.importer.name,
            out=str(self.settings.out),
            sources=(*counts, *skipped),
            facts=found,
            reasons=listing.summary([one for some in rejects.values() for one in some]),
            rejects_files=tuple(str(self.settings.out / place) for place in places),
            columns=tuple(dict.fromkeys(use for plan in plans for use in plan.uses)),
            guessed=any(plan.guessed for plan in plans),
            ignored=tuple(dict.fromkeys(name for plan in plans for name in plan.ignored)),
            private=tuple(dict.fromkeys(name for plan in plans for name in plan.private)),
            supplied=dict(self.supplied) if len(kept) else {},
            notes=tuple(notes),
            rows_in_folder=manifest.rows,
            naive_zone=self._naive_zone(done),
            new_budget=(manifest.monthly_budget_usd, was)
            if before and manifest.monthly_budget_usd != was
            else None,
            time_zone=self.settings.time_zone,
            price_book=self.settings.book.name,
            next_command=shlex.join(["costsim", "spend", str(self.settings.out)]),
        )

    def _naive_zone(self, done: Sequence[ReadFile]) -> str:
        """The zone in which times without one were read; empty where the format names it."""
        zone = self.settings.options.naive_zone
        stated = self.settings.importer.times_are_utc and zone == "UTC"
        return "" if stated or not any(file.zoneless for file in done) else zone

    def _read(
        self, before: Manifest | None, files: Sequence[tuple[Path, str]]
    ) -> tuple[list[ReadFile], list[SourceCount]]:
        """Files with rows, read; and those with nothing new, passed over with a word."""
        known = {s.sha256: f"imported before as {s.name}" for s in before.sources} if before else {}
        done: list[ReadFile] = []
        skipped: list[SourceCount] = []
        blank: list[tuple[str, str]] = []
        for path, name in files:
            if not path.stat().st_size and len(files) > 1:
                blank.append((name, f"{name} is empty"))
                continue
            source = inspect(path, name)
            if source.digest in known:
                note = f"{known[source.digest]}, not read again"
                skipped.append(SourceCount(name, source.digest, note=note))
                continue
            settings = self.settings
            file = read_file(settings.importer, source, len(done), settings.request,
                             settings.options, self.progress)  # fmt: skip
            if not file.read:
                blank.append((name, f"{name} has a header and no rows"))
                continue
            known[source.digest] = f"the same content as {name}"
            done.append(file)
        if not done and not skipped:
            raise DataError("; ".join(note for _, note in blank[:3]))
        skipped += [SourceCount(name, "", note=note) for name, note in blank]
        return done, skipped

    def _once(
        self, table: pa.Table, done: Sequence[ReadFile], writer: DatasetWriter
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """Rows that are new, and how many of each file were known; contradictions are refused."""
        import pyarrow as pa

        repeated = np.zeros(len(done), np.int64)
        if not len(table) or not any_given(table, [made_prefix(f.source) for f in done]):
            return table, repeated
        there = [file.path for file in writer.before.files] if writer.before else []
        for find in (repeats, lambda rows: already_there(rows, writer.folder, there)):
            known, contradicts = find(table)
            if not known.any():
                continue
            for row in np.flatnonzero(contradicts).tolist():
                file = done[table[FROM_SOURCE][row].as_py()]
                call = shown(table["call_id"][row])
                reason = CONFLICT.replace("{}", call)
                file.refused.append((table[FROM_ROW][row].as_py(), reason, ""))
            numbers = table[FROM_SOURCE].to_numpy()[known & ~contradicts]
            repeated += np.bincount(numbers, minlength=len(done))
            table = table.filter(pa.array(~known))
        return table, repeated

    def _judge(
        self, kept: pa.Table, done: Sequence[ReadFile], rejects: Mapping[str, Sequence[Reject]]
    ) -> None:
        """Stop where nothing can be kept, or where nothing may be refused."""
        refused = [one for some in rejects.values() for one in some]
        read = sum(file.read for file in done)
        if refused and self.settings.strict:
            more = f", and {count(len(refused) - 1)} more" if len(refused) > 1 else ""
            raise ImportRejected(f"{refused[0]}{more}; strict: nothing was written")
        if refused and len(refused) == read:
            raise DataError(f"none of the {count(read)} rows can be kept; {refused[0]}")

    def _overlap(
        self, before: Manifest | None, done: Sequence[ReadFile], kept: pa.Table
    ) -> list[str]:
        """A warning where made ids cannot tell whether calls are there already."""
        if not before or not before.files or not len(kept):
            return []
        if any_given(kept, [made_prefix(file.source) for file in done]):
            return []
        low, high = (kept["timestamp"][i].as_py() for i in (0, -1))
        if any(file.first_time <= high and file.last_time >= low for file in before.files):
            return [
                "These files have no call ids, and the folder had calls of the same time: if they "
                "are the same calls, they are counted twice."
            ]
        return []

    def _write(self, writer: DatasetWriter, kept: pa.Table) -> Any:
        names = [name for name in kept.column_names if name not in (FROM_SOURCE, FROM_ROW)]
        for day, rows in days(kept.select(names), self.settings.time_zone):
            columns = {name: rows[name] for name in names}
            yield writer.write(to_table(columns, len(rows)), day)

    def _manifest(
        self,
        before: Manifest | None,
        done: Sequence[ReadFile],
        counts: Sequence[SourceCount],
        kept: pa.Table,
    ) -> Manifest:
        settings = self.settings
        base = before or Manifest(kind="REAL")
        bounds = list(base.period) if base.period else []
        if len(kept):
            bounds += [kept["timestamp"][i].as_py().isoformat() for i in (0, -1)]
        sources = tuple(
            Source(file.source.name, settings.importer.name, file.source.digest, one.kept)
            for file, one in zip(done, counts, strict=True)
        )
        bounds.sort(key=datetime.fromisoformat)
        return replace(
            base,
            costsim_version=self.version if sources else base.costsim_version,
            time_zone=settings.time_zone,
            monthly_budget_usd=settings.budget_usd or base.monthly_budget_usd,
            price_book=settings.book.name,
            period=(bounds[0], bounds[-1]) if bounds else None,
            supplied=base.supplied | dict(self.supplied) if sources else base.supplied,
            sources=base.sources + sources,
        )


def _joined(done: Sequence[ReadFile]) -> pa.Table:
    import pyarrow as pa

    tables = [table for file in done for table in file.tables if len(table)]
    if not tables:
        kept = to_table({}, 0).select(["call_id", "timestamp"])
        numbers = pa.array([], pa.int32())
        return kept.append_column(FROM_SOURCE, numbers).append_column(FROM_ROW, numbers)
    joined: pa.Table = pa.concat_tables(tables, promote_options="default")
    return joined.unify_dictionaries().combine_chunks()


def _counts(
    done: Sequence[ReadFile], kept: pa.Table, repeated: NDArray[np.int64]
) -> list[SourceCount]:
    numbers = kept[FROM_SOURCE].to_numpy() if len(kept) else np.zeros(0, np.int64)
    stay = np.bincount(numbers, minlength=len(done))
    return [
        SourceCount(
            file.source.name,
            file.source.digest,
            read=file.read,
            kept=int(stay[number]),
            duplicates=int(repeated[number]),
            rejected=len(file.refused),
        )
        for number, file in enumerate(done)
    ]
