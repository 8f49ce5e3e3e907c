"""How long the bins of a series are, and what settings given in hours are in such bins."""

from __future__ import annotations

from dataclasses import dataclass

from costsim.spend.bins import checked_minutes


@dataclass(frozen=True)
class BinWidth:
    """Width of the bins that a detector reads.

    Parameters
    ----------
    minutes : {5, 15, 30, 60}
        Of a bin.
    adds_up : bool
        Whether the values of an hour's bins add up to the hour's, as dollars and calls do; the
        price of a call does not.

    Raises
    ------
    SettingError
        The width is none of those.

    Notes
    -----
    Settings named hours mean hours whatever the bin: a window of 48 hours is 192 bins of 15
    minutes. Settings in dollars are dollars an hour, and a bin is held against them at its rate:
    $6 in 15 minutes are $24 an hour. Charts (k, h, lam, and GLR's window) count bins, and their
    thresholds hold for the bin they were calibrated at.

    Examples
    --------
    >>> quarter = BinWidth(15)
    >>> quarter.per_hour, quarter.rate, quarter.hour_share
    (4, 4.0, 1.0)
    >>> price = BinWidth(15, adds_up=False)
    >>> price.rate, price.hour_share
    (1.0, 0.25)
    """

    minutes: int = 60
    adds_up: bool = True

    def __post_init__(self) -> None:
        checked_minutes(self.minutes)

    @property
    def per_hour(self) -> int:
        """Bins in an hour."""
        return 60 // self.minutes

    @property
    def rate(self) -> float:
        """What a bin's value is multiplied by to be that of an hour like it."""
        return float(self.per_hour) if self.adds_up else 1.0

    @property
    def hour_share(self) -> float:
        """What a bin's value is multiplied by in a sum over hours."""
        return self.rate / self.per_hour


HOURLY = BinWidth()


class HourClock:
    """Tells the bins at which a local hour begins.

    That is where the hour of the week changes, and after an hour's bins: where clocks go back, the
    same hour comes twice in a row.

    Examples
    --------
    >>> clock = HourClock(BinWidth(30))
    >>> [clock.begins(hour) for hour in (145, 145, 146, 146, 146, 146, 147)]
    [True, False, True, False, True, False, True]
    """

    def __init__(self, width: BinWidth) -> None:
        self._per_hour = width.per_hour
        self._hour = -1
        self._bins = 0

    def begins(self, hour_of_week: int) -> bool:
        """Whether the next bin, of this hour of the week, is the first of its hour."""
        first = hour_of_week != self._hour or self._bins == self._per_hour
        self._bins = 1 if first else self._bins + 1
        self._hour = hour_of_week
        return first
