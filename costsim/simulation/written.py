"""What a run has written so far, and what it found out on the way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from costsim.records.manifest import DataFile
    from costsim.simulation.attempt_records import Decision
    from costsim.simulation.recording import Unseen
    from costsim.simulation.world import Event


class Days:
    """Files of the days that are written, from any thread.

    Parameters
    ----------
    progress : callable, optional
        Called with 1 after each day.
    """

    def __init__(self, progress: Callable[[int], object] | None = None) -> None:
        self._files: dict[int, DataFile] = {}
        self._lock = threading.Lock()
        self._progress = progress

    def add(self, day: int, file: DataFile) -> None:
        """A day is written."""
        with self._lock:
            self._files[day] = file
            if self._progress:
                self._progress(1)

    def first(self, days: int) -> list[DataFile]:
        """Files of the first days that hold a record."""
        return [self._files[day] for day in range(days) if self._files[day].rows]

    @property
    def whole(self) -> int:
        """So many days from the first on are written without a gap."""
        count = 0
        while count in self._files:
            count += 1
        return count


@dataclass(frozen=True)
class RecordedDays:
    """What a run found out beside its records."""

    truth: pa.Table
    unseen: dict[str, Unseen] = field(default_factory=dict)
    decisions: Counter[Decision] = field(default_factory=Counter)
    events: tuple[Event, ...] = ()
