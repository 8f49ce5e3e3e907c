"""One scenario played with its cause and without it: what differs, and what moves first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.report.signals import SIGNALS
from costsim.show.cards import Ribbon
from costsim.show.formats import hours as hours_words
from costsim.show.formats import usd

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Incident

    Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Look:
    """One scenario of the library, played with its cause and without it at the same seed.

    `found` and `plain` are the hourly signals with and without the cause, `first` the hour (from
    the start of the run) in which each signal that the cause moves first lies further off than it
    ever does without it; `slowly` names those that do so added up and not in a single hour.
    """

    scenario: Scenario
    seed: int
    feature: str | None
    window: tuple[int, int]
    found: dict[str, Floats]
    plain: dict[str, Floats]
    surprise: dict[str, tuple[float, float]]
    first: dict[str, int]
    slowly: frozenset[str]

    @property
    def incident(self) -> Incident | None:
        """The scenario's incident; a benign one has none."""
        return next(iter(self.scenario.incidents.values()), None)

    @property
    def excess(self) -> Floats:
        """Dollars an hour that the cause added to the bill, shape ``(hours,)``."""
        return np.asarray(self.found["bill"] - self.plain["bill"])

    @property
    def telling(self) -> str | None:
        """The signal that moves first; of several in one hour, the one that lies furthest off."""
        if not self.first:
            return None
        return min(self.first, key=lambda n: (self.first[n], -self._margin(n)))

    def _margin(self, name: str) -> float:
        most, usual = self.surprise[name]
        return most / usual

    def hours_to(self, name: str) -> float:
        """Hours from the start of the cause to the end of the hour in which a signal moves."""
        return self.first[name] + 1 - self.window[0] if name in self.first else float("nan")

    def burned(self, name: str) -> float:
        """Dollars that the cause has added by the end of that hour."""
        if name not in self.first:
            return float("nan")
        return float(self.excess[: self.first[name] + 1].sum())

    def change(self, name: str) -> float:
        """Mean of a signal while the cause lasts, over what it is then without the cause."""
        return change_of(*(known[name][slice(*self.window)] for known in (self.found, self.plain)))

    @property
    def conclusion(self) -> str:
        """What the run says, in a sentence."""
        if self.incident is None:
            return self._benign()
        total = float(self.excess.sum())
        if (telling := self.telling) is None:
            return f"No signal leaves its range; the cause adds {usd(total)}."
        after = f"after {hours_words(self.hours_to(telling))}"
        if telling in self.slowly:
            after = f"added up hour by hour, {after}"
        said = f"{self._words(telling)} {_verb(telling)} first, {after}"
        if abs(total) < 0.005:
            return f"{said}; the bill stays as it is."
        if total < 0:
            return f"{said}; {usd(-total)} of the bill never show."
        said += f" and {usd(self.burned(telling))} of {usd(total)}"
        if telling == "bill":
            return f"{said}."
        if "bill" not in self.first:
            return f"{said}; the whole bill never does."
        late = hours_words(self.hours_to("bill"))
        return f"{said}; the whole bill after {late} and {usd(self.burned('bill'))}."

    def _words(self, name: str) -> str:
        words = SIGNALS[name].words
        of = f" of {self.feature}" if SIGNALS[name].part and self.feature else ""
        return f"{words[0].upper()}{words[1:]}{of}"

    def _benign(self) -> str:
        if not self.excess.any():
            most, usual = self.surprise["bill"]
            moved = ", ".join(SIGNALS[n].words for n in self.first) or "nothing"
            return (
                f"Nothing is wrong: the bill's oddest hour of the week lies {most:.1f} scatters "
                f"off, {usual:.1f} in the weeks before; a threshold set there would call {moved}."
            )
        parts = [f"{SIGNALS[n].words} {self.change(n):.2f} times" for n in ("calls", "bill")]
        return (
            f"Nothing is wrong: {', '.join(parts)} what they would be, dollars per call "
            f"{self.change('usd_per_call'):.2f} times."
        )

    def to_frame(self) -> pd.DataFrame:
        """A row an hour: time, each signal, and each without the cause (``*_without``)."""
        import pandas as pd

        origin = pd.Timestamp(self.scenario.calendar.origin)
        hours = self.scenario.calendar.hours
        frame = pd.DataFrame({"time": pd.date_range(origin, periods=hours, freq="h", unit="us")})
        for name, values in self.found.items():
            frame[name], frame[f"{name}_without"] = values, self.plain[name]
        return frame

    def plot(self, ax: Any = None) -> Axes:
        """The bill and the telling signal, with and without the cause."""
        from costsim.show import figures

        special = self.incident is not None or bool(self.excess.any())
        below = "calls"
        if self.incident is None and special:
            below = "usd_per_call"  # what tells that nothing is wrong
        elif self.incident is not None and self.telling not in (None, "bill"):
            below = self.telling or below
        signal = SIGNALS[below]
        frame = self._shown()
        start, end = self._times()
        return figures.incident_panels(
            frame.rename(columns={below: "signal", f"{below}_without": "signal_without"}),
            title=f"{self.scenario.name}: {self.conclusion}",
            signal=f"{self._words(below).lower()}, {signal.unit}",
            kind=signal.kind,
            span=(start, end) if special else None,
            time_zone=self.scenario.time_zone,
            ribbon=self.ribbon,
            ax=ax,
        )

    def _times(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        import pandas as pd

        origin = pd.Timestamp(self.scenario.calendar.origin)
        start, end = (origin + pd.Timedelta(hours=h) for h in self.window)
        return start, end

    def _shown(self, days: int = 7) -> pd.DataFrame:
        """The hours that figures show: the cause with two days around it, a week at least."""
        start, end = self.window
        hours = self.scenario.calendar.hours
        wide = max(days * 24, end - start + 96)
        low = max(min(start - 48, hours - wide), 0)
        return self.to_frame().iloc[low : low + wide]

    @property
    def ribbon(self) -> Ribbon:
        return Ribbon("SIMULATED", f"{self.scenario.name}, seed {self.seed}")

    def __repr__(self) -> str:
        return f"Look({self.scenario.name}: {self.conclusion}); next: .plot(), .to_frame()"


def change_of(found: Floats, before: Floats) -> float:
    """Mean of some hours over that of others; NaN where either has none."""
    if not all(np.isfinite(part).any() for part in (found, before)):
        return float("nan")
    usual = float(np.nanmean(before))
    return float(np.nanmean(found)) / usual if usual else float("nan")


def _verb(name: str) -> str:
    return "move" if name in ("usd", "calls", "usd_per_call") else "moves"
