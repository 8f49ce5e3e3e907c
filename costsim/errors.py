"""What can go wrong, as one tree; each error also is the nearest builtin.

::

    CostsimError
    ├── SettingError (ValueError)      a setting, argument or scenario key is not allowed
    │   └── UnknownNameError           a name that is not among the bundled or registered ones
    ├── DataError (ValueError)         rows or files that cannot be read as what they claim to be
    │   └── ImportRejected             --strict, and at least one row was refused
    ├── DatasetError (OSError)         a folder is no committed dataset, or is in the way
    ├── AlertError (OSError)           an alert was not delivered
    ├── LedgerError (ValueError)       a call id that is not known, or was used for another call
    ├── PriceError (LookupError)       a model has no price where one is required
    └── ReportError (RuntimeError)     a notebook failed; nothing was published
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CostsimError(Exception):
    """Base of every error that costsim raises on purpose; the message is one clear line."""


class SettingError(CostsimError, ValueError):
    """A setting, argument or scenario key is not allowed."""


class UnknownNameError(SettingError):
    """A name that is not among the bundled or registered ones.

    Examples
    --------
    >>> print(UnknownNameError("scenario", "quite", ["quiet", "surprise-40k"]))
    scenario must be one of 'quiet', 'surprise-40k'; got 'quite' (did you mean 'quiet'?)
    """

    def __init__(self, what: str, got: object, allowed: Iterable[str]) -> None:
        names = list(allowed)
        self._made_of = (what, got, names)
        close = get_close_matches(str(got), names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        listed = ", ".join(repr(name) for name in names)
        super().__init__(f"{what} must be one of {listed}; got {got!r}{hint}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, object, list[str]]]:
        return type(self), self._made_of  # exceptions pickle their message, which is not enough


class DataError(CostsimError, ValueError):
    """Rows or files that cannot be read as what they claim to be."""


class ImportRejected(DataError):
    """A strict import met at least one row that it had to refuse; nothing was written."""


class DatasetError(CostsimError, OSError):
    """A folder is no committed dataset, or something else is in the way."""


class AlertError(CostsimError, OSError):
    """An alert was not delivered; it counts as not told."""


class LedgerError(CostsimError, ValueError):
    """A call id that a ledger does not know, or that was used for another call."""


class PriceError(CostsimError, LookupError):
    """A model has no price where one is required."""


class ReportError(CostsimError, RuntimeError):
    """A notebook failed; nothing was published."""
