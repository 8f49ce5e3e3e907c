"""A run beside the same run without its incidents: which attempts differ, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.ids import fixed_ids
from costsim.simulation.kernel_layout import NOT_SENT
from costsim.simulation.loop_tables import ATTEMPT_BITS, INDEX_BITS
from costsim.simulation.recording import stream_head
from costsim.simulation.truth import truth_table

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from costsim.simulation.admission import Attempts
    from costsim.simulation.loop_tables import LoopTables

_ROW = np.dtype([("key", np.int64), ("nano", np.int64), ("time", np.int64), ("by", np.int32)])


class Pairing:
    """Collects attempts that cost something else than without the incidents.

    An attempt may come on another day than its twin, so what has none yet is kept.
    """

    def __init__(self, tables: LoopTables) -> None:
        self._tables = tables
        self._with: NDArray[np.void] = np.empty(0, _ROW)
        self._without: NDArray[np.void] = np.empty(0, _ROW)
        self._found: list[NDArray[np.void]] = []

    def day(self, attempts: Attempts, plain: Attempts) -> None:
        """Take a day of both runs."""
        here = np.concatenate([self._with, self._rows(attempts)])
        there = np.concatenate([self._without, self._rows(plain)])
        _, a, b = np.intersect1d(here["key"], there["key"], assume_unique=True, return_indices=True)
        changed = self._incident(here[a]) if len(a) else np.empty(0, np.int32)
        differs = (here["nano"][a] != there["nano"][b]) | (changed >= 0)
        pairs = here[a][differs].copy()
        pairs["nano"] = there["nano"][b][differs]
        self._found.append(pairs)
        self._with = np.delete(here, a)
        self._without = np.delete(there, b)

    def table(self) -> pa.Table:
        """The truth: what each of them would have cost."""
        alone = self._with[(self._with["nano"] > 0) | (self._incident(self._with) >= 0)].copy()
        alone["nano"] = 0
        missed = self._without[self._without["nano"] > 0]
        rows = np.concatenate([*self._found, alone, missed])
        rows = rows[np.lexsort((rows["key"], rows["time"]))]
        names = [v.incident for v in self._tables.variants]
        incidents = list(self._tables.scenario.incidents)
        parts = []
        by = self._incident(rows)
        for code in np.unique(by):
            some = rows[by == code]
            name = incidents[0] if code < 0 else names[code]
            origin = self._tables.origin_us
            parts.append((self._ids(some["key"]), name, some["nano"], some["time"] + origin))
        return truth_table(parts)

    def _rows(self, attempts: Attempts) -> NDArray[np.void]:
        sent = attempts.where(attempts.outcome != NOT_SENT)
        rows = np.empty(len(sent), _ROW)
        rows["key"] = (sent.sequence << ATTEMPT_BITS) + sent.attempt
        rows["nano"], rows["time"] = sent.total_nano, sent.time_us
        rows["by"] = sent.variant
        return rows

    def _incident(self, rows: NDArray[np.void]) -> NDArray[np.int32]:
        """Number of the variant of rows that an incident made or changed, else -1."""
        touched = np.array([v.incident is not None for v in self._tables.variants], bool)
        if not len(rows):
            return np.empty(0, np.int32)
        return np.where(touched[rows["by"]], rows["by"], -1)

    def _ids(self, keys: NDArray[np.int64]) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        sequence, attempt = keys >> ATTEMPT_BITS, keys & ((1 << ATTEMPT_BITS) - 1)
        found, which = np.unique(sequence >> INDEX_BITS, return_inverse=True)
        heads = [stream_head(*self._tables.stream_day(code)) for code in found.tolist()]
        index = (sequence & ((1 << INDEX_BITS) - 1)).astype(np.int32)
        base = fixed_ids(heads, which, index)
        if not (attempt > 1).any():
            return base
        numbered = pc.binary_join_element_wise(base, pa.array(attempt).cast(pa.string()), ".")
        return pc.if_else(pa.array(attempt > 1), numbered, base)
