"""Dated price entries of a TOML file: read, checked, and turned into unit prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from costsim.errors import SettingError
from costsim.prices.instants import to_microseconds
from costsim.prices.unit import KINDS, Rates, UnitPrice

PerMillion = Decimal | None


class _Usd(BaseModel):
    """USD per million tokens; each key ends in its unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_usd_per_million: PerMillion = Field(None, ge=0)
    cache_read_usd_per_million: PerMillion = Field(None, ge=0)
    cache_write_usd_per_million: PerMillion = Field(None, ge=0)
    cache_write_1h_usd_per_million: PerMillion = Field(None, ge=0)
    audio_input_usd_per_million: PerMillion = Field(None, ge=0)
    output_usd_per_million: PerMillion = Field(None, ge=0)
    reasoning_usd_per_million: PerMillion = Field(None, ge=0)
    audio_output_usd_per_million: PerMillion = Field(None, ge=0)

    def usd(self) -> dict[str, Decimal]:
        """Return the prices that are given, by kind of token."""
        given = ((kind, getattr(self, f"{kind}_usd_per_million")) for kind in KINDS)
        return {kind: usd for kind, usd in given if usd is not None}


class InputTier(_Usd):
    """Prices of all tokens of a call whose input is above a threshold; others carry over."""

    above_input_tokens: int = Field(ge=1)


