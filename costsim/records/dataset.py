"""Reading records: a committed Parquet dataset, or a table in memory, as one lazy thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from costsim.errors import DataError, DatasetError, SettingError, UnknownNameError
from costsim.records.manifest import Manifest
from costsim.records.schema import BY_NAME, COST_FIELDS, DERIVED, FIELDS, check_frame, to_table

if TYPE_CHECKING:
    import duckdb
    import narwhals as nw
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, repr=False)
class Records:
    """Call records, read when asked: columns and time range are pushed down to Parquet.

    Parameters
    ----------
    manifest : Manifest
        Origin, time zone and files.
    folder : Path, optional
        Where the manifest's files lie.
    table : pyarrow.Table, optional
        Rows in memory, instead of a folder.
    start, end : datetime, optional
        Half-open range of `timestamp`; see :meth:`between`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"call_id": ["a", "b"], "feature_name": ["chat", "chat"],
    ...     "timestamp": pd.to_datetime(["2024-08-09", "2024-08-10"], utc=True),
    ...     "status": "ok", "source": "example", "total_cost_nano": [5_000_000, 7_000_000]})
    >>> records = Records.from_frame(frame)
    >>> len(records.between("2024-08-10", "2024-08-11"))
    1
    """

    manifest: Manifest
    folder: Path | None = None
    table: pa.Table | None = None
    start: datetime | None = None
    end: datetime | None = None
    _keep: object = field(default=None, compare=False)  # what must live as long as the records

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, time_zone: str = "UTC") -> Records:
        """Records from a frame that has the record's column names; checked, nothing invented.

        Raises
        ------
        DataError
            Listing every rule that the frame breaks.
        """
        checked = check_frame(frame)
        columns = {str(name): checked[name] for name in checked.columns}
        table = to_table(columns, len(checked)).sort_by("timestamp")
        return cls(Manifest(time_zone=zone(time_zone).key), table=table)

    @property
    def time_zone(self) -> str:
        """IANA zone that hours, days and weeks are shown in."""
        return self.manifest.time_zone

    @property
    def simulated(self) -> bool:
        return self.manifest.kind == "SIMULATED"

    def in_zone(self, time_zone: str) -> Records:
        """The same records, shown in another IANA time zone."""
        return replace(self, manifest=replace(self.manifest, time_zone=zone(time_zone).key))

    def between(self, start: Any = None, end: Any = None) -> Records:
        """Records with ``start <= timestamp < end``; files outside are not opened.

        Parameters
        ----------
        start, end : str, date, datetime or pandas.Timestamp, optional
            Aware times as they are; naive ones are read in :attr:`time_zone`.

        Raises
        ------
        SettingError
            A bound that is no time, or an empty range.
        """
        low, high = (self._time(bound) for bound in (start, end))
        if low and high and low >= high:
            raise SettingError(f"start must lie before end; got {start} and {end}")
        lows = [t for t in (self.start, low) if t]
        highs = [t for t in (self.end, high) if t]
        return replace(self, start=max(lows) if lows else None, end=min(highs) if highs else None)

    def lazy(self, columns: Sequence[str] | None = None) -> nw.LazyFrame[Any]:
        """A narwhals lazy frame on DuckDB, money in nano-dollars, times in UTC.

        Parameters
        ----------
        columns : sequence of str, optional
            Fields of the record or derived ones; all stored fields by default.
        """
        import narwhals as nw

        frame = nw.from_native(self._relation()).lazy()
        if self.start:
            frame = frame.filter(nw.col("timestamp") >= self.start)
        if self.end:
            frame = frame.filter(nw.col("timestamp") < self.end)
        if columns is None:
            return frame
        _known(columns)
        if "uncached_input_tokens" in columns:
            cached = [
                nw.col(f).fill_null(0)
                for f in ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
            ]
            frame = frame.with_columns(
                uncached_input_tokens=nw.col("input_tokens") - cached[0] - cached[1] - cached[2]
            )
        if "tokens_per_second" in columns:
            rate = nw.col("output_tokens") / nw.col("latency_ms") * 1000
            frame = frame.with_columns(
                tokens_per_second=nw.when(nw.col("latency_ms") > 0).then(rate)
            )
        return frame.select(*columns)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows in range as an Arrow table in time order."""
        import pyarrow as pa

        names = list(columns) if columns is not None else [f.name for f in FIELDS]
        asked = names if "timestamp" in names else [*names, "timestamp"]
        order = [*asked] if "call_id" in asked else [*asked, "call_id"]
        frame = self.lazy(order).sort("timestamp", "call_id").select(*names)
        table: pa.Table = frame.collect(backend="pyarrow").to_native()
        kind = pa.timestamp("us", tz="UTC")  # DuckDB says Etc/UTC
        for index, column in enumerate(table.schema):
            if pa.types.is_timestamp(column.type):
                table = table.set_column(index, column.name, table[index].cast(kind))
        return table

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All rows in range as a frame: money in ``*_usd`` floats, unknown as missing.

        Parameters
        ----------
        columns : sequence of str, optional
            Fields of the record; ``total_cost_usd`` and ``total_cost_nano`` both work.
        """
        import pandas as pd
        import pyarrow as pa

        names = [f.name for f in FIELDS] if columns is None else list(columns)
        stored = [_stored(name) for name in names]
        dtypes = {
            pa.int32(): pd.Int32Dtype(),
            pa.int64(): pd.Int64Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        frame = self.to_arrow(list(dict.fromkeys(stored))).to_pandas(types_mapper=dtypes.get)
        for name, base in zip(names, stored, strict=True):
            if base in COST_FIELDS and (columns is None or name != base):
                frame[_usd(base)] = frame[base].astype("Float64").astype(float) / 1e9
        shown: pd.DataFrame = frame[[_usd(n) if columns is None else n for n in names]]
        return shown

    def __len__(self) -> int:
        if self.start is None and self.end is None:
            return self.manifest.rows if self.table is None else len(self.table)
        import narwhals as nw

        return int(self.lazy(["call_id"]).select(nw.len()).collect("pyarrow").item())

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """What these records are said to cover, ``[start, end)`` in UTC; None without a row.

        For a simulation the scenario's span, for imports from the first to the last record.
        """
        stated = self.manifest.period
        if stated:
            low, high = (datetime.fromisoformat(bound) for bound in stated)
        elif self.table is not None and len(self.table):
            times = self.table["timestamp"]
            low, high = (times[i].as_py() for i in (0, -1))
        else:
            return None
        low, high = max(filter(None, (low, self.start))), min(filter(None, (high, self.end)))
        return (low, high) if low <= high else None

    def _relation(self) -> duckdb.DuckDBPyRelation:
        connection = _connection().cursor()
        if self.table is not None:
            return connection.from_arrow(self.table)
        if self.folder is None:
            raise DataError("records need a folder or a table; got neither")
        paths = [str(self.folder / file) for file in self._paths()]
        lost = next((path for path in paths if not Path(path).is_file()), None)
        if lost:
            raise DatasetError(f"{lost} is gone, though the manifest of {self.folder} names it")
        if not paths:
            return connection.from_arrow(to_table({}, 0))
        return connection.read_parquet(paths, hive_partitioning=False)

    def _paths(self) -> Iterator[str]:
        for file in self.manifest.files:
            late = self.end is not None and file.first_time >= self.end
            early = self.start is not None and file.last_time < self.start
            if not (late or early):
                yield file.path

    def _time(self, bound: Any) -> datetime | None:
        if bound is None:
            return None
        try:
            if bound != bound:  # NaT, which is a datetime to isinstance
                raise ValueError
            if isinstance(bound, str):
                value = datetime.fromisoformat(bound)
            elif isinstance(bound, datetime):
                value = bound.to_pydatetime() if hasattr(bound, "to_pydatetime") else bound
            elif isinstance(bound, date):
                value = datetime.combine(bound, time())
            else:
                raise ValueError
        except ValueError as error:
            raise SettingError(
                f"a time must look like 2024-08-09 or 2024-08-09T14:00; got {bound!r}"
            ) from error
        return (
            value if value.tzinfo else value.replace(tzinfo=ZoneInfo(self.time_zone))
        ).astimezone(UTC)

    @property
    def origin(self) -> str:
        """Where the records come from: scenario and seed, or the files."""
        if self.simulated:
            return f"{self.manifest.scenario}, seed {self.manifest.seed}"
        return ", ".join(source.name for source in self.manifest.sources) or "in memory"

    def __repr__(self) -> str:
        shown = "empty"
        if self.period:
            local = (time.astimezone(ZoneInfo(self.time_zone)) for time in self.period)
            shown = " to ".join(f"{time:%Y-%m-%d %H:%M}" for time in local)
        return (
            f"Records({len(self):,} calls, {shown} {self.time_zone}, {self.manifest.kind} "
            f"{self.origin}); next: costsim.spend.by_feature(records)"
        )


def read_records(folder: str | Path) -> Records:
    """Open a records folder; nothing is read before it is asked for.

    Raises
    ------
    DatasetError
        The folder does not exist or holds no committed records.
    """
    path = Path(folder)
    return Records(Manifest.read(path), folder=path)


def zone(name: str) -> ZoneInfo:
    """IANA time zone by name.

    Raises
    ------
    SettingError
        The name is no IANA zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingError(
            f"time zone must be an IANA name such as 'Europe/Berlin'; got {name!r}"
        ) from error


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    import atexit

    import duckdb

    atexit.register(_connection.cache_clear)  # let go before the library is torn down
    connection = duckdb.connect(":memory:")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # cursors have settings of their own
    return connection


@contextmanager
def query_threads(count: int) -> Iterator[None]:
    """Within this context, queries on records use so many threads; the setting is the process's."""
    connection = _connection()
    found = connection.execute("SELECT current_setting('threads')").fetchall()
    connection.execute(f"SET GLOBAL threads = {int(count)}")
    try:
        yield
    finally:
        connection.execute(f"SET GLOBAL threads = {int(found[0][0])}")


def _usd(name: str) -> str:
    return name.replace("_nano", "_usd") if name in COST_FIELDS else name


def _stored(name: str) -> str:
    nano = name.removesuffix("_usd") + "_nano"
    return nano if name.endswith("_usd") and nano in BY_NAME else name


def _known(columns: Sequence[str]) -> None:
    for name in columns:
        if name not in BY_NAME and name not in DERIVED:
            raise UnknownNameError("column", name, [*BY_NAME, *DERIVED])


def was_stopped(error: BaseException) -> bool:
    """Whether Ctrl-C came during a query, which DuckDB says by a RuntimeError."""
    return isinstance(error, RuntimeError) and "Query interrupted" in str(error)
