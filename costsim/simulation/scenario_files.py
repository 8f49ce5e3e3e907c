"""Scenario files as they lie there: their text, and what each is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.toml_files import find_file


def scenario_text(scenario: str | Path) -> str:
    """The TOML of a bundled scenario or of a file, word for word.

    Raises
    ------
    SettingError
        There is none, or it is no scenario.

    Examples
    --------
    >>> "extends" in scenario_text("surprise-40k-multipass")
    True
    """
    path = find_file(scenario, "scenarios", "scenario")
    load_scenario(path)
    return path.read_text(encoding="utf-8")


def scenario_list() -> list[dict[str, Any]]:
    """What each bundled scenario is about: name, title, start, days, prices, features, incidents.

    Examples
    --------
    >>> scenario_list()[-1]["name"]
    'surprise-40k-multipass'
    """
    return [_facts(name) for name in scenario_names()]


def _facts(name: str) -> dict[str, Any]:
    try:
        scenario = load_scenario(name)
    except SettingError as error:  # one bad file must not hide the others
        return {"name": name, "title": f"does not load: {error}"}
    return {
        "name": name,
        "title": scenario.title,
        "start": scenario.start,
        "days": scenario.days,
        "prices": scenario.price_book,
        "features": len(scenario.features),
        "incidents": len(scenario.incidents),
    }
