"""A change of dollars by factor: it sums to the change, and one factor alone is all of it."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.spend.decomposition import FACTORS, NOTHING, Sums, decompose

PRICES = {"cheap": (1e-6, 4e-6), "dear": (5e-6, 20e-6)}


def calls(requests, tries=1.0, inner=1000.0, outer=200.0, cached=0.0, model="cheap", off=0.5):
    """Calls of one model by their means; what is cached costs `off` of the price."""
    count = requests * tries
    price_in, price_out = PRICES[model]
    tokens_in, tokens_out = count * inner, count * outer
    return Sums(
        calls=count,
        requests=requests,
        input_tokens=tokens_in,
        cached_tokens=tokens_in * cached,
        output_tokens=tokens_out,
        input_usd=tokens_in * price_in * (1 - cached * (1 - off)),
        output_usd=tokens_out * price_out,
    )


USUAL = {"cheap": calls(100, cached=0.8)}


@pytest.mark.parametrize(
    ("factor", "after"),
    [
        ("volume", {"cheap": calls(350, cached=0.8)}),
        ("retries", {"cheap": calls(100, tries=2.5, cached=0.8)}),
        ("input_tokens", {"cheap": calls(100, inner=3000, cached=0.8)}),
        ("output_tokens", {"cheap": calls(100, outer=900, cached=0.8)}),
        ("cache", {"cheap": calls(100)}),
        ("model", {"dear": calls(100, cached=0.8, model="dear")}),
        ("model", {"cheap": calls(40, cached=0.8), "dear": calls(60, cached=0.8, model="dear")}),
        ("price", {"cheap": calls(100, cached=0.8)._replace(input_usd=0.2, output_usd=0.2)}),
        ("volume", {}),
    ],
)
def test_one_factor_that_changed_is_all_of_the_change(factor, after):
    parts = decompose(USUAL, after)
    change = sum(s.usd for s in after.values()) - sum(s.usd for s in USUAL.values())
    assert parts[factor] == pytest.approx(change, rel=1e-9)
    others = [parts[name] for name in FACTORS if name != factor]
    assert others == pytest.approx([0.0] * len(others), abs=1e-12)


def test_two_factors_share_by_their_logarithms():
    after = {"cheap": calls(200, inner=4000, outer=800, cached=0.8)}  # twice and four times
    parts = decompose(USUAL, after)
    change = after["cheap"].usd - USUAL["cheap"].usd
    assert parts["volume"] == pytest.approx(change / 3)
    assert parts["input_tokens"] + parts["output_tokens"] == pytest.approx(change * 2 / 3)


def test_what_was_not_there_before_is_volume():
    parts = decompose({}, USUAL)
    assert parts["volume"] == pytest.approx(USUAL["cheap"].usd)
    assert decompose({"cheap": NOTHING}, USUAL) == parts


near = st.floats(-3, 3).map(exp)
mean = st.builds(
    calls,
    requests=near.map(lambda x: 100 * x),
    tries=st.floats(1, 5),
    inner=near.map(lambda x: 1000 * x),
    outer=near.map(lambda x: 200 * x),
    cached=st.floats(0, 0.95),
    model=st.sampled_from(list(PRICES)),
)
period = st.dictionaries(st.sampled_from(["a", "b", "c"]), mean)


@given(period, period)
def test_the_parts_sum_to_the_change_and_turn_with_it(before, after):
    usd = [sum(s.usd for s in models.values()) for models in (before, after)]
    parts, back = decompose(before, after), decompose(after, before)
    assert sum(parts.values()) == pytest.approx(usd[1] - usd[0], abs=1e-9 * (sum(usd) + 1))
    for name in FACTORS:
        assert parts[name] == pytest.approx(-back[name], abs=1e-9 * (sum(usd) + 1))
