"""Attempts of a request that may fail and be tried again: their joint law in two worlds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from costsim.simulation.pieces import Terms
    from costsim.simulation.settings import Reaction


class Outcomes(NamedTuple):
    """What may become of an intended call: a row each, with its probability.

    A row counts how often the call's input and its output are billed, its attempts, and how often
    input and output are billed of the same call under plain terms.
    """

    share: tuple[float, ...]
    rows: tuple[tuple[int, int, int, int, int], ...]

    def mean(self, *powers: int) -> float:
        """Mean of a product of powers of a row's entries; later powers are 0."""
        total = 0.0
        for share, row in zip(self.share, self.rows, strict=True):
            for entry, power in zip(row, powers, strict=False):
                share *= entry**power
            total += share
        return total


def outcomes_of(terms: Terms, plain: Terms, billed: str, reaction: Reaction) -> Outcomes:
    """Outcomes of an intended call under some terms, and under plain ones with the same luck.

    An attempt fails in both worlds or only in the one with the higher error rate, and who tries
    again in one would in the other: the coins of a simulation are shared in the same way.
    """
    again = reaction.retry_share if reaction.retries_errors else 0.0
    most = reaction.max_retries + 1
    swap = plain.error_rate > terms.error_rate
    low, high = sorted((terms.error_rate, plain.error_rate))
    found: defaultdict[tuple[tuple[int, bool], tuple[int, bool]], float] = defaultdict(float)

    def alone(at: int, share: float, other: tuple[int, bool]) -> None:
        """The world that fails more goes on by itself from attempt `at` on."""
        for t in range(at, most + 1):
            found[(t, True), other] += share * (1 - high)
            more = again if t < most else 0.0
            found[(t, False), other] += share * high * (1 - more)
            share *= high * more

    share = 1.0
    for t in range(1, most + 1):
        more = again if t < most else 0.0
        found[(t, True), (t, True)] += share * (1 - high)
        found[(t, False), (t, True)] += share * (high - low) * (1 - more)
        if t < most:
            alone(t + 1, share * (high - low) * more, (t, True))
        found[(t, False), (t, False)] += share * low * (1 - more)
        share *= low * more
    shares, rows = [], []
    for (more_failing, less_failing), p in found.items():
        if not p:
            continue
        here, there = (less_failing, more_failing) if swap else (more_failing, less_failing)
        bills = _bills(there, billed)
        shares.append(p * terms.made)
        rows.append((*_bills(here, billed), here[0], *bills))
        if terms.made < 1:
            shares.append(p * (1 - terms.made))
            rows.append((0, 0, 0, *bills))
    return Outcomes(tuple(shares), tuple(rows))


def _bills(outcome: tuple[int, bool], billed: str) -> tuple[int, int]:
    """How often input and output are billed, from the attempts and whether the last succeeded."""
    tries, answered = outcome
    failures = tries - answered
    return (
        answered + (failures if billed != "nothing" else 0),
        answered + (failures if billed == "all" else 0),
    )
