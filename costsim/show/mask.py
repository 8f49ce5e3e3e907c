"""User ids as stable pseudonyms, so that a page can be forwarded."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

from costsim.errors import SettingError
from costsim.show.formats import is_unknown

NO_USER = "(no user id)"


def mask_user(user_id: Any, *, salt: str = "", digits: int = 6) -> str:
    """A short pseudonym of one user id; the same id gives the same name in every report.

    Parameters
    ----------
    user_id : str or None
        An unknown id stays ``(no user id)``.
    salt : str
        Secret key of the pseudonyms. Without one, whoever can guess an id can confirm the guess.
    digits : int
        Hexadecimal digits shown, 4 to 64. Six keep 5,000 users apart with even odds and 500 with
        99%; :func:`mask_users` lengthens them until a whole column is distinct.

    Examples
    --------
    >>> mask_user("alice@example.com") == mask_user("alice@example.com")
    True
    >>> mask_user(None)
    '(no user id)'
    """
    if not 4 <= digits <= 64:
        raise SettingError(f"digits must be 4 to 64; got {digits!r}")
    if is_unknown(user_id):
        return NO_USER
    raw = str(user_id).encode("utf-8", "surrogatepass")
    if salt:
        digest = hmac.new(salt.encode(), raw, hashlib.sha256).hexdigest()
    else:
        digest = hashlib.sha256(raw).hexdigest()
    return f"user-{digest[:digits]}"


def mask_users(user_ids: Iterable[Any], *, salt: str = "") -> list[str]:
    """Pseudonyms of a column, of one length, in which no two ids share a name.

    Examples
    --------
    >>> mask_users(["ann", None, "ann"])[1]
    '(no user id)'
    """
    column = list(user_ids)
    known = {str(one) for one in column if not is_unknown(one)}
    for digits in (6, 8, 12, 16, 64):
        names = {one: mask_user(one, salt=salt, digits=digits) for one in known}
        if len(set(names.values())) == len(known):
            break
    return [NO_USER if is_unknown(one) else names[str(one)] for one in column]
