"""Ids of calls and sessions: deterministic, so that paired runs are joined by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_HEX = np.frombuffer("".join(f"{n:04x}" for n in range(65536)).encode(), "<u4")
WORD = 4


def fixed_ids(
    heads: Sequence[str], which: NDArray[np.int64], number: NDArray[np.int32]
) -> pa.Array:
    """Ids of one width: a head, by `which`, and a number as eight hexadecimal digits.

    Heads have one length, a multiple of four: ids are written word by word.

    Examples
    --------
    >>> which, number = np.array([1, 0], np.int32), np.array([255, 1], np.int32)
    >>> fixed_ids(["aaaa", "bbbb"], which, number).to_pylist()
    ['bbbb000000ff', 'aaaa00000001']
    """
    import pyarrow as pa

    words = len(heads[0]) // WORD
    head = np.frombuffer("".join(heads).encode(), "<u4").reshape(len(heads), words)
    text = np.empty((len(which), words + 2), "<u4")
    for at in range(words):
        text[:, at] = head[0, at] if len(heads) == 1 else head[:, at].take(which)
    text[:, words] = _HEX.take(number >> 16)
    text[:, words + 1] = _HEX.take(number & 0xFFFF)
    offsets = np.arange(len(which) + 1, dtype=np.int32)
    offsets *= WORD * text.shape[1]
    return pa.StringArray.from_buffers(len(which), pa.py_buffer(offsets), pa.py_buffer(text))
