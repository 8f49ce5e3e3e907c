"""Intended calls of one stream and day, as columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from costsim.simulation.variants import Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS: Final = (
    "time_us", "user", "session", "input_tokens", "cached_tokens", "output_tokens", "index",
)  # fmt: skip


@dataclass(frozen=True)
class Calls:
    """Calls of one stream, day and variant as columns of equal length, in order of drawing.

    `index` numbers them among the `drawn` calls of the stream and day, of which some may have been
    left out. `cached_tokens` is None where nothing is ever read from the cache. `before` are the
    same calls as they would have been without the incident that changed them; calls with an
    incident and no `before` would not have been made.
    """

    feature: str
    cohort: str
    day: int
    variant: Variant
    time_us: NDArray[np.int64]
    user: NDArray[np.int32]
    session: NDArray[np.int32]
    input_tokens: NDArray[np.int32]
    cached_tokens: NDArray[np.int32] | None
    output_tokens: NDArray[np.int32]
    index: NDArray[np.int32]
    drawn: int
    before: Calls | None = None

    def __len__(self) -> int:
        return len(self.time_us)

    def where(self, keep: NDArray[np.bool_]) -> Calls:
        """The calls that `keep` marks."""
        if keep.all():
            return self
        chosen: dict[str, Any] = {
            name: None if (column := getattr(self, name)) is None else column[keep]
            for name in COLUMNS
        }
        before = self.before and self.before.where(keep)
        return replace(self, **chosen, before=before)
