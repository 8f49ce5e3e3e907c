"""A chunk of a foreign file on its way to records: translated, completed, checked."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.records.importers.columns.mapping import Use
from costsim.records.importers.reading.chunk import OBJECT, Chunk
from costsim.records.importers.values import numbers, times, words
from costsim.records.importers.values.faults import Faults, shown, true
from costsim.records.importers.values.json_values import take
from costsim.records.schema import BY_NAME, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

# Parts that pricing takes from their whole; each whole must hold them all at once.
WHOLES = {
    "input_tokens": (
        "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "audio_input_tokens",
    ),
    "output_tokens": ("reasoning_tokens", "audio_output_tokens"),
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the caller supplied beside the file.

    Parameters
    ----------
    supplied : mapping of str to str
        Fields filled in where the log has none.
    naive_zone : str
        IANA zone of times without one.
    start_us : int, optional
        Day 0 of a log whose times count from one, microseconds since 1970.
    key : str, optional
        Secret with which user ids are replaced.
    """

    supplied: Mapping[str, str] = field(default_factory=dict)
    naive_zone: str = "UTC"
    start_us: int | None = None
    key: str | None = None


@dataclass(eq=False)
class Draft:
    """Rows of one chunk while they are translated. Importers change `known` and `faults`.

    Parameters
    ----------
    chunk : Chunk
    options : Options
    formats : dict of str to TimeFormat
        How the file's time columns are written; filled on first sight, kept for its next chunks.
    paths : mapping
        Keys of nested names, see `Rows`.
    """

    chunk: Chunk
    options: Options
    formats: dict[str, times.TimeFormat]
    paths: Mapping[str, tuple[str, ...]]
    known: dict[str, pa.Array] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.faults = Faults(len(self.chunk))
        self.zoneless: set[str] = set()  # columns with times that carry no zone
        self._raw: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.chunk)

    def load(self, names: Sequence[str]) -> None:
        """Take columns from the chunk, all values inside JSON in one pass."""
        table = self.chunk.table
        inner: dict[str, dict[str, tuple[str, ...]]] = {}
        for name in names:
            if name in table.column_names:
                self._raw[name] = table[name].combine_chunks()
            elif OBJECT in table.column_names:
                inner.setdefault(OBJECT, {})[name] = self.paths.get(name, (name,))
            else:
                top, _, rest = name.partition(".")
                if rest and top in table.column_names:
                    inner.setdefault(top, {})[name] = tuple(rest.split("."))
        for column, paths in inner.items():
            source = words.text(table[column], Faults(len(self)), column)
            self._raw |= {name: values.combine_chunks() for name, values in
                          take(source, paths).items()}  # fmt: skip

    def raw(self, name: str) -> Any:
        """A loaded column as the file has it; None where it has none."""
        return self._raw.get(name)

    def inside(self, name: str, paths: Mapping[str, tuple[str, ...]]) -> dict[str, pa.Array]:
        """Values inside a column of JSON; all null where the file has no such column."""
        import pyarrow as pa

        column = self.raw(name)
        if column is None:
            return {key: pa.nulls(len(self), pa.string()) for key in paths}
        found = take(words.text(column, self.faults, name), paths)
        return {key: values.combine_chunks() for key, values in found.items()}

    def instants(self, name: str, ours: str = "") -> Any:
        """A column of times in UTC; None where the file has none."""
        column = self.raw(name)
        if column is None:
            return None
        if name not in self.formats:
            self.formats[name] = times.detect(column, name)
        return times.instants(
            column, self.formats[name], self.options.naive_zone, self.faults, name,
            ours=ours, zoneless=self.zoneless,
        )  # fmt: skip

    def translate(self, use: Use) -> None:
        """Make a field from a loaded column."""
        column = self.raw(use.theirs)
        if column is None:
            return
        kind = BY_NAME[use.ours].kind
        if kind == "time":
            if use.unit:
                self.formats.setdefault(use.theirs, times.TimeFormat(use.unit))
            self.known[use.ours] = self.instants(use.theirs, use.ours)
        elif kind == "count":
            self.known[use.ours] = numbers.count(column, self.faults, use.theirs, self.notes)
        elif kind == "nano":
            unit = use.unit or "usd"
            self.known[use.ours] = numbers.nano(column, unit, self.faults, use.theirs, self.notes)
        elif kind == "number":
            factor = numbers.SPANS[use.unit] if use.unit else 1.0
            self.known[use.ours] = numbers.scaled(column, factor, self.faults, use.theirs)
        else:
            special = _SPECIAL.get(use.ours) or {"flag": words.flag, "names": words.names}.get(kind)
            self.known[use.ours] = (special or words.text)(column, self.faults, use.theirs)

    def fill(self, name: str, value: str) -> None:
        """Say a name where the rows have none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        before = self.known.get(name)
        self.known[name] = (
            pa.repeat(value, len(self)) if before is None else pc.fill_null(before, value)
        )

    def complete(self) -> None:
        """Add what was supplied, and refuse rows that contradict themselves."""
        for name, value in self.options.supplied.items():
            self.fill(name, value)
        self._status()
        self._tokens()
        when = self.known["timestamp"]
        self.faults.add(~true(when.is_valid()), "timestamp must be known; got none")
        if self.options.key and "user_id" in self.known:
            self.known["user_id"] = pseudonyms(self.known["user_id"], self.options.key)

    def _status(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        failed = self.known.get("error")
        said = self.known.get("status", pa.nulls(len(self), pa.string()))
        if failed is not None:
            said = pc.if_else(pc.and_(said.is_null(), failed.is_valid()), "error", said)
        self.known["status"] = pc.fill_null(said, "ok")

    def _tokens(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        for whole, parts in WHOLES.items():
            present = [self.known[p] for p in parts if p in self.known]
            if present and whole in self.known:
                total = np.sum([numbers.filled(part) for part in present], axis=0)
                above = true(pc.less(self.known[whole], pa.array(total)))
                listed = ", ".join(p for p in parts if p in self.known)
                reason = f"{whole} must hold its parts ({listed}); they add up to {{}}"
                self.faults.add(above, reason, total)
        if {"input_tokens", "output_tokens"} <= set(self.known):
            both = pc.add(self.known["input_tokens"], self.known["output_tokens"])
            theirs = self.known.get("total_tokens")
            if theirs is not None:
                wrong = true(pc.not_equal(theirs, both))
                reason = "total_tokens must be input_tokens + output_tokens; the sum is {}"
                self.faults.add(wrong, reason, both)
                both = pc.coalesce(both, theirs)
            huge = true(pc.greater(both, numbers.MOST))
            self.faults.add(huge, "total_tokens must be below 2**31; got {}", both)
            self.known["total_tokens"] = both

    def kept(self, prefix: str) -> pa.Table:
        """The rows that stay, in the record's types, each with an id."""
        import pyarrow as pa
        import pyarrow.compute as pc

        number = pc.utf8_lpad(pa.array(self.chunk.ordinals).cast(pa.string()), 9, "0")
        made = pc.binary_join_element_wise(prefix, number, "-")
        given = self.known.get("call_id")
        self.known["call_id"] = made if given is None else pc.coalesce(given, made)
        good = pa.array(self.faults.good)
        whole = bool(self.faults.good.all())
        columns = {}
        for name, values in self.known.items():
            kind = arrow_schema().field(name).type
            rows = values if whole else values.filter(good)
            if rows.null_count == len(rows):
                continue
            if pa.types.is_dictionary(kind):
                encoded = rows if pa.types.is_dictionary(rows.type) else rows.dictionary_encode()
                columns[name] = encoded.cast(kind)
            else:
                columns[name] = rows.cast(kind, safe=pa.types.is_integer(kind))
        return pa.table(columns)

    def excerpt(self, row: int, uses: Sequence[Use]) -> str:
        """A refused row as ``column=value`` pairs; long values and replaced users are withheld."""
        parts = []
        for use in uses:
            column = self.raw(use.theirs)
            if column is None or (use.ours == "user_id" and self.options.key):
                continue
            parts.append(f"{use.theirs}={shown(column[row])}")
        return ", ".join(parts)


_SPECIAL: dict[str, Callable[[Any, Faults, str], Any]] = {
    "status": words.outcome,
    "service_tier": words.tier,
    "error": words.error_code,
}


def pseudonyms(users: Any, key: str) -> pa.Array:
    """User ids replaced by a keyed hash; the same id gives the same name in every import.

    Examples
    --------
    >>> import pyarrow as pa
    >>> len(pseudonyms(pa.array(["ann", None]), "secret").to_pylist()[0])
    18
    """
    import pyarrow as pa

    distinct = users.dictionary_encode()
    names = [
        "u-" + hmac.new(key.encode(), name.encode(), hashlib.sha256).hexdigest()[:16]
        for name in distinct.dictionary.to_pylist()
    ]
    return pa.array(names, pa.string()).take(distinct.indices)
