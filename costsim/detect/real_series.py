"""A series of one's own: dollars a bin from a table with a time and a value column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.detect.hours import first_bins
from costsim.errors import DataError
from costsim.spend.bins import WIDTHS, checked_minutes

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("time", "timestamp", "date", "hour", "datetime", "ds")
SPARSE_HOURS = 6
"""Hours between rows, usually, from which on a log of hours is not one, though some are closer."""
VALUES = ("usd", "value", "cost", "spend", "dollars", "amount", "y")


def read_series(
    path: str | Path,
    *,
    time: str | None = None,
    value: str | None = None,
    time_zone: str = "UTC",
    bin_minutes: int | None = None,
) -> pd.Series[Any]:
    """Dollars by bin from a CSV file; rows of one bin are added up.

    Parameters
    ----------
    path : str or Path
        With a header line.
    time, value : str, optional
        Names of the columns; by default the first one called time, timestamp, date or the like,
        and the first called usd, value, cost or the like, whatever the case.
    time_zone : str
        IANA zone of times without an offset.
    bin_minutes : {5, 15, 30, 60}, optional
        Width of a bin. By default that of the file: 5, 15 or 30 where its times are a regular
        series of such bins, else an hour.

    Returns
    -------
    pandas.Series
        USD on a regular UTC index, whose `freq` is the bin; bins without a row are missing, not
        0.

    Raises
    ------
    DataError
        There is no such file or column, or a time or value that cannot be read, or its rows are
        further apart than the bin, or usually than an hour.
    SettingError
        There are no such bins.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "spend.csv"
    >>> _ = file.write_text("time,usd\\n2024-08-09 14:05,1.5\\n2024-08-09 14:30,2\\n")
    >>> read_series(file, time_zone="America/New_York").to_dict()
    {Timestamp('2024-08-09 18:00:00+0000', tz='UTC'): 3.5}
    """
    import pandas as pd

    if bin_minutes is not None:
        checked_minutes(bin_minutes)
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file} must be a CSV file; there is none")
    try:
        table = pd.read_csv(file)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name} must be a CSV file with a header line; {error}") from None
    at = _column(table, time, TIMES, "time", file.name)
    of = _column(table, value, VALUES, "value", file.name)
    times = _times(table[at], time_zone, f"{file.name}: {at}")
    values = pd.to_numeric(table[of], errors="coerce")
    wrong = values.isna() & table[of].notna()
    if wrong.any():
        raise DataError(f"{file.name}: {of} must be numbers; got {table[of][wrong].iloc[0]!r}")
    if values.empty:
        raise DataError(f"{file.name} must have at least one row; got none")
    regular = _regular_minutes(times)
    minutes = bin_minutes or regular or 60
    _check_apart(times, f"{file.name}: {at}")
    if regular is not None and regular > minutes:
        raise DataError(
            f"{file.name}: {at} must be at most {minutes} minutes apart to be read so; its rows "
            f"are {regular} minutes apart"
        )
    width = pd.Timedelta(minutes=minutes)
    usd = values.set_axis(times.dt.floor(width)).groupby(level=0).sum(min_count=1)
    index = pd.date_range(usd.index[0], usd.index[-1], freq=width)
    return usd.reindex(index).rename("usd").astype(float)


def _check_apart(times: pd.Series[Any], where: str) -> None:
    """Refuse days and the like: read as hours, nearly all would be unknown, and nothing judged."""
    import numpy as np

    apart = np.diff(np.unique(times.dt.tz_localize(None).to_numpy())) / np.timedelta64(1, "h")
    if len(apart) < 2:
        return
    usual = float(np.median(apart))
    if apart.min() > 1 or usual > SPARSE_HOURS:
        raise DataError(
            f"{where} must have rows at most an hour apart, because detectors judge hours or "
            f"less; its rows are usually {usual:g} hours apart"
        )


def _regular_minutes(times: pd.Series[Any]) -> int | None:
    """Bin of a regular series: the usual distance of its times, where all of them keep to it."""
    import numpy as np

    apart = np.diff(np.unique(times.dt.tz_localize(None).to_numpy()))
    if len(apart) < 2:
        return None
    for minutes in WIDTHS:
        width = np.timedelta64(minutes, "m")
        if np.median(apart) == width and (times == times.dt.floor(first_bins(minutes))).all():
            return None if (apart % width).any() else minutes
    return None


def _column(
    table: pd.DataFrame, wanted: str | None, usual: tuple[str, ...], what: str, source: str
) -> str:
    names = [str(name) for name in table.columns]
    if wanted is not None:
        if wanted not in names:
            raise DataError(f"{source} must have the {what} column {wanted!r}; its are {names}")
        return wanted
    for name in names:
        if name.strip().lower() in usual:
            return name
    raise DataError(
        f"{source} must have a {what} column such as {usual[0]!r}, or --{what} must name it; its "
        f"columns are {names}"
    )


def _times(column: pd.Series[Any], time_zone: str, where: str) -> pd.Series[Any]:
    import pandas as pd

    from costsim.detect.hours import zone

    try:
        found = pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError):
        raise DataError(
            f"{where} must be ISO times such as 2024-08-09T14:00, all with an offset or none; got "
            f"{_first_wrong(column)!r}"
        ) from None
    if found.isna().any():
        raise DataError(f"{where} must be there in every row; {int(found.isna().sum())} are empty")
    if found.dt.tz is None:
        found = found.dt.tz_localize(zone(time_zone), ambiguous=True, nonexistent="shift_forward")
    return found.dt.tz_convert("UTC")


def _first_wrong(column: pd.Series[Any]) -> object:
    """First value that is no ISO time; of times with and without an offset, the odd one."""
    import pandas as pd

    given = column.dropna()
    read = [pd.to_datetime(pd.Series([one]), format="ISO8601", errors="coerce") for one in given]
    for value, one in zip(given, read, strict=True):
        if one.isna().iloc[0] or (one.dt.tz is None) != (read[0].dt.tz is None):
            return value
    return given.iloc[0]
