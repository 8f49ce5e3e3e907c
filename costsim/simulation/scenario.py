"""A scenario: what a product, its users and its launches would do."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from costsim.errors import SettingError
from costsim.simulation.calendar import HOUR_US, Calendar, calendar_of
from costsim.simulation.noise import Noise
from costsim.simulation.settings import (
    Feature,
    Incident,
    Layers,
    Note,
    Population,
    Profile,
    Settings,
    Week,
)

if TYPE_CHECKING:
    from costsim.simulation.expected import Expectation


class Scenario(Settings):
    """A product, its users, its launches and what goes wrong, with everything stated.

    Read from TOML by :func:`load_scenario`; `start`, `time_zone`, `monthly_budget_usd` and
    `price_book` have no default, because a wrong guess of them makes every page wrong.
    """

    name: str = Field(min_length=1)
    title: str = ""
    account: str = ""
    start: date
    days: int = Field(gt=0, le=3660)
    time_zone: str
    monthly_budget_usd: float = Field(gt=0)
    price_book: str
    week: Week | None = None
    population: Population
    profiles: dict[str, Profile]
    features: dict[str, Feature] = Field(min_length=1)
    noise: Noise = Noise()
    incidents: dict[str, Incident] = {}
    notes: list[Note] = []
    layers: Layers | None = None

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be an IANA name such as 'Europe/Berlin'") from error

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name, feature in self.features.items():
            wanted = [("profile", feature.profile)]
            wanted += [
                (f"cohorts.{c}.profile", cohort.profile)
                for c, cohort in feature.cohorts.items()
                if cohort.profile
            ]
            for key, profile in wanted:
                if profile not in self.profiles:
                    raise ValueError(
                        f"features.{name}.{key} must be one of {sorted(self.profiles)}; "
                        f"got {profile!r}"
                    )
            if sum(c.users for c in feature.cohorts.values()) > self.population.users:
                raise ValueError(
                    f"features.{name}.cohorts must not have more users than population"
                )
        for name, incident in self.incidents.items():
            if incident.feature not in self.features:
                raise ValueError(
                    f"incidents.{name}.feature must be one of {sorted(self.features)}; "
                    f"got {incident.feature!r}"
                )
        return self

    @model_validator(mode="after")
    def _times(self) -> Self:
        end = self.start + timedelta(days=self.days)
        run = f"lie within the run, from {self.start} to before {end}"
        if self.week:
            last = self.week.start + timedelta(days=self.week.days)
            if not (self.start <= self.week.start and last <= end):
                raise ValueError(f"week must {run}; got {self.week.start} to before {last}")
        for name, incident in self.incidents.items():
            if not self.start <= incident.starts.date() < end:
                raise ValueError(f"incidents.{name}.starts must {run}; got {incident.starts}")
        return self

    @property
    def calendar(self) -> Calendar:
        return calendar_of(self.start, self.days, self.time_zone)

    @property
    def focus(self) -> Week:
        """The week that pages talk about: the stated one, else the last seven days."""
        if self.week:
            return self.week
        days = min(7, self.days)
        return Week(start=self.calendar.date_of(self.days - days), days=days)

    @property
    def hash(self) -> str:
        """Digest of everything that the scenario states."""
        text = self.model_dump_json(exclude={"title", "account"})
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def expected(self) -> Expectation:
        """Closed-form expectation of calls and dollars, by feature and cohort."""
        from costsim.simulation.expected import expect

        return expect(self)

    def without_launches(self, *, days: int | None = None) -> Scenario:
        """Ordinary life only: features that launch, and incidents, are left out.

        Parameters
        ----------
        days : int, optional
            Another length in days.
        """
        features = {n: f for n, f in self.features.items() if f.launch is None}
        if not features:
            raise SettingError(f"scenario {self.name} has no feature without a launch")
        change: dict[str, Any] = {"features": features, "incidents": {}, "notes": [], "week": None}
        return self.model_copy(update=change | ({"days": days} if days else {}))

    def first_days(self, days: int) -> Scenario:
        """The scenario cut to its first days; its week becomes the last seven of them.

        Incidents and notes of later days are left out.

        Raises
        ------
        SettingError
            Fewer than one day, or more than the scenario has.
        """
        if not 1 <= days <= self.days:
            raise SettingError(f"days must be from 1 to {self.days}; got {days!r}")
        cut = self.model_copy(update={"days": days, "week": None})
        end = cut.calendar.hours * HOUR_US
        change = {
            "incidents": {
                n: i for n, i in self.incidents.items() if cut.calendar.elapsed_us(i.starts) < end
            },
            "notes": [note for note in self.notes if cut.calendar.elapsed_us(note.at) < end],
        }
        return cut.model_copy(update=change)

    def describe(self) -> str:
        """The scenario in words."""
        from costsim.simulation.expected import describe

        return describe(self)

    def __repr__(self) -> str:
        return (
            f"Scenario({self.name!r}, {self.days} days from {self.start} {self.time_zone}, "
            f"{self.population.users:,} users, {len(self.features)} features); "
            "next: costsim.simulate(scenario, seed=7)"
        )
