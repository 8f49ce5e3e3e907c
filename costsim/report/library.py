"""The incident library side by side: what each scenario looks like, and what moves first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import SettingError
from costsim.report.look import Look, change_of
from costsim.report.signals import SIGNALS, Runs, added_up, signals, surprises
from costsim.show.cards import Card, Ribbon
from costsim.simulation import load_scenario
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.sizes import smaller

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

LIBRARY = (
    "surprise-40k",
    "surprise-40k-multipass",
    "slow-ramp",
    "night-script",
    "retry-storm",
    "prompt-bloat",
    "cache-break",
    "model-swap",
    "agent-loop",
    "free-tier-abuse",
    "feed-silence",
    "benign-surge",
    "benign-launch",
    "dst-week",
    "quiet",
)


MIN_CHANGE = 0.05
"""A signal whose mean a cause changes by less is not what tells of it."""


@dataclass(frozen=True, repr=False)
class Library:
    """Looks at the scenarios of the library, by name."""

    looks: dict[str, Look]
    seed: int

    def __getitem__(self, name: str) -> Look:
        return self.looks[name]

    def to_frame(self) -> pd.DataFrame:
        """A row a scenario: what it adds, what moves first and after how much.

        Returns
        -------
        pandas.DataFrame
            scenario, cause (missing for a benign one), excess_usd, first_signal, first_h,
            burned_usd, bill_h, bill_burned_usd, calls and usd_per_call (times what they would be).
        """
        import pandas as pd

        rows = []
        for name, look in self.looks.items():
            signal = look.telling
            rows.append(
                {
                    "scenario": name,
                    "cause": look.incident.cause if look.incident else None,
                    "excess_usd": float(look.excess.sum()),
                    "first_signal": SIGNALS[signal].words if signal else None,
                    "first_h": look.hours_to(signal or "bill"),
                    "burned_usd": look.burned(signal or "bill"),
                    "bill_h": look.hours_to("bill"),
                    "bill_burned_usd": look.burned("bill"),
                    "calls": look.change("calls"),
                    "usd_per_call": look.change("usd_per_call"),
                }
            )
        return pd.DataFrame(rows)

    def card(self) -> Card:
        """What should notice each: the signal that moves first, by incident."""
        bad = {n: look for n, look in self.looks.items() if look.incident}
        by_signal: dict[str, list[str]] = {}
        for name, look in bad.items():
            words = SIGNALS[look.telling].words if look.telling else "nothing"
            by_signal.setdefault(words, []).append(name)
        first_by_bill = len(by_signal.get("the whole bill", []))
        slower = [n for n, look in bad.items() if look.hours_to("bill") > 24]
        never = [n for n, look in bad.items() if "bill" not in look.first]
        lines = [f"{w[0].upper()}{w[1:]} first: {', '.join(n)}." for w, n in by_signal.items()]
        if slower or never:
            lines.append(
                f"The whole bill needs more than a day in: {', '.join(slower) or 'none'}; "
                f"it never leaves its range in: {', '.join(never) or 'none'}."
            )
        calm = [n for n, look in self.looks.items() if not look.incident]
        if calm:
            lines.append(f"Nothing is wrong in: {', '.join(calm)}.")
        title = (
            f"The whole bill is first to move in {first_by_bill} of {len(bad)} incidents; the "
            "others show earlier in one feature, its calls, its cost per call or one user."
        )
        ribbon = Ribbon("SIMULATED", f"incident library, seed {self.seed}")
        return Card(title, tuple(lines), ribbon, "info")

    def plot(self, ax: Any = None) -> Axes:
        """Hourly dollars of every scenario, with and without its cause."""
        import pandas as pd

        from costsim.show import figures

        frames = []
        for name, look in self.looks.items():
            start, end = look.window
            wide = min(max(7 * 24, end - start + 48), 16 * 24)
            low = max(min(start - 24, look.scenario.calendar.hours - wide), 0)
            shown = look.to_frame()[["time", "bill", "bill_without"]].iloc[low : low + wide]
            frames.append(shown.assign(scenario=name))
        ribbon = Ribbon("SIMULATED", f"incident library, seed {self.seed}")
        return figures.incident_gallery(pd.concat(frames, ignore_index=True), ribbon=ribbon, ax=ax)

    def __repr__(self) -> str:
        return f"Library({len(self.looks)} scenarios, seed {self.seed}); next: .card(), .plot()"


def look_at_library(
    names: Sequence[str] = LIBRARY, *, seed: int = 7, size: float = 1.0, workers: int = 2
) -> Library:
    """Play scenarios of the library with their cause and without it, at one seed.

    A signal has moved in the first hour, from the start of the cause on, that lies further from
    the same hour of the weeks before than any hour does without the cause, or in which such
    distances, added up by a CUSUM, come to more than they ever do without it. These are thresholds
    which would have been silent for these weeks, and no calibrated rate of false alarms.

    Parameters
    ----------
    names : sequence of str
        Bundled names or paths; each with at least 18 days before its cause.
    seed : int
        Of all runs.
    size : float
        Share of users and calls, above 0, at most 1; a smaller product is quicker and noisier.
    workers : int
        Threads; never changes a number.

    Examples
    --------
    >>> library = look_at_library(["model-swap"], seed=7, size=0.02)
    >>> library.to_frame()["cause"].tolist()
    ['model']
    """
    if not 0 < size <= 1:
        raise SettingError(f"size must be above 0 and at most 1; got {size!r}")
    runs = Runs(seed, workers)
    return Library({name: _look(smaller(load_scenario(name), size), runs) for name in names}, seed)


def _look(scenario: Scenario, runs: Runs) -> Look:
    calendar = scenario.calendar
    without = plain(scenario)
    incident = next(iter(scenario.incidents.values()), None)
    feature = incident.feature if incident and incident.feature in without.features else None
    found = signals(runs.hours(scenario), feature)
    same = signals(runs.hours(without), feature)
    if feature is None:  # the dollars of all features are the bill
        del found["usd"], same["usd"]
    first, last = _window(scenario)
    week = calendar.hour_of_week
    z, z_plain = surprises(found, week), surprises(same, week)
    alike = all(np.array_equal(found[n], same[n], equal_nan=True) for n in found)
    quiet = slice(None, first) if alike else slice(None)
    reach: dict[str, tuple[float, float]] = {}
    moved, slowly = {}, set()
    for name in found:
        if not (np.isfinite(z_plain[name][quiet]).any() and np.isfinite(z[name][first:]).any()):
            continue  # a signal without a value
        span = slice(first, last)
        if incident and abs(change_of(found[name][span], same[name][span]) - 1) < MIN_CHANGE:
            continue  # the cause leaves it as it is: a far hour of it is chance
        ways = [(np.abs(np.nan_to_num(part[name]))) for part in (z, z_plain)]
        sums = [added_up(part[name]) for part in (z, z_plain)]
        reach[name] = float(ways[0][first:].max()), max(float(ways[1][quiet].max()), 1e-9)
        hour, late = (_crossing(pair, first, quiet) for pair in (ways, sums))
        if hour is not None or late is not None:
            moved[name] = min(at for at in (hour, late) if at is not None)
            if hour != moved[name]:
                slowly.add(name)
    window = first, last
    return Look(scenario, runs.seed, feature, window, found, same, reach, moved, frozenset(slowly))


def _crossing(pair: list[Floats], first: int, quiet: slice) -> int | None:
    """First hour from `first` on with a statistic above all that it reaches in `quiet` hours."""
    seen, usual = pair
    out = np.flatnonzero(seen[first:] > max(float(usual[quiet].max()), 1e-9))
    return first + int(out[0]) if len(out) else None


def plain(scenario: Scenario) -> Scenario:
    """The scenario without what is special in it: incidents, surges and launches."""
    calm = scenario.without_incidents()
    features = {n: f for n, f in calm.features.items() if f.launch is None}
    change: dict[str, Any] = {"features": features, "surges": {}}
    return calm.model_copy(update=change)


def _window(scenario: Scenario) -> tuple[int, int]:
    """First and last hour of the cause; of the scenario's week where there is none."""
    calendar = scenario.calendar
    begins = [i.starts for i in scenario.incidents.values()]
    ends = [i.ends for i in scenario.incidents.values()]
    begins += [s.starts for s in scenario.surges.values()]
    ends += [s.ends for s in scenario.surges.values()]
    if not begins:
        begins = [f.launch for f in scenario.features.values() if f.launch]
        ends = [None for _ in begins]
    if begins:
        at = min(calendar.elapsed_us(t) for t in begins) // HOUR_US
        known = [calendar.elapsed_us(t) for t in ends if t]
        return int(at), int(-(-max(known) // HOUR_US)) if len(known) == len(
            ends
        ) else calendar.hours
    day = (scenario.focus.start - scenario.start) // timedelta(days=1)
    return int(calendar.day_starts[day]), int(calendar.day_starts[day + scenario.focus.days])
