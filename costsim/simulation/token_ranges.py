"""What is known of a request's tokens before launch: two quantiles, or one number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import NormalDist
from typing import Final

from costsim.errors import SettingError
from costsim.prices.unit import MAX_TOKENS
from costsim.simulation.request_tokens import LognormalTokens

TokenRange = float | str | Sequence[float] | Mapping[str, float]
"""``2000``, ``"2000,50000"`` or ``(2000, 50000)`` (p10 and p90), ``"p50=2000,p90=50000"``, or a
mapping of the same."""

LARGEST_LOG_SD: Final = 4.0
FORMS: Final = "one number, p10,p90 such as 2000,50000, or two quantiles such as p50=2000,p90=50000"


def read_tokens(
    value: TokenRange, name: str = "tokens", most: int | None = None
) -> LognormalTokens:
    """The law that two quantiles, or one number, stand for.

    Parameters
    ----------
    value : number, str, pair or mapping
        See :data:`TokenRange`.
    name : str
        What an error calls it.
    most : int, optional
        Cap in tokens, at least 1.

    Raises
    ------
    SettingError
        Not one of the forms, not rising, or out of bounds.

    Notes
    -----
    For quantiles x and y at the shares p and q, log-sd is ``log(y/x) / (z_q - z_p)`` and the
    median ``x e**(-log_sd z_p)``, z being normal quantiles. The mean lies above the median by
    the factor ``e**(log_sd**2 / 2)``.

    Examples
    --------
    >>> read_tokens("p50=2000,p90=50000").median
    2000.0
    >>> read_tokens(500)
    LognormalTokens(median=500.0, log_sd=0.0, most=None)
    """
    if most is not None and not 1 <= most <= MAX_TOKENS:
        raise SettingError(f"max_{name} must be from 1 to {MAX_TOKENS:,}; got {most!r}")
    points = _points(value, name)
    for _, tokens in points:
        if not 0 <= tokens <= MAX_TOKENS:
            raise SettingError(f"{name} must be from 0 to {MAX_TOKENS:,}; got {value!r}")
    if len(points) == 1:
        return LognormalTokens(points[0][1], most=most)
    (p, low), (q, high) = sorted(points)
    if p == q or low <= 0 or high < low:
        raise SettingError(f"{name} must rise from above 0 with its quantiles; got {value!r}")
    z_low, z_high = (NormalDist().inv_cdf(share) for share in (p, q))
    log_sd = log(high / low) / (z_high - z_low)
    if log_sd > LARGEST_LOG_SD:
        raise SettingError(
            f"{name} must have a log-sd of at most {LARGEST_LOG_SD:g}; got {log_sd:.1f} from "
            f"{value!r}: quantiles too far apart"
        )
    median = low if p == 0.5 else high if q == 0.5 else low * exp(-log_sd * z_low)
    return LognormalTokens(median, log_sd, most)


def _points(value: TokenRange, name: str) -> list[tuple[float, float]]:
    """Share and tokens of each stated quantile; one number is the median."""
    wrong = SettingError(f"{name} must be {FORMS}; got {value!r}")
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
    elif isinstance(value, Mapping):
        parts = [f"{key}={tokens}" for key, tokens in value.items()]
    else:
        numbers = value if isinstance(value, Sequence) else [value]
        parts = [str(number) for number in numbers]
    named = [re.fullmatch(r"p(\d+(?:\.\d+)?)\s*=\s*(.+)", part) for part in parts]
    try:
        if len(parts) == 2 and all(named):
            points = [(float(m[1]) / 100, float(m[2])) for m in named if m]
        elif len(parts) == 2:
            points = list(zip((0.1, 0.9), map(float, parts), strict=True))
        else:
            (only,) = parts
            points = [(0.5, float(only))]
    except ValueError:
        raise wrong from None
    if any(not 0 < share < 1 for share, _ in points):
        raise wrong
    return points
