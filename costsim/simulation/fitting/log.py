"""The records as arrays: what a fit reads, once, in time order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from costsim.records.dataset import Records

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

NAMES = (
    "feature_name", "user_id", "user_tier", "session_id", "provider", "model", "service_tier",
    "finish_reason", "status",
)  # fmt: skip
NUMBERS = (
    "input_tokens", "output_tokens", "cache_read_tokens", "max_tokens", "total_cost_nano",
    "time_to_first_token_ms", "latency_ms",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of few or many names as codes; -1 is unknown."""

    codes: Codes
    names: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether any row has a name."""
        return bool((self.codes >= 0).any())

    def main(self) -> str | None:
        """The name that most rows have; None where none has one."""
        held = self.codes[self.codes >= 0]
        return self.names[int(np.bincount(held).argmax())] if len(held) else None


@dataclass(frozen=True)
class Log:
    """First attempts as columns of equal length, in time order; unknown numbers are NaN.

    `seconds` counts from 1970.
    """

    seconds: Floats
    names: dict[str, Column]
    numbers: dict[str, Floats]
    others: int = field(default=0)
    """Retries, which a simulation makes of its own, left out."""

    def __len__(self) -> int:
        return len(self.seconds)

    def where(self, keep: NDArray[np.bool_]) -> Log:
        """The calls that `keep` marks."""
        return replace(
            self,
            seconds=self.seconds[keep],
            names={n: Column(c.codes[keep], c.names) for n, c in self.names.items()},
            numbers={n: v[keep] for n, v in self.numbers.items()},
        )

    @property
    def user(self) -> Codes:
        return self.names["user_id"].codes


def read_log(records: Records) -> Log:
    """First attempts of the records as arrays.

    Raises
    ------
    DataError
        Fewer than 100 calls with a token count: nothing to learn from.
    """
    table = records.to_arrow(["timestamp", *NAMES, *NUMBERS, "attempt"])
    seconds = _number(table["timestamp"].cast("int64")) / 1e6
    log = Log(
        seconds,
        {name: _column(table[name]) for name in NAMES},
        {name: _number(table[name]) for name in NUMBERS},
    )
    attempt = _number(table["attempt"])
    first = ~(attempt > 1)
    log = replace(log.where(first), others=int((~first).sum()))
    counted = int(np.isfinite(log.numbers["input_tokens"] + log.numbers["output_tokens"]).sum())
    if counted < 100:
        raise DataError(
            f"a fit needs at least 100 calls with input and output tokens; got {counted}"
        )
    return log


def _number(column: Any) -> Floats:
    values: Floats = column.to_numpy().astype(float)
    return values


def _column(column: pa.ChunkedArray) -> Column:
    import pyarrow as pa

    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], encoded.type)
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return Column(codes, tuple(str(name) for name in encoded.dictionary.to_pylist()))