class ServiceTierPrice(_Usd):
    """Prices of a service tier: a factor on the standard ones, or prices that replace them."""

    factor: PerMillion = Field(None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> ServiceTierPrice:
        if (self.factor is None) == (not self.usd()):
            raise ValueError("must have either factor or prices ending in _usd_per_million")
        return self


class PriceEntry(_Usd):
    """One model's prices for one stretch of time."""

    model: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    start: date | datetime | None = Field(None, alias="from")
    until: date | datetime | None = None
    source: str = Field(min_length=1)
    input_tier: tuple[InputTier, ...] = ()
    service_tier: Mapping[Literal["batch", "flex", "priority", "fast"], ServiceTierPrice] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _consistent(self) -> PriceEntry:
        if self.input_usd_per_million is None and self.output_usd_per_million is None:
            raise ValueError("must have input_usd_per_million or output_usd_per_million")
        thresholds = [tier.above_input_tokens for tier in self.input_tier]
        if thresholds != sorted(set(thresholds)):
            raise ValueError(f"input_tier thresholds must rise; got {thresholds}")
        return self


class PriceFile(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    description: str = ""
    base: str = "none"
    price: tuple[PriceEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """One entry, ready for look-up: whom it concerns, when it holds, and its unit prices.

    Parameters
    ----------
    names, patterns, providers : frozenset or tuple of str
        Lower case. No providers means any.
    start_us, until_us : int or None
        Microseconds since 1970 UTC, start included and end excluded; None means always.
    units : dict
        Unit prices by service tier; None is standard service.
    """

    model: str
    names: frozenset[str]
    patterns: tuple[str, ...]
    providers: tuple[str, ...]
    start_us: int | None
    until_us: int | None
    units: Mapping[str | None, UnitPrice]

    def concerns(self, model: str, providers: Iterable[str]) -> bool:
        """Tell whether this entry is about a model (lower case) of one of these providers."""
        if model not in self.names and not any(fnmatchcase(model, p) for p in self.patterns):
            return False
        given = set(providers)
        return not given or not self.providers or not given.isdisjoint(self.providers)

    def holds_at(self, instant_us: int) -> bool:
        """Tell whether this entry is in force."""
        started = self.start_us is None or self.start_us <= instant_us
        return started and (self.until_us is None or instant_us < self.until_us)


def read_entries(file: PriceFile, where: str) -> tuple[DatedPrice, ...]:
    """Turn a file's entries into unit prices.

    Raises
    ------
    SettingError
        A price is not representable, dates are reversed or without a time zone, or two
        entries cover the same name and time; the message begins with the key's path.
    """
    entries: list[DatedPrice] = []
    for index, entry in enumerate(file.price):
        path = f"{where}: price[{index}]"
        try:
            made = _entry(entry)
        except SettingError as error:
            raise SettingError(f"{path}: {error}") from None
        for earlier_index, earlier in enumerate(entries):
            if _collide(made, earlier):
                raise SettingError(
                    f"{path} must not cover a name and time of price[{earlier_index}]; got "
                    f"{entry.model!r} in both with overlapping from/until"
                )
        entries.append(made)
    return tuple(entries)


def parse_price_file(content: Mapping[str, object], where: str) -> PriceFile:
    """Check the parsed TOML of a price file.

    Raises
    ------
    SettingError
        One line a fault: the key's path, what is allowed, what was found.
    """
    try:
        return PriceFile.model_validate(content)
    except ValidationError as error:
        lines = [f"{where}: {_fault(dict(fault))}" for fault in error.errors()]
        raise SettingError("\n".join(lines)) from None


def _entry(entry: PriceEntry) -> DatedPrice:
    start = None if entry.start is None else to_microseconds(entry.start, "from")
    until = None if entry.until is None else to_microseconds(entry.until, "until")
    if start is not None and until is not None and start >= until:
        raise SettingError(f"until must be after from {entry.start}; got {entry.until}")
    standard = entry.usd()
    steps: list[tuple[int, dict[str, Decimal]]] = []
    for tier in entry.input_tier:
        before = steps[-1][1] if steps else standard
        steps.append((tier.above_input_tokens, {**before, **tier.usd()}))
    units: dict[str | None, UnitPrice] = {None: _unit(entry, None, standard, steps)}
    for name, price in entry.service_tier.items():
        if price.factor is None:
            units[name] = _unit(entry, name, {**standard, **price.usd()}, [])
        else:
            factor = price.factor
            scaled = [(above, _times(usd, factor)) for above, usd in steps]
            units[name] = _unit(entry, name, _times(standard, factor), scaled)
    return DatedPrice(
        model=entry.model,
        names=frozenset(name.lower() for name in (entry.model, *entry.aliases)),
        patterns=tuple(pattern.lower() for pattern in entry.patterns),
        providers=tuple(provider.lower() for provider in entry.providers),
        start_us=start,
        until_us=until,
        units=units,
    )


def _unit(
    entry: PriceEntry,
    tier: str | None,
    usd: Mapping[str, Decimal],
    steps: Iterable[tuple[int, Mapping[str, Decimal]]],
) -> UnitPrice:
    return UnitPrice(
        model=entry.model,
        rates=Rates.from_usd(usd),
        long_input=tuple((above, Rates.from_usd(step)) for above, step in steps),
        service_tier=tier,
        provider=entry.providers[0] if entry.providers else None,
        source=entry.source,
    )


def _times(usd: Mapping[str, Decimal], factor: Decimal) -> dict[str, Decimal]:
    return {kind: price * factor for kind, price in usd.items()}


def _collide(one: DatedPrice, two: DatedPrice) -> bool:
    if one.names.isdisjoint(two.names):
        return False
    if one.providers and two.providers and set(one.providers).isdisjoint(two.providers):
        return False
    return not (_ends_before(one, two) or _ends_before(two, one))


def _ends_before(one: DatedPrice, two: DatedPrice) -> bool:
    if one.until_us is None or two.start_us is None:
        return False
    return one.until_us <= two.start_us


_ALLOWED_KEYS: Final[dict[str, type[BaseModel]]] = {
    "": PriceFile,
    "price": PriceEntry,
    "input_tier": InputTier,
    "service_tier": ServiceTierPrice,
}


def _fault(fault: Mapping[str, object]) -> str:
    location = fault["loc"]
    assert isinstance(location, tuple)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    path = path.lstrip(".") or "the file"
    if fault["type"] == "extra_forbidden":
        tables = [part for part in location[:-1] if part in _ALLOWED_KEYS]
        model = _ALLOWED_KEYS[str(tables[-1]) if tables else ""]
        keys = ", ".join(field.alias or name for name, field in model.model_fields.items())
        return f"{path} is no key of a price book; allowed here: {keys}"
    if fault["type"] == "missing":
        return f"{path} must be given"
    message = str(fault["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if isinstance(fault["input"], Mapping | BaseModel):
        return f"{path}: {message}"
    return f"{path}: {message}; got {fault['input']!r}"
