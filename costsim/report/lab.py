"""The notebooks in a folder of your own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from costsim.errors import DatasetError, SettingError
from costsim.paths import bundled


@dataclass(frozen=True)
class Copied:
    """Notebooks that were copied, and those that were there already."""

    copied: tuple[str, ...]
    kept: tuple[str, ...]


def copy_notebooks(folder: str | Path) -> Copied:
    """Copy the bundled notebooks; a file that is there is never overwritten.

    Raises
    ------
    DatasetError
        A file is in the way of the folder.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise DatasetError(f"a folder is needed; {target} is a file")
    target.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for source in sorted(bundled("notebooks").glob("[0-9]*.ipynb")):
        if (target / source.name).exists():
            kept.append(source.name)
        else:
            shutil.copyfile(source, target / source.name)
            copied.append(source.name)
    return Copied(tuple(copied), tuple(kept))


def start_lab(folder: str | Path) -> int:
    """Start JupyterLab in a folder and wait for its end.

    Raises
    ------
    SettingError
        JupyterLab is not installed.
    """
    if find_spec("jupyterlab") is None:
        raise SettingError(
            "JupyterLab is not installed; got no jupyterlab: pip install 'costsim[lab]'"
        )
    command = [sys.executable, "-m", "jupyterlab", str(Path(folder) / "00_start_here.ipynb")]
    return subprocess.call(command)
