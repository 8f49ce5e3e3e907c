"""What a fit says of one key: its value, how sure, and from how many records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Z95 = 1.959964  # two-sided 95%


@dataclass(frozen=True)
class Parameter:
    """One key of a fitted scenario.

    Parameters
    ----------
    key : str
        Path of the key in the TOML file, such as ``noise.hour_sigma``.
    value : object
        As it stands in the file.
    basis : {"fitted", "assumed"}
        Learnt from the records, or a default of the level because they cannot tell.
    records : int
        Number of calls, hours or users that it was learnt from, as `unit` says; 0 when assumed.
    low, high : float, optional
        Approximate 95% interval, where one is known.
    note : str
        How it was found, or why it could not be.
    """

    key: str
    value: Any
    basis: Literal["fitted", "assumed"]
    records: int = 0
    low: float | None = None
    high: float | None = None
    note: str = ""
    unit: str = "calls"


def fitted(
    key: str,
    value: Any,
    records: int,
    error: float | None = None,
    *,
    note: str = "",
    unit: str = "calls",
    interval: tuple[float, float] | None = None,
) -> Parameter:
    """A parameter with its standard error, or with an interval of its own."""
    if interval is None and error is not None:
        interval = (value - Z95 * error, value + Z95 * error)
    low, high = interval or (None, None)
    return Parameter(key, value, "fitted", records, low, high, note, unit)


def assumed(key: str, value: Any, note: str = "") -> Parameter:
    """A parameter that the records cannot tell."""
    return Parameter(key, value, "assumed", note=note)
