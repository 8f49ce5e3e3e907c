"""Rows as a foreign file has them, before any of their columns is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Column that holds a whole JSON object, from which values are taken by path.
OBJECT = "\x00object"


@dataclass(frozen=True)
class Malformed:
    """A row that is no row: its number in the file, why, and its text."""

    ordinal: int
    reason: str
    text: str


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of a file in their order.

    Parameters
    ----------
    table : pyarrow.Table
        Columns by the file's names: bytes or text as written, or typed where the file has types.
    ordinals : int64 array, one a row
        Number of each row in the file, from 1; ids and line numbers derive from it.
    malformed : tuple of Malformed
        Rows that could not be split into columns; they count as read.
    """

    table: pa.Table
    ordinals: NDArray[np.int64]
    malformed: tuple[Malformed, ...] = ()

    def __len__(self) -> int:
        return len(self.ordinals)


@dataclass(frozen=True, eq=False)
class Rows:
    """A file, ready to be read: its columns, its chunks, and where a row stands in it.

    Parameters
    ----------
    columns : tuple of str
        Names found, nested ones with dots.
    chunks : callable
        Takes the names to read and yields chunks; others are never loaded.
    lines : callable
        Takes row numbers and returns their line numbers, both from 1.
    paths : mapping of str to tuple of str
        For nested names: the keys that lead there from an object column.
    notes : tuple of str
        What a reader should know of how the file was read.
    """

    columns: tuple[str, ...]
    chunks: Callable[[Sequence[str]], Iterator[Chunk]]
    lines: Callable[[Sequence[int]], Mapping[int, int]]
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def same_lines(ordinals: Sequence[int]) -> Mapping[int, int]:
    """Row numbers that are line numbers already."""
    return {ordinal: ordinal for ordinal in ordinals}
