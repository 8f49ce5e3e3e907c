"""Where the data files that come with costsim are found, and which costsim this is."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from costsim.errors import CostsimError

Kind = Literal["prices", "scenarios", "limits", "detectors", "notebooks"]

_PACKAGE: Final = Path(__file__).resolve().parent


def bundled(kind: Kind) -> Path:
    """Return the folder of bundled data files of one kind.

    An installed wheel carries them inside the package (``costsim/_data/<kind>``); a source
    checkout has them beside it (``data/<kind>``). The wheel's place is tried first.

    Parameters
    ----------
    kind : {"prices", "scenarios", "limits", "detectors", "notebooks"}
        Which folder.

    Returns
    -------
    pathlib.Path
        An existing directory.

    Raises
    ------
    CostsimError
        When neither place exists: the installation is incomplete.

    Examples
    --------
    >>> bundled("prices").name
    'prices'
    """
    if kind == "notebooks":
        places = (_PACKAGE / "_notebooks", _PACKAGE.parent / kind)
    else:
        places = (_PACKAGE / "_data" / kind, _PACKAGE.parent / "data" / kind)
    for place in places:
        if place.is_dir():
            return place
    raise CostsimError(
        f"bundled {kind} data must be in one of {', '.join(map(str, places))}; got neither: "
        "reinstall costsim"
    )


def package_version() -> str:
    """Version of the installed package; a bare checkout says so."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("costsim")
    except PackageNotFoundError:
        return "0+checkout"
