"""Rows that an import refused: file, line and reason, in a file of their own."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from costsim.show.text import plain

FOLDER = "rejects"
_CUT = 200


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row.

    Parameters
    ----------
    file : str
    line : int
        From 1; the number of the row where a file has no lines (Parquet, JSON lists).
    reason : str
    raw : str
        What stands there, without anything that may be a prompt or an answer.
    """

    file: str
    line: int
    reason: str
    raw: str = ""

    def __str__(self) -> str:
        return f"{self.file} line {self.line:,}: {self.reason}"


def raw_line(text: str, *, private: bool) -> str:
    """A malformed line for the list: cut, or only counted where it may hold texts.

    Examples
    --------
    >>> raw_line("2024-08-09,12", private=False), raw_line('{"prompt": "dear', private=True)
    ('2024-08-09,12', '(16 characters, not shown)')
    """
    return f"({len(text):,} characters, not shown)" if private else plain(text, _CUT)


def file_name(source: str, digest: str) -> str:
    """Name of a source's list of rejects.

    Examples
    --------
    >>> file_name("august/spend.csv", "0123456789abcdef")
    'august_spend.csv-01234567.csv'
    """
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in source).lstrip(".")
    return f"{safe}-{digest[:8]}.csv"


def stage(folder: Path, name: str, rejects: Iterable[Reject]) -> Path:
    """Write a list under a name that is swept; :func:`publish` puts it in its place."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    staged = place / f".staged-{name}"
    with staged.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["file", "line", "reason", "raw"])
        for reject in rejects:
            writer.writerow([reject.file, reject.line, reject.reason, _inert(reject.raw)])
    return staged


def publish(staged: Path) -> Path:
    """Put a staged list in its place."""
    final = staged.with_name(staged.name.removeprefix(".staged-"))
    os.replace(staged, final)
    return final


def sweep(folder: Path) -> None:
    """Remove what an interrupted import staged, and the folder when nothing is left in it."""
    place = folder / FOLDER
    if not place.is_dir():
        return
    for staged in place.glob(".staged-*"):
        staged.unlink(missing_ok=True)
    if not any(place.iterdir()):
        place.rmdir()


def summary(rejects: Sequence[Reject], most: int = 5) -> tuple[tuple[str, int], ...]:
    """The commonest reasons, values left out, with their numbers of rows.

    Examples
    --------
    >>> summary([Reject("a.csv", n, f"x must be a number; got '{n}'") for n in (1, 2)])
    (('x must be a number', 2),)
    """
    kinds = Counter(_kind(reject.reason) for reject in rejects)
    return tuple(kinds.most_common(most))


def _kind(reason: str) -> str:
    return reason.partition("; ")[0]


def _inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
