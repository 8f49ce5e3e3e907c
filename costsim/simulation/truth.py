"""The truth beside simulated records: incidents, and the dollars that they added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.errors import DataError
from costsim.spend.bins import hour_shift

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records

_INCIDENT = ["name", "feature_name", "cause", "starts", "ends", "launched", "movable"]


def incident_frame(records: Records) -> pd.DataFrame:
    """Incidents that a dataset's manifest states, times as UTC timestamps."""
    import pandas as pd

    frame = pd.DataFrame(list(records.manifest.incidents), columns=_INCIDENT)
    for name in ("starts", "ends", "launched"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def read_truth(records: Records) -> pd.DataFrame:
    """A row per call of an incident: call_id, incident, counterfactual_cost_nano."""
    import pandas as pd
    import pyarrow.parquet as pq

    file = records.manifest.truth
    if file is None or records.folder is None:
        return pd.DataFrame(columns=["call_id", "incident", "counterfactual_cost_nano"])
    frame: pd.DataFrame = pq.read_table(records.folder / file.path).to_pandas()
    return frame


def hourly_excess(records: Records) -> pd.DataFrame:
    """Dollars an hour that incidents added: what was paid less the counterfactual.

    Returns
    -------
    pandas.DataFrame
        time (UTC, start of hour) and excess_nano, hours without excess left out.

    Raises
    ------
    DataError
        The records come with no incident.

    Examples
    --------
    >>> import costsim
    >>> result = costsim.simulate("surprise-40k", seed=7)
    >>> excess = hourly_excess(result.records)
    >>> feature = costsim.spend.by_feature(result.records).set_index("feature_name")
    >>> int(excess["excess_nano"].sum() - feature.loc["deep_analysis", "total_nano"])
    0
    """
    truth, incidents = read_truth(records), incident_frame(records)
    if truth.empty:
        raise DataError("these records come with no incident; there is no excess to show")
    since = incidents[["launched", "starts"]].min(axis=1).min()
    rows = records.between(since).to_pandas(["timestamp", "call_id", "total_cost_nano"])
    paid = rows.merge(truth, on="call_id", how="inner")
    shift = hour_shift(records)
    paid["time"] = (paid["timestamp"] - shift).dt.floor("h") + shift
    paid["excess_nano"] = paid["total_cost_nano"] - paid["counterfactual_cost_nano"]
    return paid.groupby("time")["excess_nano"].sum().astype("int64").reset_index()
