"""An estimate against hand arithmetic from list prices, closed forms and brute force."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import DataError, PriceError, SettingError
from costsim.prices import PriceBook, Rates, UnitPrice, call_cost
from costsim.show import figures
from costsim.simulation.estimate import Estimate, estimate_cost
from costsim.simulation.request_cost import RequestCost
from costsim.simulation.token_ranges import read_tokens

BOOK = PriceBook.load("list-2024")
WIDE = {
    "input_tokens": "2000,50000",
    "output_tokens": "500,2000",
    "users": (500, 900),
    "calls_per_user_day": (0.5, 2),
}


def known(model: str = "gpt-4o", **changes: object) -> Estimate:
    return estimate_cost(model, **({"price_book": BOOK} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "each", "of_847", "most", "output"),
    [
        ("gpt-4", 1.62, 1375, 0.31, 2048),
        ("gpt-4-32k", 3.25, 2749, None, 2048),
        ("gpt-4-turbo", 0.56, 476, 1.36, 4096),
    ],
)
def test_the_dear_request_of_the_40k_week(
    model: str, each: float, of_847: int, most: float | None, output: int
) -> None:
    found = known(model, input_tokens=50_000, output_tokens=2_048)
    assert round(found.usd("request"), 2) == each
    assert round(found.usd("request") * 847) == pytest.approx(of_847, abs=1)
    for column in ("p10_usd", "median_usd", "p90_usd", "p99_usd"):
        assert found.usd("request", column) == pytest.approx(found.usd("request"))
    if most is not None:
        capped = known(model, input_tokens=2_000, output_tokens=10, max_output_tokens=output)
        assert capped.worst is not None
        assert round(capped.worst[0], 2) == most


def test_the_most_of_gpt_4_32k_within_its_32_768_tokens() -> None:
    """The published window says 32,000; the model's is 32,768, and a product may say so."""
    found = known("gpt-4-32k", input_tokens=9, max_input_tokens=30_720, max_output_tokens=2_048)
    published = known("gpt-4-32k", input_tokens=9, max_output_tokens=2_048)
    assert found.worst is not None
    assert published.worst is not None
    assert published.worst[0] == pytest.approx((29_952 * 60 + 2_048 * 120) / 1e6)
    assert round(found.worst[0], 2) == 2.09


def test_five_turbo_passes_are_what_a_request_cost() -> None:
    found = known("gpt-4-turbo", input_tokens=47_587, output_tokens=1_450, passes=5)
    assert found.usd("request") == pytest.approx(5 * (0.47587 + 0.0435))
    assert found.usd("request") == pytest.approx(2.597, abs=0.001)


def test_cached_input_costs_its_own_price() -> None:
    found = estimate_cost("gpt-4o", 1_000_000, cached_share=0.9, at="2026-11-25")
    assert found.usd("request") == pytest.approx(1.375)


def test_long_input_is_dear_throughout() -> None:
    found = estimate_cost("gemini-2.5-pro", 300_000, 1_000, at="2026-11-25")
    assert found.usd("request") == pytest.approx(0.765)
    short = estimate_cost("gemini-2.5-pro", 200_000, 1_000, at="2026-11-25")
    assert short.usd("request") == pytest.approx(0.26)


@given(st.integers(0, 400_000), st.integers(0, 50_000), st.floats(0, 1))
def test_sample_and_closed_form_are_the_books_own_arithmetic(
    given_in: int, given_out: int, cached: float
) -> None:
    cost = RequestCost(STEPPED)
    read = int(given_in * cached)
    share = read / given_in if given_in else 0.0
    exact = call_cost(
        STEPPED, input_tokens=given_in, output_tokens=given_out, cache_read_tokens=read
    )
    usd = cost.usd(np.array([given_in]), np.array([given_out]), np.array([share]))[0]
    closed = cost.expected(read_tokens(given_in), read_tokens(given_out), share)
    assert usd == pytest.approx(exact.total_nano / 1e9, abs=2e-9)
    assert closed == pytest.approx(usd, rel=1e-12, abs=1e-15)


