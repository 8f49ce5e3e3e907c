"""Runs as detectors hear them that were told of campaigns: the planned part is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from costsim.errors import SettingError
from costsim.simulation.calendar import HOUR_US

if TYPE_CHECKING:
    from costsim.simulation.bin_sampler import BinnedSpend
    from costsim.simulation.scenario import Scenario
    from costsim.spend import Planned


def beside_the_plan(
    scenario: Scenario, spend: BinnedSpend, planned: Sequence[Planned]
) -> BinnedSpend:
    """Dollars and calls over the scale of the campaigns; those of the incident as they are.

    Parameters
    ----------
    scenario : Scenario
        Whose local time the campaigns are in.
    spend : BinnedSpend
    planned : sequence of Planned
        Of all features: what is sampled by tier is not known by feature.

    Raises
    ------
    SettingError
        A campaign of some features, within the scenario's days.
    """
    starts = np.arange(spend.total.shape[1]) * (HOUR_US // spend.per_hour)
    scale = np.ones(len(starts))
    for one in planned:
        begin, end = (scenario.calendar.elapsed_us(at) for at in (one.starts, one.ends))
        there = (starts >= begin) & (starts < end)
        if one.features and there.any():
            raise SettingError(
                "only campaigns of all features can be taken out of runs without calls; got "
                f"{one.describe()}"
            )
        scale[there] *= one.calls_scale
    return spend if (scale == 1.0).all() else spend.divided(scale)
