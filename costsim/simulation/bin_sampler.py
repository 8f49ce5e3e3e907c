"""Dollars by hour or finer bin drawn directly, without their calls: for studies of many runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from costsim.simulation.sampling.cube import TOP_USERS, sampled_runs
from costsim.simulation.sampling.plan import Minutes
from costsim.spend.bins import checked_minutes
from costsim.spend.series import NEW_DAYS, since_first_call, unit_cost
from costsim.spend.user_rise import user_rise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.sampling.draws import RunSpend
    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BinnedSpend:
    """Dollars of several runs, each array of shape ``(runs, bins)``.

    `total`, `top_user` and `top_feature` are what detectors read; `excess` are the dollars that
    the scenario's incidents add. `hour_of_week` (bins,) is local, Monday 00 = 0. `each` has the
    other channels: ``calls``, ``new_user`` and ``user_rise``; and of several series, ``feature``
    and ``unit_cost``, of shape ``(runs, bins, features)``, and ``tier``, of shape ``(runs, bins,
    tiers)``. Bins are hours, or `bin_minutes` long.
    """

    total: Floats
    top_user: Floats
    top_feature: Floats
    excess: Floats
    hour_of_week: NDArray[np.int64]
    each: Mapping[str, Floats] = field(default_factory=dict)
    bin_minutes: int = 60

    @property
    def per_hour(self) -> int:
        """Bins in an hour."""
        return 60 // self.bin_minutes

    def channel(self, name: str) -> Floats:
        """One of `total`, `top_user`, `top_feature`; or of `each`, its several series last.

        ``feature:2`` is the third feature's series alone.
        """
        name, _, one = name.partition(":")
        values: Floats = self.each[name] if name in self.each else getattr(self, name)
        return values[:, :, int(one)] if one else values

    def runs(self, picked: NDArray[np.int64]) -> BinnedSpend:
        """Some of the runs, in the order in which their numbers are given."""
        plain = ("total", "top_user", "top_feature", "excess")
        values: dict[str, Any] = {name: getattr(self, name)[picked] for name in plain}
        each = {name: found[picked] for name, found in self.each.items()}
        return replace(self, **values, each=each)

    def divided(self, scale: Floats) -> BinnedSpend:
        """Dollars and calls of each bin over a scale, shape (bins,).

        The price of a call stays, and what the incident costs. A user's rise is divided as if the
        days before had none of it.
        """
        each = {
            name: values if name == "unit_cost" else values / _along(scale, values)
            for name, values in self.each.items()
        }
        plain = ("total", "top_user", "top_feature")
        values: dict[str, Any] = {name: getattr(self, name) / scale for name in plain}
        return replace(self, **values, each=each)

    @classmethod
    def joined(cls, parts: Sequence[BinnedSpend]) -> BinnedSpend:
        """Runs of several scenarios over the same hours, one after another.

        Where one has more series than another in a channel of `each`, the other's are missing.
        """

        def wide(values: Floats, width: int) -> Floats:
            if values.ndim == 2:
                return values
            gap = width - values.shape[2]
            return np.pad(values, ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)

        first = parts[0]
        if len(parts) == 1:
            return first
        each = {}
        for name in first.each:
            width = max(part.each[name].shape[-1] for part in parts)
            each[name] = np.concatenate([wide(part.each[name], width) for part in parts])
        plain = ("total", "top_user", "top_feature", "excess")
        values: dict[str, Any] = {
            name: np.concatenate([getattr(p, name) for p in parts]) for name in plain
        }
        return replace(first, **values, each=each)


def _along(scale: Floats, values: Floats) -> Floats:
    """A scale by bin, to go with values that may have several series."""
    return scale if values.ndim == 2 else scale[:, None]


def sample_bins(
    scenario: Scenario, seeds: Sequence[int], *, bin_minutes: int = 60, workers: int = 2
) -> BinnedSpend:
    """Draw the dollars of a scenario by hour, or finer, for some seeds: as detectors hear them.

    Limits are not in it; what is approximate is said at
    :func:`costsim.simulation.sampling.cube.sample_cube`. The top user of a bin is the dearest of
    32 with the most expected dollars, of as many members of cohorts, and of all members drawn call
    by call; in calm bins, another one may be dearer in truth. The new user is one of those who
    are watched: first calls of the crowd are not told apart.

    Parameters
    ----------
    scenario : Scenario
        At least one day long.
    seeds : sequence of int
        One run each; a run depends on its own seed only.
    bin_minutes : {5, 15, 30, 60}
        Length of a bin. Runs of one seed at two lengths have the same users and noise, and other
        calls: the finer one does not add up to the coarser.
    workers : int
        Threads; never changes a number.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> spend = sample_bins(load_scenario("quiet"), seeds=[1, 2])
    >>> spend.total.shape, bool(spend.excess.any())
    ((2, 840), False)
    """
    checked_minutes(bin_minutes)
    plan, runs = sampled_runs(scenario, seeds, cast(Minutes, bin_minutes), TOP_USERS, workers)
    day = np.cumsum(np.diff(plan.bin_of_week // plan.per_hour // 24, prepend=0) != 0)
    found = [_channels(run, plan.per_hour, day) for run in runs]
    total, top_user, top_feature, excess, usd, calls, tiers, new, rise = (
        np.stack(part) for part in zip(*found, strict=True)
    )
    each = {
        "feature": since_first_call(usd, calls),
        "unit_cost": unit_cost(usd, calls),
        "tier": since_first_call(tiers, tiers),
        "new_user": new,
        "user_rise": rise,
        "calls": calls.sum(axis=2),
    }
    if not scenario.population.tiers:  # users of no tier make no series
        each["tier"] = np.full_like(each["tier"], np.nan)
    hours = plan.bin_of_week // plan.per_hour
    return BinnedSpend(total, top_user, top_feature, excess, hours, each, bin_minutes)


def _channels(run: RunSpend, per_hour: int, day: NDArray[np.int64]) -> tuple[Floats, ...]:
    return (
        run.usd.sum(axis=1),
        run.dearest_usd,
        run.usd.max(axis=1),
        run.excess_usd.sum(axis=1),
        run.usd,
        run.calls.astype(float),
        run.tier_usd,
        _new_user(run.user_usd, per_hour),
        user_rise(run.user_usd, day)[0],
    )


def _new_user(user_usd: NDArray[np.float32], per_hour: int) -> Floats:
    """Dearest of the users first seen less than so many days ago, from (bins, users) dollars."""
    bins, new = np.arange(len(user_usd))[:, None], 24 * NEW_DAYS * per_hour
    seen = user_usd > 0
    first = np.where(seen.any(axis=0), seen.argmax(axis=0), len(user_usd))
    fresh = (first >= new) & (bins >= first) & (bins < first + new)
    found = np.where(fresh, user_usd, 0.0).max(axis=1, initial=0.0).astype(np.float64)
    found[:new] = np.nan
    return np.asarray(found)
