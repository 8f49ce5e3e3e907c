"""Candidates of a call: who may serve it, in order, and a bound that no bill passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import PriceError, SettingError
from costsim.limits import MemoryLedger, ModelRouter, Scopes, parse_limits
from costsim.prices import PriceBook, call_cost
from costsim.prices.upper_bound import TEXT_IN, TEXT_OUT, upper_bound_nano

BOOK = PriceBook.load("current", as_of="2026-01-01")
TRIED = {"on": "2026-10-01", "how": "200 graded replies"}
ROUTES = ["gpt-4o-mini", "gpt-4", "no-such-model", "gpt-3.5-turbo"]


def policy(**evaluated):
    feature = {"chat": {"downgrade_to": ROUTES, "evaluated": evaluated, "critical": False}}
    ladder = [{"at": 0.5, "do": "downgrade"}, {"at": 0.9, "do": "shut"}]
    return parse_limits(
        {"name": "r", "feature": feature, "organisation": {"month_usd": 1, "ladder": ladder}}
    )


def test_only_routes_that_were_tried_known_and_hold_the_tokens():
    made = policy(**dict.fromkeys(ROUTES[:3], TRIED))
    router = ModelRouter(made, BOOK)
    routed = router.route("gpt-4o", "chat", input_tokens=8_000, max_output_tokens=500)
    assert [model for model, _ in routed.candidates] == ["gpt-4o", "gpt-4o-mini"]
    assert routed.skipped["gpt-4"] == "8,500 tokens do not fit its 8,192"
    assert routed.skipped["gpt-3.5-turbo"] == "not evaluated"
    assert "window is not known" in routed.skipped["no-such-model"]
    shorter = router.route("gpt-4o", "chat", input_tokens=7_692, max_output_tokens=500)
    assert [model for model, _ in shorter.candidates] == ["gpt-4o", "gpt-4o-mini", "gpt-4"]
    given_window = ModelRouter(made, BOOK, windows={"no-such-model": 9_000, "gpt-4o-mini": 8_499})
    routed = given_window.route("gpt-4o", "chat", input_tokens=8_000, max_output_tokens=500)
    assert [model for model, _ in routed.candidates] == ["gpt-4o"]
    assert "model must have a price" in routed.skipped["no-such-model"]
    assert router.route("gpt-4o", "other", input_tokens=1).candidates[1:] == ()
    cheap = router.route("gpt-4o-mini", "chat", input_tokens=10)
    assert [model for model, _ in cheap.candidates] == ["gpt-4o-mini", "gpt-4"]


def test_the_policys_cap_on_output_is_what_is_sent_and_bounded():
    router = ModelRouter(policy(), BOOK, kinds=("input", "output"))
    routed = router.route("gpt-4o", input_tokens=1000)
    assert routed.max_output_tokens == 4096
    assert router.route("gpt-4o", input_tokens=1000, max_output_tokens=9999) == routed
    unit = BOOK.unit("gpt-4o")
    whole = call_cost(unit, input_tokens=1000, output_tokens=3 * 4096).total_nano
    three = router.route("gpt-4o", input_tokens=1000, choices=3)
    assert three.candidates == (("gpt-4o", whole),)
    assert three.max_output_tokens == 4096  # of each
    tokens = parse_limits({"name": "t", "user": {"day_tokens": 3 * 4096 + 1000}})
    ledger, ann = MemoryLedger(tokens, clock=lambda: 0), Scopes("ann")
    assert ledger.reserve("a", ann, **three.asked)
    assert ledger.usage(ann)["user", "day_tokens"] == (0, 13_288, 13_288)
    for wrong in ({"input_tokens": -1}, {"input_tokens": 1, "choices": 0}):
        with pytest.raises(SettingError, match="must be"):
            router.route("gpt-4o", **wrong)
    with pytest.raises(PriceError, match="must have a price"):
        router.route("no-such-model", input_tokens=1)


@given(
    model=st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "o3-mini"]),
    most=st.integers(0, 400_000),
    data=st.data(),
)
def test_no_bill_passes_the_bound(model, most, data):
    unit = BOOK.unit(model)
    most_out = data.draw(st.integers(0, 20_000))
    bound = upper_bound_nano(unit, input_tokens=most, max_output_tokens=most_out)
    used = data.draw(st.integers(0, most))
    parts, left = {}, used
    for kind in TEXT_IN[1:]:
        parts[f"{kind}_tokens"] = data.draw(st.integers(0, left))
        left -= parts[f"{kind}_tokens"]
    out = data.draw(st.integers(0, most_out))
    parts["reasoning_tokens"] = data.draw(st.integers(0, out))
    assert call_cost(unit, input_tokens=used, output_tokens=out, **parts).total_nano <= bound


def test_the_bound_is_reached_by_the_dearest_tokens():
    unit = BOOK.unit("claude-sonnet-4-5")
    worst = call_cost(unit, input_tokens=500, cache_write_1h_tokens=500, output_tokens=90)
    sizes = {"input_tokens": 500, "max_output_tokens": 90}
    assert upper_bound_nano(unit, **sizes) == worst.total_nano
    plain = upper_bound_nano(unit, kinds=("input", "cache_read", *TEXT_OUT), **sizes)
    assert (
        plain == call_cost(unit, input_tokens=500, output_tokens=90).total_nano < worst.total_nano
    )
    with pytest.raises(SettingError, match="kinds must be some of"):
        upper_bound_nano(unit, kinds=("image",), **sizes)


def test_a_call_goes_from_the_router_through_the_ledger_into_its_record():
    made = policy(**{"gpt-4o-mini": TRIED})
    router, ledger = ModelRouter(made, BOOK), MemoryLedger(made, clock=lambda: 0)

    def served(call_id, cost_usd):
        routed = router.route("gpt-4o", "chat", input_tokens=900, max_output_tokens=500)
        with ledger.call(
            call_id,
            Scopes("ann", feature="chat"),
            **routed.asked,
        ) as call:
            if not call:
                return call.denied.level
            call.spent(round(cost_usd * 1e9))
            return routed.fields(call.granted)

    assert served("a", 0.5) == {"model": "gpt-4o", "downgraded_from": None}
    assert served("b", 0.4) == {"model": "gpt-4o-mini", "downgraded_from": "gpt-4o"}
    assert served("c", 0.1) == "shut at 90%"
