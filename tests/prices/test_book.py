"""Price books against published price tables."""

from __future__ import annotations

import pickle
import subprocess
import sys
from decimal import Decimal

import pytest

from costsim.errors import PriceError, SettingError
from costsim.prices import PriceBook, call_cost_nano

# Dollars per 1,000 tokens, in and out, as published in 2024.
TABLE = {
    "gpt-4-turbo": (0.01, 0.03),
    "gpt-4o": (0.005, 0.015),
    "gpt-3.5-turbo": (0.0005, 0.0015),
    "claude-3-5-sonnet": (0.003, 0.015),
    "claude-3-haiku": (0.00025, 0.00125),
    "gpt-4-32k": (0.06, 0.12),
    "gpt-4": (0.03, 0.06),
}


@pytest.mark.parametrize("model", TABLE)
def test_list_2024_is_the_table(list_2024: PriceBook, model: str) -> None:
    unit = list_2024.unit(model)
    usd_in, usd_out = (Decimal(str(usd)) for usd in TABLE[model])
    assert call_cost_nano(unit, input_tokens=1_000, output_tokens=0) == usd_in * 10**9
    assert call_cost_nano(unit, input_tokens=0, output_tokens=1_000) == usd_out * 10**9


def test_list_2024_is_closed(list_2024: PriceBook) -> None:
    assert sorted(list_2024.to_frame()["model"]) == sorted(TABLE)
    with pytest.raises(
        PriceError,
        match=r"model must have a price in 'list-2024'; got 'gpt-4-turob'"
        r" \(close: gpt-4-turbo",
    ):
        list_2024.unit("gpt-4-turob")


def test_cached_input_is_cheaper(current: PriceBook) -> None:
    unit = current.unit("gpt-4o", at="2025-01-01")
    cost = call_cost_nano(unit, input_tokens=1_000_000, cache_read_tokens=900_000, output_tokens=0)
    assert cost == 1_375_000_000


def test_long_input_has_its_own_price(current: PriceBook) -> None:
    unit = current.unit("gemini-2.5-pro")
    assert call_cost_nano(unit, input_tokens=300_000, output_tokens=1_000) == 765_000_000


def test_the_threshold_belongs_to_the_lower_price(current: PriceBook) -> None:
    unit = current.unit("gemini-2.5-pro")  # $1.25 up to 200,000 input tokens, $2.50 above
    at = call_cost_nano(unit, input_tokens=200_000, output_tokens=0)
    above = call_cost_nano(unit, input_tokens=200_001, output_tokens=0)
    assert at == 200_000 * 1_250
    assert above == 200_001 * 2_500


@pytest.mark.parametrize(
    ("at", "usd"),
    [("2024-08-09", (5, 15)), ("2024-10-01T23:59:59Z", (5, 15)), ("2024-10-02", (2.5, 10))],
)
def test_gpt_4o_became_cheaper_on_2_october_2024(
    current: PriceBook, at: str, usd: tuple[float, float]
) -> None:
    found = current.unit("gpt-4o", at=at).usd_per_million
    assert (found["input"], found["output"]) == usd
    pinned = current.unit("gpt-4o-2024-05-13", at=at).usd_per_million
    assert (pinned["input"], pinned["output"]) == (5, 15)


def test_batch_was_half_price_in_2024(current: PriceBook) -> None:
    unit = current.unit("gpt-4o", at="2024-08-09", service_tier="batch")
    assert (unit.input_pico, unit.output_pico) == (2_500_000, 7_500_000)


def test_as_of_fixes_the_moment() -> None:
    before = PriceBook.load("current", as_of="2024-09-01")
    assert before.unit("gpt-4o").input_pico == 5_000_000
    calls = {
        "model": "gpt-4o",
        "timestamp": None,
        "input_tokens": [1_000_000],
        "output_tokens": [0],
    }
    assert before.price(calls).total_nano == 5_000_000_000
    with pytest.raises(SettingError, match="as_of must have a time zone"):
        PriceBook.load("current", as_of="2024-09-01T00:00")
    with pytest.raises(SettingError, match="as_of must be an ISO date or time; got 'autumn'"):
        PriceBook.load("current", as_of="autumn")


def test_tables_show_the_step(current: PriceBook) -> None:
    rows = current.to_frame().query("model == 'gpt-4o' and provider == 'openai'")
    assert rows["input_usd_per_million"].tolist() == [5, 2.5]
    assert str(rows["until"].iloc[0]) == "2024-10-02 00:00:00+00:00" == str(rows["from"].iloc[1])
    then = current.to_frame(at="2024-08-09").query("model == 'gpt-4o' and provider == 'openai'")
    assert then["output_usd_per_million"].tolist() == [15]
    assert "genai-prices" in set(rows["source"].str.split(" ").str[0])


def test_books_survive_pickling_and_compare_by_content(current: PriceBook) -> None:
    current.unit("gpt-4o", at="2025-01-01")
    copy = pickle.loads(pickle.dumps(current))
    assert copy == current == PriceBook.load("current")
    assert hash(copy) == hash(current)
    assert copy.unit("gpt-4o", at="2025-01-01") == current.unit("gpt-4o", at="2025-01-01")
    assert PriceBook.load("current", as_of="2024-09-01") != current


def test_shown_text_is_escaped_and_names_the_next_step(
    current: PriceBook, list_2024: PriceBook
) -> None:
    assert "closed" in repr(list_2024)
    assert ".price(records)" in repr(current)
    priced = current.price({"model": ["<b>"], "input_tokens": [1], "output_tokens": [1]})
    assert "&lt;b&gt;" in priced._repr_html_()
    assert "<td><b>" not in priced._repr_html_()
    assert "gpt-4-turbo" in list_2024._repr_html_()
    assert ".unpriced" in repr(priced)


def test_importing_loads_nothing_heavy() -> None:
    heavy = {"pandas", "pyarrow", "genai_prices", "pydantic"}
    code = f"import sys, costsim.prices; print(sorted({heavy!r} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
