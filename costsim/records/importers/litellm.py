"""LiteLLM's table of calls (``LiteLLM_SpendLogs``), as CSV from psql or JSON from its API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.records.importers.draft import Draft
from costsim.records.importers.litellm_usage import USAGE, settle_tokens
from costsim.records.importers.registry import Column, Importer, register
from costsim.records.importers.values import words
from costsim.records.importers.values.faults import true

if TYPE_CHECKING:
    import pyarrow as pa

_OPERATIONS = {
    "completion": "chat",
    "chat_completion": "chat",
    "anthropic_messages": "chat",
    "responses": "chat",
    "text_completion": "text_completion",
    "embedding": "embedding",
}
_META = {
    "status": ("status",),
    "error_class": ("error_information", "error_class"),
    "error_code": ("error_information", "error_code"),
}
_TEXTS = "prompts and answers are never read"
_KEYS = "keys are never stored"


def refine(draft: Draft) -> None:
    """Users, models, outcome, latency and cached tokens, from several columns each."""
    import pyarrow.compute as pc

    meta = draft.inside("metadata", _META | USAGE)
    _users_and_models(draft)
    said = draft.known.get("status")
    hidden = words.outcome(meta["status"], draft.faults, "metadata.status")
    draft.known["status"] = hidden if said is None else pc.coalesce(said, hidden)
    draft.fill("status", "ok")  # tables older than the column hold what succeeded
    failed = pc.not_equal(draft.known["status"], "ok")
    _error(draft, failed, meta)
    _latency(draft)
    _operation(draft)
    settle_tokens(draft, meta, true(failed))


def _users_and_models(draft: Draft) -> None:
    import pyarrow.compute as pc

    for ours, theirs in (("user_id", ("end_user", "user")), ("model", ("model_group", "model"))):
        if ours in draft.known:  # mapped by the caller
            continue
        found = [words.text(c, draft.faults, n) for n in theirs if (c := draft.raw(n)) is not None]
        if found:
            draft.known[ours] = pc.coalesce(*found)


def _error(draft: Draft, failed: Any, meta: dict[str, pa.Array]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = words.error_code(meta["error_class"], draft.faults)
    code = words.error_code(meta["error_code"], draft.faults)
    both = pc.coalesce(pc.binary_join_element_wise(kind, code, ":"), kind, code)
    draft.known["error"] = pc.if_else(failed, both, pa.scalar(None, pa.string()))


def _latency(draft: Draft) -> None:
    """Spans in ms. A first token at the very end means that the answer was not streamed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    begin = draft.known["timestamp"].cast(pa.int64())
    spans = {}
    for name in ("endTime", "completionStartTime"):
        when = draft.instants(name)
        if when is not None:
            span = pc.subtract(when.cast(pa.int64()), begin)
            spans[name] = pc.divide(span.cast(pa.float64()), 1000.0)
    took = spans.get("endTime")
    if took is None:
        return
    reason = "endTime must not lie before startTime; got {}"
    draft.faults.add(true(pc.less(took, 0)), reason, draft.raw("endTime"))
    draft.known["latency_ms"] = took
    first = spans.get("completionStartTime")
    if first is not None:
        streamed = pc.and_(pc.less(first, took), pc.greater(first, 0))
        draft.known["time_to_first_token_ms"] = pc.if_else(
            streamed, first, pa.scalar(None, pa.float64())
        )


def _operation(draft: Draft) -> None:
    import pyarrow as pa

    column = draft.raw("call_type")
    if column is None:
        return
    encoded = words.text(column, draft.faults, "call_type").dictionary_encode()
    ours = []
    for name in encoded.dictionary.to_pylist():
        plain = name.removeprefix("a")  # LiteLLM leads its async calls with an a
        ours.append(_OPERATIONS.get(name) or _OPERATIONS.get(plain) or name)
    draft.known["operation"] = pa.array(ours, pa.string()).take(encoded.indices)


LITELLM = register(
    Importer(
        name="litellm",
        about="LiteLLM_SpendLogs of the LiteLLM proxy, as CSV, JSON or JSON Lines",
        columns=(
            Column("call_id", ("request_id",), required=True),
            Column("provider_request_id", ("request_id",)),
            Column("timestamp", ("startTime",), required=True),
            Column("input_tokens", ("prompt_tokens",), required=True),
            Column("output_tokens", ("completion_tokens",), required=True),
            Column("billed_cost_nano", ("spend",), unit="usd", required=True),
            Column("response_model", ("model",)),
            Column("provider", ("custom_llm_provider",)),
            Column("team", ("team_id",)),
            Column("tags", ("request_tags",)),
            Column("session_id", ("session_id",)),
            Column("cache_hit", ("cache_hit",)),
            Column("status", ("status",)),
        ),
        reads=(
            "end_user", "user", "model_group", "total_tokens", "endTime", "completionStartTime",
            "call_type", "metadata",
        ),
        private={
            "messages": _TEXTS,
            "response": _TEXTS,
            "proxy_server_request": _TEXTS,
            "api_key": _KEYS,
            "requester_ip_address": "addresses are never stored",
        },
        refine=refine,
        times_are_utc=True,
    )
)  # fmt: skip
