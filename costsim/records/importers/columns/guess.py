"""Proposing a column map from names and values, each guess with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from costsim.errors import CostsimError, DataError
from costsim.records.importers.columns.mapping import Use, field_and_unit
from costsim.records.importers.columns.synonyms import COMPUTED, holds_texts, known_names, squeezed
from costsim.records.importers.values import numbers, times, words
from costsim.records.importers.values.faults import Faults, shown
from costsim.records.schema import BY_NAME

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

OWN_NAME, SYNONYM, LAST_PART = 1.0, 0.9, 0.7
UNSURE = 0.6
_TIME_LIKE = ("latency_ms", "time_to_first_token_ms")


@dataclass(frozen=True)
class Guess:
    """A proposed map.

    Parameters
    ----------
    uses : tuple of Use
        The best column for each field, with confidence, reason and an example.
    doubts : tuple of str
        Why it cannot be used unasked; none means that it can.
    ignored : tuple of str
        Columns that are no field of the record, or hold texts.
    """

    uses: tuple[Use, ...]
    doubts: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def as_map(self) -> str:
        """The guess as ``--map`` takes it."""
        return ",".join(f"{_spelled(use)}={use.theirs}" for use in self.uses)

    def to_frame(self) -> pd.DataFrame:
        """One row a field: column, unit, confidence, example, reason."""
        import pandas as pd

        columns = ["field", "column", "unit", "confidence", "example", "why"]
        rows = [(u.ours, u.theirs, u.unit, u.confidence, u.example, u.why) for u in self.uses]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        from costsim.show.tables import table_text

        frame = self.to_frame()
        return table_text(frame, {"confidence": "share"}) if len(frame) else "no column recognised"


def guess_map(columns: Mapping[str, Any], private: Sequence[str] = ()) -> Guess:
    """Propose which column is which field.

    Parameters
    ----------
    columns : mapping of str to arrow array
        Names and some first values.
    private : sequence of str
        Fields whose values are not to be shown as examples.

    Notes
    -----
    The record's own names count 100%, known synonyms 90%, the last part of a nested name 70%;
    a column whose values do not fit the field is no candidate. Two columns with equal claim,
    numbers that are no unit for sure, and anything below 60% are doubts: they are shown, and
    nothing is imported on them.
    """
    candidates: dict[str, list[Use]] = {}
    ignored = []
    for name, values in columns.items():
        found = None if holds_texts(name) else _propose(name, values, private)
        if found is None:
            ignored.append(name)
        else:
            candidates.setdefault(found.ours, []).append(found)
    uses, doubts = [], []
    for ours, claims in candidates.items():
        claims.sort(key=lambda use: -use.confidence)
        best = claims[0]
        rivals = [use.theirs for use in claims[1:] if use.confidence == best.confidence]
        if rivals:
            doubts.append(f"{ours} could be {best.theirs} or {' or '.join(rivals)}")
        elif best.confidence < UNSURE:
            doubts.append(f"{ours} from {best.theirs}: {best.why}")
        ignored += [use.theirs for use in claims[1:]]
        uses.append(best)
    order = list(BY_NAME)
    uses.sort(key=lambda use: order.index(use.ours))
    return Guess(tuple(uses), tuple(doubts), tuple(ignored))


def own_names(found: Sequence[str]) -> tuple[Use, ...]:
    """Columns that carry the record's own names, such as a table that costsim wrote."""
    uses: dict[str, Use] = {}
    for name in found:
        spelled = name.replace("total_cost", "billed_cost") if name == "total_cost_usd" else name
        spelled = "billed_cost_usd" if spelled in ("total_cost", "billed_cost") else spelled
        try:
            ours, unit = field_and_unit(spelled)
        except CostsimError:
            continue
        if name in ("user", "feature", "tier", "latency", "time_to_first_token"):
            continue  # short forms of a map, too vague as a claim of the file
        if ours not in uses or name.startswith(("billed", ours)):
            uses[ours] = Use(ours, name, unit, 1.0, "the record's own name")
    return tuple(uses.values())


