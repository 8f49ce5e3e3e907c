"""Why a call has no price."""

from __future__ import annotations

from enum import IntEnum


class Unpriced(IntEnum):
    """Reason why a call's cost is unknown; PRICED, the zero, is none.

    Examples
    --------
    >>> Unpriced.MODEL.label
    'unknown model'
    """

    PRICED = 0
    MODEL = 1
    TIER = 2
    TOKENS = 3
    INCONSISTENT = 4
    TIMESTAMP = 5
    KIND = 6
    NAME = 7

    @property
    def label(self) -> str:
        """Words for a table."""
        return _LABELS[self]


_LABELS = {
    Unpriced.PRICED: "priced",
    Unpriced.MODEL: "unknown model",
    Unpriced.TIER: "no price for this service tier",
    Unpriced.TOKENS: "missing token count",
    Unpriced.INCONSISTENT: "inconsistent token counts",
    Unpriced.TIMESTAMP: "missing timestamp, and the price is dated",
    Unpriced.KIND: "no price for this kind of token",
    Unpriced.NAME: "missing model name",
}
