"""How the provider answers beside tokens: its prompt cache and its failures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from costsim.simulation.settings.base import Settings


class Cache(Settings):
    """The provider's prompt cache: a call that hits it reads `share` of its input from there."""

    share: float = Field(default=0.0, ge=0, le=1)
    """Share of the input tokens of a call that hits, rounded down to whole tokens."""
    hit_rate: float = Field(default=1.0, ge=0, le=1)
    """Share of calls that hit."""


class Errors(Settings):
    """Calls that fail at the provider."""

    rate: float = Field(default=0.0, ge=0, lt=1)
    """Share of attempts that fail; each attempt is drawn anew."""
    billed: Literal["nothing", "input", "all"] = "nothing"
    """What the provider bills of a failed call; output is lost unless "all"."""
