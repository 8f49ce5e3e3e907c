"""A column map: which foreign column becomes which field, in which unit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costsim.errors import SettingError, UnknownNameError
from costsim.records.importers.values.numbers import MONEY, SPANS, unit_of
from costsim.records.importers.values.times import declared
from costsim.records.schema import BY_NAME

# Made by the import itself; a log cannot say them.
OWN = ("source", "price_book", "priced_at", "ingested_at", "input_cost_nano", "output_cost_nano",
       "total_cost_nano")  # fmt: skip
MAPPABLE = tuple(name for name in BY_NAME if name not in OWN)
_SPAN_FIELDS = ("latency_ms", "time_to_first_token_ms")


@dataclass(frozen=True)
class Use:
    """One foreign column and what it is taken for.

    Parameters
    ----------
    ours : str
        Field of the record.
    theirs : str
        The column's name; dots lead into JSON.
    unit : str
        ``usd cents nano`` for money, ``s ms us`` for spans, see `times.declared` for times.
    confidence : float
        1 when declared or the name is the record's own; less when guessed.
    why : str
        What a guess rests on.
    example : str
        One value, made safe to print.
    """

    ours: str
    theirs: str
    unit: str = ""
    confidence: float = 1.0
    why: str = ""
    example: str = ""

    def __str__(self) -> str:
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.ours}={self.theirs}{unit}"


@dataclass(frozen=True)
class ColumnMap:
    """A whole map, with constants for what the file does not say.

    Examples
    --------
    >>> read_map("model=deployment,latency_s=took").uses[1]
    Use(ours='latency_ms', theirs='took', unit='s', confidence=1.0, why='', example='')
    """

    uses: tuple[Use, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)


def read_map(given: str | Path | Mapping[str, Any] | None) -> ColumnMap:
    """A map from ``ours=theirs,...``, a dict, or a TOML file.

    Parameters
    ----------
    given : str, Path or mapping
        A dict is ours to theirs, or has the tables of the file: ``[columns]``, ``[constants]``,
        ``[units]``. A name of ours may end in its unit: ``billed_cost_usd``, ``latency_s``.

    Raises
    ------
    SettingError
        A name is no field, appears twice, or the file is no TOML.
    """
    if given is None:
        return ColumnMap()
    tables = _tables(given)
    units = dict(tables.get("units", {}))
    uses: dict[str, Use] = {}
    for name, theirs in tables.get("columns", {}).items():
        ours, unit = field_and_unit(name)
        if not isinstance(theirs, str) or not theirs:
            raise SettingError(f"column of {name} must be a name; got {theirs!r}")
        if ours in uses:
            raise SettingError(f"{ours} must be mapped once; got {uses[ours].theirs} and {theirs}")
        said = units.pop(name, units.pop(ours, unit))
        uses[ours] = Use(ours, theirs, checked_unit(ours, str(said)))
    if units:
        raise SettingError(f"units must be of mapped columns; {next(iter(units))!r} is none")
    constants = {}
    for name, value in tables.get("constants", {}).items():
        ours, _ = field_and_unit(name)
        if BY_NAME[ours].kind != "name":
            raise SettingError(f"constants must be names such as model or provider; got {name}")
        constants[ours] = str(value)
    return ColumnMap(tuple(uses.values()), constants)


def _tables(given: str | Path | Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if isinstance(given, Mapping):
        content = dict(given)
    elif isinstance(given, str) and "=" in given:
        pairs = [pair.partition("=") for pair in given.split(",") if pair.strip()]
        names = [ours.strip() for ours, _, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"map must name each field once; {name} is twice")
        content = {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
    else:
        path = Path(given)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingError(
                f"map must be ours=theirs,... or a TOML file; {str(given)!r} is neither"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path.name} must be valid TOML; {error}") from error
    tables = ("columns", "constants", "units")
    if any(isinstance(value, Mapping) for value in content.values()):
        for name, value in content.items():
            if name not in tables:
                raise UnknownNameError("table of a map", name, tables)
            if not isinstance(value, Mapping):
                raise SettingError(f"{name} of a map must be a table; got {value!r}")
        return {name: dict(value) for name, value in content.items()}
    return {"columns": content}


def field_and_unit(name: str) -> tuple[str, str]:
    """The record's field behind a name of ours, and the unit that the name ends in.

    Examples
    --------
    >>> field_and_unit("billed_cost_usd"), field_and_unit("model")
    (('billed_cost_nano', 'usd'), ('model', ''))
    """
    alias = {"feature": "feature_name", "user": "user_id", "tier": "user_tier"}.get(name, name)
    if alias in MAPPABLE and BY_NAME[alias].kind not in ("nano",):
        return alias, "ms" if alias in _SPAN_FIELDS else ""
    for money in ("billed_cost", "other_cost"):
        if name == money:
            return f"{money}_nano", "usd"
        for unit in MONEY:
            if name == f"{money}_{unit}":
                return f"{money}_nano", unit
    for span in _SPAN_FIELDS:
        for unit in SPANS:
            if name in (span.removesuffix("_ms") + f"_{unit}", span.removesuffix("_ms")):
                return span, unit
    raise UnknownNameError("field of a map", name, [n.replace("_nano", "_usd") for n in MAPPABLE])


def checked_unit(ours: str, unit: str) -> str:
    """The unit of a field, by name; see :class:`Use`.

    Raises
    ------
    SettingError
        The field has no such unit.
    """
    kind = BY_NAME[ours].kind
    if kind == "nano":
        return unit_of(ours, unit or "usd", MONEY)
    if ours in _SPAN_FIELDS:
        return unit_of(ours, unit or "ms", SPANS)
    if kind == "time" and unit:
        return declared(unit, ours).unit
    if unit:
        raise SettingError(f"{ours} must be mapped without a unit; got {unit!r}")
    return ""
