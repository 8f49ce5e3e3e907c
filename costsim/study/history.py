"""Ordinary life drawn from one's own records: their weeks, in other orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.detect.hours import HOURS_IN_WEEK, hour_of_week
from costsim.errors import DataError
from costsim.simulation.bin_sampler import BinnedSpend
from costsim.spend.series import channels
from costsim.study.quiet import TRAINING_DAYS, WATCH_DAYS, WATCHES, Quiet

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.records.dataset import Records

    Floats = NDArray[np.float64]

SINGLE: Final = ("total", "top_user", "top_feature", "new_user", "user_rise", "calls")
SEVERAL: Final = ("feature", "unit_cost", "tier")
LEAST_WEEKS: Final = 2


def history_weeks(
    records: Records,
    *,
    leave_out: Sequence[tuple[datetime, datetime]] = (),
    bin_minutes: int = 60,
) -> dict[str, Floats]:
    """Complete local weeks of some records, by channel.

    Parameters
    ----------
    records : Records
    leave_out : sequence of (start, end)
        Aware times of what was no ordinary life, such as a known incident; weeks that they touch
        are left out.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin.

    Returns
    -------
    dict of str to ndarray
        ``total``, ``top_user``, ``top_feature``, ``new_user``, ``user_rise`` and ``calls`` of
        shape (weeks, bins of a week), ``feature`` and ``unit_cost`` of shape (weeks, bins of a
        week, features), and ``tier`` likewise, one series that is missing where users have none.
        An hour that a change of the clocks skips is missing; of one that comes twice the first is
        taken.

    Raises
    ------
    DataError
        Fewer than two such weeks.
    """
    import pandas as pd

    heard, per_hour = channels(records, bin_minutes), 60 // bin_minutes
    index = pd.DatetimeIndex(heard.total.index)
    span = records.period
    assert span is not None
    week_hour = hour_of_week(index, records.time_zone)
    local = index.tz_convert(records.time_zone).tz_localize(None)
    monday = (local - pd.to_timedelta(week_hour, unit="h")).floor("D")
    width = pd.Timedelta(minutes=bin_minutes)
    whole = (index >= pd.Timestamp(span[0])) & (index + width <= pd.Timestamp(span[1]))
    for start, end in leave_out:
        touched = (index >= pd.Timestamp(start)) & (index < pd.Timestamp(end))
        whole &= ~monday.isin(monday[touched])
    known = pd.Series(whole, index=monday).groupby(level=0).sum()
    # an hour less where clocks spring forward
    weeks = pd.DatetimeIndex(known.index[known >= (HOURS_IN_WEEK - 1) * per_hour])
    if len(weeks) < LEAST_WEEKS:
        raise DataError(
            f"records must have at least {LEAST_WEEKS} complete weeks, Monday to Sunday in "
            f"{records.time_zone}, to draw ordinary life from; got {len(weeks)}"
        )
    kept = whole & monday.isin(weeks)
    row = weeks.get_indexer(monday[kept])
    within = np.asarray((local.minute - local[0].minute) % 60 // bin_minutes)
    at = (week_hour * per_hour + within)[kept]
    first = ~pd.MultiIndex.from_arrays([row, at]).duplicated()

    def grid(series: pd.Series[Any]) -> Floats:
        found = np.full((len(weeks), HOURS_IN_WEEK * per_hour), np.nan)
        found[row[first], at[first]] = series.to_numpy(dtype=float)[kept][first]
        return found

    single = {name: grid(next(iter(heard.each(name).values()))) for name in SINGLE}
    nobody = heard.total * np.nan
    several = {
        name: np.stack([grid(one) for one in heard.each(name).values() or [nobody]], axis=2)
        for name in SEVERAL
    }
    return single | several


def bootstrap_runs(
    records: Records,
    seeds: Sequence[int],
    *,
    training: int = TRAINING_DAYS,
    leave_out: Sequence[tuple[datetime, datetime]] = (),
    bin_minutes: int = 60,
) -> Quiet:
    """Ordinary life put together from whole weeks of one's own records, drawn with replacement.

    Parameters
    ----------
    records : Records
    seeds : sequence of int
        A run each.
    training : int
        Days that only teach, whole weeks.
    leave_out : sequence of (start, end)
        As of :func:`history_weeks`.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin.

    Returns
    -------
    Quiet
        Also what was planned is in it, as often as the history had it.

    Notes
    -----
    A block bootstrap with blocks of a week, all channels together: what hours, users and features
    do within a week stays as it was, and weeks follow one another as if they did not depend on
    each other. It cannot show an hour that the history did not have: with few weeks, rare alarms
    are told by a handful of hours that come again and again.

    References
    ----------
    Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of
    Statistics 17 (1989).
    """
    weeks = history_weeks(records, leave_out=leave_out, bin_minutes=bin_minutes)
    count = -(-(training + WATCHES * WATCH_DAYS) // 7)
    drawn = np.stack(
        [np.random.default_rng([seed, 0xB00]).integers(len(weeks["total"]), size=count)
         for seed in seeds]
    )  # fmt: skip

    def laid_out(values: Floats) -> Floats:
        picked = values[drawn]  # runs, weeks, bins[, features]
        return np.ascontiguousarray(
            picked.reshape(len(seeds), count * values.shape[1], *values.shape[2:])
        )

    laid = {name: laid_out(values) for name, values in weeks.items()}
    total = laid.pop("total")
    top_user, top_feature = laid.pop("top_user"), laid.pop("top_feature")
    hours = np.tile(np.repeat(np.arange(HOURS_IN_WEEK), 60 // bin_minutes), count)
    nothing = np.zeros_like(total)
    spend = BinnedSpend(total, top_user, top_feature, nothing, hours, laid, bin_minutes)
    return Quiet(spend, -(-training // 7) * HOURS_IN_WEEK, laid["feature"].shape[2])
