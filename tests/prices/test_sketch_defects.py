"""Defects of the sketch's price table that this package must not have, by their numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from costsim.prices import PriceBook

DAY = datetime(2026, 11, 1, tzinfo=UTC)
MILLION = 1_000_000


def usd(book: PriceBook, **call: object) -> float | None:
    columns = {"model": "gpt-4o", "timestamp": DAY, "output_tokens": 0, **call}
    nano = book.price({name: [value] for name, value in columns.items()}).total_cost_nano[0]
    return None if nano.as_py() is None else nano.as_py() / 10**9


def test_defect_4_unknown_model_is_not_free(current: PriceBook) -> None:
    assert usd(current, model="unheard-of", input_tokens=MILLION) is None


def test_defect_5_cached_reasoning_audio_and_batch_have_their_prices(current: PriceBook) -> None:
    assert usd(current, input_tokens=MILLION, cache_read_tokens=900_000) == 1.375
    assert usd(current, input_tokens=MILLION, service_tier="batch") == 1.25
    reasoning = {"input_tokens": 0, "output_tokens": MILLION, "reasoning_tokens": 400_000}
    assert usd(current, **reasoning) == 10  # inside the output, not beside it
    audio = {"model": "gpt-audio", "input_tokens": MILLION}  # list price $2.50, audio $32
    assert usd(current, **audio) == 2.5
    assert usd(current, **audio, audio_input_tokens=MILLION) == 32


def test_defect_6_priced_by_the_model_that_answered(current: PriceBook) -> None:
    asked = {"model": "gpt-4-turbo", "response_model": "gpt-4o", "input_tokens": MILLION}
    assert usd(current, **asked) == 2.5


def test_defect_7_cached_tokens_beside_the_input_are_refused_not_undercharged(
    current: PriceBook,
) -> None:
    beside = {"model": "claude-3-5-sonnet", "input_tokens": 100, "cache_read_tokens": 5_000}
    assert usd(current, **beside) is None


def test_defect_8_prices_have_dates(current: PriceBook) -> None:
    summer = datetime(2024, 8, 9, tzinfo=UTC)
    assert usd(current, timestamp=summer, input_tokens=MILLION) == 5
    assert usd(current, input_tokens=MILLION) == 2.5
