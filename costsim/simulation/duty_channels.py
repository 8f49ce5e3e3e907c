"""The channels of a run that is being played: what the records will give, bin by bin.

They are those of :func:`costsim.spend.channels`, added up from attempts as they are decided, so
that a detector on duty hears what it would find in the records afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.spend.series import NEW_DAYS, since_first_call, unit_cost
from costsim.spend.user_rise import RISE_DAYS, risen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.admission import Attempts
    from costsim.simulation.loop_tables import LoopTables
    from costsim.spend.planned import Planned

    Floats = NDArray[np.float64]

UNSEEN = np.iinfo(np.int64).max


class HeardBins:
    """Dollars and calls of a run in bins of one width, taken in a day at a time.

    Parameters
    ----------
    tables : LoopTables
    bin_minutes : {5, 15, 30, 60}
        Width of a bin; bins begin on the local hour.
    planned : sequence of Planned
        Campaigns that are taken out, as of a suite.
    """

    def __init__(
        self, tables: LoopTables, bin_minutes: int = 60, planned: Sequence[Planned] = ()
    ) -> None:
        self.bin_us = bin_minutes * 60_000_000
        bins = tables.end_us // self.bin_us
        self._tables = tables
        self._nano = np.zeros((bins, len(tables.features)))
        self._calls = np.zeros_like(self._nano)
        self._tier = np.zeros((bins, max(len(tables.tiers), 1)))
        self._top_user = np.zeros(bins)
        self._new_user = np.zeros(bins)
        self._new_after = NEW_DAYS * 24 * HOUR_US // self.bin_us
        self._new_user[: self._new_after] = np.nan  # everybody is new
        starts = np.asarray(tables.scenario.calendar.day_starts) * HOUR_US // self.bin_us
        self._day = np.searchsorted(starts, np.arange(bins), side="right") - 1
        self._rise = np.where(self._day == 0, np.nan, 0.0)
        self._by_day = np.zeros((self._day[-1] + 1 if bins else 0, len(tables.users)))
        self._first = np.full(len(tables.users), UNSEEN)
        self._scale = _scale(tables, bins, self.bin_us, planned)

    def take(self, heard: Attempts) -> None:
        """Take in a day's attempts, those left out whose records never arrive."""
        if not len(heard):
            return
        at = heard.time_us // self.bin_us
        low, high = int(at[0]), int(at[-1]) + 1
        scale = 1.0 if self._scale is None else self._scale[at, heard.feature]
        nano, ones = heard.total_nano / scale, np.ones(len(heard)) / scale

        def sums(key: NDArray[Any], width: int, what: Floats) -> Floats:
            cell = (at - low) * width + key
            found = np.bincount(cell, what, minlength=(high - low) * width)
            return np.asarray(found.reshape(-1, width), np.float64)

        features = self._nano.shape[1]
        self._nano[low:high] += sums(heard.feature, features, nano)
        self._calls[low:high] += sums(heard.feature, features, ones)
        tier = self._tables.arrays.tier_of[heard.user]
        self._tier[low:high] += sums(tier, self._tier.shape[1], nano)
        by_user = sums(heard.user, len(self._first), nano)
        self._top_user[low:high] = by_user.max(axis=1)
        for day in np.unique(self._day[low:high]):
            before, there = self._by_day[max(day - RISE_DAYS, 0) : day], self._day[low:high] == day
            self._rise[low:high][there], _, self._by_day[day] = risen(
                by_user[there] / 1e9, before, self._by_day[day]
            )
        np.minimum.at(self._first, heard.user, at)
        bins = np.arange(low, high)[:, None]
        new = (self._first >= self._new_after) & (bins < self._first + self._new_after)
        self._new_user[low:high] += np.where(new, by_user, 0.0).max(axis=1)

    def channels(self) -> dict[str, Floats]:
        """Dollars of each channel; of several series, shape (bins, series)."""
        usd, tier = self._nano / 1e9, self._tier / 1e9
        if not self._tables.tiers:  # users of no tier make no series
            tier = np.full_like(tier, np.nan)
        return {
            "total": usd.sum(axis=1),
            "top_user": self._top_user / 1e9,
            "top_feature": usd.max(axis=1),
            "new_user": self._new_user / 1e9,
            "user_rise": self._rise,
            "feature": since_first_call(usd, self._calls),
            "unit_cost": unit_cost(usd, self._calls),
            "tier": since_first_call(tier, tier),
            "calls": self._calls.sum(axis=1),
        }


def _scale(tables: LoopTables, bins: int, bin_us: int, planned: Sequence[Planned]) -> Floats | None:
    """What calls and dollars of each bin and feature are divided by; None for nothing planned."""
    if not planned:
        return None
    calendar = tables.scenario.calendar
    scale = np.ones((bins, len(tables.features)))
    starts = np.arange(bins) * bin_us
    for one in planned:
        low, high = calendar.elapsed_us(one.starts), calendar.elapsed_us(one.ends)
        there = (starts >= low) & (starts < high)
        named = np.array([not one.features or f in one.features for f in tables.features])
        scale[there[:, None] & named] *= one.calls_scale
    return scale
