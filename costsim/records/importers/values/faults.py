"""Why rows cannot be kept: the first reason of each, with the value made safe to print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.show.text import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Faults:
    """Rows of one chunk that are refused.

    Examples
    --------
    >>> import numpy as np
    >>> faults = Faults(3)
    >>> faults.add(np.array([False, True, False]), "model must be known")
    >>> list(faults), faults.good.tolist()
    ([(1, 'model must be known')], [True, False, True])
    """

    def __init__(self, rows: int) -> None:
        self.good = np.ones(rows, bool)
        self._reasons: dict[int, str] = {}

    def add(self, bad: Any, reason: str, values: Any = None) -> None:
        """Refuse the rows where `bad`; ``{}`` in the reason stands for the row's value."""
        mask = np.asarray(bad, bool)
        for row in np.flatnonzero(mask & self.good).tolist():
            value = "" if values is None else shown(values[row])
            self._reasons[row] = reason.replace("{}", value) if values is not None else reason
        self.good &= ~mask

    def __len__(self) -> int:
        return len(self._reasons)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return iter(sorted(self._reasons.items()))


def shown(value: Any) -> str:
    """A value as it may stand in a message: what could be a prompt or an answer is counted only.

    Examples
    --------
    >>> shown("abc"), shown("Please write me a poem about the sea")
    ("'abc'", '36 characters of text')
    """
    value = value.as_py() if hasattr(value, "as_py") else value
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if value is None or isinstance(value, int | float):
        return str(value)
    text = plain(value)
    if len(text) > 40 or len(text.split()) > 3:
        return f"{len(text)} characters of text"
    return f"'{text}'"


def true(mask: Any) -> NDArray[np.bool_]:
    """An Arrow mask as NumPy, null as False."""
    import pyarrow as pa

    array = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), bool)
