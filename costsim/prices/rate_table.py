"""Resolved prices as one integer table, and the arithmetic of a block of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costsim.prices.columns import Integers
from costsim.prices.cost import split_cost
from costsim.prices.timeline import Resolved
from costsim.prices.unit import KINDS, MAX_TOKENS, Rates, UnitPrice
from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

INPUT_PARTS: Final = ("cache_read", "cache_write", "cache_write_1h", "audio_input")
OUTPUT_PARTS: Final = ("reasoning", "audio_output")
PARTS: Final = tuple(f"{kind}_tokens" for kind in (*INPUT_PARTS, *OUTPUT_PARTS))
_NOTHING: Final = Rates(0, 0, 0, 0, 0, 0, 0, 0)
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class RateTable:
    """A row of rates for each resolved price and input threshold.

    Parameters
    ----------
    reason : int8 array, one a price
        `Unpriced`; zero where there is a price.
    first : int array, one a price
        Its first row.
    thresholds : int64 array, prices x most thresholds of any
        Rising; padded with a number that no call passes.
    rates : dict of int64 arrays, one a row
        Pico-dollars per token by kind; zero where missing.
    missing : dict of bool arrays, one a row
        Where a kind has no price; only the kinds for which that happens.
    """

    reason: NDArray[np.int8]
    first: NDArray[np.intp]
    thresholds: Ints
    rates: Mapping[str, Ints]
    missing: Mapping[str, Bools]

    @classmethod
    def of(cls, resolved: Sequence[Resolved]) -> RateTable:
        """Lay out resolved prices."""
        rows: list[Rates] = []
        first: list[int] = []
        steps = [one.long_input if isinstance(one, UnitPrice) else () for one in resolved]
        width = max((len(step) for step in steps), default=0)
        thresholds = np.full((len(resolved), width), _NEVER, dtype=np.int64)
        for number, one in enumerate(resolved):
            first.append(len(rows))
            rows.append(one.rates if isinstance(one, UnitPrice) else _NOTHING)
            rows.extend(rates for _, rates in steps[number])
            thresholds[number, : len(steps[number])] = [above for above, _ in steps[number]]
        reasons = [one if isinstance(one, Unpriced) else Unpriced.PRICED for one in resolved]
        by_kind = {kind: [getattr(row, kind) for row in rows] for kind in KINDS}
        return cls(
            reason=np.array(reasons, dtype=np.int8),
            first=np.array(first, dtype=np.intp),
            thresholds=thresholds,
            rates={
                kind: np.array([pico or 0 for pico in picos], dtype=np.int64)
                for kind, picos in by_kind.items()
            },
            missing={
                kind: np.array([pico is None for pico in picos], dtype=np.bool_)
                for kind, picos in by_kind.items()
                if None in picos
            },
        )

    def price(
        self, key: NDArray[np.intp], tokens: Mapping[str, Integers]
    ) -> tuple[NDArray[np.int8], Ints, Ints, Ints]:
        """Price a block of calls.

        Parameters
        ----------
        key : int array, one a call
            Number of its price.
        tokens : dict of Integers, one a call
            `input_tokens`, `output_tokens` and any of `PARTS`.

        Returns
        -------
        tuple of arrays
            Reason (zero where priced), and nano-dollars of input, output and total (zero
            where not priced: the caller masks them).
        """
        reason = self.reason[key]
        row = self.first[key]
        for step in range(self.thresholds.shape[1]):
            row = row + (tokens["input_tokens"].values > self.thresholds[key, step])
        input_pico = self._side(reason, row, tokens, "input", INPUT_PARTS)
        output_pico = self._side(reason, row, tokens, "output", OUTPUT_PARTS)
        good = reason == Unpriced.PRICED
        if not good.all():
            input_pico = np.where(good, input_pico, 0)
            output_pico = np.where(good, output_pico, 0)
        return (reason, *split_cost(input_pico, output_pico))

    def _side(
        self,
        reason: NDArray[np.int8],
        row: NDArray[np.intp],
        tokens: Mapping[str, Integers],
        side: str,
        kinds: Sequence[str],
    ) -> Ints:
        """Return exact pico-dollars of one side; mark rows that cannot be priced in `reason`."""
        total = tokens[f"{side}_tokens"]
        if total.present is not None:
            absent = ~total.present
            if side in self.missing:  # no price of this side at all: nothing is billed there
                absent &= ~self.missing[side][row]
            _mark(reason, absent, Unpriced.TOKENS)
        _mark(reason, (total.values < 0) | (total.values > MAX_TOKENS), Unpriced.INCONSISTENT)
        plain: Any = total.values
        pico: Any = 0
        for kind in kinds:
            part = tokens.get(f"{kind}_tokens")
            if part is None or not part.values.any():
                continue
            beyond = (part.values < 0) | (part.values > total.values)
            _mark(reason, beyond, Unpriced.INCONSISTENT)
            plain = plain - part.values
            pico = pico + part.values * self.rates[kind][row]
            self._mark_missing(reason, row, kind, part.values)
        _mark(reason, plain < 0, Unpriced.INCONSISTENT)
        self._mark_missing(reason, row, side, plain)
        exact: Ints = pico + plain * self.rates[side][row]
        return exact

    def _mark_missing(
        self, reason: NDArray[np.int8], row: NDArray[np.intp], kind: str, counts: Ints
    ) -> None:
        if kind in self.missing:
            _mark(reason, self.missing[kind][row] & (counts > 0), Unpriced.KIND)


def _mark(reason: NDArray[np.int8], rows: Bools, why: Unpriced) -> None:
    """Note why these rows have no price, unless a reason is known already."""
    if rows.any():
        reason[rows & (reason == Unpriced.PRICED)] = why
