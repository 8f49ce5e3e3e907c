"""A feature added to a scenario file as text: everything the file says already stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

from costsim.errors import SettingError
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.simulation.new_feature import NewFeature, feature_toml
from costsim.toml_writing import toml_value

__all__ = ["NewFeature", "add_feature", "feature_toml"]


def add_feature(
    scenario: str | Path,
    feature: NewFeature,
    *,
    out: str | Path | None = None,
    in_place: bool = False,
) -> Path:
    """Add a feature to a scenario file, or to a bundled scenario in a new file that extends it.

    The tables are appended to the file's text, and nothing is written unless the whole loads.

    Parameters
    ----------
    scenario : str or path
        Bundled name or a TOML file.
    feature : NewFeature
    out : path, optional
        A file that does not exist yet. A bundled scenario goes to ``NAME-FEATURE.toml`` by
        default.
    in_place : bool
        Change the file itself.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    SettingError
        The feature is there already, the target is, or the whole would be no scenario.
    """
    known = load_scenario(scenario)
    bundled = isinstance(scenario, str) and scenario in scenario_names()
    target = _target(scenario, feature.name, out, in_place=in_place, bundled=bundled)
    tables = feature_toml(feature, known)
    if bundled:
        before = (
            f"# {scenario} and a launch: {feature.name}.\n"
            f'extends = "{scenario}"\nname = {toml_value(target.stem)}\n'
        )
    else:
        before = Path(scenario).read_bytes().decode("utf-8")
    _write(target, _appended(before, tables), feature.name)
    return target


def _target(
    scenario: str | Path, name: str, out: str | Path | None, *, in_place: bool, bundled: bool
) -> Path:
    if out is not None and in_place:
        raise SettingError("give out or in_place; got both")
    if in_place:
        if bundled:
            raise SettingError(f"a bundled scenario is not changed in place; got {scenario!r}")
        return Path(scenario)
    if out is None and not bundled:
        raise SettingError("give out, a new file, or in_place; got neither")
    target = Path(out) if out is not None else Path(f"{scenario}-{name}.toml")
    if target.suffix != ".toml":
        raise SettingError(f"out must end in .toml; got {str(target)!r}")
    if target.exists():
        raise SettingError(f"out must be a new file; {target} exists")
    if not target.parent.is_dir():
        raise SettingError(f"out must lie in an existing folder; got {str(target)!r}")
    return target


def _appended(before: str, tables: str) -> str:
    """The file with the tables at its end, in its own line ends."""
    end = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before or before.endswith("\n") else end
    return before + gap + end + tables.replace("\n", end) + end


def _write(target: Path, text: str, name: str) -> None:
    """Write a scenario that loads, or nothing: it is read from beside the target first."""
    partial = target.with_name(f".{target.stem}.partial.toml")
    try:
        partial.write_bytes(text.encode())
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        try:
            added = load_scenario(partial)
        except SettingError as error:
            said = str(error).replace(partial.name, target.name)
            raise SettingError(f"{name} cannot be added; {said}") from None
        if name not in added.features:
            raise SettingError(f"{name} cannot be added; {target.name} takes it out again")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