def _rates(scale: float) -> Rates:
    usd = {"input": "1.25", "cache_read": "0.31", "output": "10"}
    factor = Decimal(str(scale))
    return Rates.from_usd({name: Decimal(value) * factor for name, value in usd.items()})


STEPPED = UnitPrice(
    "stepped", _rates(1), ((100_000, _rates(1.5)), (200_000, _rates(2))), provider="nobody"
)


@pytest.mark.parametrize("model", ["gpt-4o", "gemini-2.5-pro", "claude-sonnet-4-5"])
def test_sampled_means_are_the_closed_form_ones(model: str) -> None:
    """Sobol points against formulas, tiers of long input, caps and cached tokens included."""
    found = estimate_cost(
        model,
        "20000,400000",
        "500,20000",
        users=(500, 900),
        calls_per_user_day=(0.5, 2),
        cached_share=(0.1, 0.6),
        max_input_tokens=900_000,
        max_output_tokens=60_000,
        at="2026-11-25",
    )
    drawn = found.assumptions.sample(seed=1)
    request = found.cost.usd(drawn["input_tokens"], drawn["output_tokens"], drawn["cached_share"])
    month = request * drawn["calls"] * drawn["users"] * 30
    assert found.usd("request") == pytest.approx(request.mean(), rel=2e-3)
    assert found.usd("month") == pytest.approx(month.mean(), rel=2e-3)
    assert found.usd("user month") == pytest.approx(
        (request * drawn["calls"]).mean() * 30, rel=2e-3
    )


def test_quantiles_agree_with_plain_random_draws() -> None:
    found = known(**WIDE)
    rng = np.random.default_rng(5)
    n = 2_000_000
    low, high = np.log([2_000, 50_000])
    sd = (high - low) / (2 * 1.2815515655446004)
    tokens_in = np.exp((low + high) / 2 + sd * rng.standard_normal(n))
    low, high = np.log([500, 2_000])
    sd = (high - low) / (2 * 1.2815515655446004)
    tokens_out = np.exp((low + high) / 2 + sd * rng.standard_normal(n))
    request = (5 * tokens_in + 15 * tokens_out) / 1e6
    month = request * rng.uniform(500, 900, n) * rng.uniform(0.5, 2, n) * 30
    columns = ["p10_usd", "median_usd", "p90_usd", "p99_usd"]
    for of, drawn in (("request", request), ("month", month)):
        expected = np.quantile(drawn, [0.1, 0.5, 0.9, 0.99])
        assert [found.usd(of, c) for c in columns] == pytest.approx(expected, rel=0.015)


def test_the_same_seed_gives_the_same_numbers_and_another_nearly() -> None:
    first, second, other = (known(**WIDE, seed=seed) for seed in (0, 0, 1))
    assert first.to_frame().equals(second.to_frame())
    numbers = first.to_frame().drop(columns="of").to_numpy()
    assert not first.to_frame().equals(other.to_frame())
    assert numbers == pytest.approx(other.to_frame().drop(columns="of").to_numpy(), rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300_000), st.floats(1, 40), st.integers(1, 50_000), st.floats(1, 10),
    st.floats(1, 3),
)  # fmt: skip
def test_more_tokens_never_cost_less(
    low: int, spread: float, out: int, out_spread: float, more: float
) -> None:
    cost = RequestCost(STEPPED)
    laws = [
        (read_tokens((low * a, low * spread * a)), read_tokens((out * b, out * out_spread * b)))
        for a, b in ((1, 1), (more, 1), (1, more), (more, more))
    ]
    least, longer_in, longer_out, both = (cost.expected(*law) for law in laws)
    slack = 1 + 1e-12
    assert least <= longer_in * slack
    assert least <= longer_out * slack
    assert max(longer_in, longer_out) <= both * slack


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_cached_tokens_never_cost_more(one: float, other: float) -> None:
    cost = RequestCost(STEPPED)
    laws = read_tokens("2000,50000"), read_tokens(500)
    low, high = sorted((one, other))
    assert cost.expected(*laws, high) <= cost.expected(*laws, low) * (1 + 1e-12)