def _propose(name: str, values: Any, private: Sequence[str]) -> Use | None:
    own = own_names([name])
    if own:
        use = own[0]
    elif squeezed(name) in COMPUTED:
        return None
    else:
        synonym = _synonym(name)
        if synonym is None:
            return None
        use = synonym
    example = next((v for v in values.drop_null()[:1].to_pylist()), None)
    if example in (None, b"", ""):
        example = next((v for v in values.to_pylist() if v not in (None, b"", "")), None)
    fit = _fits(use, values)
    if fit is None:
        return None
    hidden = use.ours in private
    return replace(
        fit,
        example=""
        if example is None or hidden
        else shown(example).removeprefix("'").removesuffix("'"),
    )


def _synonym(name: str) -> Use | None:
    names = known_names()
    if squeezed(name) in names:
        ours, unit = names[squeezed(name)]
        return Use(ours, name, unit, SYNONYM, "a known synonym")
    last = squeezed(name.rsplit(".", 1)[-1])
    if "." in name and (own := own_names([name.rsplit(".", 1)[-1]])):
        return replace(own[0], theirs=name, confidence=LAST_PART, why="the last part of its name")
    if "." in name and last in names and last not in ("id", "at", "date", "start"):
        ours, unit = names[last]
        return Use(ours, name, unit, LAST_PART, "the last part of its name")
    return None


def _fits(use: Use, values: Any) -> Use | None:
    """The use, if the values can be what it says; its unit found where the name has none."""
    kind = BY_NAME[use.ours].kind
    faults = Faults(len(values))
    if kind == "count":
        numbers.count(values, faults, use.theirs, Counter())
    elif kind == "nano":
        numbers.nano(values, use.unit or "usd", faults, use.theirs, Counter())
    elif use.unit == "?":
        return _span_unit(use, values)
    elif kind == "number":
        numbers.scaled(values, 1.0, faults, use.theirs)
    elif kind == "flag":
        words.flag(values, faults, use.theirs)
    elif kind == "time":
        try:
            form = times.detect(values, use.theirs)
        except DataError as error:
            return replace(use, confidence=0.5, why=str(error))
        times.instants(values, form, "UTC", faults, use.theirs)
        use = replace(use, unit="" if form.unit == "iso" else form.unit, why=f"{use.why}, {form}")
    elif use.ours == "status":
        words.outcome(values, faults, use.theirs)
    return use if len(faults) * 2 <= len(values) else None


def _span_unit(use: Use, values: Any) -> Use | None:
    """Milliseconds or seconds, by size: answers of models take 0.1 s to some minutes."""
    faults = Faults(len(values))
    known = numbers.scaled(values, 1.0, faults, use.theirs).drop_null().to_pylist()
    if len(faults) * 2 > len(values) or not known:
        return None
    middle = median(known)
    if middle >= 200:
        return replace(use, unit="ms", confidence=0.8, why=f"ms, as half of it is over {middle:g}")
    if middle <= 60 and any(value != int(value) for value in known):
        return replace(use, unit="s", confidence=0.8, why=f"seconds, as half is below {middle:g}")
    return replace(use, unit="ms", confidence=0.5, why="its unit, ms or s, is not clear")


def _spelled(use: Use) -> str:
    """A field with its unit, as a map writes it."""
    kind = BY_NAME[use.ours].kind
    if kind == "nano":
        return use.ours.replace("_nano", f"_{use.unit or 'usd'}")
    if use.ours in _TIME_LIKE:
        return use.ours.replace("_ms", f"_{use.unit or 'ms'}")
    return use.ours


def sample(columns: Mapping[str, Any], rows: int = 1000) -> dict[str, pa.Array]:
    """The first values of each column."""
    return {name: values[:rows] for name, values in columns.items()}
