"""What others call the record's fields; compared without case, spaces and signs."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Field to (names, unit). Names that end in a unit of their own are listed with that unit.
SYNONYMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("call_id", "", ("request id", "id", "response id", "generation id", "call uuid", "uuid",
                     "event id", "log id")),
    ("timestamp", "", ("time", "start time", "started at", "created at", "created", "date",
                       "datetime", "ts", "request time", "request created at", "event time",
                       "start", "logged at", "at", "when")),
    ("model", "", ("model name", "deployment", "deployment name", "model id", "engine", "llm",
                   "llm model", "provided model name", "request model", "gen ai request model")),
    ("response_model", "", ("gen ai response model", "model version")),
    ("provider", "", ("vendor", "llm provider", "custom llm provider", "gen ai provider name",
                      "gen ai system", "provider name", "api provider")),
    ("feature_name", "", ("feature", "use case", "endpoint name", "feature id", "product feature",
                          "workflow", "trace name", "application", "app", "app name", "task")),
    ("user_id", "", ("user", "end user", "customer", "customer id", "userid", "request user id",
                     "end user id", "enduser id", "account id", "uid")),
    ("user_tier", "", ("tier", "plan", "subscription", "plan name")),
    ("tenant_id", "", ("tenant", "organization id", "organisation id", "org id", "workspace id")),
    ("team", "", ("team id", "team name", "group", "department", "project", "project id")),
    ("environment", "", ("env", "stage", "deployment environment")),
    ("session_id", "", ("session", "conversation id", "thread id", "chat id",
                        "gen ai conversation id")),
    ("trace_id", "", ("trace",)),
    ("tags", "", ("labels", "request tags")),
    ("operation", "", ("call type", "gen ai operation name", "request type", "api")),
    ("service_tier", "", ("processing tier", "openai service tier")),
    ("input_tokens", "", ("prompt tokens", "prompt toks", "tokens in", "in tokens",
                          "input token count", "prompt token count", "request tokens",
                          "context tokens", "n input tokens", "num input tokens",
                          "prompt length tokens", "gen ai usage input tokens",
                          "gen ai usage prompt tokens", "input toks")),
    ("output_tokens", "", ("completion tokens", "completion toks", "tokens out", "out tokens",
                           "output token count", "completion token count", "response tokens",
                           "generated tokens", "n output tokens", "num output tokens",
                           "candidates token count", "gen ai usage output tokens",
                           "gen ai usage completion tokens", "output toks")),
    ("total_tokens", "", ("tokens", "total token count", "num tokens", "token count")),
    ("cache_read_tokens", "", ("cached tokens", "cache read input tokens", "input cached tokens",
                               "prompt cache read tokens", "cached input tokens",
                               "gen ai usage cache read input tokens")),
    ("cache_write_tokens", "", ("cache creation input tokens", "cache creation tokens",
                                "prompt cache write tokens",
                                "gen ai usage cache creation input tokens")),
    ("reasoning_tokens", "", ("thinking tokens", "thoughts token count")),
    ("billed_cost_nano", "usd", ("cost", "cost usd", "spend", "price", "total cost", "usd",
                                 "amount usd", "billed cost", "price usd", "dollars", "spend usd",
                                 "total cost usd", "total price", "response cost", "charge")),
    ("billed_cost_nano", "cents", ("cost cents", "price cents", "spend cents")),
    ("latency_ms", "ms", ("duration ms", "elapsed ms", "response time ms", "delay ms", "took ms",
                          "latency millis", "duration millis", "request duration ms")),
    ("latency_ms", "s", ("latency s", "latency seconds", "duration s", "duration seconds",
                         "elapsed seconds", "elapsed s", "response time s", "latency sec")),
    ("latency_ms", "?", ("latency", "duration", "elapsed", "elapsed time", "response time",
                         "took")),
    ("time_to_first_token_ms", "ms", ("ttft ms", "first token ms")),
    ("time_to_first_token_ms", "s", ("ttft s", "ttft seconds")),
    ("time_to_first_token_ms", "?", ("ttft", "time to first token")),
    ("temperature", "", ("temp",)),
    ("max_tokens", "", ("max output tokens", "max completion tokens",
                        "gen ai request max tokens")),
    ("prompt_hash", "", ("prompt version", "prompt id", "system prompt hash")),
    ("finish_reason", "", ("stop reason", "finish", "finish reasons")),
    ("status", "", ("outcome", "result", "http status", "status code", "response status",
                    "success state")),
    ("error", "", ("error type", "error code", "exception type")),
    ("cache_hit", "", ("response cached", "from cache", "is cached")),
    ("attempt", "", ("retry count", "try")),
    ("retry_of", "", ("parent request id",)),
    ("provider_request_id", "", ("upstream id", "openai request id", "x request id")),
)  # fmt: skip

# Columns of dollars that the record computes by its own price book.
COMPUTED = ("inputcost", "outputcost", "inputcostusd", "outputcostusd", "inputcostnano",
            "outputcostnano", "totalcostnano", "pricebook", "pricedat", "ingestedat",
            "source")  # fmt: skip
# Names of columns that hold prompts or answers: never read, never guessed, never shown.
_TEXTS = re.compile(
    r"prompt|message|response|completion|content|input|output|answer|question|query|text|body"
    r"|request|metadata|payload",
    re.IGNORECASE,
)
_NOT_TEXTS = re.compile(
    r"tok|cost|price|time|date|\bat\b|_at$|id$|hash|model|ms$|_s$|status|code|count|type|tags|user"
    r"|name|cache|version|reason|length|len$|duration",
    re.IGNORECASE,
)


def squeezed(name: str) -> str:
    """A name without case, spaces and signs.

    Examples
    --------
    >>> squeezed("Prompt-Tokens (n)"), squeezed("startTime")
    ('prompttokensn', 'starttime')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def holds_texts(name: str) -> bool:
    """Whether a column's name says that it may hold prompts, answers or other free text.

    Examples
    --------
    >>> [holds_texts(n) for n in ("prompt", "prompt_tokens", "response", "model", "completion")]
    [True, False, True, False, True]
    """
    last = name.rsplit(".", 1)[-1]
    return bool(_TEXTS.search(last)) and not _NOT_TEXTS.search(last)


def known_names() -> Mapping[str, tuple[str, str]]:
    """Squeezed foreign name to (field, unit); ``?`` is a unit that the values must tell."""
    return {squeezed(name): (ours, unit) for ours, unit, names in SYNONYMS for name in names}
