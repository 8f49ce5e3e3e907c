"""The rounding rule against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import DataError, PriceError
from costsim.prices import Rates, UnitPrice, call_cost, call_cost_nano, split_cost
from costsim.prices.unit import MAX_RATE_PICO, MAX_TOKENS

pico = st.integers(0, MAX_TOKENS * MAX_RATE_PICO)


@given(pico, pico)
def test_total_is_rounded_up_once_and_parts_add_up(a: int, b: int) -> None:
    input_nano, output_nano, total_nano = split_cost(a, b)
    assert total_nano == ceil(Fraction(a + b, 1000))
    assert input_nano + output_nano == total_nano
    assert min(input_nano, output_nano) >= 0
    assert abs(input_nano - Fraction(a, 1000)) < 1
    assert abs(output_nano - Fraction(b, 1000)) < 1


@given(pico)
def test_a_side_that_costs_nothing_stays_at_nothing(a: int) -> None:
    assert split_cost(a, 0)[1] == 0
    assert split_cost(0, a)[0] == 0


@given(pico, pico, st.integers(0, 10**12))
def test_more_never_costs_less(a: int, b: int, more: int) -> None:
    assert split_cost(a + more, b)[2] >= split_cost(a, b)[2]
    assert split_cost(a, b + more)[2] >= split_cost(a, b)[2]


@given(st.lists(st.tuples(pico, pico), min_size=1, max_size=20))
def test_arrays_round_like_integers(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    rows = list(zip(*(part.tolist() for part in split_cost(a, b)), strict=True))
    assert rows == [split_cost(x, y) for x, y in pairs]


def test_the_dearest_possible_call_fits_in_int64() -> None:
    worst = 2 * MAX_TOKENS * MAX_RATE_PICO + 999
    assert worst < np.iinfo(np.int64).max


UNIT = UnitPrice("m", Rates(10, 1, 12, 20, 40, 100, 200, 300))


def test_each_kind_of_token_has_its_own_price() -> None:
    cost = call_cost(
        UNIT,
        input_tokens=15_000,
        cache_read_tokens=1_000,
        cache_write_tokens=2_000,
        cache_write_1h_tokens=3_000,
        audio_input_tokens=4_000,
        output_tokens=6_000,
        reasoning_tokens=1_000,
        audio_output_tokens=2_000,
    )
    assert cost.input_nano == 1 * 1 + 2 * 12 + 3 * 20 + 4 * 40 + 5 * 10
    assert cost.output_nano == 1 * 200 + 2 * 300 + 3 * 100
    assert cost.total_nano == cost.input_nano + cost.output_nano


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ({"input_tokens": -1, "output_tokens": 0}, "input_tokens must be from 0 to"),
        ({"input_tokens": 0, "output_tokens": MAX_TOKENS + 1}, "output_tokens must be from 0"),
        ({"input_tokens": 5, "output_tokens": 0, "cache_read_tokens": 6}, "at most 5; got 6"),
        (
            {
                "input_tokens": 5,
                "output_tokens": 0,
                "cache_read_tokens": 3,
                "audio_input_tokens": 3,
            },
            "at most 5; got 6",
        ),
        (
            {"input_tokens": 5, "output_tokens": 1, "reasoning_tokens": -1},
            "not be negative; got -1",
        ),
    ],
)
def test_impossible_counts_are_refused(tokens: dict[str, int], says: str) -> None:
    with pytest.raises(DataError, match=says):
        call_cost_nano(UNIT, **tokens)


def test_a_kind_without_a_price_is_refused_only_when_used() -> None:
    embedding = UnitPrice("e", Rates(20, 20, 20, 20, 20, None, None, None))
    assert call_cost_nano(embedding, input_tokens=1_000, output_tokens=0) == 20
    with pytest.raises(PriceError, match="e must have a price for output_tokens"):
        call_cost_nano(embedding, input_tokens=1_000, output_tokens=1)
    with pytest.raises(PriceError, match="e must have a price for output"):
        _ = embedding.output_pico
