"""Alarms: what a detector found on one series, as a result that shows itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from costsim.show.text import NO_TEX

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = (
    "time",
    "known_at",
    "value_usd",
    "expected_usd",
    "statistic",
    "threshold",
    "detector",
    "start",
    "end",
    "peak_usd",
)


@dataclass(frozen=True)
class Alarm:
    """One alarm as it is raised.

    Attributes
    ----------
    time : pandas.Timestamp
        Start of the bin that raised it, UTC.
    known_at : pandas.Timestamp
        End of that bin: earlier nobody can know.
    value_usd, expected_usd : float
        Dollars of the bin, and what was expected of it (NaN for rules, which expect nothing).
    statistic, threshold : float
        The statistic exceeded the threshold.
    detector : str
        Name of the detector.
    """

    time: pd.Timestamp
    known_at: pd.Timestamp
    value_usd: float
    expected_usd: float
    statistic: float
    threshold: float
    detector: str

    def __str__(self) -> str:
        return f"{self.detector}: {self.words()}"

    def words(self) -> str:
        """Say what was spent, when, and against what."""
        against = (
            f" against ${self.expected_usd:,.2f} expected"
            if self.expected_usd == self.expected_usd
            else ""
        )
        return (
            f"${self.value_usd:,.2f} in the {bin_words(self.known_at - self.time)} from "
            f"{self.time:%Y-%m-%d %H:%M} UTC{against} "
            f"({self.statistic:.2f} > {self.threshold:g})"
        )


def bin_words(width: timedelta) -> str:
    """Name of a bin: hour, or so many minutes."""
    minutes = width // timedelta(minutes=1)
    return "hour" if minutes == 60 else f"{minutes} minutes"


@dataclass(frozen=True, eq=False, repr=False)
class Alarms:
    """The alarms of one detector on one series, one row an episode.

    Attributes
    ----------
    frame : pandas.DataFrame
        `time`, `known_at`, `value_usd`, `expected_usd`, `statistic`, `threshold` and `detector`
        as in `Alarm`, for the bin that opened the episode; `start` and `end` of the episode
        (first bin's start, last alarming bin's end) and `peak_usd`, its dearest bin.
    spend : pandas.DataFrame
        What was watched: `time` and `usd`, a bin a row.
    detector : str
        Name of the detector.
    time_zone : str
        Zone that the hours of the week were taken in.
    bin_minutes : int
        Width of a bin.
    """

    frame: pd.DataFrame
    spend: pd.DataFrame
    detector: str
    time_zone: str = "UTC"
    bin_minutes: int = 60

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Alarm]:
        names = [field.name for field in fields(Alarm)]
        row: Any
        for row in self.frame[names].itertuples(index=False):
            yield Alarm(*row)

    @property
    def first(self) -> Alarm | None:
        """The first alarm, or None."""
        return next(iter(self), None)

    def to_frame(self) -> pd.DataFrame:
        """A copy of the alarms as a frame."""
        return self.frame.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the spend bin by bin with the alarms on it."""
        from costsim.show import figures

        return figures.hourly_spend(self.spend, alarms=self.frame, time_zone=self.time_zone, ax=ax)

    def _summary(self) -> str:
        hours = len(self.spend) * self.bin_minutes // 60
        first = self.first
        if first is None:
            return f"no alarm by {self.detector} in {hours:,} hours"
        what = "1 alarm" if len(self) == 1 else f"{len(self)} alarms"
        return f"{what} by {self.detector} in {hours:,} hours; first: {first.words()}"

    def __repr__(self) -> str:
        step = ".plot() or .to_frame()" if len(self) else "a lower threshold, or .plot()"
        return f"<Alarms: {self._summary()}. Next: {step}>"

    def _repr_html_(self) -> str:
        head = f'<p class="{NO_TEX}"><b>{escape(self._summary())}</b></p>'
        if not len(self):
            return head
        shown = self.frame.drop(columns=["start", "detector"])
        for column in ("time", "known_at", "end"):
            shown[column] = shown[column].dt.strftime("%a %Y-%m-%d %H:%M UTC")
        return head + shown.to_html(
            index=False, escape=True, border=0, float_format="{:,.2f}".format, na_rep="–"
        )
