"""Is everything here that costsim needs?"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from costsim.errors import CostsimError
from costsim.paths import bundled

LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "duckdb", "narwhals", "pydantic", "pandera", "genai-prices"),
    *("simpy", "scipy", "statsmodels", "matplotlib", "papermill", "nbconvert", "ipykernel"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")


@dataclass(frozen=True)
class Check:
    """One thing looked at; `ok` is None for what is optional and absent."""

    name: str
    ok: bool | None
    detail: str


def checks() -> list[Check]:
    """Look at everything; nothing is changed."""
    python = sys.version.split()[0]
    found = [Check("Python", sys.version_info >= (3, 11), f"{python} (3.11 or newer)")]
    found += [_library(name) for name in LIBRARIES]
    found += [
        _try("price book", _prices),
        _try("scenarios", _scenarios),
        _try("notebooks", _notebooks),
        _try("time zones", _zones),
        _try("Jupyter kernel", _kernel),
    ]
    cores = os.cpu_count() or 1
    found.append(Check("cores", True, f"{cores}; --workers {cores} uses all"))
    lab = _library("jupyterlab")
    found.append(lab if lab.ok else Check("jupyterlab", None, "pip install 'costsim[lab]'"))
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    detail = browser or "not found; pages open in any browser of yours"
    found.append(Check("browser", True if browser else None, detail))
    return found


def _library(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed")


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (CostsimError, ImportError, OSError, KeyError) as error:
        return Check(name, False, " ".join(str(error).split())[:160])


def _prices() -> str:
    from costsim.prices import load_price_book

    return repr(load_price_book("current"))


def _scenarios() -> str:
    from costsim.simulation import load_scenario, scenario_names

    return ", ".join(load_scenario(name).name for name in scenario_names())


def _notebooks() -> str:
    names = sorted(path.stem for path in bundled("notebooks").glob("*.ipynb"))
    if not names:
        raise CostsimError("no notebook is bundled: reinstall costsim")
    return ", ".join(names)


def _zones() -> str:
    from zoneinfo import ZoneInfo, available_timezones

    ZoneInfo("America/New_York")
    return f"{len(available_timezones())} IANA zones"


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        return str(KernelSpecManager().get_kernel_spec("python3").resource_dir)
    except NoSuchKernel as error:
        raise CostsimError("no python3 kernel: python -m ipykernel install --user") from error
