"""Who keeps watch, and what holds: operations, provider limits, layers of control."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from costsim.simulation.settings.base import Settings

Minutes = Annotated[float, Field(ge=0, le=14 * 1440)]


class ProviderLimit(Settings):
    """What the provider itself admits in a minute; beyond it calls fail with a 429."""

    calls_per_minute: int | None = Field(default=None, gt=0)
    """Calls that begin."""
    tokens_per_minute: int | None = Field(default=None, gt=0)
    """Input and output tokens, counted at the upper bound when a call begins."""


class Operations(Settings):
    """Detectors on duty, and people who act on their alarms."""

    detectors: list[str] = []
    """Who calls people: presets such as "seasonal_cusum", "user_share", "fixed_threshold" (they
    read hourly bins), and "budget_alert", a level of the limits file's ladder."""
    suite: str | None = None
    """A suite of detectors on duty beside them: bundled name or path of a TOML file."""
    thresholds: dict[str, float] = {}
    """Other thresholds than the presets', by detector."""
    ingestion_lag_minutes: Minutes = 5.0
    """From a call to its record in the store."""
    reaction_minutes: Minutes | list[Minutes] = 30.0
    """From an alarm to the act; a list of 24 by the local hour of the alarm."""
    action: Literal["none", "kill", "downgrade", "limit"] = "none"
    """Switch a feature off, send it to another model, or put a limits file in force."""
    feature: str | None = None
    """Whom to act on; by default the feature whose dollars rose the most."""
    model: str | None = None
    """For "downgrade"."""
    limits: str | None = None
    """For "limit": bundled name or path of a limits file."""
    starts: datetime | None = None
    """Local time before which nobody watches; detectors learn from what came before."""
    most_actions: int = Field(default=1, ge=1, le=100)
    """So many times people act; then the rest of the run goes on as it is."""

    @property
    def watched(self) -> bool:
        """Whether anything may call people."""
        return bool(self.detectors) or self.suite is not None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if isinstance(self.reaction_minutes, list) and len(self.reaction_minutes) != 24:
            raise ValueError(
                f"reaction_minutes must be one number or 24; got {len(self.reaction_minutes)}"
            )
        if self.action == "downgrade" and self.model is None:
            raise ValueError("action 'downgrade' needs model")
        if self.action == "limit" and self.limits is None:
            raise ValueError("action 'limit' needs limits")
        if self.action != "none" and not self.watched:
            raise ValueError(f"action {self.action!r} needs detectors or suite, which call people")
        return self


class Layers(Settings):
    """Controls that the product has in place; those this version does not run are recorded."""

    logging: bool = True
    """Calls are recorded one by one."""
    alarm_z: float | None = Field(default=None, gt=0)
    """Sigmas at which the product's z-score alarms."""
    alarm_user_share: float | None = Field(default=None, gt=0, le=1)
    """Share of the day's budget at which one user alarms."""
    user_cap_usd: dict[Literal["hour", "day", "month"], float] = {}
    """Caps of a user by window; recorded."""
    budget_ladder: dict[Literal["notify", "warn", "shut"], float] = {}
    """Shares of the month's budget, by what is done there; recorded."""
