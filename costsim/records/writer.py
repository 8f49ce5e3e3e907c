"""Writing a dataset so that a killed writer leaves the last committed state.

Files are staged under names no manifest knows, renamed to a name made from their content, and
put in force together by one manifest. What no manifest names is swept by the next writer.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from costsim.errors import DatasetError
from costsim.records.manifest import NAME, DataFile, Manifest
from costsim.records.schema import FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 131_072


class DatasetWriter:
    """One transaction on a records folder; nothing is visible before :meth:`commit`.

    Parameters
    ----------
    folder : Path
        Made when absent. A folder that holds anything but a dataset is refused.
    append : bool
        Keep the committed files and add to them; otherwise they are replaced. Only a simulated
        dataset is ever replaced: real records are not thrown away by a simulation.

    Raises
    ------
    DatasetError
        The folder is in the way, or another writer is at work in it.
    """

    def __init__(self, folder: Path, *, append: bool = False) -> None:
        self.folder = folder
        self.append = append
        if folder.exists() and not folder.is_dir():
            raise DatasetError(f"out must be a folder; got the file {folder}")
        held = {item.name for item in folder.iterdir()} if folder.exists() else set()
        # a writer killed before its first commit leaves its lock; without one, data is not ours
        own = _OWN if LOCK in held else _OWN - {"data"}
        foreign = sorted(n for n in held if not n.startswith(".") and n not in own)
        if NAME not in held and foreign:
            raise DatasetError(
                f"out must be new, empty or a records folder; {folder} holds {foreign[0]!r}"
            )
        if NAME in held:
            Manifest.read(folder)  # a damaged one is said before anything is held
        self._made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder)
        (folder / "data").mkdir(exist_ok=True)
        self.before = Manifest.read(folder) if (folder / NAME).exists() else None
        if self.before and not append and self.before.kind != "SIMULATED":
            self.close()
            raise DatasetError(
                f"{folder} holds real records; a simulation needs a folder of its own"
            )

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, table: pa.Table, stem: str, where: str = "data") -> DataFile:
        """Stage rows sorted by time as one file; safe to call from several threads."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        staged = self.folder / where / f".staged-{os.getpid()}-{stem}"
        names = [
            f.name for f in FIELDS if f.kind in ("name", "flag") and f.name in table.column_names
        ]
        delta = {
            "call_id": "DELTA_BYTE_ARRAY",
            "session_id": "DELTA_BYTE_ARRAY",
            "timestamp": "DELTA_BINARY_PACKED",
        }
        pq.write_table(
            table,
            staged,
            compression="zstd",
            compression_level=1,
            use_dictionary=names,
            column_encoding={k: v for k, v in delta.items() if k in table.column_names},
            row_group_size=ROW_GROUP,
            write_statistics=["timestamp"],
        )
        digest = _settled(staged)
        final = self.folder / where / f"{stem}-{digest[:8]}.parquet"
        os.replace(staged, final)
        first = last = ""
        if "timestamp" in table.column_names and len(table):
            span = pc.min_max(table["timestamp"].cast(pa.int64())).as_py()
            first, last = (_iso(span[key]) for key in ("min", "max"))
        return DataFile(final.relative_to(self.folder).as_posix(), len(table), first, last, digest)

    def commit(self, manifest: Manifest, files: Iterable[DataFile]) -> Manifest:
        """Put the staged files in force and sweep what is no longer named."""
        kept = self.before.files if self.append and self.before else ()
        named = {file.path: file for file in (*kept, *files)}
        ordered = tuple(sorted(named.values(), key=lambda f: (f.first, f.path)))
        manifest = replace(manifest, files=ordered)
        manifest.commit(self.folder)
        self.before = manifest
        return manifest

    def close(self) -> None:
        """Sweep what no manifest names and let the next writer in."""
        if self._lock is None:
            return
        named = {f.path for f in self.before.files} if self.before else set()
        if self.before and self.before.truth:
            named.add(self.before.truth.path)
        for path in [*self.folder.glob("data/*.parquet"), *self.folder.glob("truth-*.parquet")]:
            if path.relative_to(self.folder).as_posix() not in named:
                path.unlink(missing_ok=True)
        for path in [*self.folder.glob("data/.staged-*"), *self.folder.glob(f".{NAME}.*")]:
            path.unlink(missing_ok=True)
        _unlock(self.folder, self._lock)
        self._lock = None
        if self.before is None:
            with suppress(OSError):  # something else was put there meanwhile: leave it
                (self.folder / "data").rmdir()
                if self._made:
                    self.folder.rmdir()


LOCK = ".lock"
_OWN = {NAME, "data", "rejects"}


def _settled(path: Path) -> str:
    """Digest of a file that is on the disk, so that a manifest never names what is not."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest


def _iso(micros: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()


def _lock(folder: Path) -> int | None:
    """Hold the folder for one writer; the system lets go when the writer dies."""
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino != (folder / LOCK).stat().st_ino:
                raise FileNotFoundError
        except (BlockingIOError, FileNotFoundError) as error:  # held, or just let go and removed
            os.close(handle)
            raise DatasetError(f"another writer is at work in {folder}") from error
    return handle


def _unlock(folder: Path, handle: int) -> None:
    if sys.platform == "win32":  # which removes no open file
        os.close(handle)
    (folder / LOCK).unlink(missing_ok=True)
    if sys.platform != "win32":
        os.close(handle)
