"""The result of pricing: costs a call, and what could not be priced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PricedCalls:
    """Costs of calls in whole nano-dollars, null where the price is unknown.

    Parameters
    ----------
    book : str
        Name of the price book.
    input_cost_nano, output_cost_nano, total_cost_nano : pyarrow Int64Array
        One a call, in the order of the calls; input and output add up to the total.
    reason : int8 array, one a call
        `Unpriced`; zero where priced.
    tokens, unpriced_tokens : int
        Input and output tokens of all calls, and of those without a price.
    """

    book: str
    input_cost_nano: pa.Int64Array
    output_cost_nano: pa.Int64Array
    total_cost_nano: pa.Int64Array
    reason: NDArray[np.int8]
    tokens: int
    unpriced_tokens: int
    _unpriced: tuple[tuple[str | None, str | None, str | None, str, int, int], ...]
    _index: Any = None

    @classmethod
    def of(
        cls,
        book: str,
        *,
        costs: NDArray[np.int64],
        reason: NDArray[np.int8],
        key: NDArray[np.intp],
        names: tuple[tuple[str | None, ...], ...],
        tokens: tuple[NDArray[np.int64], NDArray[np.int64]],
        index: Any = None,
    ) -> PricedCalls:
        """Put computed columns together; `names` are those of the calls with each key."""
        import pyarrow as pa

        gaps = np.flatnonzero(reason)
        mask = (reason != Unpriced.PRICED) if len(gaps) else None
        input_nano, output_nano, total_nano = (pa.array(column, mask=mask) for column in costs)
        return cls(
            book,
            input_nano,
            output_nano,
            total_nano,
            reason=reason,
            tokens=sum(int(_counted(column).sum()) for column in tokens),
            unpriced_tokens=sum(int(_counted(column[gaps]).sum()) for column in tokens),
            _unpriced=_summary(gaps, reason, key, names, tokens),
            _index=index,
        )

    def __len__(self) -> int:
        return len(self.reason)

    @property
    def total_nano(self) -> int:
        """Sum over the priced calls."""
        import pyarrow.compute as pc

        return int(pc.sum(self.total_cost_nano, min_count=0).as_py())

    @property
    def total_usd(self) -> float:
        """Sum over the priced calls, for display."""
        return self.total_nano / 1e9

    @property
    def unpriced_calls(self) -> int:
        """How many calls have no price."""
        return int(np.count_nonzero(self.reason))

    @property
    def unpriced_calls_share(self) -> float:
        """Share of calls without a price, 0 to 1 (0 when there are no calls)."""
        return self.unpriced_calls / len(self) if len(self) else 0.0

    @property
    def unpriced_tokens_share(self) -> float:
        """Share of tokens in calls without a price, 0 to 1 (0 when there are no tokens)."""
        return self.unpriced_tokens / self.tokens if self.tokens else 0.0

    @property
    def unpriced(self) -> pd.DataFrame:
        """What has no price: model, provider, service_tier, reason, calls, tokens."""
        import pandas as pd

        columns = ["model", "provider", "service_tier", "reason", "calls", "tokens"]
        return pd.DataFrame(list(self._unpriced), columns=columns)

    def columns(self) -> dict[str, pa.Int64Array]:
        """Return the three cost columns under their names in the call record."""
        return {
            "input_cost_nano": self.input_cost_nano,
            "output_cost_nano": self.output_cost_nano,
            "total_cost_nano": self.total_cost_nano,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the three cost columns as nullable integers, on the index of the calls."""
        import pandas as pd
        import pyarrow as pa

        table = pa.table(self.columns())
        frame: pd.DataFrame = table.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
        return frame if not isinstance(self._index, pd.Index) else frame.set_axis(self._index)

    def __repr__(self) -> str:
        return (
            f"PricedCalls({len(self):,} calls, ${self.total_usd:,.2f} by {self.book!r}, unpriced "
            f"{self.unpriced_calls_share:.1%} of calls and {self.unpriced_tokens_share:.1%} of "
            "tokens; next: .to_frame(), .unpriced)"
        )

    def _repr_html_(self) -> str:
        from costsim.prices.tables import priced_html

        return priced_html(self)


def _summary(
    gaps: NDArray[np.intp],
    reason: NDArray[np.int8],
    key: NDArray[np.intp],
    names: tuple[tuple[str | None, ...], ...],
    tokens: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[tuple[str | None, str | None, str | None, str, int, int], ...]:
    """Count calls and tokens without a price by name and reason, most tokens first."""
    if not len(gaps):
        return ()
    groups, group = np.unique(key[gaps] * len(Unpriced) + reason[gaps], return_inverse=True)
    counts = np.bincount(group, minlength=len(groups))
    sums = np.zeros(len(groups), dtype=np.int64)
    for column in tokens:
        np.add.at(sums, group, _counted(column[gaps]))
    found: dict[tuple[str | None, str | None, str | None, str], tuple[int, int]] = {}
    for number, calls, total in zip(groups.tolist(), counts.tolist(), sums.tolist(), strict=True):
        model, response_model, provider, tier = names[number // len(Unpriced)]
        label = Unpriced(number % len(Unpriced)).label
        row = (response_model or model, provider, tier, label)
        before = found.get(row, (0, 0))
        found[row] = (before[0] + calls, before[1] + total)
    rows = [(*row, *sizes) for row, sizes in found.items()]
    return tuple(sorted(rows, key=lambda row: (-row[5], -row[4], str(row[:4]))))


def _counted(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts fit for adding up: impossible ones are cut to the possible range."""
    from costsim.prices.unit import MAX_TOKENS

    return np.clip(tokens, 0, MAX_TOKENS)
