"""A fifth of the published models against genai-prices' own calculation."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers

from costsim.prices import PriceBook

DAYS = [datetime(2025, 3, 1, 12, tzinfo=UTC), datetime(2026, 11, 20, 2, 30, tzinfo=UTC)]
FEES = ("requests_kcount",)


def sample() -> list[dict[str, Any]]:
    rng = random.Random(0)
    names = [(one.id, model.id) for one in providers for model in one.models]
    calls = []
    for provider, model in rng.sample(names, len(names) // 5):
        parts = [rng.choice((0, rng.randrange(20_000))) for _ in range(3)]
        calls.append(
            {
                "provider": provider,
                "model": model,
                "timestamp": rng.choice(DAYS),
                "service_tier": rng.choice((None, None, "batch")),
                "input_tokens": sum(parts) + rng.choice((rng.randrange(5_000), 300_000)),
                "cache_read_tokens": parts[0],
                "cache_write_tokens": parts[1],
                "cache_write_1h_tokens": parts[2],
                "output_tokens": rng.randrange(10_000),
            }
        )
    return calls


def reference(call: dict[str, Any]) -> Any:
    usage = Usage(
        input_tokens=call["input_tokens"],
        output_tokens=call["output_tokens"],
        cache_read_tokens=call["cache_read_tokens"],
        # there, the one-hour writes are a part of all cache writes
        cache_write_tokens=call["cache_write_tokens"] + call["cache_write_1h_tokens"],
        cache_write_1h_tokens=call["cache_write_1h_tokens"],
    )
    how: dict[str, Any] = {
        "genai_request_timestamp": call["timestamp"],
        "price_context": {"processing": "batch"} if call["service_tier"] else None,
    }
    try:
        return calc_price(usage, call["model"], provider_id=call["provider"], **how)
    except LookupError:  # a few models are not matched by their own id
        who = next(one for one in providers if one.id == call["provider"])
        model = next(one for one in who.models if one.id == call["model"])
        return model.calc_price(usage, who, **how)


def test_prices_agree_with_the_package_itself(current: PriceBook) -> None:
    calls = sample()
    columns = {name: [call[name] for call in calls] for name in calls[0]}
    found = current.price(columns)
    compared = batches = 0
    for row, call in enumerate(calls):
        theirs = reference(call)
        rates = vars(theirs.model_price)
        ours = found.total_cost_nano[row].as_py()
        if any(rates.get(fee) for fee in FEES):
            continue
        if ours is None:
            # They take what has no price for free, and a tier without a price for standard.
            has_all = {"input_mtok", "output_mtok"} <= {key for key in rates if rates[key]}
            assert not has_all or call["service_tier"] == "batch", call
            continue
        exact = theirs.total_price * 10**9
        # Unit prices finer than a pico-dollar were rounded up: less than 1e-3 nano a token.
        slack = Decimal(call["input_tokens"] + call["output_tokens"]) / 1000
        coarse = any(isinstance(rate, Decimal) and (rate * 10**6) % 1 for rate in rates.values())
        up = exact.to_integral_value(ROUND_CEILING)
        assert up <= ours <= up + (slack if coarse else 0), call
        compared += 1
        batches += call["service_tier"] == "batch"
    assert compared > 200
    assert batches > 0


def test_a_name_without_its_provider_is_found(current: PriceBook) -> None:
    small = current.unit("text-embedding-3-small")
    assert small == current.unit("text-embedding-3-small", provider="openai")
    day = "2025-01-01"
    assert current.unit("azure/gpt-4o", at=day) == current.unit("gpt-4o", day, provider="azure")


def test_models_marked_free_are_free_and_models_without_a_price_are_not(
    current: PriceBook,
) -> None:
    calls = {
        "model": ["devstral-small:free", "gpt-4o"],
        "provider": ["mistral", "github-copilot"],
        "timestamp": DAYS,
        "input_tokens": [10, 10],
        "output_tokens": [10, 10],
    }
    assert current.price(calls).total_cost_nano.to_pylist() == [0, None]


def test_fees_beside_tokens_are_named(current: PriceBook) -> None:
    assert "web_searches_kcount" in current.unit("gpt-4o", at="2025-01-01").also_billed


def test_a_price_of_a_tier_holds_from_its_date_only(current: PriceBook) -> None:
    # Batch prices of gpt-5 are published from 2026-10-14: before, they are unknown, not standard.
    assert current.unit("gpt-5", at="2026-10-14", service_tier="batch").input_pico == 625_000
    with pytest.raises(LookupError, match="service_tier must be one with a price"):
        current.unit("gpt-5", at="2026-10-13", service_tier="batch")
