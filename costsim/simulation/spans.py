"""Assumptions that are one number, or lie anywhere between a low and a high one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.errors import SettingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Range = float | str | Sequence[float]
"""One number, ``"500,900"`` or ``(500, 900)``."""


@dataclass(frozen=True)
class Span:
    """From low to high, all values as likely; its middle is its mean.

    Examples
    --------
    >>> Span(500, 900).mean
    700.0
    """

    low: float
    high: float

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def varies(self) -> bool:
        return self.low < self.high

    def quantiles(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values below which these shares lie; same shape."""
        return self.low + (self.high - self.low) * at


def read_span(value: Range, name: str, *, least: float, most: float, above: bool = False) -> Span:
    """One number, or a low and a high one.

    Parameters
    ----------
    value : number, str or pair
        See :data:`Range`.
    name : str
        What an error calls it.
    least, most : float
        Allowed bounds, both included; `above` leaves `least` out.

    Raises
    ------
    SettingError
        Not one of the forms, out of bounds, or falling.

    Examples
    --------
    >>> read_span("500,900", "users", least=1, most=1e9)
    Span(low=500.0, high=900.0)
    """
    parts = value.split(",") if isinstance(value, str) else value
    try:
        numbers = [float(part) for part in (parts if isinstance(parts, Sequence) else [parts])]
        low, high = numbers if len(numbers) == 2 else (*numbers, *numbers)
    except ValueError:
        raise SettingError(f"{name} must be one number or low,high; got {value!r}") from None
    floor = f"above {least:g} and at most" if above else f"from {least:g} to"
    if not all(
        (number > least if above else number >= least) and number <= most for number in (low, high)
    ):
        raise SettingError(f"{name} must be {floor} {most:,.15g}; got {value!r}")
    if low > high:
        raise SettingError(f"{name} must be low,high with low at most high; got {value!r}")
    return Span(low, high)
