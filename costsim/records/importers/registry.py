"""All foreign formats, by name. A new one is a file in this folder that registers one object."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from costsim.errors import UnknownNameError

if TYPE_CHECKING:
    from costsim.records.importers.draft import Draft


@dataclass(frozen=True)
class Column:
    """A field of the record and the names that a format has for it, the surest first."""

    ours: str
    theirs: tuple[str, ...]
    unit: str = ""
    required: bool = False


@dataclass(frozen=True)
class Importer:
    """How one foreign format becomes records.

    Parameters
    ----------
    name : str
        What ``costsim import`` calls it.
    about : str
        One line: what writes such files.
    columns : tuple of Column
        Plain translations. Those whose column is absent stay null.
    reads : tuple of str
        Further columns that `refine` looks at.
    private : mapping of str to str
        Columns that are never read, and why.
    constants : mapping of str to str
        What holds for every row of this format.
    refine : callable, optional
        Works out what a plain translation cannot; changes the draft, refuses rows.
    needs_start : bool
        Times count from an unnamed day: the caller must say which.
    times_are_utc : bool
        The format's definition says so of times that carry no zone.
    any_columns : bool
        The format has no names of its own: the map is given or guessed.

    Examples
    --------
    >>> importer("azure").name
    'azure'
    """

    name: str
    about: str
    columns: tuple[Column, ...] = ()
    reads: tuple[str, ...] = ()
    private: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    refine: Callable[[Draft], None] | None = None
    needs_start: bool = False
    any_columns: bool = False
    times_are_utc: bool = False

    def fits(self, found: Sequence[str]) -> bool:
        """Whether a file with these columns looks like this format."""
        required = [column.theirs for column in self.columns if column.required]
        return bool(required) and all(any(name in found for name in one) for one in required)


_REGISTERED: dict[str, Importer] = {}


def register(importer: Importer) -> Importer:
    """Add a format.

    Raises
    ------
    ValueError
        Its name is taken.
    """
    if importer.name in _REGISTERED:
        raise ValueError(f"importer {importer.name!r} is registered twice")
    _REGISTERED[importer.name] = importer
    return importer


@cache
def _load_all() -> None:
    package = __package__ or ""
    for module in pkgutil.iter_modules(import_module(package).__path__):
        if not module.ispkg:
            import_module(f"{package}.{module.name}")


def importers() -> dict[str, Importer]:
    """Every registered format, by name.

    Examples
    --------
    >>> {"azure", "burstgpt", "generic", "litellm"} <= set(importers())
    True
    """
    _load_all()
    return dict(sorted(_REGISTERED.items()))


def importer(name: str) -> Importer:
    """A format by its name.

    Raises
    ------
    UnknownNameError
        There is none of that name.
    """
    known = importers()
    if name not in known:
        raise UnknownNameError("format", name, known)
    return known[name]
