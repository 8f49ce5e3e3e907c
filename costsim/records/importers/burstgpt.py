"""BurstGPT traces, both versions: seconds from day 0, and failures as empty answers."""

from __future__ import annotations

from costsim.records.importers.draft import Draft
from costsim.records.importers.registry import Column, Importer, register
from costsim.records.importers.values import numbers
from costsim.records.importers.values.faults import true


def refine(draft: Draft) -> None:
    """Count times from the supplied start; an answer of no tokens is a failure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = numbers.scaled(draft.raw("Timestamp"), 1e6, draft.faults, "Timestamp")
    start = draft.options.start_us or 0
    far = true(pc.greater(seconds, 1e9 * 1e6))
    draft.faults.add(far, "Timestamp must be seconds from day 0; got {}", draft.raw("Timestamp"))
    near = pc.if_else(pa.array(~far), seconds, pa.scalar(None, pa.float64()))
    micros = pc.add(pc.round(near).cast(pa.int64()), start)
    draft.known["timestamp"] = micros.cast(pa.timestamp("us", tz="UTC"))

    asked, answered = draft.known["input_tokens"], draft.known["output_tokens"]
    total = draft.known.get("total_tokens")
    if total is not None:
        both = pc.add(asked, answered)
        wrong = true(pc.not_equal(total, both))
        reason = "Total tokens must be Request tokens + Response tokens; the sum is {}"
        draft.faults.add(wrong, reason, both)
    nothing = pa.scalar(None, pa.int64())
    failed = pc.equal(answered, 0)
    draft.known["status"] = pc.if_else(failed, "error", "ok")
    draft.known["output_tokens"] = pc.if_else(failed, nothing, answered)
    unknown = pc.and_(failed, pc.equal(asked, 0))
    draft.known["input_tokens"] = pc.if_else(unknown, nothing, asked)
    draft.known.pop("total_tokens", None)
    draft.known["operation"] = pa.repeat("chat", len(draft))


BURSTGPT = register(
    Importer(
        name="burstgpt",
        about="BurstGPT traces, version 1 (no sessions) and 2 (Session ID, Elapsed time)",
        columns=(
            Column("model", ("Model",), required=True),
            Column("input_tokens", ("Request tokens",), required=True),
            Column("output_tokens", ("Response tokens",), required=True),
            Column("total_tokens", ("Total tokens",), required=True),
            Column("session_id", ("Session ID",)),
            Column("latency_ms", ("Elapsed time",), unit="s"),
        ),
        reads=("Timestamp",),
        refine=refine,
        needs_start=True,
    )
)
