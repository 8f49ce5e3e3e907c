"""A scenario: what a product, its users and its launches would do."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, field_validator, model_validator

from costsim.errors import SettingError
from costsim.simulation.calendar import HOUR_US, Calendar, calendar_of
from costsim.simulation.noise import Noise
from costsim.simulation.settings import (
    ARCHETYPES,
    Feature,
    Holiday,
    Incident,
    Layers,
    Note,
    Operations,
    Population,
    PriceChange,
    Profile,
    ProviderLimit,
    Reaction,
    Settings,
    Surge,
    Week,
)
from costsim.simulation.settings.people import zone_name

if TYPE_CHECKING:
    from costsim.simulation.expected import Expectation


class Scenario(Settings):
    """A product, its users, its launches and what goes wrong, with everything stated.

    Read from TOML by :func:`load_scenario`; `start`, `time_zone`, `monthly_budget_usd` and
    `price_book` have no default, because a wrong guess of them makes every page wrong.
    """

    name: str = Field(min_length=1)
    """Short name; folders and ribbons show it."""
    title: str = ""
    """Headline of pages."""
    account: str = ""
    """What happens, in a sentence."""
    start: date
    """First local day."""
    days: int = Field(gt=0, le=3660)
    """Length of the run in local days."""
    time_zone: str
    """IANA zone of every local time in the file."""
    monthly_budget_usd: float = Field(gt=0)
    """What a calendar month may cost."""
    price_book: str
    """Bundled name or path of a price book."""
    week: Week | None = None
    """Days that pages talk about; the last seven by default."""
    population: Population
    """Who uses the product."""
    profiles: dict[str, Profile]
    """When people work, by name."""
    features: dict[str, Feature] = Field(min_length=1)
    """What calls a model, by name."""
    noise: Noise = Noise()
    """Busier and calmer hours and days, for no reason."""
    reactions: dict[str, Reaction] = {}
    """Archetypes of callers by name, beside the known ones."""
    surges: dict[str, Surge] = {}
    """Stretches of more or less ordinary traffic, by name; nothing is wrong with them."""
    holidays: list[Holiday] = []
    """Local days of less ordinary traffic, or more."""
    price_changes: list[PriceChange] = []
    """New prices on top of the book's."""
    provider_limits: dict[str, ProviderLimit] = {}
    """By provider, as the features name it."""
    operations: Operations | None = None
    """Who keeps watch and what they do; nobody by default."""
    incidents: dict[str, Incident] = {}
    """What goes wrong, by name."""
    notes: list[Note] = []
    """Moments that pages mark."""
    limits: str | None = None
    """Limits file in force: bundled name or path; `simulate(limits=...)` sets another."""
    layers: Layers | None = None
    """Controls that the product has in place."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return zone_name(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        from costsim.simulation.consistency import check

        check(self)
        return self

    def reaction(self, name: str) -> Reaction:
        """An archetype by name: the scenario's own, else a known one."""
        return self.reactions[name] if name in self.reactions else ARCHETYPES[name]

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
        text = self.model_dump_json(exclude={"title", "account"}, exclude_defaults=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def expected(self) -> Expectation:
        """Closed-form expectation of calls and dollars, by feature and cohort."""
        from costsim.simulation.expected import expect

        return expect(self)

    def incidents_of(self, feature: str) -> dict[str, Incident]:
        """Incidents that concern a feature, by name."""
        return {n: i for n, i in self.incidents.items() if i.feature in (feature, "all")}

    def without_incidents(self) -> Scenario:
        """The same product where nothing goes wrong: what excess is measured against.

        Cohorts and features that are there because of an incident are left out.

        Raises
        ------
        SettingError
            No feature would be left.
        """
        if not self.incidents:
            return self
        features = {}
        for name, feature in self.features.items():
            known = self.incidents_of(name).values()
            caused = {i.cohort for i in known}
            kept = {n: c for n, c in feature.cohorts.items() if n not in caused}
            there = feature.calls_per_week is not None or kept
            if there and not any(i.adds_all for i in known):
                features[name] = feature.model_copy(update={"cohorts": kept})
        if not features:
            raise SettingError(f"scenario {self.name} has no feature without its incidents")
        for name, feature in features.items():
            if feature.cheaper is not None and feature.cheaper not in features:
                features[name] = feature.model_copy(update={"cheaper": None})
        change: dict[str, Any] = {"features": features, "incidents": {}}
        if self.operations and self.operations.feature not in (None, *features):
            change["operations"] = None
        return self.model_copy(update=change)

    def without_launches(self, *, days: int | None = None) -> Scenario:
        """Ordinary life only: without features that launch, and where nothing goes wrong.

        Parameters
        ----------
        days : int, optional
            Another length in days.

        Raises
        ------
        SettingError
            No feature would be left.
        """
        calm = self.without_incidents()
        features = {n: f for n, f in calm.features.items() if f.launch is None}
        if not features:
            raise SettingError(f"scenario {self.name} has no feature without a launch")
        change: dict[str, Any] = {"features": features, "notes": [], "week": None}
        return calm.model_copy(update=change | ({"days": days} if days else {}))

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
        from costsim.simulation.describe import describe

        return describe(self)

    def __repr__(self) -> str:
        return (
            f"Scenario({self.name!r}, {self.days} days from {self.start} {self.time_zone}, "
            f"{self.population.users:,} users, {len(self.features)} features); "
            "next: costsim.simulate(scenario, seed=7)"
        )
