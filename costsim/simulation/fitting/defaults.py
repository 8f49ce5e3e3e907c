"""What is assumed where records cannot tell: inside a product, or of an API's customers."""

from __future__ import annotations

from dataclasses import dataclass

from costsim.errors import UnknownNameError


@dataclass(frozen=True)
class Defaults:
    """Assumptions of a level.

    Noise, and how much of the spread of tokens lies between users, follow public traces: hourly
    noise of .30 for API traffic and half of it inside a product; token counts of API customers
    differ by log-sd 1.1 to 1.4 between customers and .2 to .3 within one (ServeGen, NSDI'26).
    Users and their activity have no public source inside a product; of API customers the ten
    largest make .63 to .93 of the calls, which a Zipf exponent near 1.5 gives.
    """

    hour_sigma: float
    hour_phi: float
    day_sigma: float
    users: int
    exponent: float
    between_share: float
    """Share of the variance of log tokens that lies between users."""


LEVELS = {
    "product": Defaults(0.15, 0.7, 0.08, users=1000, exponent=0.8, between_share=0.3),
    "api": Defaults(0.30, 0.8, 0.15, users=150, exponent=1.5, between_share=0.9),
}


def defaults(level: str) -> Defaults:
    """Assumptions of a level.

    Raises
    ------
    UnknownNameError
        Neither "product" nor "api".
    """
    if level not in LEVELS:
        raise UnknownNameError("level", level, LEVELS)
    return LEVELS[level]
