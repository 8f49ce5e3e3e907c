"""What a price leaves for calls, as limits; the arithmetic is told by `from_unit_economics`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from costsim.errors import SettingError
from costsim.limits.checking import checked_id
from costsim.show.formats import usd

DAY_PART, HOUR_PART = 5, 4
"""A day has this part of a month's cap, an hour this part of a day's."""
LADDER = [0.7, 0.9]


def limits_of_price(
    price: float | Mapping[str, float],
    margin: float,
    users: int | Mapping[str, int] | None,
    free_usd: float | None,
    over_mean: float,
) -> dict[str, Any]:
    """Tables of a limits file; parameters as :meth:`Policy.from_unit_economics`."""
    _check("target_margin", margin, 0, 1, below=True)
    _check("cap_over_mean", over_mean, 1, 10_000)
    prices = dict(price) if isinstance(price, Mapping) else {"": price}
    if not prices:
        raise SettingError("price_usd_per_month must name a tier; it is empty")
    if isinstance(price, Mapping):
        for tier in prices:
            checked_id(tier, "a tier of price_usd_per_month")
    for tier, value in prices.items():
        _check(_of("price_usd_per_month", tier), value, 0, 10**6)
    counts = _counts(prices, users)
    means = {tier: value * (1 - margin) for tier, value in prices.items()}
    free = [tier for tier, value in prices.items() if not value]
    if free and free_usd is None:
        raise SettingError(
            f"free_usd_per_month is required: {_of('price_usd_per_month', free[0])} is 0"
        )
    if free_usd is not None:
        _check("free_usd_per_month", free_usd, 0, 10**6, above=True)
    pool = None
    if counts is not None:
        pool = sum(counts[tier] * mean for tier, mean in means.items())
        taken = sum(counts[tier] for tier in free) * (free_usd or 0.0)
        if taken >= pool:
            raise SettingError(
                f"free_usd_per_month must leave something of the {usd(pool)} a month that prices "
                f"leave for calls; free users would take {usd(taken)}"
            )
        means = {tier: mean * (1 - taken / pool) for tier, mean in means.items()}
    means |= dict.fromkeys(free, free_usd or 0.0)
    caps = {tier: _caps(mean * over_mean) for tier, mean in means.items()}
    # who has no tier of the list has the smallest caps
    least = min(caps.values(), key=lambda found: found["month_usd"])
    user = dict(least) if "" in caps else {**least, "by_tier": caps}
    made: dict[str, Any] = {"user": user, "account": _account(prices, margin, means, over_mean)}
    if pool is not None:
        made["organisation"] = {"month_usd": round(pool, 6), "alert_at": LADDER}
    return made


def _caps(month_usd: float) -> dict[str, float]:
    day = month_usd / DAY_PART
    found = {"hour_usd": day / HOUR_PART, "day_usd": day, "month_usd": month_usd}
    return {cap: max(round(value, 6), 1e-6) for cap, value in found.items()}


def _counts(
    prices: Mapping[str, float], users: int | Mapping[str, int] | None
) -> dict[str, int] | None:
    if users is None:
        return None
    counts = dict(users) if isinstance(users, Mapping) else {"": users}
    if isinstance(users, Mapping):
        for tier in counts:
            checked_id(tier, "a tier of users")
    if set(counts) != set(prices):
        raise SettingError(
            f"users must say how many there are of each of {sorted(prices)}; got {sorted(counts)}"
            if "" not in prices
            else f"users must be a number where there is one price; got {users!r}"
        )
    for tier, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise SettingError(
                f"{_of('users', tier)} must be an integer of at least 1; got {count!r}"
            )
    return counts


def _account(
    prices: Mapping[str, float], margin: float, means: Mapping[str, float], over_mean: float
) -> str:
    told = [
        f"{tier + ': ' if tier else ''}"
        + (f"{usd(prices[tier])} a month leaves" if prices[tier] else "nothing is paid for")
        + f" {usd(mean)} a month on average"
        for tier, mean in means.items()
    ]
    return f"At a margin of {margin:.0%}, {', '.join(told)}; caps are {over_mean:g} times that."


def _of(name: str, tier: str) -> str:
    return f"{name}.{tier}" if tier else name


def _check(
    name: str, value: Any, least: float, most: float, *, below: bool = False, above: bool = False
) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = number and math.isfinite(value) and least <= value <= most
    if not fits or (below and value == most) or (above and value == least):
        bound = f"{'above' if above else 'from'} {least:g} {'to below' if below else 'to'} {most:g}"
        raise SettingError(f"{name} must be {bound}; got {value!r}")
