"""Hourly dollars drawn directly, without their calls: for studies of thousands of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.sampling.cube import TOP_USERS, sampled_runs
from costsim.spend.series import NEW_DAYS, since_first_call, unit_cost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.draws import RunSpend
    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HourlySpend:
    """Dollars of several runs, each array of shape ``(runs, hours)``.

    `total`, `top_user` and `top_feature` are what detectors read; `excess` are the dollars that
    the scenario's incidents add. `hour_of_week` (hours,) is local, Monday 00 = 0. `each` has the
    other channels: ``feature`` and ``unit_cost``, of shape ``(runs, hours, features)``,
    ``tier``, of shape ``(runs, hours, tiers)``, and ``new_user``, of shape ``(runs, hours)``.
    """

    total: Floats
    top_user: Floats
    top_feature: Floats
    excess: Floats
    hour_of_week: NDArray[np.int64]
    each: Mapping[str, Floats] = field(default_factory=dict)

    def channel(self, name: str) -> Floats:
        """One of `total`, `top_user`, `top_feature`; or of `each`, its several series last."""
        values: Floats = self.each[name] if name in self.each else getattr(self, name)
        return values


def sample_hourly(scenario: Scenario, seeds: Sequence[int], *, workers: int = 2) -> HourlySpend:
    """Draw the hourly dollars of a scenario for some seeds: the cube as detectors hear it.

    Limits are not in it; what is approximate is said at
    :func:`costsim.simulation.sampling.cube.sample_cube`. The top user of an hour is the dearest of
    32 with the most expected dollars, of as many members of cohorts, and of all members drawn call
    by call; in calm hours, another one may be dearer in truth. The new user is one of those who
    are watched: first calls of the crowd are not told apart.

    Parameters
    ----------
    scenario : Scenario
        At least one day long.
    seeds : sequence of int
        One run each; a run depends on its own seed only.
    workers : int
        Threads; never changes a number.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> spend = sample_hourly(load_scenario("quiet"), seeds=[1, 2])
    >>> spend.total.shape, bool(spend.excess.any())
    ((2, 840), False)
    """
    plan, runs = sampled_runs(scenario, seeds, 60, TOP_USERS, workers)
    found = [_channels(run) for run in runs]
    total, top_user, top_feature, excess, usd, calls, tiers, new = (
        np.stack(part) for part in zip(*found, strict=True)
    )
    each = {
        "feature": since_first_call(usd, calls),
        "unit_cost": unit_cost(usd, calls),
        "tier": since_first_call(tiers, tiers),
        "new_user": new,
    }
    if not scenario.population.tiers:  # users of no tier make no series
        each["tier"] = np.full_like(each["tier"], np.nan)
    return HourlySpend(total, top_user, top_feature, excess, plan.bin_of_week, each)


def _channels(run: RunSpend) -> tuple[Floats, ...]:
    return (
        run.usd.sum(axis=1),
        run.dearest_usd,
        run.usd.max(axis=1),
        run.excess_usd.sum(axis=1),
        run.usd,
        run.calls.astype(float),
        run.tier_usd,
        _new_user(run.user_usd),
    )


def _new_user(user_usd: NDArray[np.float32]) -> Floats:
    """Dearest of the users first seen less than so many days ago, from (hours, users) dollars."""
    hours, new = np.arange(len(user_usd))[:, None], 24 * NEW_DAYS
    seen = user_usd > 0
    first = np.where(seen.any(axis=0), seen.argmax(axis=0), len(user_usd))
    fresh = (first >= new) & (hours >= first) & (hours < first + new)
    found = np.where(fresh, user_usd, 0.0).max(axis=1, initial=0.0).astype(np.float64)
    found[:new] = np.nan
    return np.asarray(found)
