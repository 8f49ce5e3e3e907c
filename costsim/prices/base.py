"""The published prices of the genai-prices package, offline, as unit prices of this one.

The data inside the installed wheel are read; its network updater is never started, and a
snapshot set by other code in the process is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

from costsim.prices.instants import DAY_US, to_microseconds
from costsim.prices.unit import Rates, UnitPrice
from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import (
        ModelInfo,
        ModelPrice,
        PriceVariant,
        StartDateConstraint,
        TimeOfDateConstraint,
    )

_KIND_OF_KEY: Final = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "audio_output",
}
_CONTEXT: Final[dict[str | None, dict[str, str]]] = {
    None: {},
    "batch": {"processing": "batch", "service_tier": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}
# Makers whose names mean one price list even where the package does not guess the provider.
_MAKERS: Final = ("openai", "anthropic", "voyageai", "cohere")


def version() -> str:
    """Return the version of the installed price data."""
    from importlib.metadata import version as installed

    return installed("genai_prices")


@cache
def _snapshot() -> DataSnapshot:
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)


def provider_id(provider: str | None) -> str | None:
    """Return the package's id of a provider by any of its names, or None."""
    from genai_prices.data_snapshot import find_provider_by_id

    found = find_provider_by_id(_snapshot().providers, provider) if provider else None
    return found.id if found else None


@dataclass(frozen=True)
class BaseModelPrices:
    """All published prices of one model of one provider."""

    provider: str
    info: ModelInfo
    own: bool
    """False where the provider resells another's model: then special tiers are not known."""

    def changes(self, service_tier: str | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return when prices change: moments, and times of day, in UTC microseconds."""
        moments: set[int] = set()
        times: set[int] = set()
        for constraint in self._constraints(service_tier):
            if hasattr(constraint, "start_date"):
                moments.add(to_microseconds(constraint.start_date, "start_date"))
            else:
                times |= {_of_day(constraint.start_time), _of_day(constraint.end_time)}
        return tuple(sorted(moments)), tuple(sorted(times))

    def unit(self, service_tier: str | None, at: datetime) -> UnitPrice | Unpriced:
        """Return the prices in force at a moment, or why there are none."""
        if service_tier is None:
            price = self.info.get_prices(at)
        elif any(self._active(variant, at) for variant in self._variants(service_tier)):
            price = self.info.get_prices(at, _CONTEXT[service_tier])
        else:
            return Unpriced.TIER
        return self._translate(price, service_tier)

    def _translate(self, price: ModelPrice, service_tier: str | None) -> UnitPrice | Unpriced:
        plain: dict[str, Decimal] = {}
        steps: dict[str, list[tuple[int, Decimal]]] = {}
        beside: list[str] = []
        for key, value in vars(price).items():
            kind = _KIND_OF_KEY.get(key)
            if value is None:
                continue
            if kind is None:
                beside.append(key)
            elif isinstance(value, Decimal):
                plain[kind] = value
            else:
                plain[kind] = value.base
                steps[kind] = [(tier.start, tier.price) for tier in value.tiers]
        if not plain and self.info.id.endswith(":free"):
            plain = {"input": Decimal(0), "output": Decimal(0)}
        if not plain:
            return Unpriced.KIND
        thresholds = sorted({start for kind in steps.values() for start, _ in kind})
        return UnitPrice(
            model=self.info.id,
            rates=Rates.from_usd(plain, exact=False),
            long_input=tuple(
                (above, Rates.from_usd(_above(above, plain, steps), exact=False))
                for above in thresholds
            ),
            service_tier=service_tier,
            provider=self.provider,
            source=f"genai-prices {version()}",
            also_billed=tuple(beside),
        )

    def _variants(self, service_tier: str | None) -> Iterator[PriceVariant]:
        if service_tier is None or not self.own:
            return
        context = _CONTEXT[service_tier]
        for variant in self.info.price_variants or ():
            if all(context.get(key) == value for key, value in variant.when.items()):
                yield variant

    @staticmethod
    def _active(variant: PriceVariant, at: datetime) -> bool:
        return variant.constraint is None or variant.constraint.active(at)

    def _constraints(
        self, service_tier: str | None
    ) -> Iterator[StartDateConstraint | TimeOfDateConstraint]:
        standard = self.info.prices if isinstance(self.info.prices, list) else []
        of_standard = [price.constraint for price in standard]
        of_tier = [variant.constraint for variant in self._variants(service_tier)]
        return (one for one in (*of_standard, *of_tier) if one is not None)


def find(model: str, provider: str | None) -> BaseModelPrices | None:
    """Find a model by name, at a provider if one is given; None when nobody knows it.

    Names with the provider in front (``azure/gpt-4o``) are understood when the name as it
    stands is unknown. Without a provider the package's own guess by name is taken.
    """
    found = _look_up(model, provider)
    if found is None and "/" in model:
        prefix, _, rest = model.partition("/")
        found = _look_up(rest, prefix)
    if found is None and provider is None:
        named = (_look_up(model, maker) for maker in _MAKERS)
        found = next((one for one in named if one is not None), None)
    return found


def models() -> Iterator[tuple[str, str]]:
    """Yield provider and model name of everything the package knows."""
    for provider in _snapshot().providers:
        for model in provider.models:
            yield provider.id, model.id


def _look_up(model: str, provider: str | None) -> BaseModelPrices | None:
    try:
        who, info = _snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return _look_up_id(model.lower(), provider)
    return BaseModelPrices(who.id, info, own=any(info is one for one in who.models))


def _look_up_id(model: str, provider: str | None) -> BaseModelPrices | None:
    """Find a model by the package's own id, which not every matching rule covers."""
    try:
        who = _snapshot().find_provider(model, provider, None)
    except LookupError:
        return None
    same = (info for info in who.models if info.id.lower() == model)
    return next((BaseModelPrices(who.id, info, own=True) for info in same), None)


def _above(
    threshold: int, plain: dict[str, Decimal], steps: dict[str, list[tuple[int, Decimal]]]
) -> dict[str, Decimal]:
    """Return the prices of a call whose input is just above a threshold."""
    prices = dict(plain)
    for kind, tiers in steps.items():
        for start, price in tiers:
            if start <= threshold:
                prices[kind] = price
    return prices


def _of_day(moment: time) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return to_microseconds(datetime.combine(date(1970, 1, 1), aware), "time") % DAY_US
