"""A search over limits by successive halving: all on few seeds, the best of them on many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.study.launch.folding import FoldedMonth
from costsim.study.launch.measures import intended, measures
from costsim.study.launch.month_calls import MonthCalls
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.runs import OPEN
from costsim.study.launch.statistics import estimate
from costsim.study.one_thread import one_thread
from costsim.study.parallel import in_parallel

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.kernel_layout import Block
    from costsim.study.launch.gate import Gate, Requirement
    from costsim.study.launch.month import LaunchMonth

KEPT = 4
"""One of so many candidates goes on to the next round."""
SHARES = (0.05, 0.25, 1.0)
"""Of all seeds, how many each round has seen."""


class Growth(NamedTuple):
    """What is assumed otherwise: tokens times a factor, of everybody or of the heavy users."""

    factor: float = 1.0
    heavy_only: bool = False


class SearchTask(NamedTuple):
    """One seed under several limits: all that a worker needs to know."""

    month: LaunchMonth
    policies: tuple[Policy, ...]
    downgrades: tuple[tuple[str, str], ...]
    seed: int
    growths: tuple[Growth, ...] = ()


HEAVY = 0.01
"""Share of active users who count as heavy: those of the most dollars."""


class Searched(NamedTuple):
    """Rows as :func:`measures` has them: without limits and with each, and for each growth."""

    rows: list[dict[str, float | str]]
    grown: dict[Growth, list[dict[str, float | str]]]


def search_rows(task: SearchTask) -> Searched:
    """What one seed says; growths are tried on the last of the limits, on the same demand."""
    with one_thread():
        rehearsal = Rehearsal(task.month, task.seed, task.downgrades)
        calls = MonthCalls(rehearsal)
        found = rows_under(task, FoldedMonth(rehearsal, calls))
        last = task._replace(policies=task.policies[-1:])
        heavy = {one.heavy_only for one in task.growths}
        who = {only: _who_grows(rehearsal, calls.either, only) for only in heavy}
        return Searched(
            found,
            {
                one: rows_under(last, FoldedMonth(rehearsal, calls.changed(_growth(one, who))))
                for one in task.growths
            },
        )


def _growth(growth: Growth, who: dict[bool, NDArray[np.bool_]]) -> Callable[[Block], Block]:
    return lambda block: _grown(block, growth.factor, who[growth.heavy_only])


def rows_under(task: SearchTask, month: FoldedMonth) -> list[dict[str, float | str]]:
    """A row without limits and one with each of the task's, of a month that is drawn."""
    rehearsal = month.rehearsal
    runs = month.runs(task.policies)
    first = next(runs)  # what is looked at for limits tells the month without any, too
    open_ = month.open
    wanted = intended(month.calls, rehearsal.tables)
    rows: list[dict[str, float | str]] = []
    for limits, found in zip((None, *task.policies), chain((open_, first), runs), strict=True):
        name = OPEN if limits is None else limits.name
        row: dict[str, float | str] = {"variant": name, "seed": task.seed}
        row |= measures(found, wanted, rehearsal.tables, limits)
        row["saved_usd"] = int(open_.month_nano.sum() - found.month_nano.sum()) / 1e9
        rows.append(row)
    return rows


def _who_grows(rehearsal: Rehearsal, block: Block, heavy_only: bool) -> NDArray[np.bool_]:
    """Users whose calls have more tokens."""
    users = len(rehearsal.tables.arrays.tier_of)
    chosen = np.ones(users, np.bool_)
    if heavy_only:
        nano = np.bincount(block.user, rehearsal.cost(block), users)
        most = max(round(HEAVY * int((nano > 0).sum())), 1)
        chosen[np.argsort(-nano, kind="stable")[most:]] = False
    return chosen


def _grown(block: Block, factor: float, who: NDArray[np.bool_]) -> Block:
    """The same calls with other numbers of input tokens."""
    each = np.where(who, factor, 1.0)[block.user]
    return block._replace(
        input_tokens=np.rint(block.input_tokens * each).astype(np.int64),
        cached_tokens=np.rint(block.cached_tokens * each).astype(np.int64),
    )


def halved(
    month: LaunchMonth,
    candidates: Sequence[Policy],
    seeds: Sequence[int],
    begun: Sequence[dict[str, float | str]],
    gate: Gate,
    downgrades: tuple[tuple[str, str], ...],
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Rows of all runs: every candidate on the first seeds, ever fewer and better ones on more.

    Limits of one seed see the same demand, so few seeds tell good from bad; those that are told
    apart by little see more. `begun` has the rows of the first seed.
    """
    import pandas as pd

    left, done, rows = list(candidates), 1, list(begun)
    if progress:
        progress(len(left))
    for number, share in enumerate(SHARES):
        upto = max(round(share * len(seeds)), done + (number > 0))
        tasks = [SearchTask(month, tuple(left), downgrades, one) for one in seeds[done:upto]]
        for found in in_parallel(search_rows, tasks) if tasks else ():
            rows += found.rows
            if progress:
                progress(len(left))
        done = upto
        if done >= len(seeds) or number == len(SHARES) - 1:
            break
        order = ranked(pd.DataFrame(rows), [policy.name for policy in left], gate)
        keep = order[: max(len(left) // KEPT, 2)]
        left = [policy for policy in left if policy.name in keep]
    runs = pd.DataFrame(rows).drop_duplicates(["variant", "seed"])  # each part has the open month
    return runs.sort_values(["variant", "seed"], ignore_index=True)


def ranked(runs: pd.DataFrame, names: Sequence[str], gate: Gate) -> list[str]:
    """Candidates from best to worst.

    First those that miss the gate's bounds by the least, all bounds together; of those, whom they
    block the fewest active users; of those, the cheapest month.
    """
    keys = {}
    for name, own in runs[runs["variant"].isin(names)].groupby("variant"):
        missed = sum(miss(wanted, own) for wanted in gate.requirements)
        blocked, usd = (float(own[c].mean()) for c in ("blocked_share", "month_usd"))
        keys[str(name)] = (round(missed, 9), blocked, usd, str(name))
    return sorted(keys, key=keys.__getitem__)


def miss(wanted: Requirement, runs: pd.DataFrame) -> float:
    """By how much the runs' estimate misses a bound: shares as they are, dollars of the bound."""
    value = estimate(runs[wanted.column].to_numpy(float), wanted.statistic).value
    if np.isnan(value) or wanted.holds(value):
        return 0.0
    scale = max(abs(wanted.bound), 1.0) if wanted.key.endswith("_usd") else 1.0
    return abs(value - wanted.bound) / scale + 1e-9  # a strict bound that is met is missed
