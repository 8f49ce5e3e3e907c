"""Time and shape of what detectors read: regular rows, and the local hour of the week."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from costsim.errors import DataError, SettingError
from costsim.spend.bins import WIDTHS, checked_minutes

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

HOURS_IN_WEEK = 168


def zone(time_zone: str) -> ZoneInfo:
    """Give the IANA time zone, or say clearly that there is none of that name."""
    try:
        return ZoneInfo(time_zone)
    except (LookupError, ValueError, OSError, TypeError) as error:
        raise SettingError(
            f"time_zone must be an IANA name such as 'UTC' or 'Europe/Berlin'; got {time_zone!r}"
        ) from error


def hour_of_week(index: pd.DatetimeIndex, time_zone: str = "UTC") -> IntArray:
    """Local hour of the week of each bin start: 0 is Monday 00:00, 167 is Sunday 23:00.

    Parameters
    ----------
    index : pandas.DatetimeIndex
        Aware bin starts.
    time_zone : str
        IANA zone whose clocks the users live by.

    Raises
    ------
    SettingError
        The zone is unknown.
    DataError
        The index is naive.

    Notes
    -----
    Where clocks change an hour of the week is skipped or comes twice, so two bins of the same
    hour are not always 168 apart.

    Examples
    --------
    >>> import pandas as pd
    >>> night = pd.date_range("2024-10-26 23:00", periods=4, freq="h", tz="UTC")
    >>> hour_of_week(night, "Europe/Berlin").tolist()   # 02:00 on Sunday comes twice
    [145, 146, 146, 147]
    """
    if index.tz is None:
        raise DataError("index must be time-zone aware (UTC); got naive times")
    local = index.tz_convert(zone(time_zone))
    return np.asarray(local.day_of_week * 24 + local.hour, dtype=np.int64)


def local_hour_of_week(time: datetime, where: ZoneInfo) -> int:
    """Do for one aware time what `hour_of_week` does for an index."""
    local = time.astimezone(where)
    return local.weekday() * 24 + local.hour


def bin_start(time: object, what: str = "time") -> pd.Timestamp:
    """Read one aware time as a UTC timestamp.

    Raises
    ------
    SettingError
        It is no time, or a naive one.
    """
    import pandas as pd

    try:
        stamp = pd.Timestamp(time)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise SettingError(f"{what} must be an aware time; got {time!r}") from error
    if pd.isna(stamp) or stamp.tz is None:
        raise SettingError(f"{what} must be time-zone aware, as '2024-08-09T14:00Z'; got {time!r}")
    return stamp.tz_convert("UTC")


def regular_bins(series: pd.Series[Any], bin_minutes: int = 60) -> pd.Series[Any]:
    """Give the series as floats on every bin of its span; bins that were missing are NaN.

    Parameters
    ----------
    series : pandas.Series
        On an aware index of bin starts.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin.

    Raises
    ------
    DataError
        The index is no aware DatetimeIndex of whole local bins in rising order without repeats, or
        its times are all wider apart than `bin_minutes`, or a value is no finite number (NaN is
        allowed and means unknown).
    SettingError
        There are no such bins.
    """
    import pandas as pd

    checked_minutes(bin_minutes)
    index = series.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"series must have a DatetimeIndex of bin starts; got {type(index).__name__}"
        )
    if index.tz is None:
        raise DataError("series index must be time-zone aware (UTC); got naive times")
    if index.hasnans:
        raise DataError("series index must hold times only; got NaT")
    index = index.tz_convert("UTC").as_unit("us")
    if not index.is_unique:
        raise DataError(f"series index must be unique; got {index[index.duplicated()][0]} twice")
    if not index.is_monotonic_increasing:
        raise DataError("series index must rise; sort it first: series.sort_index()")
    if len(index):
        _check_grid(index, bin_minutes)
    try:
        values = series.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"series must hold dollars as numbers; got dtype {series.dtype}") from error
    if np.isinf(values).any():
        raise DataError(f"series must be finite or NaN; got inf at {index[np.isinf(values)][0]}")
    plain = pd.Series(values, index=index)
    if len(index) == 0:
        return plain
    step = pd.Timedelta(minutes=bin_minutes)
    return plain.reindex(pd.date_range(index[0], index[-1], freq=step, unit="us"))


def _check_grid(index: pd.DatetimeIndex, bin_minutes: int) -> None:
    import pandas as pd

    since = (index - index[0]) // pd.Timedelta(microseconds=1)
    off = since % (bin_minutes * 60_000_000) != 0
    off |= index != index.floor(first_bins(bin_minutes))
    if off.any():
        raise DataError(f"series index must be {_grid_words(bin_minutes)}; got {index[off][0]}")
    # every fourth bin known and all others not is an hourly series misread
    apart = [m for m in WIDTHS if m > bin_minutes and not (since % (m * 60_000_000)).any()]
    if len(index) > 2 and apart:
        raise DataError(
            f"series index must be {_grid_words(bin_minutes)}; its times are {apart[-1]} minutes "
            f"or more apart: bin_minutes={apart[-1]} reads it"
        )


def first_bins(bin_minutes: int) -> str:
    """On what a first bin may begin: in some zones local hours begin at a quarter to or past."""
    return f"{min(bin_minutes, 15)}min"


def _grid_words(bin_minutes: int) -> str:
    if bin_minutes == 60:
        return "whole hours (bin starts), an hour apart"
    return f"bin starts, a multiple of {bin_minutes} minutes apart"


def time_rows(values: ArrayLike) -> FloatArray:
    """Turn (T,) or (n_series, T) dollars into contiguous (T, n_series) rows, one a bin.

    Infinite values become NaN: they are as unknown as a gap.

    Raises
    ------
    SettingError
        The array has neither one nor two dimensions.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2):
        raise SettingError(f"values must be (T,) or (n_series, T); got shape {array.shape}")
    rows = np.ascontiguousarray(array.T if array.ndim == 2 else array[:, None])
    return np.where(np.isfinite(rows), rows, np.nan)


def checked_hours(hour_of_week: ArrayLike, bins: int) -> IntArray:
    """Check that there is one hour of the week, 0 to 167, for each bin.

    Raises
    ------
    SettingError
        Its length or a value is wrong.
    """
    hours = np.asarray(hour_of_week)
    if hours.shape != (bins,):
        raise SettingError(f"hour_of_week must have shape ({bins},); got {hours.shape}")
    if bins and not np.issubdtype(hours.dtype, np.integer):
        raise SettingError(f"hour_of_week must be whole numbers; got dtype {hours.dtype}")
    if bins and (hours.min() < 0 or hours.max() >= HOURS_IN_WEEK):
        raise SettingError(
            f"hour_of_week must be 0 to 167; got {int(hours.min())} to {int(hours.max())}"
        )
    return hours.astype(np.int64)


def checked_start(start: int, bins: int) -> int:
    """Check that monitoring begins at a bin of the series, or just after its end.

    Raises
    ------
    SettingError
        It does not.
    """
    if not 0 <= start <= bins:
        raise SettingError(f"start must be a bin from 0 to {bins}; got {start}")
    return int(start)