def test_swings_are_the_mean_recomputed_by_hand_and_ordered() -> None:
    found = known(**WIDE)
    rows = {row.assumption: row for row in found.swings}
    mean_in, mean_out = (read_tokens(WIDE[k]).mean for k in ("input_tokens", "output_tokens"))
    calls = 700 * 1.25 * 30

    def month(tokens_in: float, tokens_out: float, times: float) -> float:
        return (5 * tokens_in + 15 * tokens_out) / 1e6 * times

    assert rows["input tokens"].low_usd == pytest.approx(month(2_000, mean_out, calls))
    assert rows["input tokens"].high_usd == pytest.approx(month(50_000, mean_out, calls))
    assert rows["output tokens"].high_usd == pytest.approx(month(mean_in, 2_000, calls))
    assert rows["users"].low_usd == pytest.approx(month(mean_in, mean_out, 500 * 1.25 * 30))
    assert rows["calls a user and day"].high_usd == pytest.approx(
        month(mean_in, mean_out, 700 * 2 * 30)
    )
    swings = found.swings_frame()["swing_usd"]
    assert swings.tolist() == sorted(swings, reverse=True)
    assert "Input tokens move the answer most" in repr(found.card())


def test_another_assumption_may_move_it_most() -> None:
    found = known(
        input_tokens="900,1100", output_tokens=100, users=(100, 10_000), calls_per_user_day=1
    )
    assert [swing.assumption for swing in found.swings] == ["users", "input tokens"]
    assert "Users move the answer most" in repr(found.card())


def test_known_mean_tokens_leave_only_users_and_calls() -> None:
    found = known(**WIDE)
    mean = found.usd("request") * 30
    low = found.usd("month at mean tokens", "p10_usd")
    assert found.usd("month at mean tokens") == pytest.approx(found.usd("month"))
    assert mean * 500 * 0.5 < low < mean * 700 * 1.25
    assert found.usd("month", "p10_usd") < low
    fixed = known(input_tokens=1000, output_tokens=10, users=100, calls_per_user_day=2)
    assert fixed.usd("month", "p99_usd") == pytest.approx(0.00515 * 100 * 2 * 30)


def test_the_budget_and_whom_it_carries() -> None:
    found = known(**WIDE, monthly_budget_usd=3_000)
    user = found.usd("user month")
    assert found.budget_share == pytest.approx(found.usd("month") / 3_000)
    carried = found.carried()
    assert carried is not None
    assert carried * user <= 3_000 < (carried + 1) * user
    drawn = found.assumptions.sample(seed=0)
    request = found.cost.usd(drawn["input_tokens"], drawn["output_tokens"], drawn["cached_share"])
    over = np.mean(request * drawn["calls"] * drawn["users"] * 30 > 3_000)
    assert found.over_budget == pytest.approx(over)
    alone = known(input_tokens=1_000, output_tokens=0, monthly_budget_usd=10)
    assert alone.carried() == 2_000  # requests of half a cent
    assert alone.budget_share is None


def test_requests_beyond_the_window_are_said() -> None:
    law = read_tokens("2000,50000")
    found = known("gpt-4", input_tokens="2000,50000")
    assert found.window == 8_192
    assert found.not_fitting == pytest.approx(law.share_above(8_192), abs=2e-3)
    assert "do not fit the model's window of 8,192 tokens" in repr(found.card())
    fits = known("gpt-4", input_tokens="20,50")
    assert fits.not_fitting == 0
    assert "do not fit" not in repr(fits.card())


def test_the_worst_holds_whatever_is_sampled_within_the_window() -> None:
    for caps in ({"max_output_tokens": 4_096}, {"max_input_tokens": 9_000}, {}):
        found = known("gpt-4-turbo", input_tokens="2000,50000", output_tokens="50,900", **caps)
        drawn = found.assumptions.sample(seed=0)
        whole = drawn["input_tokens"] + drawn["output_tokens"]
        request = found.cost.usd(*(drawn[k] for k in ("input_tokens", "output_tokens")), 0.0)
        assert found.worst is not None
        assert request[whole <= 128_000].max() <= found.worst[0]
    unknown = estimate_cost("claude-3-haiku", 500, price_book=BOOK)
    assert unknown.worst is None or unknown.window is not None


