"""A store that lost its ledger, filled again from the call records of this month."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from costsim.errors import DataError, LedgerError
from costsim.limits.accounts import ANONYMOUS
from costsim.limits.control_file import ControlFile
from costsim.limits.controls import Control, checked_control
from costsim.limits.core import CALLS, MONTH, NANO, OPEN, TOKENS
from costsim.limits.rules import EVERYTHING
from costsim.limits.store.keys import encoded
from costsim.limits.store.operating import put_back
from costsim.limits.store.wire import Ask
from costsim.limits.windows import window_at

if TYPE_CHECKING:
    import pandas as pd

    from costsim.limits.store.steps import Core, Steps

_COLUMNS = {"user": "user_id", "tier": "user_tier", "feature": "feature_name"}
_TOKENS = ["total_tokens", "input_tokens", "output_tokens"]
_NEEDED = ["timestamp", "call_id", "status", "total_cost_nano", *_TOKENS, *_COLUMNS.values()]
_VALUES = {NANO: "total_cost_nano", CALLS: "one", TOKENS: "total_tokens"}
_AT_ONCE = 500

T = TypeVar("T")


def rebuild(
    core: Core, records: Any, controls: str | Path | Iterable[Control] | None = None
) -> Steps[int]:
    """Windows from the sums of their calls; calls not long ago are known again, as settled.

    A settle that waited out the loss is not charged twice, then, if its record is there. What
    operators ordered, as this process or `controls` knows it, is there before anything is served.
    """
    if isinstance(controls, str | Path):
        controls = ControlFile(controls).read()
    orders = tuple(map(checked_control, controls or ()))
    yield from core.ready()
    now = yield from _time(core)
    frame = _calls(core, records, now)
    token = os.urandom(8).hex().encode()
    yield from _step(core, b"begin", token)
    if frame is not None:
        for chunk in _batches(_slots(core, frame, now)):
            words = [word for slot in chunk for word in slot]
            yield from _step(core, b"slots", token, *words)
        recent = frame.loc[frame["us"] >= now - core.retention_us, "call_id"].dropna()
        for ids in _batches(recent):
            yield from _step(core, b"calls", token, *(encoded(name).encode() for name in ids))
    yield from put_back(core, orders)
    yield from _step(core, b"finish", token)
    core.lost = False
    yield from core.flush()
    return 0 if frame is None else len(frame)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch


def _time(core: Core) -> Steps[int]:
    if core.given_clock:
        return core.now()
    seconds, micro = yield Ask(None, (b"TIME",))
    return int(seconds) * 1_000_000 + int(micro)


def _step(core: Core, step: bytes, token: bytes, *words: bytes) -> Steps[None]:
    answer = yield core.ask("restore", None, step, token, *words)
    if answer == b"A":
        raise LedgerError(f"Redis holds a ledger of tenant {core.tenant!r}: nothing to rebuild")
    if answer == b"B":
        raise LedgerError(f"the ledger of tenant {core.tenant!r} is being rebuilt by another")


def _calls(core: Core, records: Any, now: int) -> pd.DataFrame | None:
    """What was spent since the month (and the retention) began, checked."""
    if records is None:
        return None
    import pandas as pd

    from costsim.records import Records

    whole = records if isinstance(records, Records) else Records.from_frame(records)
    start = min(window_at(MONTH, now, core.policy.zone)[0], now - core.retention_us)
    first, last = (pd.Timestamp(us, unit="us", tz="UTC") for us in (start, now + 1))
    frame = whole.between(first, last).to_pandas(_NEEDED)
    frame = frame[frame["status"] != "denied"].reset_index(drop=True)
    both = frame["input_tokens"].fillna(0) + frame["output_tokens"].fillna(0)
    frame["total_tokens"] = frame["total_tokens"].fillna(both)
    free = (frame["status"] == "error") & (frame["total_tokens"] == 0)  # a refused call has no bill
    unpriced = int((frame["total_cost_nano"].isna() & ~free).sum())
    if unpriced:
        raise DataError(f"records must have prices: {unpriced:,} calls have no total_cost_nano")
    frame["one"] = 1
    frame["us"] = frame["timestamp"].dt.as_unit("us").astype("int64")
    for name in ("total_cost_nano", "total_tokens"):
        frame[name] = frame[name].fillna(0).astype("int64")
    frame["user_id"] = frame["user_id"].astype(object).where(frame["user_id"].notna(), ANONYMOUS)
    return frame


def _slots(core: Core, frame: pd.DataFrame, now: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each slot in force now, with what is settled in it and milliseconds to keep it."""
    for rule in core.plans.rules:
        if rule.period == OPEN:
            continue
        start, end = window_at(rule.period, now, core.policy.zone)
        calls = frame[frame["us"] >= start]
        values = calls[_VALUES[rule.unit]]
        if rule.scope == "organisation":
            sums: dict[Any, Any] = {EVERYTHING: int(values.sum())}
        else:
            sums = values.groupby(calls[_COLUMNS[rule.scope]], observed=True).sum().to_dict()
        keep = str((end + core.keep_us - now) // 1000).encode()
        for entity, taken in sums.items():
            base = f"{rule.scope}:{encoded(str(entity))}:{rule.cap}"
            yield f"{base}:{start // 1_000_000}".encode(), str(int(taken)).encode(), keep
