"""A notebook's parameters, checked inside the notebook, so that bare papermill is safe too."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from costsim.errors import SettingError, UnknownNameError

# What IPython itself puts into a notebook's names.
_OF_IPYTHON = {"In", "Out", "exit", "quit", "open", "get_ipython"}


def check_parameters(names: Mapping[str, Any], **types: type | tuple[type, ...]) -> None:
    """Refuse parameters that the notebook does not have, and values of the wrong type.

    papermill takes a misspelt ``-p`` silently and runs with the default; called with
    ``globals()`` right after the parameters' cell, this says so instead.

    Parameters
    ----------
    names : mapping
        ``globals()`` of the notebook.
    **types : type or tuple of types
        Name and type of each parameter; ``int`` is fine where ``float`` is asked for.

    Raises
    ------
    UnknownNameError
        A name that is no parameter, with the ones there are.
    SettingError
        A parameter that is missing or of another type.

    Examples
    --------
    >>> check_parameters({"seed": 7, "replicate": 3}, seed=int, replicates=int)
    Traceback (most recent call last):
    costsim.errors.UnknownNameError: parameter must be one of 'seed', 'replicates'; ...
    """
    for name, value in names.items():
        plain = isinstance(value, str | int | float | list | dict | NoneType)
        if plain and not name.startswith("_") and name not in _OF_IPYTHON and name not in types:
            raise UnknownNameError("parameter", name, types)
    for name, wanted in types.items():
        if name not in names:
            raise SettingError(f"parameter {name} is missing")
        value = names[name]
        allowed = wanted if isinstance(wanted, tuple) else (wanted,)
        if float in allowed:
            allowed = (*allowed, int)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            said = " or ".join(t.__name__ for t in allowed)
            raise SettingError(f"parameter {name} must be {said}; got {value!r}")
