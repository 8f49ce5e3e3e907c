"""What happens: incidents and their effects, surges, holidays, price changes, notes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from costsim.simulation.settings.base import Settings

Cause = Literal["volume", "tokens", "cache", "model", "price", "errors", "silence"]


class Effect(Settings):
    """What an incident changes of a feature while it lasts."""

    calls_scale: float = Field(default=1.0, ge=0, le=1000)
    """Factor on ordinary traffic; above 1 the calls beyond it are drawn as a stream apart."""
    calls_growth_per_day: float = Field(default=0.0, ge=0, le=10)
    """Ordinary traffic grows by this share each day since the start, compounded."""
    input_tokens_scale: float = Field(default=1.0, gt=0, le=1000)
    """Factor on the input tokens of each call."""
    output_tokens_scale: float = Field(default=1.0, gt=0, le=1000)
    """Factor on the output tokens of each call."""
    cache_share: float | None = Field(default=None, ge=0, le=1)
    """Another `cache.share`."""
    model: str | None = None
    """Another model answers: an alias was moved."""
    provider: str | None = None
    """Who answers with the other model, where the book knows several."""
    prompt_version: str | None = None
    """The deploy that did it."""
    error_rate: float | None = Field(default=None, ge=0, lt=1)
    """Another `errors.rate`."""
    silent: bool = False
    """Calls are made and billed, but their records do not arrive."""


class Incident(Settings):
    """What went wrong, for scoring: since when, why, and what it changed.

    Without `cohort` and without an effect, all calls of the feature are excess from its launch
    on. With `cohort`, that cohort calls only from `starts` to `ends`, and its calls are excess.
    """

    feature: str
    """Name of a feature, or "all"."""
    cause: Cause
    """What kind of thing went wrong."""
    starts: datetime
    """Local time from which it is scored, and from which its effect holds."""
    ends: datetime | None = None
    """Local time; by default the end of the run."""
    cohort: str | None = None
    """Cohort of the feature that exists because of the incident."""
    effect: Effect = Effect()
    """What it changes of the feature; nothing by default."""
    movable: bool = False
    """May start at any hour of the week; one that is bound to the calendar may not."""
    account: str = ""
    """What happened, in words."""
    detect: str = ""
    """What a good detector should do."""

    @model_validator(mode="after")
    def _ends_after(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError(f"ends must lie after starts ({self.starts}); got {self.ends}")
        if self.cohort is not None and self.feature == "all":
            raise ValueError("cohort needs one feature, not 'all'")
        if self.feature == "all" and self.cohort is None and self.effect == Effect():
            raise ValueError("feature 'all' needs an effect: not all calls are excess")
        return self

    @property
    def adds_all(self) -> bool:
        """Whether all calls of the feature are there because of it."""
        return self.cohort is None and self.effect == Effect()

    @property
    def changes(self) -> bool:
        """Whether it changes calls that would have been made anyway, beside adding some."""
        plain = Effect(
            calls_scale=max(self.effect.calls_scale, 1.0),
            calls_growth_per_day=self.effect.calls_growth_per_day,
        )
        return self.effect.calls_scale < 1 or self.effect != plain


class Surge(Settings):
    """More or less ordinary traffic for a while, and nothing wrong with it."""

    starts: datetime
    """Local time."""
    ends: datetime
    """Local time."""
    calls_scale: float = Field(gt=0, le=1000)
    """Factor on ordinary traffic while it lasts."""
    features: list[str] = []
    """By default all."""
    account: str = ""
    """Why, in words."""

    @model_validator(mode="after")
    def _ends_after(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError(f"ends must lie after starts ({self.starts}); got {self.ends}")
        return self


class Holiday(Settings):
    """A local day with less ordinary traffic, or more."""

    day: date
    """Local date, in the scenario's zone."""
    calls_scale: float = Field(default=0.3, ge=0, le=100)
    """Factor on ordinary traffic of that day."""
    name: str = ""
    """What is kept."""


class PriceChange(Settings):
    """A provider's new price, in USD per million tokens; what is not given stays."""

    at: datetime
    """Local time from which it holds; a call is priced by its own time."""
    model: str
    """Name in the price book."""
    provider: str | None = None
    """Who changes it, where the book knows several."""
    input: float | None = Field(default=None, ge=0)
    """USD per million input tokens."""
    cache_read: float | None = Field(default=None, ge=0)
    """USD per million input tokens read from the cache."""
    output: float | None = Field(default=None, ge=0)
    """USD per million output tokens."""


class Note(Settings):
    """A moment that pages mark, such as the day of a mail."""

    at: datetime
    """Local time."""
    label: str
    """What pages say there."""


class Week(Settings):
    """The days that pages talk about."""

    start: date
    """First local day."""
    days: int = Field(default=7, gt=0, le=366)
    """Length in days."""