def test_documents_stand_in_for_input_tokens(tmp_path: Path) -> None:
    for name, size in (("a.txt", 4_000), ("b.txt", 8_000), ("c.md", 40_000)):
        (tmp_path / name).write_text("x" * size)
    (tmp_path / "d.pdf").write_bytes(b"%PDF")
    found = estimate_cost("claude-3-haiku", documents=tmp_path, prompt_tokens=500, price_book=BOOK)
    mean = (1_500 + 2_500 + 10_500) / 3
    assert found.usd("request") == pytest.approx(mean * 0.25e-6)
    assert found.usd("request", "p90_usd") == pytest.approx(10_500 * 0.25e-6)
    said = " ".join(repr(found.card()).split())
    assert "3 documents" in said
    assert "1 skipped" in said
    assert "estimated: characters / 4" in said


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "give input_tokens or documents; got neither"),
        ({"input_tokens": 5, "documents": "x"}, "give input_tokens or documents; got both"),
        ({"input_tokens": 5, "prompt_tokens": 5}, "prompt_tokens needs documents"),
        ({"input_tokens": 5, "users": 3}, "users needs calls_per_user_day"),
        ({"input_tokens": 5, "passes": 0}, "passes must be an integer from 1 to 100; got 0"),
        ({"input_tokens": 5, "passes": True}, "passes must be an integer"),
        ({"input_tokens": 5, "cached_share": 1.5}, "cached_share must be from 0 to 1; got 1.5"),
        ({"input_tokens": 5, "monthly_budget_usd": 0}, "monthly_budget_usd must be above 0"),
        ({"input_tokens": 5, "calls_per_user_day": 0}, "calls_per_user_day must be above 0"),
        ({"input_tokens": 5, "max_output_tokens": 0}, "max_output_tokens must be from 1"),
    ],
)
def test_wrong_numbers_are_named(changes: dict[str, object], line: str) -> None:
    with pytest.raises(SettingError, match=line):
        known(**changes)


def test_what_has_no_price_is_no_zero() -> None:
    with pytest.raises(PriceError, match=r"got 'gpt-4x' \(close: .*gpt-4"):
        known("gpt-4x", input_tokens=5)
    with pytest.raises(PriceError, match="must have a price for output_tokens"):
        estimate_cost("text-embedding-3-small", 500, 5, at="2026-11-25")
    assert estimate_cost("text-embedding-3-small", 500, at="2026-11-25").usd("request") > 0
    with pytest.raises(PriceError, match="price of provider 'nobody' in 'current'"):
        estimate_cost("gpt-4o", 500, provider="nobody", at="2026-11-25")
    with pytest.raises(PriceError, match="at must be given for 'gpt-4o'"):
        estimate_cost("gpt-4o", 500)
    with pytest.raises(DataError, match="documents must be an existing folder"):
        known(documents="no/where")


def test_it_shows_itself() -> None:
    found = known(**WIDE, monthly_budget_usd=3_000)
    assert "next: .to_frame(), .plot(), costsim scenario add-feature" in repr(found)
    page = found._repr_html_()
    assert "ESTIMATED" in page
    assert page.count("<table") == 2
    levels = [known(**WIDE, monthly_budget_usd=usd).card().level for usd in (2e3, 5e3, 5e4)]
    assert levels == ["bad", "warn", "ok"]
    ax = found.plot()
    assert ax.get_xlim()[0] == 0
    assert "ESTIMATED gpt-4o, prices list-2024" in figures.alt_text(ax)
    assert "input tokens" in figures.alt_text(ax)
    with pytest.raises(SettingError, match="of must be one of"):
        known(input_tokens=5).usd("month")
