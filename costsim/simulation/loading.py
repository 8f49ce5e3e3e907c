"""Scenarios from TOML files, bundled or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from costsim.errors import SettingError
from costsim.simulation.consistency import check_prices
from costsim.simulation.scenario import Scenario
from costsim.toml_files import explain, file_names, find_file, read_toml


def scenario_names() -> list[str]:
    """Names of the bundled scenarios."""
    return file_names("scenarios")


def load_scenario(name: str | Path) -> Scenario:
    """Scenario by bundled name or path of a TOML file.

    A file may say ``extends = "other"`` and give only what differs; tables are merged key by
    key, and the key's value ``"none"`` under `features` or `incidents` takes an entry out.

    Raises
    ------
    SettingError
        Path of the key, what was got, what is allowed; up to five at once.

    Examples
    --------
    >>> load_scenario("surprise-40k").monthly_budget_usd
    55000.0
    """
    path = find_file(name, "scenarios", "scenario")
    data = _read(path, ())
    return parse_scenario(data, source=path.name)


def parse_scenario(data: dict[str, Any], *, source: str = "scenario") -> Scenario:
    """Scenario from the mapping that a TOML file holds; errors as :func:`load_scenario`."""
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise SettingError(explain(error, source=source, what="the scenario")) from None
    check_prices(scenario)
    return scenario


def changed_scenario(
    scenario: Scenario, changes: dict[str, Any], *, source: str = "changes"
) -> Scenario:
    """A scenario with some keys changed, as a file that extends it would change them.

    Parameters
    ----------
    changes : dict
        Tables are merged key by key; ``"none"`` in place of a table takes the entry out.
    source : str
        What errors call the changes.

    Raises
    ------
    SettingError
        As :func:`load_scenario`.

    Examples
    --------
    >>> scenario = load_scenario("quiet")
    >>> busier = changed_scenario(scenario, {"features": {"summarise": {"calls_per_week": 3e5}}})
    >>> busier.features["summarise"].calls_per_week, busier.features["email_draft"].calls_per_week
    (300000.0, 80000.0)
    """
    stated = scenario.model_dump(mode="json", exclude_defaults=True)
    return parse_scenario(_merge(stated, changes), source=source)


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise SettingError(f"{path.name}: extends goes in a circle")
    data = read_toml(path)
    base = data.pop("extends", None)
    if base is None:
        return data
    beside = path.parent / f"{base}.toml"
    parent = beside if beside.is_file() else find_file(str(base), "scenarios", "scenario")
    return _merge(_read(parent, (*seen, path)), data)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        if value == "none" and isinstance(base.get(key), dict):
            merged.pop(key)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merge(base[key], value)
        else:
            merged[key] = value
    return merged
