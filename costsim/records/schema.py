"""What one LLM call is: record version 1, the one definition everything else is made from.

Arrow types, the pandera check, the reference table (``docs/record.md``) and the empty columns
of a foreign log all come from :data:`FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from costsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa_check
    import pyarrow as pa

VERSION = 1


@dataclass(frozen=True)
class Field:
    """One column of the call record.

    ``kind`` is one of ``time`` (UTC microseconds), ``id`` (many distinct strings), ``name`` (few
    distinct strings), ``names`` (a list of them), ``count`` (int32, not negative), ``nano``
    (int64 nano-dollars, not negative), ``number`` (float, not negative), ``flag``.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    required: bool = False
    subset_of: str | None = None
    allowed: tuple[str, ...] = ()


FIELDS: tuple[Field, ...] = (
    Field("call_id", "id", "", "Identity of the call; the idempotency key of every import.", True),
    Field("timestamp", "time", "UTC", "When the call started.", True),
    Field("tenant_id", "name", "", "Customer organisation, where one product serves several."),
    Field("environment", "name", "", "production, staging, ..."),
    Field("feature_name", "name", "", "Product feature that made the call."),
    Field("user_id", "name", "", "End user, or a pseudonym; null is an anonymous call."),
    Field("user_tier", "name", "", "Plan of the user: free, pro, enterprise, ..."),
    Field("team", "name", "", "Team that owns the call."),
    Field("tags", "names", "", "Free labels."),
    Field("session_id", "id", "", "Conversation or session."),
    Field("trace_id", "id", "", "Trace this call is a span of."),
    Field("provider", "name", "", "openai, anthropic, google, ..."),
    Field("model", "name", "", "Model asked for."),
    Field("response_model", "name", "", "Model that answered; priced first when known."),
    Field("operation", "name", "", "chat, embedding, ..."),
    Field(
        "service_tier",
        "name",
        "",
        "Processing class that changes the price.",
        allowed=("default", "batch", "flex", "priority"),
    ),
    Field("input_tokens", "count", "tokens", "Prompt tokens, cached ones included."),
    Field("output_tokens", "count", "tokens", "Answer tokens, reasoning included."),
    Field("total_tokens", "count", "tokens", "input_tokens + output_tokens."),
    Field(
        "cache_read_tokens",
        "count",
        "tokens",
        "Input read from the prompt cache.",
        subset_of="input_tokens",
    ),
    Field(
        "cache_write_tokens",
        "count",
        "tokens",
        "Input written to the cache for five minutes.",
        subset_of="input_tokens",
    ),
    Field(
        "cache_write_1h_tokens",
        "count",
        "tokens",
        "Input written to the cache for one hour.",
        subset_of="input_tokens",
    ),
    Field("audio_input_tokens", "count", "tokens", "Audio in the input.", subset_of="input_tokens"),
    Field(
        "reasoning_tokens",
        "count",
        "tokens",
        "Hidden reasoning in the output.",
        subset_of="output_tokens",
    ),
    Field(
        "audio_output_tokens", "count", "tokens", "Audio in the output.", subset_of="output_tokens"
    ),
    Field("input_cost_nano", "nano", "1e-9 USD", "Input share of total_cost."),
    Field("output_cost_nano", "nano", "1e-9 USD", "Output share of total_cost."),
    Field("other_cost_nano", "nano", "1e-9 USD", "Fees beside tokens: tools, searches."),
    Field(
        "total_cost_nano",
        "nano",
        "1e-9 USD",
        "What the call cost by the price book; null is unpriced.",
    ),
    Field("billed_cost_nano", "nano", "1e-9 USD", "What the source said that the call cost."),
    Field("price_book", "name", "", "Price book that total_cost comes from."),
    Field("priced_at", "time", "UTC", "Date whose prices were used."),
    Field(
        "usage_source",
        "name",
        "",
        "Where the token counts come from.",
        allowed=("provider", "estimated", "simulated"),
    ),
    Field("latency_ms", "number", "ms", "Start to last token."),
    Field("time_to_first_token_ms", "number", "ms", "Start to first token."),
    Field("temperature", "number", "", "Sampling temperature, where one was sent."),
    Field("max_tokens", "count", "tokens", "Output limit that was sent."),
    Field("prompt_hash", "name", "", "Keyed hash of the system prompt: its version."),
    Field("finish_reason", "name", "", "stop, length, content_filter, tool_calls, ..."),
    Field(
        "status",
        "name",
        "",
        "How the call ended.",
        True,
        allowed=("ok", "error", "aborted", "denied"),
    ),
    Field("error", "name", "", "Type and code of the error; never its text."),
    Field("cache_hit", "flag", "", "Answered from the product's own response cache."),
    Field("denied_scope", "name", "", "Whose limit refused: user, feature, tier, organisation."),
    Field("denied_window", "name", "", "Which window refused: hour, day, month."),
    Field("downgraded_from", "name", "", "Model asked for before a downgrade."),
    Field("attempt", "count", "", "1 for the first try."),
    Field("retry_of", "id", "", "call_id of the try before."),
    Field("provider_request_id", "id", "", "The provider's own id."),
    Field("reserved_at", "time", "UTC", "When the limit's reservation was made."),
    Field("ingested_at", "time", "UTC", "When the record reached the store."),
    Field("source", "name", "", "Importer, tracker or simulation that made the row.", True),
)

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
COST_FIELDS = tuple(field.name for field in FIELDS if field.kind == "nano")
TOKEN_FIELDS = tuple(field.name for field in FIELDS if field.name.endswith("_tokens"))
DERIVED: Mapping[str, str] = {
    "uncached_input_tokens": "input_tokens less what was read from or written to a cache",
    "tokens_per_second": "output_tokens over latency",
}


