"""What a scenario gives on average, in closed form: the check on every simulation of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from costsim.prices import load_price_book
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.demand import week_weights

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Cohort, Feature


@dataclass(frozen=True, repr=False)
class Expectation:
    """Expected calls and dollars by day, feature and cohort.

    Left out: rounding to whole tokens and nano-dollars, and the few calls whose session crosses
    the first or the last midnight of the run.
    """

    scenario: Scenario
    days: pd.DataFrame

    def between(self, start: date, days: int) -> pd.DataFrame:
        """Sums over some days, a row per feature and cohort: calls, usd, usd_per_call."""
        dates = self.days["date"]
        rows = self.days[(dates >= start) & (dates < start + timedelta(days=days))]
        sums = rows.groupby(["feature_name", "cohort"], sort=False)[["calls", "usd"]].sum()
        sums["usd_per_call"] = sums["usd"] / sums["calls"].where(sums["calls"] > 0)
        return sums.reset_index()

    def to_frame(self) -> pd.DataFrame:
        """The scenario's week: a row per feature and cohort."""
        week = self.scenario.focus
        return self.between(week.start, week.days)

    @property
    def week_usd(self) -> float:
        """Expected dollars of the scenario's week."""
        return float(self.to_frame()["usd"].sum())

    @property
    def total_usd(self) -> float:
        """Expected dollars of the whole run."""
        return float(self.days["usd"].sum())

    def __repr__(self) -> str:
        week = self.scenario.focus
        return (
            f"Expectation({self.scenario.name}: ${self.week_usd:,.0f} in the {week.days} days from "
            f"{week.start}, ${self.total_usd:,.0f} in all); next: .to_frame()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.to_frame(), caption=repr(self).removesuffix("; next: .to_frame()"))


def expect(scenario: Scenario) -> Expectation:
    """Closed-form expectation of a scenario."""
    import pandas as pd

    calendar = scenario.calendar
    book = load_price_book(scenario.price_book)
    dates = [calendar.date_of(day) for day in range(calendar.days)]
    frames = []
    for name, feature in scenario.features.items():
        streams = {"traffic": _traffic_hours(scenario, feature)} if feature.calls_per_week else {}
        streams |= {c: _cohort_hours(scenario, feature, s) for c, s in feature.cohorts.items()}
        tokens = feature.input_tokens.expected, feature.output_tokens.expected
        prices = [
            book.unit(feature.model, at=d, provider=feature.provider).usd_per_million for d in dates
        ]
        per_call = np.array(
            [(tokens[0] * float(p["input"]) + tokens[1] * float(p["output"])) / 1e6 for p in prices]
        )
        for stream_name, hours in streams.items():
            calls = np.add.reduceat(hours, calendar.day_starts[:-1]) * feature.passes
            columns = {"date": dates, "feature_name": name, "cohort": stream_name}
            frames.append(pd.DataFrame(columns | {"calls": calls, "usd": calls * per_call}))
    return Expectation(scenario, pd.concat(frames, ignore_index=True))


def _traffic_hours(scenario: Scenario, feature: Feature) -> NDArray[np.float64]:
    calendar = scenario.calendar
    weights = week_weights(scenario.profiles[feature.profile])[calendar.hour_of_week]
    weekly = feature.calls_per_week or 0.0
    return np.asarray(weekly / 168 * weights * _live(scenario, feature))


def _live(scenario: Scenario, feature: Feature) -> NDArray[np.float64]:
    """Share of each hour in which the feature is live."""
    if feature.launch is None:
        return np.ones(scenario.calendar.hours)
    launch = scenario.calendar.elapsed_us(feature.launch) / HOUR_US
    return np.asarray(np.clip(np.arange(scenario.calendar.hours) + 1 - launch, 0, 1))


def _cohort_hours(scenario: Scenario, feature: Feature, cohort: Cohort) -> NDArray[np.float64]:
    calendar = scenario.calendar
    profile = scenario.profiles[cohort.profile or feature.profile]
    week = calendar.hour_of_week
    hours = np.asarray(profile.hours)[week % 24] / sum(profile.hours)
    rate = cohort.calls_per_day * np.asarray(profile.day_weights)[week // 24] * hours
    return np.asarray(cohort.users * rate * _adopted(scenario, feature, cohort, profile.hours))


def _adopted(
    scenario: Scenario, feature: Feature, cohort: Cohort, weights: list[float]
) -> NDArray[np.float64]:
    """Share of a cohort's calls of each hour that come after its users' first use.

    Within the hour of the first use both times are uniform, so half of that hour's calls count.
    """
    if cohort.first_use is None or feature.launch is None:
        return _live(scenario, feature)
    calendar = scenario.calendar
    launched = calendar.to_utc(feature.launch).astimezone(ZoneInfo(scenario.time_zone)).date()
    first_day = (launched - scenario.start).days
    low, high = cohort.first_use.launch_day_hours
    launch_hours = np.clip(
        np.minimum(np.arange(24) + 1, high) - np.maximum(np.arange(24), low), 0, 1
    )
    later = np.asarray(weights) / sum(weights)
    mass = np.zeros(calendar.hours)
    before = sum(cohort.first_use.days[: max(-first_day, 0)])
    for day, share in enumerate(cohort.first_use.days):
        if 0 <= first_day + day < calendar.days:
            within = launch_hours / launch_hours.sum() if day == 0 else later
            start, end = calendar.day_starts[first_day + day : first_day + day + 2]
            local = calendar.hour_of_week[start:end] % 24
            mass[start:end] += share * within[local]
    return np.asarray(before + np.cumsum(mass) - mass / 2)


def describe(scenario: Scenario) -> str:
    """A scenario in words, with its expected dollars."""
    expected = expect(scenario)
    week = scenario.focus
    table = expected.to_frame()
    lines = [
        f"{scenario.title or scenario.name} ({scenario.name}, hash {scenario.hash})",
        scenario.account,
        f"{scenario.days} local days from {scenario.start} in {scenario.time_zone}; "
        f"{scenario.population.users:,} users; prices {scenario.price_book}; "
        f"budget ${scenario.monthly_budget_usd:,.0f} a month.",
        f"Expected in the {week.days} days from {week.start}: ${expected.week_usd:,.0f}:",
    ]
    for row in table.itertuples():
        lines.append(
            f"  {row.feature_name}, {row.cohort}: {row.calls:,.0f} calls at "
            f"${row.usd_per_call:.4f} = ${row.usd:,.0f}"
        )
    for name, feature in scenario.features.items():
        if feature.launch:
            lines.append(f"{name} launches {feature.launch:%a %Y-%m-%d %H:%M} on {feature.model}.")
    for name, incident in scenario.incidents.items():
        lines.append(
            f"Incident {name} from {incident.starts:%a %Y-%m-%d %H:%M}: {incident.account}"
        )
    lines += [f"{note.at:%a %Y-%m-%d %H:%M}: {note.label}." for note in scenario.notes]
    if scenario.layers:
        lines.append(
            "Layers in the file: logging and alarms run; caps and the budget ladder are recorded "
            "but not enforced by this version."
        )
    return "\n".join(line for line in lines if line)
