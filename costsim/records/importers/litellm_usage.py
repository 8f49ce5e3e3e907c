"""Token counts of LiteLLM: whether cached tokens lie inside the prompt's count or beside it.

LiteLLM means `prompt_tokens` to include tokens read from and written to a prompt cache, as
OpenAI does. Not all of its versions and call types did: from spring to autumn 2025 tokens
written to Anthropic's cache were left out, and calls passed through in Anthropic's own form
(``anthropic_messages``) may leave out both. Rows whose parts cannot fit tell it by themselves;
they are converted, and counted in the receipt. A row whose parts fit is taken as written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.records.importers.draft import Draft
from costsim.records.importers.values import numbers, words
from costsim.records.importers.values.faults import true

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_PLACES = ("usage_object", "additional_usage_values")
_IN, _OUT = "prompt_tokens_details", "completion_tokens_details"
_FOUND: dict[str, tuple[tuple[str, ...], ...]] = {
    "read": (("cache_read_input_tokens",), (_IN, "cached_tokens")),
    "write": (("cache_creation_input_tokens",), (_IN, "cache_creation_tokens")),
    "hour": (
        (_IN, "cache_creation_token_details", "ephemeral_1h_input_tokens"),
        ("cache_creation", "ephemeral_1h_input_tokens"),
    ),
    "audio_in": ((_IN, "audio_tokens"),),
    "text": ((_IN, "text_tokens"),),
    "reasoning": ((_OUT, "reasoning_tokens"),),
    "audio_out": ((_OUT, "audio_tokens"),),
}
# Every place in the metadata where a count may stand, the surest first.
USAGE = {
    f"{name}|{place}|{number}": (place, *path)
    for name, paths in _FOUND.items()
    for place in _PLACES
    for number, path in enumerate(paths)
}
BESIDE = "prompt-cache tokens were counted beside the prompt and were added to it"
REASONING = "reasoning tokens were counted beside the answer and were added to it"


def settle_tokens(draft: Draft, meta: dict[str, pa.Array], failed: Bools) -> None:
    """Set the token fields so that input includes cached and output includes reasoning."""
    import pyarrow as pa

    parts = {name: _first(draft, meta, name) for name in _FOUND}
    asked, answered = (draft.known[f"{end}_tokens"] for end in ("input", "output"))
    prompt, output = numbers.filled(asked), numbers.filled(answered)
    known = true(asked.is_valid()) & true(answered.is_valid())
    # the table's default of 0 for a call that failed is no count
    blank = failed & (prompt + output == 0)
    read, write, hour, text, reasoning = (
        numbers.filled(parts[n]) for n in ("read", "write", "hour", "text", "reasoning")
    )
    total = draft.raw("total_tokens")
    said = prompt * 0 if total is None else numbers.filled(
        numbers.count(total, draft.faults, "total_tokens")
    )  # fmt: skip
    off = known & (said > 0) & (said != prompt + output)
    outside = off & (reasoning > 0) & (said == prompt + output + reasoning)
    beside = off & (read + write > 0) & (said == prompt + read + write + output)
    reason = "total_tokens must be prompt_tokens + completion_tokens; got {}"
    draft.faults.add(off & ~outside & ~beside, reason, said)

    extra = np.where(beside, read + write, _left_out(draft, prompt, read, write, text))
    extra[~known] = 0
    draft.notes[BESIDE] += int((extra > 0).sum())
    draft.notes[REASONING] += int(outside.sum())
    prompt = prompt + extra
    output = output + np.where(outside, reasoning, 0)
    draft.faults.add(
        hour > write, "one-hour cache writes must be part of all writes; those are {}", write
    )

    draft.known["input_tokens"] = pa.array(prompt, mask=~true(asked.is_valid()) | blank)
    draft.known["output_tokens"] = pa.array(output, mask=~true(answered.is_valid()) | blank)
    draft.known["cache_read_tokens"] = parts["read"]
    draft.known["cache_write_tokens"] = pa.array(
        np.maximum(write - hour, 0), mask=~true(parts["write"].is_valid())
    )
    draft.known["cache_write_1h_tokens"] = parts["hour"]
    draft.known["audio_input_tokens"] = parts["audio_in"]
    draft.known["reasoning_tokens"] = parts["reasoning"]
    draft.known["audio_output_tokens"] = parts["audio_out"]


def _left_out(draft: Draft, prompt: Ints, read: Ints, write: Ints, text: Ints) -> Ints:
    """Cached tokens that the prompt's count cannot include, told by the row's own numbers."""
    tight = prompt < read + write
    both = tight & ((prompt < read) | _passed_through(draft))
    uncached = (text > 0) & (prompt == text + read) & (write > 0)
    alone = np.where((tight & ~both) | (uncached & ~both), write, 0)
    found: Ints = np.where(both, read + write, alone)
    return found


def _passed_through(draft: Draft) -> Bools:
    import pyarrow.compute as pc

    column = draft.raw("call_type")
    if column is None:
        return np.zeros(len(draft), bool)
    return true(pc.equal(words.text(column, draft.faults, "call_type"), "anthropic_messages"))


def _first(draft: Draft, meta: dict[str, Any], name: str) -> pa.Array:
    import pyarrow.compute as pc

    return numbers.count(pc.coalesce(*_all(meta, name)), draft.faults, f"{name} tokens in metadata")


def _all(meta: dict[str, Any], name: str) -> Sequence[Any]:
    return [values for key, values in meta.items() if key.split("|")[0] == name]
