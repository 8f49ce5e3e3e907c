"""What a receipt says of the rows that were kept, counted from the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.records.importers.values.faults import true

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_SHOWN_GAPS = 3
GAP_RULE = "without a call for over 1 h and over 20 times the median time between calls"


@dataclass(frozen=True)
class Gap:
    """A stretch without a call."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> float:
        return (self.end - self.start) / timedelta(hours=1)


@dataclass(frozen=True)
class ModelDollars:
    """Theirs against ours for one model; `ours_nano` is None for its calls without a price."""

    model: str | None
    calls: int
    theirs_nano: int
    ours_nano: int | None


@dataclass(frozen=True)
class Dollars:
    """What the log says the calls cost, against what the price book computes.

    `theirs_nano` and `ours_nano` are sums over the `calls` where both are known, so that they
    can be compared; the two totals are over all calls where each is known.
    """

    calls: int = 0
    theirs_nano: int = 0
    ours_nano: int = 0
    theirs_total_nano: int | None = None
    ours_total_nano: int | None = None
    by_model: tuple[ModelDollars, ...] = ()

    @property
    def difference_nano(self) -> int:
        """Ours less theirs."""
        return self.ours_nano - self.theirs_nano

    @property
    def theirs_unpriced_nano(self) -> int:
        """What the log states for calls that have no price of ours."""
        return (self.theirs_total_nano or 0) - self.theirs_nano

    @property
    def only_rounding(self) -> bool:
        """A difference below half a micro-dollar a call and 0.05%: logs round to 6 decimals."""
        off = abs(self.difference_nano)
        return off <= 500 * self.calls and off * 2000 < abs(self.theirs_nano)


@dataclass(frozen=True)
class Facts:
    """Figures over the kept rows of one import."""

    period: tuple[datetime, datetime] | None = None
    gaps: tuple[Gap, ...] = ()
    gap_count: int = 0
    dollars: Dollars = field(default_factory=Dollars)
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    tokens: int = 0
    unpriced: tuple[tuple[str, str, int], ...] = ()
    no_feature: int = 0
    no_user: int = 0
    unknown: tuple[str, ...] = ()
    some_unknown: tuple[tuple[str, int], ...] = ()


def facts(table: pa.Table, unpriced: Any) -> Facts:
    """Count; `table` is sorted by time and priced, `unpriced` comes from the pricing."""
    if not len(table):
        return Facts()
    times = _ints(table, "timestamp")
    first, last = (_at(times[i]) for i in (0, -1))
    found, number = _gaps(times)
    no_price = ~_known(table, "total_cost_nano")
    tokens = _ints(table, "input_tokens") + _ints(table, "output_tokens")
    counts = {name: int((~_known(table, name)).sum()) for name in _TOLD}
    rows = len(table)
    return Facts(
        period=(first, last),
        gaps=found,
        gap_count=number,
        dollars=_dollars(table),
        unpriced_calls=int(no_price.sum()),
        unpriced_tokens=int(tokens[no_price].sum()),
        tokens=int(tokens.sum()),
        unpriced=_why(unpriced) if no_price.any() else (),
        no_feature=counts["feature_name"],
        no_user=counts["user_id"],
        unknown=tuple(name for name in _TOLD if counts[name] == rows),
        some_unknown=tuple((n, counts[n]) for n in _TOLD if 0 < counts[n] < rows),
    )


_TOLD = ("model", "feature_name", "user_id", "input_tokens", "output_tokens", "billed_cost_nano",
         "session_id", "cache_read_tokens", "latency_ms", "finish_reason", "prompt_hash",
         "user_tier")  # fmt: skip


def _why(unpriced: Any) -> tuple[tuple[str, str, int], ...]:
    """The commonest (model, reason, calls) without a price."""
    groups = unpriced.groupby(["model", "reason"], dropna=False)["calls"].sum()
    listed = [
        ("" if m != m or m is None else str(m), str(r), int(n)) for (m, r), n in groups.items()
    ]
    return tuple(sorted(listed, key=lambda one: (-one[2], one[0]))[:5])


def _gaps(times: NDArray[np.int64]) -> tuple[tuple[Gap, ...], int]:
    """The longest silent stretches by :data:`GAP_RULE`, in order of time, and their number."""
    between = np.diff(times)
    if not len(between):
        return (), 0
    long = np.flatnonzero(between > max(_HOUR_US, 20 * float(np.median(between))))
    longest = long[np.argsort(-between[long], kind="stable")][:_SHOWN_GAPS]
    gaps = tuple(Gap(_at(times[i]), _at(times[i + 1])) for i in sorted(longest.tolist()))
    return gaps, len(long)


def _dollars(table: pa.Table) -> Dollars:
    both = _known(table, "billed_cost_nano") & _known(table, "total_cost_nano")
    theirs, ours = _ints(table, "billed_cost_nano"), _ints(table, "total_cost_nano")

    def total(name: str, values: NDArray[np.int64]) -> int | None:
        return int(values.sum()) if _known(table, name).any() else None

    return Dollars(
        calls=int(both.sum()),
        theirs_nano=int(theirs[both].sum()),
        ours_nano=int(ours[both].sum()),
        theirs_total_nano=total("billed_cost_nano", theirs),
        ours_total_nano=total("total_cost_nano", ours),
        by_model=_by_model(table, both, theirs, ours) if both.any() else (),
    )


def _by_model(
    table: pa.Table, both: NDArray[np.bool_], theirs: NDArray[np.int64], ours: NDArray[np.int64]
) -> tuple[ModelDollars, ...]:
    name = "response_model" if "response_model" in table.column_names else "model"
    if name not in table.column_names:
        return ()
    column = table[name].combine_chunks()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    labels = [*column.dictionary.to_pylist(), None]
    found = []
    for code in np.unique(codes[both]):
        rows = both & (codes == code)
        sums = int(rows.sum()), int(theirs[rows].sum()), int(ours[rows].sum())
        found.append(ModelDollars(labels[code], *sums))
    unpriced = (theirs > 0) & ~_known(table, "total_cost_nano")
    for code in np.unique(codes[unpriced]):
        rows = unpriced & (codes == code)
        stated = int(theirs[rows].sum())
        found.append(ModelDollars(labels[code], int(rows.sum()), stated, None))
    return tuple(sorted(found, key=lambda one: (-one.theirs_nano, str(one.model))))


def _known(table: pa.Table, name: str) -> NDArray[np.bool_]:
    if name not in table.column_names:
        return np.zeros(len(table), bool)
    return true(table[name].is_valid())


def _ints(table: pa.Table, name: str) -> NDArray[np.int64]:
    import pyarrow as pa

    if name not in table.column_names:
        return np.zeros(len(table), np.int64)
    values = table[name].combine_chunks().cast(pa.int64()).fill_null(0)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def _at(micros: Any) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))
