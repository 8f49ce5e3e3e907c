"""Limits on your own history: every recorded call asked again, in order, of the real ledger.

Open loop: users do not react. Who would have been refused and come back, waited or left is not in
a history; that is what simulating is for.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.errors import DataError, PriceError, UnknownNameError
from costsim.limits import Granted, MemoryLedger, Policy, Scopes, load_limits
from costsim.prices import load_price_book
from costsim.records import Records, read_records
from costsim.study.launch.gate import Gate, load_gate
from costsim.study.launch.replay_result import LimitsReplay
from costsim.study.launch.tally import window_words

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "call_id", "timestamp", "user_id", "user_tier", "feature_name", "model", "provider",
    "service_tier", "input_tokens", "output_tokens", "cache_read_tokens", "max_tokens",
    "total_cost_nano", "latency_ms", "status",
)  # fmt: skip
TOLD = 10_000
"""Calls between two words of progress."""


class _Choice(NamedTuple):
    """A model that a call may go to: the most it can cost there, and what it does cost."""

    model: str
    bound: list[int]
    cost: list[int]


def replay_limits(
    records: Records | str | Path,
    limits: Policy | str | Path,
    gate: Gate | str | Path | None = None,
    *,
    waive_evaluation: bool = False,
    progress: Callable[[int], object] | None = None,
) -> LimitsReplay:
    """What limits would have refused of recorded calls, if nobody had reacted.

    Parameters
    ----------
    records : Records, str or path
        Or the folder that holds them. Calls that were denied then were not made, and are left
        out.
    limits : Policy, str or path
    gate : Gate, str or path, optional
        Requirements; judged by the one history there is, without an interval.
    waive_evaluation : bool
        Let downgrade routes pass that nobody has evaluated.
    progress : callable, optional
        Called with numbers of calls as they are done.

    Returns
    -------
    LimitsReplay

    Raises
    ------
    DataError
        There is no call to replay, or none with dollars.
    SettingError
        Limits or gate that are not allowed, or caps of a feature or tier that no call has.

    Notes
    -----
    Calls without dollars are left out; the result counts them.

    Each call reserves its upper bound, input at the list price and the most output that it asked
    for and the limits allow, and settles what it cost after the time it took. Calls of models that
    the records' price book does not know reserve what they cost; the result counts them. A call
    keeps its own output though the limits may have cut it.

    Examples
    --------
    >>> import costsim
    >>> day = costsim.load_scenario("quiet").first_days(1)
    >>> found = replay_limits(costsim.simulate(day, seed=7).records, "strict")
    >>> found.verdict, "users do not react" in repr(found)
    ('NO GATE', True)
    """
    if not isinstance(records, Records):
        records = read_records(records)
    policy = limits if isinstance(limits, Policy) else load_limits(limits)
    wanted = gate if isinstance(gate, Gate) or gate is None else load_gate(gate)
    calls = records.to_pandas(list(COLUMNS))
    calls = calls[(calls["status"] != "denied").fillna(True)].reset_index(drop=True)
    if not len(calls):
        raise DataError("there is no call to replay")
    unknown = calls["total_cost_nano"].isna()
    if unknown.all():
        raise DataError(f"none of {len(calls):,} calls has dollars; price them first")
    calls = calls[~unknown].reset_index(drop=True)
    _check_names(calls, policy)
    choices, unpriced = _choices(calls, policy, records.manifest.price_book)
    decided = calls.assign(**_played(calls, policy, choices, progress))
    found = LimitsReplay(
        records, policy, decided, unpriced, wanted, waive_evaluation, int(unknown.sum())
    )
    if wanted is not None:
        found.check(wanted)
    return found


def _played(
    calls: pd.DataFrame,
    policy: Policy,
    choices: dict[str, list[_Choice]],
    progress: Callable[[int], object] | None,
) -> dict[str, Any]:
    """Each call's decision, a column each; see :class:`LimitsReplay`."""
    now = [0]
    ledger = MemoryLedger(policy, clock=lambda: now[0])
    times = calls["timestamp"].dt.as_unit("us").astype("int64").to_numpy()
    took = np.rint(calls["latency_ms"].astype("Float64").fillna(0).to_numpy(float) * 1000)
    tokens_in, tokens_out, most = (
        calls[name].fillna(-1).astype("int64").tolist()
        for name in ("input_tokens", "output_tokens", "max_tokens")
    )
    scopes = _scopes(calls)
    features = (
        calls["feature_name"].astype(object).where(calls["feature_name"].notna(), "").tolist()
    )
    models = calls["model"].astype(object).where(calls["model"].notna(), "as recorded").tolist()
    waiting: list[tuple[int, int, int, int]] = []
    rows: list[tuple[bool, int, bool, str | None, str | None, bool, str | None]] = []

    def settle(until: int) -> None:
        while waiting and waiting[0][0] <= until:
            now[0], row, nano, tokens = heapq.heappop(waiting)
            ledger.settle(str(row), nano, tokens)

    for row, (at, scope) in enumerate(zip(times.tolist(), scopes, strict=True)):
        settle(at)
        now[0] = at
        known = choices[features[row]]
        asked = max(tokens_in[row], 0)
        said = ledger.reserve(
            str(row),
            scope,
            [
                (models[row] if choice is known[0] else choice.model, choice.bound[row])
                for choice in known
            ],
            input_tokens=asked,
            max_output_tokens=most[row] if most[row] > 0 else None,
        )
        if isinstance(said, Granted):
            nano = known[said.candidate].cost[row]
            heapq.heappush(
                waiting, (at + int(took[row]), row, nano, asked + max(tokens_out[row], 0))
            )
            rows.append((True, nano, said.candidate > 0, None, None, False, None))
        else:
            window = f"{said.window}, {said.level}" if said.level else said.window
            told = window_words(said)
            rows.append((False, 0, False, said.scope, window, said.by_holds, told))
        if progress and row % TOLD == TOLD - 1:
            progress(TOLD)
    names = ("admitted", "admitted_nano", "downgraded", "scope", "window", "by_holds", "refused_by")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _check_names(calls: pd.DataFrame, policy: Policy) -> None:
    """Refuse caps of what no call has: they would stay unnoticed."""
    tiers = {**policy.tier, **policy.user.by_tier}
    for kind, column, named in (
        ("tier", "user_tier", tiers), ("feature", "feature_name", policy.feature)
    ):  # fmt: skip
        known = sorted(calls[column].dropna().astype(str).unique())
        for name in named:
            if known and name not in known:
                raise UnknownNameError(f"{policy.name}: {kind}", name, known)


