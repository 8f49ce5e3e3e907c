"""A ledger's changes on disk, one line each, so that a killed process loses none."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from costsim.errors import DataError, LedgerError, SettingError
from costsim.limits.checking import checked_file

FSYNC = ("always", "second", "never")
_HEADER = ["costsim ledger", 1]
_LENGTHS = {"r": 8, "s": 5, "x": 3, "c": 3}  # reserved, settled, released; a control
_SMALLEST_TO_SHRINK = 100_000  # lines

Entry = list[Any]
"""Kind, microseconds since 1970, call id, and what the kind needs."""


class Journal:
    """An append-only file of one process.

    Parameters
    ----------
    path : path
        Made if missing. A lock beside it keeps a second process out.
    fsync : {"always", "second", "never"}
        When lines are forced to the disk: each before its answer, at most once a second, or when
        the kernel likes. A killed process loses nothing with any of them; a machine without power
        loses nothing, the lines since the last force, or what the kernel still had.

    Raises
    ------
    LedgerError
        Another process has it.
    DataError
        It is no journal, or a line before the last one is broken. A torn last line is cut off.
    """

    def __init__(self, path: str | Path, fsync: str = "second") -> None:
        if fsync not in FSYNC:
            raise SettingError(f"fsync must be one of {FSYNC}; got {fsync!r}")
        self.path, self._fsync = checked_file(path, "journal"), fsync
        self._lock = _locked(self.path.with_name(self.path.name + ".lock"))
        self._file = self.path.open("ab+", buffering=0)
        try:
            self.entries = self.read()
        except BaseException:
            self._file.close()
            os.close(self._lock)
            raise
        self._synced = 0.0
        self._lines = len(self.entries)
        self._shrink_at = max(_SMALLEST_TO_SHRINK, 2 * self._lines)

    def append(self, entry: Entry) -> None:
        """Write a change; it is there when this returns, or an OSError says that it is not."""
        line = _line(entry)
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"{self.path}: only {written} of {len(line)} bytes were written")
        except OSError:
            self._file.truncate(self._size)  # or the next line would join this one's half
            raise
        self._size += len(line)
        self._lines += 1
        if self._fsync == "always" or (
            self._fsync == "second" and time.monotonic() - self._synced >= 1
        ):
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    @property
    def large(self) -> bool:
        """Whether it has twice the lines that it needed when it was last shrunk."""
        return self._lines >= self._shrink_at

    def shrink(self, wanted: Callable[[Entry], bool]) -> None:
        """Keep the entries that are wanted; the others' file is replaced at once."""
        entries = self.read()
        kept = [entry for entry in entries if wanted(entry)]
        if len(kept) < len(entries):
            self._replace(kept)
        self._lines = len(kept)
        self._shrink_at = max(_SMALLEST_TO_SHRINK, 2 * self._lines)

    def close(self) -> None:
        """Force all to the disk and let another process have it."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
            os.close(self._lock)

    def read(self) -> list[Entry]:
        """All entries; a torn last line is cut off the file."""
        self._file.seek(0)
        data = self._file.read()
        whole, _, torn = data.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        entries: list[Entry] = []
        for number, line in enumerate(lines):
            try:
                entries.append(_entry(line, first=number == 0))
            except ValueError as error:
                if number == 0 or number < len(lines) - 1:
                    raise DataError(f"{self.path}, line {number + 1}: {error}") from None
                torn = line + b"\n" + torn
        if not entries and not _line(_HEADER).startswith(torn):
            raise DataError(f"{self.path}, line 1: is no line of a ledger's journal")
        self._size = len(data) - len(torn)
        if torn:
            self._file.truncate(self._size)
        if not entries:
            self._file.truncate(0)
            self._size = self._file.write(_line(_HEADER))
        return entries[1:]

    def _replace(self, entries: Iterable[Entry]) -> None:
        staged = self.path.with_name(self.path.name + ".new")
        with staged.open("wb") as file:
            file.write(_line(_HEADER))
            file.writelines(map(_line, entries))
            file.flush()
            os.fsync(file.fileno())
        staged.replace(self.path)
        self._file.close()
        self._file = self.path.open("ab+", buffering=0)
        self._size = self.path.stat().st_size


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _entry(line: bytes, *, first: bool) -> Entry:
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        raise ValueError("is no line of a ledger's journal") from None
    if first:
        known = entry == _HEADER
    else:
        kind = str(entry[0]) if isinstance(entry, list) and entry else ""
        known = kind in _LENGTHS and len(entry) == _LENGTHS[kind]
    if not known:
        raise ValueError("is no line of a ledger's journal")
    return entry


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows keeps no such locks
        pass
    except OSError:
        os.close(lock)
        raise LedgerError(f"{path} is held: another process has this journal") from None
    return lock