@cache
def arrow_schema() -> pa.Schema:
    """Arrow schema of the stored record, in the order of :data:`FIELDS`.

    Examples
    --------
    >>> arrow_schema().field("total_cost_nano").type
    DataType(int64)
    """
    import pyarrow as pa

    types = {
        "time": pa.timestamp("us", tz="UTC"),
        "id": pa.string(),
        "name": pa.dictionary(pa.int32(), pa.string()),
        "names": pa.list_(pa.string()),
        "count": pa.int32(),
        "nano": pa.int64(),
        "number": pa.float32(),
        "flag": pa.bool_(),
    }
    return pa.schema([pa.field(f.name, types[f.kind], nullable=not f.required) for f in FIELDS])


def to_table(columns: Mapping[str, Any], rows: int) -> pa.Table:
    """Table of the full record from the columns that are known; the others are null.

    Parameters
    ----------
    columns : mapping of str to array-like of length `rows`, or one value for all rows
        Arrow or NumPy arrays or lists, by field name.
    rows : int
        Number of rows.

    Raises
    ------
    DataError
        A name is no field of the record, or values do not fit its type.

    Examples
    --------
    >>> table = to_table({"call_id": ["a"], "status": "ok", "input_tokens": [12]}, 1)
    >>> table.num_columns == len(FIELDS), table["input_tokens"].to_pylist()
    (True, [12])
    """
    import pyarrow as pa

    unknown = sorted(set(columns) - set(BY_NAME))
    if unknown:
        raise DataError(f"columns must be fields of record version {VERSION}; got {unknown}")
    arrays = []
    for field in arrow_schema():
        value = columns.get(field.name)
        try:
            if value is None:
                arrays.append(_kept(_nulls, field.type, rows))
            elif isinstance(value, str | bool | int | float):
                if pa.types.is_dictionary(field.type):
                    zeros = _kept(_zeros, pa.int32(), rows)
                    arrays.append(pa.DictionaryArray.from_arrays(zeros, [str(value)]))
                else:
                    arrays.append(pa.repeat(pa.scalar(value, field.type), rows))
            else:
                arrays.append(_cast(value, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{field.name} must be {field.type}; {error}") from error
    for field, array in zip(FIELDS, arrays, strict=True):
        if len(array) != rows:
            raise DataError(f"{field.name} must have {rows} values; got {len(array)}")
    return pa.Table.from_arrays(arrays, schema=arrow_schema())


_made: dict[tuple[Any, Any], Any] = {}


def _kept(make: Callable[[pa.DataType, int], pa.Array], kind: pa.DataType, rows: int) -> pa.Array:
    """Array of nulls or zeros, cut from one that is made once: days have the same columns."""
    found = _made.get((make, kind))
    if found is None or len(found) < rows:
        found = _made[make, kind] = make(kind, rows + rows // 4)
    return found[:rows]


def _zeros(kind: pa.DataType, rows: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.zeros(rows, kind.to_pandas_dtype()))


def _nulls(kind: pa.DataType, rows: int) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        empty = pa.array([], kind.value_type)
        return pa.DictionaryArray.from_arrays(pa.nulls(rows, kind.index_type), empty)
    return pa.nulls(rows, kind)


def _cast(value: Any, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    array = value if isinstance(value, pa.Array | pa.ChunkedArray) else pa.array(value)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.cast(kind.value_type).dictionary_encode().cast(kind)
    if array.type != kind:
        array = array.cast(kind)
    return _once(array) if pa.types.is_dictionary(kind) else array


def _once(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values with each label there once.

    Arrow's Parquet writer makes the page of labels too long for one that is there twice, and fills
    it with whatever lay in memory: no two files would be alike.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = array.dictionary.unique()
    if len(labels) == len(array.dictionary):
        return array
    codes = pc.index_in(array.dictionary, labels).take(array.indices)
    return pa.DictionaryArray.from_arrays(codes, labels)


@cache
def frame_schema() -> pa_check.DataFrameSchema:
    """Pandera schema of a frame of records at the edge: every failure is listed at once."""
    import pandera.pandas as pa_check

    columns = {}
    for field in FIELDS:
        checks = []
        if field.kind in ("count", "nano", "number"):
            checks.append(pa_check.Check.ge(0, error="must not be negative"))
        if field.allowed:
            checks.append(
                pa_check.Check.isin(field.allowed, error=f"must be one of {list(field.allowed)}")
            )
        columns[field.name] = pa_check.Column(
            nullable=not field.required,
            required=field.required,
            unique=field.name == "call_id",
            checks=checks,
        )
    within = [
        pa_check.Check(
            lambda frame, sub=field.name, whole=field.subset_of: (
                (frame[sub] <= frame[whole]) | frame[sub].isna() | frame[whole].isna()
                if {sub, whole} <= set(frame.columns) - set(_wrong_kinds(frame))
                else True
            ),
            error=f"{field.name} must not exceed {field.subset_of}",
            ignore_na=False,
        )
        for field in FIELDS
        if field.subset_of
    ]
    return pa_check.DataFrameSchema(columns, checks=within, strict=True)


def check_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Check a frame of records; return it unchanged.

    Raises
    ------
    DataError
        Naming up to five failures: column, rule, number of rows, first value.

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(call_id=["a"], timestamp=pd.to_datetime(["2024-08-09"], utc=True),
    ...            status=["ok"], source=["mine"], input_tokens=[-3])
    >>> check_frame(pd.DataFrame(row))
    Traceback (most recent call last):
    costsim.errors.DataError: input_tokens must not be negative: 1 row, first -3
    """
    import pandera.errors

    wrong = _wrong_kinds(frame)
    lines = [f"{name} {rule}; got {frame[name].dtype}" for name, rule in wrong.items()]
    try:
        frame_schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as failures:
        cases = failures.failure_cases
        columns = cases["check"].isin(_COLUMN_RULES)
        for rule, names in cases[columns].groupby("check", sort=False)["failure_case"]:
            lines += [f"{name} {_COLUMN_RULES[rule]}" for name in names]
        cases = cases[~columns & ~cases["column"].isin(list(wrong))]
        whole = cases["schema_context"] == "DataFrameSchema"
        cases = cases.assign(where=cases["column"].where(~whole, ""))
        for (column, check), rows in cases.groupby(["where", "check"], sort=False):
            rule = f"{column} {_ROW_RULES.get(check, check)}".strip()
            count = rows["index"].nunique()
            unit = "row" if count == 1 else "rows"
            bare = not column or check == "not_nullable"
            first = "" if bare else f", first {rows['failure_case'].iloc[0]}"
            lines.append(f"{rule}: {count} {unit}{first}")
    if lines:
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise DataError("; ".join(lines[:5]) + more)
    return frame


_COLUMN_RULES = {
    "column_in_dataframe": "is required",
    "column_in_schema": f"is no field of record version {VERSION}",
}
_ROW_RULES = {"field_uniqueness": "must be unique", "not_nullable": "must not be missing"}


def _wrong_kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Columns whose values are of another kind than their field, and what they must be.

    A time without a zone is one: nobody knows which hour it means.
    """
    import pandas as pd

    wrong = {}
    for name in frame.columns.intersection(list(BY_NAME)):
        column, kind = frame[name], BY_NAME[name].kind
        held = pd.api.types.infer_dtype(column, skipna=True)
        if held == "empty":
            continue
        if kind == "time":
            typed = isinstance(column.dtype, pd.DatetimeTZDtype)
            if not typed and not all(getattr(t, "tzinfo", None) for t in column.dropna()):
                wrong[name] = "must hold times with a time zone"
        elif kind in ("count", "nano", "number") and held not in _NUMBERS:
            wrong[name] = "must hold numbers"
    return wrong


_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")


def reference() -> str:
    """Markdown reference table of the record, generated from :data:`FIELDS`."""
    lines = [
        f"# The call record, version {VERSION}",
        "",
        "Generated by `make docs`. Unknown is null, never 0.",
        "Prompts, answers and error texts are never stored.",
        "",
        "| field | type | unit | meaning |",
        "|---|---|---|---|",
    ]
    for field, arrow in zip(FIELDS, arrow_schema(), strict=True):
        kind = "string" if field.kind in ("id", "name") else str(arrow.type)
        notes = [field.meaning]
        if field.required:
            notes.append("Required.")
        if field.subset_of:
            notes.append(f"A subset of {field.subset_of}.")
        if field.allowed:
            notes.append("One of " + ", ".join(field.allowed) + ".")
        lines.append(f"| {field.name} | {kind} | {field.unit} | {' '.join(notes)} |")
    lines += ["", "Derived when read:", ""]
    lines += [f"- `{name}`: {meaning}." for name, meaning in DERIVED.items()]
    return "\n".join(lines) + "\n"