def _scopes(calls: pd.DataFrame) -> list[Scopes]:
    columns = [
        calls[name].astype(object).where(calls[name].notna(), None).tolist()
        for name in ("user_id", "user_tier", "feature_name")
    ]
    made: dict[tuple[Any, ...], Scopes] = {}
    return [made.setdefault(names, Scopes(*names)) for names in zip(*columns, strict=True)]


def _choices(
    calls: pd.DataFrame, policy: Policy, book: str | None
) -> tuple[dict[str, list[_Choice]], int]:
    """The models that each feature's calls may go to; and how many calls have no list price."""
    cost = calls["total_cost_nano"].astype("int64").to_numpy()
    cap = policy.request.max_output_tokens
    asked = calls["max_tokens"].astype("Int64").fillna(cap).clip(upper=cap).to_numpy(np.int64)
    asked = np.minimum(asked, policy.request.held_output_tokens)
    own, missing = _bound(calls, None, asked, cost, book)
    names = ["", *sorted(set(calls["feature_name"].dropna()))]
    first = _Choice("as recorded", own.tolist(), cost.tolist())
    other: dict[str, _Choice] = {}
    found = {}
    for name in names:
        models: Sequence[str] = policy.feature[name].downgrade_to if name in policy.feature else ()
        for model in models:
            if model not in other:
                bound, none = _bound(calls, model, asked, cost, book)
                if none:
                    raise PriceError(f"downgrade_to: {model} must have a price; the book has none")
                out = calls["output_tokens"].fillna(0).to_numpy(np.int64)
                paid, _ = _bound(calls, model, out, cost, book)
                other[model] = _Choice(model, bound.tolist(), paid.tolist())
        found[name] = [first, *(other[model] for model in models)]
    return found, missing


def _bound(
    calls: pd.DataFrame, model: str | None, most: Any, cost: Any, book: str | None
) -> tuple[Any, int]:
    """Dollars of each call's input with so many tokens of output; what it cost where unknown."""
    if book is None:
        return cost, len(calls)
    columns: dict[str, Any] = {
        "timestamp": calls["timestamp"],
        "input_tokens": calls["input_tokens"].fillna(0).astype("int64"),
        "output_tokens": most,
        "model": calls["model"] if model is None else model,
    }
    if model is None:
        columns["provider"] = calls["provider"]
        columns["service_tier"] = calls["service_tier"]
    priced = load_price_book(book).price(columns).total_cost_nano.to_pandas()
    gone = priced.isna().to_numpy()
    return np.where(gone, cost, priced.fillna(0)).astype(np.int64), int(gone.sum())
