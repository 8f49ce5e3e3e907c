"""What a scenario is made of: the keys of its TOML file, one file a group."""

from costsim.simulation.settings.answers import Cache, Errors
from costsim.simulation.settings.base import Settings
from costsim.simulation.settings.features import Feature
from costsim.simulation.settings.happenings import (
    Effect,
    Holiday,
    Incident,
    Note,
    PriceChange,
    Surge,
    Week,
)
from costsim.simulation.settings.operations import Layers, Operations, ProviderLimit
from costsim.simulation.settings.people import (
    Activity,
    Cohort,
    FirstUse,
    Population,
    Profile,
    Sessions,
    Tier,
)
from costsim.simulation.settings.reactions import ARCHETYPES, Reaction

__all__ = [
    "ARCHETYPES",
    "Activity",
    "Cache",
    "Cohort",
    "Effect",
    "Errors",
    "Feature",
    "FirstUse",
    "Holiday",
    "Incident",
    "Layers",
    "Note",
    "Operations",
    "Population",
    "PriceChange",
    "Profile",
    "ProviderLimit",
    "Reaction",
    "Sessions",
    "Settings",
    "Surge",
    "Tier",
    "Week",
]
