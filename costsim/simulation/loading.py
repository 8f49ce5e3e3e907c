"""Scenarios from TOML files, bundled or your own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from costsim.errors import SettingError, UnknownNameError
from costsim.paths import bundled
from costsim.simulation.scenario import Scenario


def scenario_names() -> list[str]:
    """Names of the bundled scenarios."""
    return sorted(path.stem for path in bundled("scenarios").glob("*.toml"))


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
    path = _find(name)
    data = _read(path, ())
    return parse_scenario(data, source=path.name)


def parse_scenario(data: dict[str, Any], *, source: str = "scenario") -> Scenario:
    """Scenario from the mapping that a TOML file holds; errors as :func:`load_scenario`."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors(include_url=False)]
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise SettingError(f"{source}: " + "; ".join(lines[:5]) + more) from None


def _find(name: str | Path) -> Path:
    text = str(name)
    if text.endswith(".toml") or "/" in text or isinstance(name, Path):
        path = Path(name)
        if not path.is_file():
            raise SettingError(f"scenario file does not exist: {path}")
        return path
    path = bundled("scenarios") / f"{text}.toml"
    if not path.is_file():
        raise UnknownNameError("scenario", text, scenario_names())
    return path


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise SettingError(f"{path.name}: extends goes in a circle")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path.name} is not valid TOML: {error}") from error
    base = data.pop("extends", None)
    if base is None:
        return data
    beside = path.parent / f"{base}.toml"
    parent = beside if beside.is_file() else _find(str(base))
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


def _explain(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{path} is required"
    if item["type"] == "extra_forbidden":
        return f"{path} is not a key of the scenario"
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    if reason.startswith("be "):
        reason = f"must {reason}"
    elif path and not reason.startswith("must "):
        reason = f"is wrong: {reason}"
    got = item["input"]
    shown = "" if isinstance(got, dict | BaseModel) else f"; got {got!r}"
    return f"{path} {reason}{shown}".strip()
