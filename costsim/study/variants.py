"""Variants: named changes of a scenario or of its limits, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from costsim.errors import SettingError
from costsim.limits import Policy
from costsim.simulation.loading import changed_scenario
from costsim.simulation.run import policy_of
from costsim.simulation.scenario import Scenario

Change = Mapping[str, Any] | Scenario | Policy
"""What differs: keys of a scenario (``limits`` also as a policy), a whole scenario, or a policy."""


class Variant(NamedTuple):
    """What is simulated under a name."""

    name: str
    scenario: Scenario
    limits: Policy | None


def variants_of(scenario: Scenario, changes: Mapping[str, Change]) -> list[Variant]:
    """Each variant as a whole scenario with its limits.

    Parameters
    ----------
    changes : mapping of str to Change
        ``{}`` changes nothing; ``{"limits": None}`` takes away limits that the scenario names.

    Raises
    ------
    SettingError
        No variant, a name that is no folder's, or a change that the scenario does not take.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> changes = {"as it is": {}, "flat": {"limits": "flat-caps"}}
    >>> found = variants_of(load_scenario("quiet"), changes)
    >>> [(one.name, one.limits and one.limits.name) for one in found]
    [('as it is', None), ('flat', 'flat-caps')]
    """
    if not isinstance(changes, Mapping) or not changes:
        raise SettingError(f"variants must be a mapping of names to changes; got {changes!r}")
    return [_variant(scenario, name, change) for name, change in changes.items()]


def _variant(scenario: Scenario, name: str, change: Change) -> Variant:
    if not isinstance(name, str) or not name.isprintable() or not name.strip(" ."):
        raise SettingError(f"a variant's name must be visible text; got {name!r}")
    if set(name) & set('/\\:*?"<>|') or name != name.strip(" ."):
        raise SettingError(f"a variant's name must be able to name a folder; got {name!r}")
    said = f"variant {name!r}"
    if isinstance(change, Scenario):
        scenario, change = change, {}
    elif isinstance(change, Policy):
        change = {"limits": change}
    elif not isinstance(change, Mapping):
        raise SettingError(
            f"{said} must be a dict of changes, a scenario or limits; got {change!r}"
        )
    keys = dict(change)
    wanted: Policy | str | Path | None = keys.pop("limits", scenario.limits)
    if keys:
        scenario = changed_scenario(scenario, keys, source=said)
    if wanted is None:
        scenario = scenario.model_copy(update={"limits": None})
    try:
        return Variant(name, scenario, policy_of(scenario, wanted))
    except SettingError as error:
        raise SettingError(f"{said}: {error}") from None
