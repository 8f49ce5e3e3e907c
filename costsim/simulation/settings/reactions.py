"""What callers do when a call is refused or fails. No public study measures it: assumptions."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from costsim.simulation.settings.base import Settings

Share = Field(default=0.0, ge=0, le=1)


class Reaction(Settings):
    """An archetype of caller, met with a denial or an error.

    A refused call is tried again up to `max_retries` times, each time with the probability
    `retry_share`, after a wait drawn with full jitter: uniform from 0 to
    ``min(cap_seconds, base_seconds * 2**(tries - 1))``. Who does not try again comes back after
    the reset, moves to the feature's cheaper one, leaves for good, or gives up, by the shares
    given; what remains of 1 gives up.
    """

    max_retries: int = Field(default=0, ge=0, le=50)
    """Most tries after the first, coming back and moving not counted."""
    retry_share: float = Field(default=1.0, ge=0, le=1)
    """Probability of trying again, at each refusal."""
    base_seconds: float = Field(default=1.0, ge=0, le=86_400)
    """Mean wait doubles from half of this."""
    cap_seconds: float = Field(default=60.0, ge=0, le=86_400)
    """Longest wait drawn."""
    honour_retry_after: bool = False
    """Wait at least as long as the refusal says."""
    patience_seconds: float | None = Field(default=None, ge=0)
    """Longest Retry-After worth a retry; by default any. A longer one is no retry at all."""
    retries_errors: bool = False
    """Also try again after an error of the provider, not only after a refusal."""
    come_back_at_reset: float = Share
    """Share that comes back once, after the window that refused has ended."""
    come_back_within_minutes: float = Field(default=60.0, ge=0, le=1440)
    """Those who come back are spread evenly over so many minutes after the reset."""
    move_to_cheaper: float = Share
    """Share that sends the same request through the feature's `cheaper` one."""
    leave: float = Share
    """Share of refusals after which the user never calls again."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        total = self.come_back_at_reset + self.move_to_cheaper + self.leave
        if total > 1 + 1e-9:
            raise ValueError(
                "come_back_at_reset + move_to_cheaper + leave must be at most 1; "
                f"they sum to {total:g}"
            )
        return self


ARCHETYPES = {
    "gives_up": Reaction(),
    "script": Reaction(
        max_retries=6, base_seconds=1, cap_seconds=60, honour_retry_after=True, retries_errors=True
    ),
    "human": Reaction(
        max_retries=2,
        retry_share=0.7,
        base_seconds=60,
        cap_seconds=300,
        patience_seconds=600,
        retries_errors=True,
        come_back_at_reset=0.3,
        move_to_cheaper=0.2,
        leave=0.01,
    ),
}
"""Reactions that every scenario knows by name; a scenario may redefine them."""
