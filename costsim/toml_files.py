"""Settings from TOML files, bundled or one's own: found, read, and their faults in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError, UnknownNameError
from costsim.paths import Kind, bundled

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_FAULTS = 5


def file_names(kind: Kind) -> list[str]:
    """Names of the bundled files of a kind."""
    return sorted(path.stem for path in bundled(kind).glob("*.toml"))


def find_file(name: str | Path, kind: Kind, what: str) -> Path:
    """Path of a bundled file by name, or of a file of one's own.

    Raises
    ------
    SettingError
        The file does not exist, or no bundled one has the name.
    """
    text = str(name)
    if text.endswith(".toml") or "/" in text or isinstance(name, Path):
        path = Path(name)
        if not path.is_file():
            raise SettingError(f"{what} file does not exist: {path}")
        return path
    path = bundled(kind) / f"{text}.toml"
    if not path.is_file():
        raise UnknownNameError(what, text, file_names(kind))
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """The mapping that a TOML file holds."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path.name} is not valid TOML: {error}") from error


def explain(error: ValidationError, *, source: str, what: str) -> str:
    """The faults of a settings file in one line: path of the key, what is allowed, what was got.

    Parameters
    ----------
    source : str
        Name of the file.
    what : str
        What the file is, such as ``"a limits file"``.
    """
    lines = [_explain(item, what) for item in error.errors(include_url=False)]
    more = f"; and {len(lines) - MOST_FAULTS} more" if len(lines) > MOST_FAULTS else ""
    return f"{source}: " + "; ".join(lines[:MOST_FAULTS]) + more


def _explain(item: Any, what: str) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{path} is required"
    if item["type"] == "extra_forbidden":
        return f"{path} is not a key of {what}"
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    if reason.startswith("be "):
        reason = f"must {reason}"
    elif path and not reason.startswith("must "):
        reason = f"is wrong: {reason}"
    got = item["input"]
    plain = isinstance(got, str | int | float | list | tuple) or got is None
    return f"{path} {reason}{f'; got {got!r}' if plain else ''}".strip()
