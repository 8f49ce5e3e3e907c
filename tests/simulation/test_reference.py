"""The reference of scenario files: generated, whole, and the committed page is it."""

from __future__ import annotations

from pathlib import Path

from costsim.simulation import load_scenario, scenario_names
from costsim.simulation.reference import meanings, reference
from costsim.simulation.scenario import Scenario

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scenario.md"


def test_the_committed_page_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8") == reference(), "make docs"


def test_no_key_lacks_a_meaning():
    assert [key for key, meaning in meanings().items() if not meaning] == []


def test_every_key_of_every_bundled_file_is_on_the_page():
    text = reference()
    keys = set()

    def walk(value):
        for name, inner in value.items():
            keys.add(name)
            for part in inner if isinstance(inner, list) else [inner]:
                if isinstance(part, dict):
                    walk(part)

    for name in scenario_names():
        scenario = load_scenario(name)
        walk(scenario.model_dump(exclude_defaults=True))
        named = {*scenario.features, *scenario.profiles, *scenario.incidents, *scenario.surges}
        named |= {*scenario.reactions, *(c for f in scenario.features.values() for c in f.cohorts)}
        keys -= named
        assert f"| `{name}` |" in text
    assert {key for key in keys if f"`{key}`" not in text and f'`"{key}"`' not in text} == set()


def test_types_bounds_defaults_and_units_are_those_of_the_models():
    rows = {}
    section = ""
    for line in reference().splitlines():
        section = line[3:] if line.startswith("## ") else section
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            rows[section, cells[0].strip("`")] = cells[1:]
    assert {key for name, key in rows if name == "Scenario"} == set(Scenario.model_fields)
    assert rows["Scenario", "days"][:4] == ["integer", "**required**", "> 0, ≤ 3,660", "days"]
    assert rows["Effect", "cache_share"][:4] == ["number", "–", "≥ 0, ≤ 1", "share"]
    assert rows["Profile", "hours"][:3] == ["array of number", "**required**", "length 24, ≥ 0"]
    assert rows["Operations", "reaction_minutes"][0] == "number or array of number"
    assert rows["Operations", "reaction_minutes"][2:4] == ["≥ 0, ≤ 20,160", "min"]
    assert rows["Incident", "effect"][0] == "table [Effect](#effect)"
    assert rows["Feature", "first_token_ms"][1:4] == ["`400`", "> 0, ≤ 300,000", "ms"]
