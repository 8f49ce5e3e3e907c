"""Two quantiles as a lognormal, against scipy; documents against plain averages."""

from __future__ import annotations

from math import ceil, exp

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from costsim.errors import SettingError
from costsim.simulation.distributions import Tokens
from costsim.simulation.request_tokens import CountedTokens, LognormalTokens
from costsim.simulation.spans import Span, read_span
from costsim.simulation.token_ranges import read_tokens

tokens = st.floats(1, 1e6)


def reference(law: LognormalTokens) -> stats.rv_frozen:
    return stats.lognorm(s=law.log_sd, scale=law.median)


@given(tokens, st.floats(1.01, 1000))
def test_two_numbers_are_p10_and_p90_of_a_lognormal(low: float, factor: float) -> None:
    law = read_tokens((low, low * factor))
    found = reference(law).ppf([0.1, 0.9])
    assert found == pytest.approx([low, low * factor], rel=1e-9)
    assert law.mean == pytest.approx(reference(law).mean(), rel=1e-9)
    assert law.quantiles(np.array([0.1, 0.5, 0.99])) == pytest.approx(
        reference(law).ppf([0.1, 0.5, 0.99]), rel=1e-9
    )


@given(tokens, st.floats(1.01, 100), st.sampled_from([(5, 50), (50, 90), (25, 99), (2.5, 97.5)]))
def test_any_two_quantiles_may_be_named(low: float, factor: float, at: tuple[float, float]) -> None:
    high = low * factor
    law = read_tokens(f"p{at[0]}={low!r},p{at[1]}={high!r}")
    assert reference(law).cdf([low, high]) == pytest.approx([at[0] / 100, at[1] / 100], abs=1e-9)
    assert read_tokens({f"p{at[1]}": high, f"p{at[0]}": low}) == law  # in any order


def _integral(law: LognormalTokens, low: float, high: float) -> float:
    """Tokens between two bounds times their density, over the normal variable behind them."""

    def z(tokens: float) -> float:
        return float(np.log(tokens / law.median) / law.log_sd) if tokens > 0 else -10.0

    found, _ = integrate.quad(
        lambda x: law.median * np.exp(law.log_sd * x) * stats.norm.pdf(x),
        max(z(low), -10.0),
        min(z(high), 12.0),
        limit=200,
    )
    return float(found)


@pytest.mark.parametrize("log_sd", [0.3, 1.2559])
@pytest.mark.parametrize("most", [None, 4_000, 20_000])
def test_partial_means_agree_with_integration(log_sd: float, most: int | None) -> None:
    law = LognormalTokens(10_000, log_sd, most)
    whole = reference(law)
    cap = np.inf if most is None else most
    for above in (-1, 0, 500, 3_000, 12_000, 50_000):
        share = whole.sf(max(above, 0)) if above < cap else 0.0
        body = _integral(law, above, cap) if above < cap else 0.0
        tail = cap * whole.sf(cap) if above < cap < np.inf else 0.0
        assert law.share_above(above) == pytest.approx(share, abs=1e-9)
        assert law.mean_above(above) == pytest.approx(body + tail, rel=1e-6)


@given(tokens, st.floats(0.01, 3), st.floats(1, 1000))
def test_the_capped_mean_is_the_one_that_scenarios_use(
    median: float, log_sd: float, room: float
) -> None:
    most = ceil(median * room)
    assert LognormalTokens(median, log_sd, most).mean == pytest.approx(
        Tokens(median=median, log_sd=log_sd, max=most).expected, rel=1e-9
    )


def test_one_number_is_always_that_number() -> None:
    law = read_tokens(500)
    assert not law.varies
    assert law.mean == 500
    assert law.quantiles(np.array([0.0, 0.5, 1.0])).tolist() == [500, 500, 500]
    assert (law.share_above(499), law.share_above(500)) == (1, 0)
    assert read_tokens(500, most=300).mean == 300
    assert read_tokens("2000,2000").mean == pytest.approx(2000)
    assert read_tokens(0).mean == 0


