"""Variants: what one feature's calls have in common while nothing changes for them."""

from __future__ import annotations

from typing import NamedTuple

from costsim.simulation.routes import Route


class Variant(NamedTuple):
    """How the calls of a feature are made in some stretch of time.

    `incident` names what added or changed them; `silent` calls leave no record, `absent` ones
    were never made and are known to the truth only.
    """

    route: Route
    error_rate: float
    billed: str
    prompt_version: str
    incident: str | None = None
    silent: bool = False
    absent: bool = False
