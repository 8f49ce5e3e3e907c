"""The cube that everyone reads: calls, tokens and dollars by time bin and by who and what.

Sums are integer sums, so two runs give identical bytes; rows whose user, feature or tier is
unknown are rows of their own, with a missing name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from costsim.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

    from costsim.records.dataset import Records

KEYS = {
    "tier": "user_tier",
    "feature": "feature_name",
    "user": "user_id",
    "model": "model",
    "prompt": "prompt_hash",
    "session": "session_id",
}
WIDTHS = (5, 15, 30, 60)
"""Minutes that a bin may be long."""


def checked_minutes(bin_minutes: int) -> None:
    """Check the width of a bin.

    Raises
    ------
    SettingError
        It is none that the cube has.
    """
    if not isinstance(bin_minutes, int) or bin_minutes not in WIDTHS:
        raise SettingError(f"bin_minutes must be one of {list(WIDTHS)}; got {bin_minutes!r}")


def bins(
    records: Records,
    *,
    by: Sequence[str] = ("tier", "feature", "user"),
    minutes: int = 60,
) -> pd.DataFrame:
    """Calls, tokens and nano-dollars by time bin and by `by`.

    Parameters
    ----------
    records : Records
        The range is the records' own; see :meth:`Records.between`.
    by : sequence of {'tier', 'feature', 'user', 'model', 'prompt', 'session'}
        Beside time; may be empty.
    minutes : {5, 15, 30, 60}
        Width of a bin. Bins begin on the local hour, also in zones such as Asia/Kolkata.

    Returns
    -------
    pandas.DataFrame
        Columns `time` (UTC, start of bin), those of `by`, calls, input_tokens, output_tokens,
        cost_nano (priced calls), unpriced_calls; sorted by all keys. Bins without a call are
        not there.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> cube = bins(costsim.simulate(quiet, seed=1).records, by=["feature"])
    >>> cube.columns.tolist()[:3], cube["unpriced_calls"].sum() == 0
    (['time', 'feature_name', 'calls'], np.True_)
    """
    import narwhals as nw
    import pandas as pd

    if isinstance(by, str):
        raise SettingError(f"by must be a list of keys, such as [{by!r}]; got {by!r}")
    keys = [_key(name) for name in by]
    if len(set(keys)) < len(keys):
        raise SettingError(f"by must name a key once; got {list(by)}")
    if minutes not in WIDTHS:
        raise SettingError(f"minutes must be one of {list(WIDTHS)}; got {minutes!r}")
    shift = hour_shift(records)
    needed = ["timestamp", "input_tokens", "output_tokens", "total_cost_nano", *keys]
    since = nw.col("timestamp") - shift
    parts = {"time": since.dt.truncate("1h")}
    if minutes < 60:  # DuckDB truncates to whole units only
        parts["part"] = since.dt.minute() // minutes
    frame = records.lazy(needed).with_columns(**parts)
    table = frame.group_by(*parts, *keys).agg(*sums()).collect("pyarrow").to_native()
    cube: pd.DataFrame = table.to_pandas()
    cube["time"] = pd.DatetimeIndex(cube["time"]).tz_convert("UTC").as_unit("us") + shift
    if minutes < 60:
        cube["time"] += pd.to_timedelta(cube["part"].astype("int64") * minutes, unit="min")
    cube = cube.sort_values(["time", *keys], na_position="last", ignore_index=True)
    return cube[["time", *keys, *SUMS]]


SUMS = ("calls", "input_tokens", "output_tokens", "cost_nano", "unpriced_calls")


def sums() -> list[nw.Expr]:
    """The integer sums of a group; the one place where DuckDB's wide integers are cast."""
    import narwhals as nw

    wide = {
        "calls": nw.len(),
        "input_tokens": nw.col("input_tokens").sum(),
        "output_tokens": nw.col("output_tokens").sum(),
        "cost_nano": nw.col("total_cost_nano").sum(),
        "unpriced_calls": nw.col("total_cost_nano").is_null().sum(),
    }
    return [expr.cast(nw.Int64).alias(name) for name, expr in wide.items()]


def _key(name: str) -> str:
    if name not in KEYS:
        raise UnknownNameError("by", name, KEYS)
    return KEYS[name]


def hour_shift(records: Records) -> timedelta:
    """What the local hour begins after the UTC hour: 30 minutes in India, 15 in Nepal."""
    span = records.period
    moment = span[0] if span else datetime(2000, 1, 1, tzinfo=UTC)
    offset = moment.astimezone(ZoneInfo(records.time_zone)).utcoffset() or timedelta()
    return -offset % timedelta(hours=1)


def local(times: Any, time_zone: str) -> pd.DatetimeIndex:
    """UTC times as local ones."""
    import pandas as pd

    return pd.DatetimeIndex(times).tz_convert(time_zone)