def test_the_mean_of_a_wide_range_is_not_its_middle() -> None:
    law = read_tokens("2000,50000")
    assert law.median == pytest.approx(10_000)  # sqrt(2000 * 50000)
    assert law.mean / law.median == pytest.approx(exp(law.log_sd**2 / 2))
    assert law.mean > 2 * law.median


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=30), st.integers(0, 5_000))
def test_documents_are_as_likely_each(counts: list[int], overhead: int) -> None:
    law = CountedTokens(tuple(counts), overhead)
    sizes = np.asarray(counts) + overhead
    assert law.mean == pytest.approx(sizes.mean())
    middles = (np.arange(len(counts)) + 0.5) / len(counts)
    assert law.quantiles(middles).tolist() == sorted(sizes)
    assert law.quantiles(np.array([0.0, 1.0])).tolist() == [sizes.min(), sizes.max()]
    at = float(np.median(sizes))
    assert law.share_above(at) == pytest.approx(np.mean(sizes > at))
    assert law.mean_above(at) == pytest.approx(np.where(sizes > at, sizes, 0).mean())


def test_documents_beyond_the_cap_are_cut_there() -> None:
    law = CountedTokens((100, 5_000), overhead=100, most=1_000)
    assert law.values == [200, 1_000]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("abc", "tokens must be one number, p10,p90 such as 2000,50000"),
        ("", "tokens must be one number"),
        ("1,2,3", "tokens must be one number"),
        ("p50=3", "tokens must be one number"),
        ("p50=3,9", "tokens must be one number"),
        ("p0=1,p90=3", "tokens must be one number"),
        ("p10=1,p100=3", "tokens must be one number"),
        ((1,), None),
        ((), "tokens must be one number"),
        ("5,4", "tokens must rise from above 0 with its quantiles; got '5,4'"),
        ("p90=1,p10=5", "must rise"),
        ("p50=1,p50=5", "must rise"),
        ("0,4", "must rise from above 0"),
        ("1,1000000", "log-sd of at most 4; got 5.4"),
        (-1, "tokens must be from 0 to 1,000,000,000; got -1"),
        ("nan", "tokens must be from 0 to 1,000,000,000"),
        ("1,inf", "tokens must be from 0 to 1,000,000,000"),
    ],
)
def test_what_is_no_range_is_said_in_one_line(value: object, line: str | None) -> None:
    if line is None:
        assert read_tokens(value).mean == 1  # type: ignore[arg-type]
        return
    with pytest.raises(SettingError, match=line) as caught:
        read_tokens(value)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("most", [0, -4])
def test_a_cap_has_a_token_at_least(most: int) -> None:
    with pytest.raises(SettingError, match="max_tokens must be from 1"):
        read_tokens(5, most=most)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_span_is_uniform(one: float, other: float) -> None:
    assume(one != other)
    low, high = sorted((one, other))
    span = read_span((low, high), "x", least=0, most=100)
    assert span.mean == pytest.approx(stats.uniform(low, high - low).mean())
    assert span.quantiles(np.array([0.0, 0.25, 1.0])) == pytest.approx(
        [low, low + (high - low) / 4, high]
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("x", "users must be one number or low,high; got 'x'"),
        ("1,2,3", "users must be one number or low,high"),
        ((9, 5), "users must be low,high with low at most high"),
        (0, "users must be above 0 and at most 1,000; got 0"),
        ("5,2000", "users must be above 0 and at most 1,000; got '5,2000'"),
        ("nan", "users must be above 0"),
    ],
)
def test_wrong_spans_are_one_line(value: object, line: str) -> None:
    with pytest.raises(SettingError, match=line):
        read_span(value, "users", least=0, most=1000, above=True)  # type: ignore[arg-type]
    assert read_span("500", "users", least=0, most=1000) == Span(500, 500)
