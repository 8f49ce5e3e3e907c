"""costsim: rehearse your LLM bill before you launch.

The names below are all that a notebook needs; each is imported on first use, so that
``import costsim`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim import detect, limits, prices, records, report, show, simulation, spend, study
    from costsim.detect import load_suite
    from costsim.limits import load_limits
    from costsim.prices import load_price_book
    from costsim.records import Records, import_records, read_records
    from costsim.simulation import load_scenario, scenario_names, simulate

_HOMES = {
    "Records": "costsim.records",
    "import_records": "costsim.records",
    "load_limits": "costsim.limits",
    "load_price_book": "costsim.prices",
    "load_scenario": "costsim.simulation",
    "load_suite": "costsim.detect",
    "read_records": "costsim.records",
    "scenario_names": "costsim.simulation",
    "simulate": "costsim.simulation",
}
_ROOMS = ("detect", "limits", "prices", "records", "report", "show", "simulation", "spend", "study")

__all__ = [
    "Records",
    "detect",
    "import_records",
    "limits",
    "load_limits",
    "load_price_book",
    "load_scenario",
    "load_suite",
    "prices",
    "read_records",
    "records",
    "report",
    "scenario_names",
    "show",
    "simulate",
    "simulation",
    "spend",
    "study",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        value = import_module(f"costsim.{name}")
    else:
        raise AttributeError(f"module 'costsim' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
