"""Hourly signals of a simulated product: what a dashboard could watch, with and without a cause."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.detect.baselines import HourOfWeek
from costsim.detect.charts import CUSUM
from costsim.simulation import simulate
from costsim.spend.bins import hour_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]

MIN_CALLS = 30  # in an hour, for what is measured per call: fewer say little
SUMS = ("calls", "nano", "input_tokens", "cached_tokens", "errors", "top_user_nano")


@dataclass(frozen=True)
class Signal:
    """Something to watch hour by hour; `part` is of the feature in question, not of the bill."""

    words: str
    unit: str
    kind: str
    part: bool = True


SIGNALS = {
    "bill": Signal("the whole bill", "US$ per hour", "usd", part=False),
    "usd": Signal("dollars", "US$ per hour", "usd"),
    "calls": Signal("calls", "calls per hour", "count"),
    "usd_per_call": Signal("dollars per call", "US$ per call", "usd"),
    "top_user": Signal("the dearest user", "US$ per hour", "usd"),
    "cached": Signal("the cached share", "share of input tokens", "share"),
    "errors": Signal("the share of errors", "share of calls", "share"),
}


@dataclass
class Runs:
    """Simulated hours by feature, each feature simulated once.

    Draws belong to a feature, so that the same feature of two scenarios has the same hours where
    nothing that it depends on differs.
    """

    seed: int
    workers: int = 2
    _known: dict[str, dict[str, Floats]] = field(default_factory=dict, repr=False)

    def hours(self, scenario: Scenario) -> dict[str, dict[str, Floats]]:
        """Sums an hour of each feature: arrays of shape ``(hours,)`` by feature and name."""
        keys = {name: self._key(scenario, name) for name in scenario.features}
        missing = [name for name, key in keys.items() if key not in self._known]
        if missing:
            records = simulate(_part(scenario, missing), seed=self.seed, workers=self.workers)
            for name, sums in _sums(records.records, scenario, missing).items():
                self._known[keys[name]] = sums
        return {name: self._known[key] for name, key in keys.items()}

    def _key(self, scenario: Scenario, name: str) -> str:
        """All that the hours of a feature depend on; under a common control that is everything."""
        coupled = scenario.limits or scenario.operations or scenario.provider_limits
        kept = _part(scenario, scenario.features if coupled else [name])
        words = ("name", "title", "account", "notes", "week", "monthly_budget_usd", "layers")
        exclude: dict[str, Any] = dict.fromkeys(words, True)
        exclude["incidents"] = {n: {"account", "detect"} for n in kept.incidents}
        return f"{name} {kept.model_dump_json(exclude=exclude)}"


def _part(scenario: Scenario, features: Collection[str]) -> Scenario:
    """The scenario with some of its features only."""
    incidents = {
        n: i for n, i in scenario.incidents.items() if i.feature in features or i.feature == "all"
    }
    kept = {n: f for n, f in scenario.features.items() if n in features}
    return scenario.model_copy(update={"features": kept, "incidents": incidents})


def _sums(
    records: Records, scenario: Scenario, features: Collection[str]
) -> dict[str, dict[str, Floats]]:
    import narwhals as nw
    import pandas as pd

    shift = hour_shift(records)
    count = {
        "calls": nw.len(),
        "nano": nw.col("total_cost_nano").sum(),
        "input_tokens": nw.col("input_tokens").sum(),
        "cached_tokens": nw.col("cache_read_tokens").fill_null(0).sum(),
        "errors": (nw.col("status") == "error").cast(nw.Int64).sum(),
    }
    needed = ["timestamp", "feature_name", "user_id", "total_cost_nano", "status"]
    frame = records.lazy([*needed, "input_tokens", "cache_read_tokens"])
    frame = frame.with_columns(time=(nw.col("timestamp") - shift).dt.truncate("1h"))
    grouped = frame.group_by("time", "feature_name", "user_id").agg(
        *(expr.cast(nw.Int64).alias(name) for name, expr in count.items())
    )
    cube: pd.DataFrame = grouped.collect("pyarrow").to_native().to_pandas()
    origin = pd.Timestamp(scenario.calendar.origin)
    times = pd.DatetimeIndex(cube["time"]).tz_convert("UTC") + shift
    cube["hour"] = ((times - origin) // pd.Timedelta(hours=1)).to_numpy()
    cube["top_user_nano"] = cube["nano"]
    ways: dict[str, Any] = dict.fromkeys(SUMS, "sum") | {"top_user_nano": "max"}
    table = cube.groupby(["feature_name", "hour"], observed=True)[list(SUMS)].agg(ways)
    grid = range(scenario.calendar.hours)
    found = {}
    for name in features:
        mine = table[table.index.get_level_values(0) == name].droplevel(0)
        mine = mine.reindex(grid, fill_value=0)
        found[name] = {column: mine[column].to_numpy(dtype=float) for column in SUMS}
    return found


def signals(hours: dict[str, dict[str, Floats]], feature: str | None) -> dict[str, Floats]:
    """Each of :data:`SIGNALS` hour by hour, of one feature or of all.

    What is measured per call or token is NaN in hours of fewer than :data:`MIN_CALLS` calls.

    Parameters
    ----------
    hours : dict
        Of :meth:`Runs.hours`.
    feature : str, optional
        All features by default.
    """
    chosen = [feature] if feature else list(hours)
    part = {n: np.sum([hours[f][n] for f in chosen], axis=0) for n in SUMS[:-1]}
    enough = part["calls"] >= MIN_CALLS
    calls = np.where(enough, part["calls"], np.nan)
    tokens = np.where(enough, part["input_tokens"], np.nan)
    return {
        "bill": np.sum([h["nano"] for h in hours.values()], axis=0) / 1e9,
        "usd": part["nano"] / 1e9,
        "calls": part["calls"],
        "usd_per_call": part["nano"] / 1e9 / calls,
        "top_user": np.max([hours[f]["top_user_nano"] for f in chosen], axis=0) / 1e9,
        "cached": part["cached_tokens"] / tokens,
        "errors": part["errors"] / calls,
    }


def surprises(values: dict[str, Floats], hour_of_week: NDArray[np.int64]) -> dict[str, Floats]:
    """How many scatters each hour lies from the same hour of the weeks before, by signal.

    Signals are put to a common scale, their mean of the first two weeks, before
    :class:`~costsim.detect.baselines.HourOfWeek` judges them; shares are judged as they are. NaN
    while there is no history.
    """
    rows = []
    for name, series in values.items():
        usual = float(np.nanmean(series[: 14 * 24])) if np.isfinite(series).any() else 1.0
        rows.append(series if SIGNALS[name].kind == "share" or not usual else series / usual)
    stacked = np.array(rows)
    state = HourOfWeek(offset_usd=0.1).begin(len(rows))
    z = [state.step(stacked[:, hour].copy(), int(week)).z for hour, week in enumerate(hour_of_week)]
    return dict(zip(values, np.array(z).T, strict=True))


def added_up(z: Floats) -> Floats:
    """Surprises added up hour by hour, upwards and downwards: what lasts counts, chance cancels.

    The larger of two CUSUMs with ``k = 1``; NaN counts as no surprise.
    """
    both = np.stack([np.nan_to_num(z), -np.nan_to_num(z)], axis=1)
    return np.asarray(CUSUM(k=1.0, head_start_share=0.0).path(both).max(axis=1))
