"""How results show themselves: figures, cards, tables, and numbers as text.

``figures`` is the only place that draws, ``cards`` says verdicts under a SIMULATED, REAL or
ESTIMATED ribbon, ``tables`` sets frames, ``formats`` writes numbers, ``mask`` hides users. They
know frames, not who made them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.show import figures
    from costsim.show.cards import Card, Ribbon
    from costsim.show.mask import mask_user, mask_users
    from costsim.show.shown_table import Table
    from costsim.show.tables import table_html, table_text

_HOMES = {
    "Card": "cards",
    "Ribbon": "cards",
    "Table": "shown_table",
    "mask_user": "mask",
    "mask_users": "mask",
    "table_html": "tables",
    "table_text": "tables",
}

__all__ = [
    "Card",
    "Ribbon",
    "Table",
    "figures",
    "mask_user",
    "mask_users",
    "table_html",
    "table_text",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return import_module("costsim.show.figures")
    if name in _HOMES:
        return getattr(import_module(f"costsim.show.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'costsim.show' has no attribute {name!r}")
