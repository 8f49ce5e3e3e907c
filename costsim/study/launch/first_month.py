"""The first month of a search: over which caps it goes, and how every candidate fares in it.

What a cap may be is read from the same demand that the first round sees, so a worker draws it once
for both. Where several share the candidates, each finds the same ranges for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.limits.rules import rules_of
from costsim.show.formats import share
from costsim.study.launch.candidates import CapRange, candidates, cap_range, with_caps
from costsim.study.launch.folding import FoldedMonth
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.search import SearchTask, rows_under
from costsim.study.one_thread import one_thread

if TYPE_CHECKING:
    from costsim.limits import Policy
    from costsim.study.launch.month import LaunchMonth

TOO_MANY = 0.05
"""A cap on a request's size that refuses more of a feature's calls is not kept in the search."""
BUDGETS = (0.8, 1.5)
"""Times the budget between which a cap of everybody's month is looked for."""


class FirstTask(NamedTuple):
    """One part of the candidates on the first seed: all that a worker needs to know."""

    month: LaunchMonth
    base: Policy
    downgrades: tuple[tuple[str, str], ...]
    seed: int
    how_many: int
    study_seed: int
    part: int = 0
    parts: int = 1


class FirstMonth(NamedTuple):
    """All candidates, rows of one part of them, and what a reader must know of the search."""

    tried: list[Policy]
    rows: list[dict[str, float | str]]
    notes: list[str]


def first_rows(task: FirstTask) -> FirstMonth:
    """Draw the month, find the candidates, and try this part of them."""
    with one_thread():
        rehearsal = Rehearsal(task.month, task.seed, task.downgrades)
        month = FoldedMonth(rehearsal, MonthCalls(rehearsal))
        start, ranges, notes = _searched(month, task.base)
        budget = task.month.scenario.monthly_budget_usd
        whole = CapRange(*(times * budget for times in BUDGETS))
        tried = candidates(start, ranges, task.how_many, seed=task.study_seed, organisation=whole)
        # those with a cap of everybody's month take longest: each part has its share of them
        dealt = sorted(tried, key=lambda policy: not policy.enforce_organisation)
        part = tuple(dealt[task.part :: task.parts])
        wanted = SearchTask(task.month, part, task.downgrades, task.seed)
        return FirstMonth(tried, rows_under(wanted, month), notes)


def _searched(month: FoldedMonth, base: Policy) -> tuple[Policy, dict[str, CapRange], list[str]]:
    """What is searched from, over which caps, and what a reader must know of it."""
    block, tables = month.intended.either, month.rehearsal.tables
    notes, cap = [], base.request.max_input_tokens
    start = base
    if cap is not None:
        names = tables.features
        large = block.input_tokens > cap
        refused = np.bincount(block.feature, large, len(names))
        calls = np.bincount(block.feature, minlength=len(names))
        shares = refused / np.maximum(calls, 1)
        worst = int(np.argmax(shares))
        if shares[worst] > TOO_MANY:
            request = base.request.model_copy(update={"max_input_tokens": None})
            start = base.model_copy(update={"request": request})
            notes.append(
                f"max_input_tokens = {cap:,} refuses {share(shares[worst])} of the calls of "
                f"{names[worst]} at any price; the search leaves it out."
            )
    asked = with_caps(start, dict.fromkeys(("hour_usd", "day_usd", "month_usd"), 1.0), None, "one")
    ranges = {
        rule.cap: cap_range(month.peaks(asked, rule) / 1e9)
        for rule in rules_of(asked)
        if rule.scope == "user" and rule.cap.endswith("_usd")
    }
    return start, ranges, notes
