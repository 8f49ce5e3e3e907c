"""From the names on a call to the prices that concern it, over time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from costsim.prices import base
from costsim.prices.instants import DAY_US, from_microseconds
from costsim.prices.timeline import Resolved, Timeline
from costsim.prices.unit import UnitPrice
from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    from costsim.prices.overlay import DatedPrice

SERVICE_TIERS: Final = ("batch", "flex", "priority", "fast")
STANDARD_TIERS: Final = frozenset({"standard", "default", "auto", "on_demand", "standard_only"})
"""What providers call standard service."""


def build_timeline(
    entries: Sequence[DatedPrice],
    published: bool,
    model: str | None,
    response_model: str | None,
    provider: str | None,
    service_tier: str | None,
) -> Timeline:
    """Find all prices of calls with these names.

    The model that answered wins over the one asked for whenever it has a price. A service tier
    without a published price has none; it is not taken for standard service.
    """
    names = [name for name in dict.fromkeys((response_model, model)) if name]
    if not names:
        return _nothing(Unpriced.NAME)
    tier = service_tier.lower() if service_tier else None
    tier = None if tier in STANDARD_TIERS else tier
    if tier is not None and tier not in SERVICE_TIERS:
        return _nothing(Unpriced.TIER)
    parts = [_of_one_name(entries, published, name, provider, tier) for name in names]
    if len(parts) == 1:
        return parts[0]
    return Timeline(
        tuple(sorted({moment for part in parts for moment in part.starts})),
        tuple(sorted({moment for part in parts for moment in part.day_starts})),
        partial(_first_priced, parts),
    )


def _of_one_name(
    entries: Sequence[DatedPrice],
    published: bool,
    model: str,
    provider: str | None,
    tier: str | None,
) -> Timeline:
    behind = base.find(model, provider) if published else None
    providers = {provider.lower()} if provider else set()
    if provider and published and (known_as := base.provider_id(provider)):
        providers.add(known_as)
    own = [entry for entry in entries if entry.concerns(model.lower(), providers)]
    edges = {edge for entry in own for edge in (entry.start_us, entry.until_us)}
    starts = {edge for edge in edges if edge is not None}
    day_starts: tuple[int, ...] = ()
    if behind is not None:
        changes, day_starts = behind.changes(tier)
        starts |= set(changes)

    def resolve(instant_us: int, of_day_us: int) -> Resolved:
        for entry in own:
            if entry.holds_at(instant_us):
                return entry.units.get(tier, Unpriced.TIER)
        if behind is None:
            return Unpriced.MODEL
        midnight = instant_us - instant_us % DAY_US
        return behind.unit(tier, from_microseconds(midnight + of_day_us))

    return Timeline(tuple(sorted(starts)), day_starts, resolve)


def _first_priced(parts: Sequence[Timeline], instant_us: int, of_day_us: int) -> Resolved:
    found = [part.at(instant_us, of_day_us) for part in parts]
    return next((one for one in found if isinstance(one, UnitPrice)), found[-1])


def _nothing(why: Unpriced) -> Timeline:
    return Timeline((), (), lambda *_: why)
