"""A product feature: its calls, tokens, model, and how the model answers."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Literal, Self

from pydantic import Field, model_validator

from costsim.simulation.distributions import Tokens
from costsim.simulation.settings.answers import Cache, Errors
from costsim.simulation.settings.base import Settings
from costsim.simulation.settings.people import Cohort, Sessions


class Feature(Settings):
    """A product feature that calls a model."""

    model: str
    """Name in the price book."""
    provider: str | None = None
    """Who bills, where the book knows several."""
    service_tier: Literal["default", "batch", "flex", "priority"] = "default"
    """Processing class that changes the price."""
    profile: str
    """When its ordinary users work: a name under `profiles`."""
    input_tokens: Tokens
    """Prompt tokens of a call, cached ones included."""
    output_tokens: Tokens
    """Answer tokens of a call."""
    cache: Cache = Cache()
    """The provider's prompt cache; unused by default."""
    errors: Errors = Errors()
    """Calls that fail; none by default."""
    truncated_rate: float = Field(default=0.0, ge=0, lt=1)
    """Share of calls that run into `output_tokens.max` beside those whose drawn length does."""
    calls_per_week: float | None = Field(default=None, gt=0)
    """Ordinary traffic of all users, spread by their activity; passes not counted."""
    cohorts: dict[str, Cohort] = {}
    """Users of a kind of their own, by name."""
    launch: datetime | None = None
    """Local time at which the feature goes live; by default it always was."""
    sessions: Sessions = Sessions()
    """How its calls come together."""
    passes: int = Field(default=1, ge=1, le=100)
    """Calls that one request makes, one after another."""
    prompt_version: str = "1"
    """Version of the system prompt; its hash is in the records."""
    first_token_ms: float = Field(default=400.0, gt=0, le=300_000)
    """Median time to the first token."""
    output_tokens_per_second: float = Field(default=60.0, ge=1, le=1e6)
    """Median pace after it."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Sampling temperature that the records show."""
    reaction: str = "human"
    """What its callers do when refused: a name under `reactions`, or a known archetype."""
    cheaper: str | None = None
    """Feature that some move to when this one refuses; the same request, by its model."""

    @model_validator(mode="after")
    def _traffic(self) -> Self:
        if self.calls_per_week is None and not self.cohorts:
            raise ValueError("give calls_per_week, cohorts, or both")
        if any(c.first_use for c in self.cohorts.values()) and self.launch is None:
            raise ValueError("a cohort with first_use needs the feature's launch")
        if self.truncated_rate and self.output_tokens.max is None:
            raise ValueError("truncated_rate needs output_tokens.max, which those calls reach")
        return self

    @property
    def reach_days(self) -> int:
        """Days after its own into which a session may run.

        A geometric number of exponential think times is exponential: one in e**40 lasts longer.
        """
        sessions = [self.sessions] + [c.sessions for c in self.cohorts.values() if c.sessions]
        seconds = max(40 * s.mean_calls * s.think_seconds for s in sessions)
        pass_seconds = self.output_tokens.expected / self.output_tokens_per_second
        seconds += self.passes * (self.first_token_ms / 1000 + pass_seconds)
        return ceil(seconds / (23 * 3600))
