"""Who calls, when and how: profiles, tiers, population, sessions, cohorts."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import exp
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from costsim.simulation.distributions import Tokens
from costsim.simulation.settings.answers import Cache
from costsim.simulation.settings.base import Settings

Hours = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone_name(value: str) -> str:
    """The IANA name itself, or a ValueError that says what it must be."""
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be an IANA name such as 'Europe/Berlin'") from error


class Profile(Settings):
    """When people work: a weight for each local hour of the day and each day of the week.

    Ordinary traffic uses both normalised to mean one. Cohorts use the hours normalised to sum
    one and the days as they stand, so that ``fri = 0.6`` means 60% of a usual day.
    """

    hours: Hours
    """24 weights, midnight first."""
    days: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], float] = {}
    """Weights by day; one that is not named has 1."""
    time_zone: str | None = None
    """IANA zone that these hours and days are of; by default the scenario's."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        return None if value is None else zone_name(value)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if sum(self.hours) <= 0:
            raise ValueError("hours must not all be 0")
        if any(weight < 0 for weight in self.days.values()) or (
            len(self.days) == 7 and not any(self.days.values())
        ):
            raise ValueError("days must not be negative, nor all 0")
        return self

    @property
    def day_weights(self) -> list[float]:
        """Weight of each day, Monday first; a day that is not named has 1."""
        return [self.days.get(day, 1.0) for day in WEEKDAYS]  # type: ignore[call-overload]


class Activity(Settings):
    """How unequal users are: Zipf weights ``rank**-exponent``, or lognormal ones."""

    law: Literal["zipf", "lognormal"] = "zipf"
    """Shape of the weights."""
    exponent: float = Field(default=0.8, ge=0, le=3)
    """Of the Zipf law; 0 makes all users alike. No public trace has end-user ids: an assumption."""
    log_sd: float = Field(default=1.0, ge=0, le=4)
    """Of the lognormal law."""


class Tier(Settings):
    """A plan that users are on."""

    name: str = Field(min_length=1)
    """As it stands in the records."""
    share: float = Field(gt=0, le=1)
    """Share of the users."""
    price_usd_per_month: float = Field(default=0.0, ge=0)
    """What a user of it pays."""


class Population(Settings):
    """Who uses the product."""

    users: int = Field(gt=0, le=10_000_000)
    """People with an account; who calls, and how often, follows from `activity` and cohorts."""
    activity: Activity = Activity()
    """How unequal they are."""
    tiers: list[Tier] = []
    """Plans; their shares sum to 1. None by default."""
    growth_per_week: float = Field(default=0.0, gt=-1, le=10)
    """Ordinary traffic grows by this share a week, evenly and compounded, from the start on."""
    churn_per_month: float = Field(default=0.0, ge=0, lt=1)
    """Share of users who are gone after 30 days, each at its own time; they never call again."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(tier.share for tier in self.tiers)
        if self.tiers and abs(total - 1) > 1e-9:
            raise ValueError(f"tier shares must sum to 1; they sum to {total:g}")
        return self


class Sessions(Settings):
    """Calls come in conversations of a geometric number of calls, a think time apart."""

    mean_calls: float = Field(default=1.0, ge=1, le=1000)
    """Mean calls of a session."""
    think_seconds: float = Field(default=60.0, ge=0, le=86_400)
    """Mean time from one call to the next, exponential."""


class Bass(Settings):
    """Bass diffusion, by day since the launch: who tries it unprompted, and who copies others.

    Share that has tried it after t days: ``(1 - e**-(p+q)t) / (1 + q/p e**-(p+q)t)``
    (Bass 1969, Management Science 15), divided by its value after `over_days`.
    """

    innovation: float = Field(default=0.03, gt=0, le=1)
    """p, a day."""
    imitation: float = Field(default=0.38, ge=0, le=5)
    """q, a day."""
    over_days: int = Field(default=28, ge=1, le=366)
    """After so many days all have tried it."""

    @property
    def days(self) -> list[float]:
        """Share of first uses on each day; they sum to 1."""
        p, q = self.innovation, self.imitation
        grown = [exp(-(p + q) * day) for day in range(self.over_days + 1)]
        tried = [(1 - g) / (1 + q / p * g) for g in grown]
        return [(b - a) / tried[-1] for a, b in pairwise(tried)]


class FirstUse(Settings):
    """When members of a cohort first try a feature.

    `days` are weights of the days from the launch's on, or `bass` gives them; on the launch day
    the hour is uniform in `launch_day_hours` (local, from and to), later it follows the feature's
    profile.
    """

    days: list[Annotated[float, Field(ge=0)]] = Field(default=[], max_length=366)
    """Shares of first uses on each day from the launch's on; they sum to 1."""
    bass: Bass | None = None
    """Diffusion in place of `days`."""
    launch_day_hours: tuple[float, float] = (0, 24)
    """Local hours of the launch day, from and to."""

    @property
    def day_weights(self) -> list[float]:
        """Share of first uses on each day from the launch's on; they sum to 1."""
        return self.bass.days if self.bass else self.days

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if bool(self.days) == (self.bass is not None):
            raise ValueError("give exactly one of days and bass")
        if self.days and abs(sum(self.days) - 1) > 1e-9:
            raise ValueError(f"days must sum to 1; they sum to {sum(self.days):g}")
        low, high = self.launch_day_hours
        if not 0 <= low < high <= 24:
            raise ValueError("launch_day_hours must be [from, to] with 0 <= from < to <= 24")
        return self


class Cohort(Settings):
    """Users of one kind: how often each of them calls, and since when."""

    users: int = Field(gt=0)
    """So many, drawn from the population; no user is in two cohorts of a feature."""
    calls_per_day: float = Field(gt=0)
    """Of each member on a day of weight 1; passes not counted."""
    activity_log_sd: float = Field(default=0.0, ge=0, le=3)
    """Log-sd of the members' own factors on it, mean 1."""
    profile: str | None = None
    """By default the feature's."""
    first_use: FirstUse | None = None
    """By default all of them call from the launch on."""
    input_tokens: Tokens | None = None
    """By default the feature's, as the keys below."""
    output_tokens: Tokens | None = None
    """By default the feature's."""
    cache: Cache | None = None
    """By default the feature's."""
    sessions: Sessions | None = None
    """By default the feature's."""
    reaction: str | None = None
    """By default the feature's."""
    starts: datetime | None = None
    """Local time before which they do not call."""
    ends: datetime | None = None
    """Local time from which they no longer call."""
