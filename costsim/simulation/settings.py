"""What a scenario is made of: people, features, launches, incidents. Keys of the TOML file."""

from __future__ import annotations

from datetime import date, datetime
from math import ceil
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costsim.simulation.distributions import Tokens

Hours = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Settings(BaseModel):
    """Frozen, and no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Profile(Settings):
    """When people work: a weight for each local hour of the day and each day of the week.

    Ordinary traffic uses both normalised to mean one. Cohorts use the hours normalised to sum
    one and the days as they stand, so that ``fri = 0.6`` means 60% of a usual day.
    """

    hours: Hours
    days: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], float] = {}

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
    exponent: float = Field(default=0.8, ge=0, le=3)
    log_sd: float = Field(default=1.0, ge=0, le=4)


class Tier(Settings):
    """A plan that users are on."""

    name: str = Field(min_length=1)
    share: float = Field(gt=0, le=1)
    price_usd_per_month: float = Field(default=0.0, ge=0)


class Population(Settings):
    """Who uses the product."""

    users: int = Field(gt=0, le=10_000_000)
    activity: Activity = Activity()
    tiers: list[Tier] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(tier.share for tier in self.tiers)
        if self.tiers and abs(total - 1) > 1e-9:
            raise ValueError(f"tier shares must sum to 1; they sum to {total:g}")
        return self


class Sessions(Settings):
    """Calls come in conversations of a geometric number of calls, a think time apart."""

    mean_calls: float = Field(default=1.0, ge=1, le=1000)
    think_seconds: float = Field(default=60.0, ge=0, le=86_400)


class FirstUse(Settings):
    """When members of a cohort first try a feature.

    `days` are weights of the days from the launch's on; on the launch day the hour is uniform in
    `launch_day_hours` (local, from and to), later it follows the feature's profile.
    """

    days: list[Annotated[float, Field(ge=0)]] = Field(min_length=1)
    launch_day_hours: tuple[float, float] = (0, 24)

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if abs(sum(self.days) - 1) > 1e-9:
            raise ValueError(f"days must sum to 1; they sum to {sum(self.days):g}")
        low, high = self.launch_day_hours
        if not 0 <= low < high <= 24:
            raise ValueError("launch_day_hours must be [from, to] with 0 <= from < to <= 24")
        return self


class Cohort(Settings):
    """Users of one kind: how often each of them calls, and since when."""

    users: int = Field(gt=0)
    calls_per_day: float = Field(gt=0)
    activity_log_sd: float = Field(default=0.0, ge=0, le=3)
    profile: str | None = None
    first_use: FirstUse | None = None


class Feature(Settings):
    """A product feature that calls a model."""

    model: str
    provider: str | None = None
    profile: str
    input_tokens: Tokens
    output_tokens: Tokens
    calls_per_week: float | None = Field(default=None, gt=0)
    cohorts: dict[str, Cohort] = {}
    launch: datetime | None = None
    sessions: Sessions = Sessions()
    passes: int = Field(default=1, ge=1, le=100)
    prompt_version: str = "1"
    first_token_ms: float = Field(default=400.0, gt=0)
    output_tokens_per_second: float = Field(default=60.0, gt=0)
    temperature: float | None = Field(default=None, ge=0, le=2)

    @model_validator(mode="after")
    def _traffic(self) -> Self:
        if self.calls_per_week is None and not self.cohorts:
            raise ValueError("give calls_per_week, cohorts, or both")
        if any(c.first_use for c in self.cohorts.values()) and self.launch is None:
            raise ValueError("a cohort with first_use needs the feature's launch")
        return self

    @property
    def reach_days(self) -> int:
        """Days after its own into which a session may run.

        A geometric number of exponential think times is exponential: one in e**40 lasts longer.
        """
        seconds = 40 * self.sessions.mean_calls * self.sessions.think_seconds
        pass_seconds = self.output_tokens.expected / self.output_tokens_per_second
        seconds += self.passes * (self.first_token_ms / 1000 + pass_seconds)
        return ceil(seconds / (23 * 3600))


class Incident(Settings):
    """What went wrong, for scoring: since when, and which feature's dollars are the excess."""

    feature: str
    cause: Literal["volume"]
    starts: datetime
    movable: bool = False
    account: str = ""


class Note(Settings):
    """A moment that pages mark, such as the day of a mail."""

    at: datetime
    label: str


class Week(Settings):
    """The days that pages talk about."""

    start: date
    days: int = Field(default=7, gt=0, le=366)


class Layers(Settings):
    """Controls that the product has in place; those this version does not run are recorded."""

    logging: bool = True
    alarm_z: float | None = Field(default=None, gt=0)
    alarm_user_share: float | None = Field(default=None, gt=0, le=1)
    user_cap_usd: dict[Literal["hour", "day", "month"], float] = {}
    budget_ladder: dict[Literal["notify", "warn", "shut"], float] = {}
