"""What drove a change of spend: which features and users, and by which factor of their dollars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from costsim.errors import DataError, SettingError
from costsim.show.cards import Ribbon
from costsim.spend.decomposition import FACTORS, Sums, decompose

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records

WEEKS: Final = 4
DEAR: Final = 0.05
"""Share of the whole rise from which on one user's calls are looked at apart."""
NEW_PROMPT: Final = 0.2
"""Share of a feature's calls from which on a prompt that nobody used before is named."""
SECOND: Final = 0.2
"""Share of all rises from which on a feature other than the largest is named too."""
BUSIER: Final = 3
"""Times the usual calls, and three more, from which on users are looked at together, apart."""
REST, NEWCOMERS, RISEN, UNNAMED = "the others", "new users", "busier users", "(unknown)"
_KEYS = ("feature_name", "model", "user_id", "prompt_hash")
_SUMS = Sums._fields


@dataclass(frozen=True, repr=False)
class Drivers:
    """What a period costs more than the same hours of the weeks before, and by what.

    Attributes
    ----------
    start, end : datetime
    weeks : int
        Earlier weeks it is compared with, on average; 0 where the records have none.
    before_usd, after_usd : float
    features : pandas.DataFrame
        feature_name, before_usd, after_usd, change_usd, and a column of USD for each of
        volume, retries, input_tokens, output_tokens, model, cache and price, which sum to
        change_usd; largest rise first.
    users : pandas.DataFrame
        feature_name, user_id, before_usd, after_usd, change_usd, new (not in the records
        before): users with a rise, largest first.
    prompts : pandas.DataFrame
        feature_name, prompt_hash, share (of the feature's calls): prompts of which no call was
        made before `start`, in all of the records.
    ribbon : Ribbon
        Which records it stands on.
    """

    start: datetime
    end: datetime
    weeks: int
    before_usd: float
    after_usd: float
    features: pd.DataFrame
    users: pd.DataFrame
    prompts: pd.DataFrame
    ribbon: Ribbon

    @property
    def change_usd(self) -> float:
        return self.after_usd - self.before_usd

    @property
    def feature(self) -> str | None:
        """Feature with the largest rise; None where nothing rose."""
        top = self.features.head(1)
        return None if top.empty or top["change_usd"].iloc[0] <= 0 else str(top.iloc[0, 0])

    @property
    def cause(self) -> str | None:
        """Factor that adds most to the feature with the largest rise.

        One of ``volume``, ``retries``, ``tokens``, ``model``, ``cache``, ``price``; None where
        nothing rose.
        """
        return None if self.feature is None else _cause(self.features.iloc[0])

    @property
    def risen(self) -> pd.DataFrame:
        """Features that each bring a fifth of all rises or more, largest first, and why.

        Returns
        -------
        pandas.DataFrame
            feature_name, change_usd, cause. Two incidents at one time are two rows, unless they
            are of one feature or one is small against the other.
        """
        rose = self.features[self.features["change_usd"] > 0]
        rose = rose[rose["change_usd"] >= SECOND * rose["change_usd"].sum()]
        causes = [_cause(row) for _, row in rose.iterrows()]
        return rose[["feature_name", "change_usd"]].assign(cause=causes)

    @property
    def culprits(self) -> pd.DataFrame:
        """Users of that feature who each bring a tenth of its rise or more; maybe none."""
        mine = self.users[self.users["feature_name"] == self.feature]
        rise = self.features["change_usd"].iloc[0] if len(self.features) else 0.0
        return mine[mine["change_usd"] >= 0.1 * rise].reset_index(drop=True)

    def words(self) -> str:
        """Say what rose, by what, and who brings it."""
        if self.feature is None:
            return "nothing rose"
        row = self.features.iloc[0]
        said = _CAUSES[str(self.cause)]
        if self.cause == "volume" and row["before_usd"] == 0:
            said = "a feature that was not there before"
        text = f"{self.feature} +${row['change_usd']:,.2f}, mostly {said}"
        who = self.culprits
        if len(who):
            names = "1 user brings" if len(who) == 1 else f"{len(who)} users bring"
            text += f"; {names} ${who['change_usd'].sum():,.2f} of it"
        mine = self.prompts[self.prompts["feature_name"] == self.feature]
        if len(mine):
            text += f"; prompt {mine['prompt_hash'].iloc[0]} is new"
        for feature, usd, cause in self.risen.iloc[1:].itertuples(index=False):
            text += f"; also {feature} +${usd:,.2f}, mostly {_CAUSES[cause]}"
        return text

    def to_frame(self) -> pd.DataFrame:
        return self.features.copy()

    def plot(self, ax: Any = None) -> Axes:
        """Bars of USD by factor, of the features that changed most."""
        from costsim.show import figures

        return figures.spend_drivers(self.features, ribbon=self.ribbon, ax=ax)

    def __repr__(self) -> str:
        against = f"{self.weeks} week{'s' * (self.weeks != 1)} before" if self.weeks else "nothing"
        return (
            f"Drivers(${self.after_usd:,.2f} against ${self.before_usd:,.2f} of {against}: "
            f"{self.words()}); next: .users, .to_frame(), .plot()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.features, caption=repr(self).split("; next")[0])


def _cause(feature: pd.Series[Any]) -> str:
    """Factor that adds most to a feature's change; tokens of both sides are one."""
    parts = {factor: float(feature[factor]) for factor in FACTORS}
    parts["tokens"] = parts.pop("input_tokens") + parts.pop("output_tokens")
    return max(parts, key=lambda factor: parts[factor])


_CAUSES = {
    "volume": "more requests",
    "retries": "more attempts a request",
    "tokens": "more tokens a call",
    "model": "dearer models",
    "cache": "less of the input read from the cache",
    "price": "a dearer price",
}


def drivers(records: Records, start: Any, end: Any, *, weeks: int = WEEKS) -> Drivers:
    """Compare a period with the same hours of the weeks before it.

    Parameters
    ----------
    records : Records
        With the period and, where there is one, its history.
    start, end : aware time or str
        Naive ones are in the records' zone. At least a minute.
    weeks : int
        At most so many earlier weeks, from 1 to 52. A period of more than a week is compared
        with whole weeks before it that it does not reach into.

    Raises
    ------
    SettingError
        The period is empty, or `weeks` is out of bounds.
    DataError
        The records have no priced call in the period.

    Notes
    -----
    Calls are divided by feature and, within it, into users who bring a twentieth of the whole rise
    or more each, users who were not there before, users with three times their usual calls, and
    the others: so a newcomer with long prompts is volume, and not longer prompts of everybody.
    Each group's change is divided exactly (:func:`costsim.spend.decomposition.decompose`). A
    change within a model counts as the cache's where the cached share of its input changed by
    more than two points, else as the price's.

    Examples
    --------
    >>> import costsim
    >>> result = costsim.simulate("surprise-40k", seed=7)
    >>> found = costsim.spend.drivers(result.records, "2024-08-12T07:00", "2024-08-12T19:00")
    >>> found.feature, found.cause, found.weeks
    ('deep_analysis', 'volume', 4)
    """
    if not isinstance(weeks, int) or not 1 <= weeks <= 52:
        raise SettingError(f"weeks must be an integer from 1 to 52; got {weeks!r}")
    inside = records.between(start, end)
    low, high = inside.start, inside.end
    if low is None or high is None or high - low < timedelta(minutes=1):
        raise SettingError(f"a period must have a start and a later end; got {start} to {end}")
    after = _grouped(inside)
    if after.empty:
        raise DataError(f"there is no priced call from {start} to {end}")
    earlier = [
        _grouped(records.between(*span)) for span in _weeks_before(records, low, high, weeks)
    ]
    before = _mean(earlier, after)
    known, seen = (_before(records, low, key) for key in ("user_id", "prompt_hash"))
    users = _by_user(before, after, known)
    features = _features(before, after, users, known)
    return Drivers(
        start=low,
        end=high,
        weeks=len(earlier),
        before_usd=float(_usd(before).sum()),
        after_usd=float(_usd(after).sum()),
        features=features,
        users=users[users["change_usd"] > 0].reset_index(drop=True),
        prompts=_new_prompts(before, after, seen),
        ribbon=Ribbon("SIMULATED" if records.simulated else "REAL", records.origin),
    )


def _weeks_before(
    records: Records, low: datetime, high: datetime, weeks: int
) -> list[tuple[datetime, datetime]]:
    """The same local hours of earlier weeks that the records cover."""
    zone = ZoneInfo(records.time_zone)
    local = [moment.astimezone(zone) for moment in (low, high)]
    step = timedelta(weeks=ceil((high - low) / timedelta(weeks=1)))
    covered = records.period
    spans = []
    for number in range(1, weeks + 1):
        begin, end = (moment - number * step for moment in local)  # by the clocks
        if covered is not None and begin >= covered[0]:
            spans.append((begin, end))
    return spans


def _grouped(records: Records) -> pd.DataFrame:
    """Sums of priced calls by feature, model, user and prompt."""
    import narwhals as nw

    columns = ["input_tokens", "cache_read_tokens", "output_tokens", "input_cost_nano"]
    columns += ["total_cost_nano", "attempt", *_KEYS]
    frame = records.lazy(columns).filter(~nw.col("total_cost_nano").is_null())
    # without a split of the cost all of it goes by the tokens of both sides
    inner = nw.col("input_cost_nano").fill_null(0)
    first = (nw.col("attempt").fill_null(1) <= 1).cast(nw.Int64)
    grouped = frame.group_by(*_KEYS).agg(
        nw.len().cast(nw.Int64).alias("calls"),
        first.sum().cast(nw.Int64).alias("requests"),
        nw.col("input_tokens").sum().cast(nw.Int64).alias("input_tokens"),
        nw.col("cache_read_tokens").fill_null(0).sum().cast(nw.Int64).alias("cached_tokens"),
        nw.col("output_tokens").sum().cast(nw.Int64).alias("output_tokens"),
        inner.sum().cast(nw.Int64).alias("input_nano"),
        nw.col("total_cost_nano").sum().cast(nw.Int64).alias("nano"),
    )
    rows: pd.DataFrame = grouped.collect("pyarrow").to_native().to_pandas()
    rows["input_usd"] = rows["input_nano"] / 1e9
    rows["output_usd"] = (rows["nano"] - rows["input_nano"]) / 1e9
    for key in _KEYS:
        rows[key] = rows[key].astype(object).where(rows[key].notna(), UNNAMED)
    sums = rows[[*_KEYS, *_SUMS]]
    return sums.astype(dict.fromkeys(_SUMS, float)).fillna(dict.fromkeys(_SUMS, 0.0))


def _mean(earlier: list[pd.DataFrame], like: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if not earlier:
        return like.head(0)
    together = pd.concat(earlier).groupby(list(_KEYS), as_index=False)[list(_SUMS)].sum()
    together[list(_SUMS)] /= len(earlier)
    return together


def _usd(rows: pd.DataFrame) -> pd.Series[float]:
    return rows["input_usd"] + rows["output_usd"]


def _before(records: Records, low: datetime, key: str) -> set[str]:
    """Users or prompts of any call before a moment, at whatever hour."""
    history = records.between(None, low) if records.start is None or records.start < low else None
    if history is None:
        return set()
    found = history.lazy([key]).unique().collect("pyarrow").to_native()
    return {str(name) for name in found[key].to_pylist() if name is not None}


def _by_user(before: pd.DataFrame, after: pd.DataFrame, known: set[str]) -> pd.DataFrame:
    import pandas as pd

    keys = ["feature_name", "user_id"]
    sums = {
        name: rows.assign(usd=_usd(rows)).groupby(keys)["usd"].sum()
        for name, rows in (("before_usd", before), ("after_usd", after))
    }
    table = pd.DataFrame(sums).fillna(0.0).reset_index()
    table["change_usd"] = table["after_usd"] - table["before_usd"]
    table["new"] = ~table["user_id"].isin(known)
    table = table[table["user_id"] != UNNAMED]
    return table.sort_values(["change_usd", *keys], ascending=[False, True, True])


def _features(
    before: pd.DataFrame, after: pd.DataFrame, users: pd.DataFrame, known: set[str]
) -> pd.DataFrame:
    """Each feature's change by factor, its groups of users decomposed apart."""
    import pandas as pd

    rise = max(float(_usd(after).sum() - _usd(before).sum()), 0.0)
    dear = users[users["change_usd"] >= max(DEAR * rise, 1e-9)].head(50)
    apart = set(zip(dear["feature_name"], dear["user_id"], strict=True))
    busier = _busier(before, after)

    def name(feature: str, user: str) -> str:
        if (feature, user) in apart or user == UNNAMED:
            return user
        if user not in known:
            return NEWCOMERS
        return RISEN if (feature, user) in busier else REST

    def group(rows: pd.DataFrame) -> dict[str, dict[str, dict[str, Sums]]]:
        named = [name(*key) for key in zip(rows["feature_name"], rows["user_id"], strict=True)]
        sums = rows.assign(who=named).groupby(["feature_name", "who", "model"])[list(_SUMS)].sum()
        found: dict[str, dict[str, dict[str, Sums]]] = {}
        for (feature, who, model), *values in sums.itertuples():
            found.setdefault(feature, {}).setdefault(who, {})[model] = Sums(*values)
        return found

    old, new = group(before), group(after)
    table = []
    for feature in sorted({*old, *new}):
        one, two = old.get(feature, {}), new.get(feature, {})
        parts = [decompose(one.get(who, {}), two.get(who, {})) for who in {*one, *two}]
        usd = [
            sum(sums.usd for models in groups.values() for sums in models.values())
            for groups in (one, two)
        ]
        row: dict[str, Any] = {"feature_name": feature, "before_usd": usd[0], "after_usd": usd[1]}
        row["change_usd"] = usd[1] - usd[0]
        table.append(row | {factor: sum(p[factor] for p in parts) for factor in FACTORS})
    frame = pd.DataFrame(table)
    return frame.sort_values(
        ["change_usd", "feature_name"], ascending=[False, True], ignore_index=True
    )


def _busier(before: pd.DataFrame, after: pd.DataFrame) -> set[tuple[str, str]]:
    keys = ["feature_name", "user_id"]
    calls = after.groupby(keys)["calls"].sum()
    usual = before.groupby(keys)["calls"].sum().reindex(calls.index, fill_value=0.0)
    return set(calls.index[calls >= BUSIER * usual + 3])


def _new_prompts(before: pd.DataFrame, after: pd.DataFrame, seen: set[str]) -> pd.DataFrame:
    """Prompts of a feature that there was, which nobody ever called before."""
    keys = ["feature_name", "prompt_hash"]
    calls = after.groupby(keys)["calls"].sum()
    share = (calls / calls.groupby("feature_name").transform("sum")).rename("share").reset_index()
    old = set(before["feature_name"])
    fresh = ~share["prompt_hash"].isin(seen) & (share["prompt_hash"] != UNNAMED)
    fresh &= share["feature_name"].isin(old) & (share["share"] >= NEW_PROMPT)
    return share[fresh].sort_values("share", ascending=False, ignore_index=True)
