"""What comes into a ledger, checked before anything is done with it."""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import SettingError

if TYPE_CHECKING:
    from costsim.limits.accounts import Scopes

LONGEST_ID = 512
LARGEST = 2**53


def checked_id(value: object, name: str) -> str:
    """An id in Unicode's composed form.

    Raises
    ------
    SettingError
        It is no text, empty, too long, or holds a control character.

    Examples
    --------
    >>> checked_id("alice", "user")
    'alice'
    """
    if not isinstance(value, str):
        raise SettingError(f"{name} must be text; got {value!r}")
    if value.isascii() and value.isprintable() and 0 < len(value) <= LONGEST_ID:
        return value
    text = unicodedata.normalize("NFC", value)
    if not 0 < len(text) <= LONGEST_ID:
        raise SettingError(f"{name} must have 1 to {LONGEST_ID} characters; got {len(text)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise SettingError(f"{name} must not hold control characters; got {value!r}")
    return text


def checked_scopes(scopes: Scopes) -> Scopes:
    """Scopes whose names are checked ids."""
    try:
        return _checked_scopes(scopes)
    except TypeError:
        raise SettingError(f"scopes must be Scopes(user, tier, feature); got {scopes!r}") from None


@lru_cache(maxsize=65_536)  # the same users call again and again
def _checked_scopes(scopes: Scopes) -> Scopes:
    if not isinstance(scopes, tuple) or len(scopes) != 3:
        raise SettingError(f"scopes must be Scopes(user, tier, feature); got {scopes!r}")
    user, tier, feature = scopes
    return type(scopes)(
        None if user is None else checked_id(user, "user"),
        None if tier is None else checked_id(tier, "tier"),
        None if feature is None else checked_id(feature, "feature"),
    )


def checked_file(path: object, name: str) -> Path:
    """A path of a file that may be written, or need not be there yet; its folder must.

    Raises
    ------
    SettingError
        It is no path, its folder does not exist, or it is a folder itself.
    """
    if not isinstance(path, str | os.PathLike):
        raise SettingError(f"{name} must be a path; got {path!r}")
    found = Path(path)
    if not found.absolute().parent.is_dir():
        raise SettingError(f"{name}: folder does not exist: {found.parent}")
    if found.is_dir():
        raise SettingError(f"{name} must be a file; {found} is a folder")
    return found


def checked_amount(value: object, name: str) -> int:
    """A whole amount from 0 to 2**53.

    Raises
    ------
    SettingError
        It is no whole number (a bool or a float is none), negative, or too large.
    """
    if type(value) is int and 0 <= value <= LARGEST:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"{name} must be a whole number; got {value!r}")
    if not 0 <= value <= LARGEST:
        raise SettingError(f"{name} must be from 0 to {LARGEST}; got {value}")
    return value
