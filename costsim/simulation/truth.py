"""The truth beside simulated records: incidents, and the dollars that they added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costsim.errors import DataError
from costsim.spend.bins import checked_minutes, hour_shift

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from costsim.records.dataset import Records

_INCIDENT = ["name", "feature_name", "cause", "starts", "ends", "launched", "movable"]


def incident_frame(records: Records) -> pd.DataFrame:
    """Incidents that a dataset's manifest states, times as UTC timestamps."""
    import pandas as pd

    frame = pd.DataFrame(list(records.manifest.incidents), columns=_INCIDENT)
    for name in ("starts", "ends", "launched"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


_TRUTH = ("call_id", "incident", "counterfactual_cost_nano", "time")


def truth_table(parts: Sequence[tuple[Any, Any, Any, Any]]) -> pa.Table:
    """Truth of some calls as an Arrow table, in order of time.

    Parameters
    ----------
    parts : sequence of (call ids, incident, nano-dollars, microseconds since 1970)
    """
    import numpy as np
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.int64(), pa.timestamp("us", tz="UTC"))
    schema = pa.schema(list(zip(_TRUTH, kinds, strict=True)))
    if not parts:
        return schema.empty_table()
    ids = pa.concat_arrays([part[0] for part in parts])
    names = pa.concat_arrays([pa.repeat(pa.scalar(p[1], pa.string()), len(p[0])) for p in parts])
    nano, time = (np.concatenate([part[i] for part in parts]) for i in (2, 3))
    order = np.argsort(time, kind="stable")
    columns = [ids.take(order), names.take(order), pa.array(nano[order])]
    return pa.Table.from_arrays([*columns, pa.array(time[order]).cast(kinds[3])], schema=schema)


def read_truth(records: Records) -> pd.DataFrame:
    """A row per call that an incident added, changed or kept from being made.

    Returns
    -------
    pandas.DataFrame
        call_id, incident, counterfactual_cost_nano (what it would have cost without the
        incident), time (UTC, start). A call that would have been made, and was not, is here and
        not in the records.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    file = records.manifest.truth
    if file is None or records.folder is None:
        return pd.DataFrame(columns=list(_TRUTH))
    frame: pd.DataFrame = pq.read_table(records.folder / file.path).to_pandas()
    return frame


def hourly_excess(records: Records, *, bin_minutes: int = 60) -> pd.DataFrame:
    """Dollars an hour that incidents added: what was paid less the counterfactual.

    Parameters
    ----------
    records : Records
        Simulated.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin, where hours are too coarse.

    Returns
    -------
    pandas.DataFrame
        time (UTC, start of the bin) and excess_nano, bins without excess left out.

    Raises
    ------
    DataError
        The records come with no incident.
    SettingError
        There are no such bins.

    Examples
    --------
    >>> import costsim
    >>> result = costsim.simulate("surprise-40k", seed=7)
    >>> excess = hourly_excess(result.records)
    >>> feature = costsim.spend.by_feature(result.records).set_index("feature_name")
    >>> int(excess["excess_nano"].sum() - feature.loc["deep_analysis", "total_nano"])
    0
    """
    checked_minutes(bin_minutes)
    truth, incidents = read_truth(records), incident_frame(records)
    if truth.empty:
        raise DataError("these records come with no incident; there is no excess to show")
    since = incidents[["launched", "starts"]].min(axis=1).min()
    rows = records.between(since).to_pandas(["call_id", "total_cost_nano"])
    paid = truth.merge(rows, on="call_id", how="left")
    paid["total_cost_nano"] = paid["total_cost_nano"].fillna(0).astype("int64")
    shift = hour_shift(records)
    paid["time"] = (paid["time"] - shift).dt.floor(f"{bin_minutes}min") + shift
    paid["excess_nano"] = paid["total_cost_nano"] - paid["counterfactual_cost_nano"]
    return paid.groupby("time")["excess_nano"].sum().astype("int64").reset_index()
