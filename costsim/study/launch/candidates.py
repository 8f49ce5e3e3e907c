"""Candidate limits: caps of users spread evenly over the ranges in which they matter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.limits import Policy
from costsim.limits.policy import Caps, OrganisationCaps, UserCaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

CAPS = ("hour_usd", "day_usd", "month_usd")
MOST_NOTICED = 0.2
"""Share of the active users who would notice the lowest cap that is tried."""


class CapRange(NamedTuple):
    """Dollars between which a cap is looked for, both above 0."""

    low: float
    high: float


def cap_range(peaks_usd: NDArray[np.float64]) -> CapRange:
    """Where a cap is looked for: up to the heaviest user's largest window.

    It begins where a fifth of the active users would notice it: nobody launches with a lower one.

    Parameters
    ----------
    peaks_usd : array
        What each user's cap must be for the user not to notice it; users without calls are 0.

    Examples
    --------
    >>> cap_range(np.array([0.0, 1.0, 2.0, 30.0]))
    CapRange(low=2.0, high=30.0)
    """
    known = peaks_usd[peaks_usd > 0]
    if not len(known):
        return CapRange(1.0, 1.0)
    low = np.quantile(known, 1 - MOST_NOTICED, method="lower")
    return CapRange(float(low), float(known.max()))


def candidates(
    base: Policy,
    ranges: Mapping[str, CapRange],
    count: int,
    *,
    seed: int,
    organisation: CapRange | None = None,
) -> list[Policy]:
    """Limits whose caps of users fill their ranges evenly, on a logarithmic scale.

    Scrambled Sobol points: no two candidates say the same of any cap, and every stretch of each
    range has its share of them. Caps are rounded to two digits; a cap that a wider window makes
    idle is kept at that window's. One candidate of eight has a month's cap for everybody where
    `organisation` is given.

    Parameters
    ----------
    base : Policy
        What is not searched stays as it is; caps of tiers and single users keep their ratio.
    ranges : mapping of str to CapRange
        By cap: ``hour_usd``, ``day_usd``, ``month_usd``.
    count : int
        At least 1.
    seed : int
    organisation : CapRange, optional

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> ranges = {"hour_usd": CapRange(1, 9), "day_usd": CapRange(2, 50),
    ...           "month_usd": CapRange(5, 500)}
    >>> found = candidates(load_limits("flat-caps"), ranges, 4, seed=1)
    >>> all(p.user.hour_usd <= p.user.day_usd <= p.user.month_usd for p in found), len(found)
    (True, 4)
    """
    from scipy.stats import qmc

    points = qmc.Sobol(len(CAPS) + 1, rng=np.random.default_rng(seed))
    drawn = points.random_base2(math.ceil(math.log2(count)))[:count]
    found = []
    for number, point in enumerate(drawn):
        caps = {
            name: ranges[name].low * (ranges[name].high / ranges[name].low) ** float(share)
            for name, share in zip(CAPS, point, strict=False)
        }
        whole = None
        if organisation is not None and point[-1] >= 0.875:
            share = 8 * float(point[-1]) - 7
            whole = organisation.low * (organisation.high / organisation.low) ** share
        found.append(with_caps(base, _nested(caps), whole, f"candidate-{number}"))
    return found


def with_caps(
    base: Policy, caps: Mapping[str, float], organisation_usd: float | None, name: str
) -> Policy:
    """The base with other caps of its users and, where given, of the organisation's month."""
    scale = {
        cap: usd / before
        for cap, usd in caps.items()
        if (before := getattr(base.user, cap)) is not None
    }
    user = base.user.model_copy(
        update={
            **caps,
            "by_tier": {n: _scaled(c, scale) for n, c in base.user.by_tier.items()},
            "by_user": {n: _scaled(c, scale) for n, c in base.user.by_user.items()},
        }
    )
    change: dict[str, Any] = {"name": name, "user": UserCaps.model_validate(user.model_dump())}
    if organisation_usd is not None:
        whole = base.organisation.model_dump() | {"month_usd": two_digits(organisation_usd)}
        change |= {
            "organisation": OrganisationCaps.model_validate(whole),
            "enforce_organisation": True,
        }
    return base.model_copy(update=change)


def two_digits(usd: float) -> float:
    """Rounded to two significant digits and whole cents, at least one cent.

    Examples
    --------
    >>> two_digits(1234.5), two_digits(0.0512), two_digits(0.001)
    (1200.0, 0.05, 0.01)
    """
    return max(round(float(f"{usd:.2g}"), 2), 0.01)


def _nested(caps: Mapping[str, float]) -> dict[str, float]:
    """Rounded, and none above the cap of a wider window."""
    rounded: Sequence[float] = [two_digits(caps[name]) for name in CAPS]
    return {name: min(rounded[at:]) for at, name in enumerate(CAPS)}


def _scaled(caps: Caps, scale: Mapping[str, float]) -> Caps:
    change = {
        name: two_digits(usd * times)
        for name, times in scale.items()
        if (usd := getattr(caps, name)) is not None
    }
    return caps.model_copy(update=change)
