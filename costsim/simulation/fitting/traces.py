"""Public traces as records, for the report and the tests of fits; none of them travels with us."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from costsim.errors import DatasetError
from costsim.records.dataset import Records
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    import pandas as pd

TRACES = {
    "azure code": "azure/AzureLLMInferenceTrace_code.csv",
    "azure conversation": "azure/AzureLLMInferenceTrace_conv.csv",
    "mooncake conversation": "mooncake/conversation_trace.jsonl",
}
SERVEGEN = ("m-large", "m-mid", "m-small")
_HOUR_FILES = (
    "servegen/client_rates_10min_nonzero.csv.gz",
    "servegen/client_token_quantiles_6h.csv.gz",
)
_SPAN = 600  # seconds of a row of client rates
_WINDOW = 21_600  # seconds of a row of client token quantiles
_LEVELS = ("q05", "q25", "q50", "q75", "q90", "q95", "q99", "max")
_P = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def read_trace(name: str, folder: Path) -> Records:
    """Azure or Mooncake trace as records: times and tokens; no user, model or session is known.

    Parameters
    ----------
    name : str
        Key of ``TRACES``.
    folder : Path
        Where the public traces lie.

    Raises
    ------
    DatasetError
        The file is not there.
    """
    path = _there(folder / TRACES[name])
    rows = _azure(path) if name.startswith("azure") else _mooncake(path)
    return _records(*rows, feature=name.split()[1])


def read_servegen(model: str, folder: Path, *, calls: int = 150_000, seed: int = 0) -> Records:
    """A thinned ServeGen workload as records; a user is a customer of the API.

    The trace has rates of each client by ten minutes and quantiles of its tokens by six hours,
    no calls. They are drawn: a Poisson number by client and ten minutes, at rates scaled down to
    `calls` in all, at uniform times; tokens log-linear between the client's quantiles of that
    window, input and output independent. So hourly totals, shares of clients, and tokens between
    and within clients are the trace's own; how calls bunch within ten minutes is not.

    Parameters
    ----------
    model : {"m-large", "m-mid", "m-small"}
    folder : Path
        Where the public traces lie.
    calls : int
        Expected number of calls.
    seed : int
        Of the drawing.
    """
    import pandas as pd

    rates, quantiles = (pd.read_csv(_there(folder / name)) for name in _HOUR_FILES)
    rates = rates[rates["model"] == model]
    rng = stream(seed, "servegen", model)
    counts = rng.poisson(rates["rate"] * (calls / rates["rate"].sum()))
    client = np.repeat(rates["client"].to_numpy(), counts)
    begin = np.repeat(rates["t"].to_numpy(), counts)
    seconds = begin + rng.random(len(begin)) * _SPAN
    tokens = [
        _drawn(quantiles[(quantiles["model"] == model) & (quantiles["field"] == f"{side}_tokens")],
               client, begin, rng)
        for side in ("input", "output")
    ]  # fmt: skip
    return _records(seconds, *tokens, feature=model, user=client)


def _drawn(
    table: pd.DataFrame, client: np.ndarray, begin: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Tokens of calls by their client's quantiles of the window; NaN where it has none."""
    logs = np.log(np.maximum(table[list(_LEVELS)].to_numpy(float), 1.0))
    # what lies below the lowest quantile is taken to be at it
    logs = np.maximum.accumulate(np.column_stack([logs[:, 0], logs]), axis=1)
    key = table["client"].to_numpy() * 10_000 + table["t"].to_numpy() // _WINDOW
    order = np.argsort(key)
    wanted = client * 10_000 + begin // _WINDOW
    at = np.minimum(np.searchsorted(key[order], wanted), len(order) - 1)
    row = order[at]
    known = key[row] == wanted
    p = np.array((0.0, *_P))
    u = rng.random(len(client))
    piece = np.clip(np.searchsorted(p, u, side="right") - 1, 0, len(_P) - 1)
    share = (u - p[piece]) / (p[piece + 1] - p[piece])
    drawn = np.exp(logs[row, piece] * (1 - share) + logs[row, piece + 1] * share)
    return np.where(known, np.maximum(np.rint(drawn), 1), np.nan)


def _azure(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import pandas as pd

    table = pd.read_csv(path)
    times = pd.to_datetime(table["TIMESTAMP"], format="ISO8601", utc=True).astype("int64")
    scale = 1e9 if times.max() > 1e17 else 1e6  # nanoseconds or microseconds, by pandas' reading
    return (
        times.to_numpy() / scale,
        table["ContextTokens"].to_numpy(float),
        table["GeneratedTokens"].to_numpy(float),
    )


def _mooncake(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return (
        np.array([row["timestamp"] / 1000 for row in rows]),
        np.array([row["input_length"] for row in rows], float),
        np.array([row["output_length"] for row in rows], float),
    )


def _records(
    seconds: np.ndarray,
    inner: np.ndarray,
    outer: np.ndarray,
    *,
    feature: str,
    user: np.ndarray | None = None,
) -> Records:
    """Records in memory; times that count from 0 begin on a Monday of 2024."""
    import pandas as pd

    if seconds.max() < 1e8:
        seconds = seconds + datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    frame = pd.DataFrame(
        {
            "call_id": [f"{feature}-{i}" for i in range(len(seconds))],
            "timestamp": pd.to_datetime((seconds * 1e6).astype("int64"), unit="us", utc=True),
            "feature_name": feature,
            "input_tokens": pd.array(inner).astype("Int32"),
            "output_tokens": pd.array(outer).astype("Int32"),
            "status": "ok",
            "source": "trace",
        }
    )
    if user is not None:
        frame["user_id"] = [f"client-{code}" for code in user]
    return Records.from_frame(frame)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"the trace is not there: {path}")
    return path
