"""What a request of a feature costs before there is one, and what its users will cost a month."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError
from costsim.prices.book import Moment, PriceBook
from costsim.simulation.assumptions import DAYS_A_MONTH, Assumptions
from costsim.simulation.estimate_result import Estimate
from costsim.simulation.request_cost import RequestCost
from costsim.simulation.request_tokens import CountedTokens, TokenLaw
from costsim.simulation.spans import Range, Span, read_span
from costsim.simulation.token_ranges import TokenRange, read_tokens

if TYPE_CHECKING:
    import pandas as pd

    from costsim.prices.documents import DocumentTokens

__all__ = ["Estimate", "estimate_cost"]

MOST_USERS = 1e9
MOST_CALLS = 1e6
MOST_PASSES = 100


def estimate_cost(
    model: str,
    input_tokens: TokenRange | None = None,
    output_tokens: TokenRange = 0,
    *,
    users: Range | None = None,
    calls_per_user_day: Range | None = None,
    cached_share: Range = 0.0,
    passes: int = 1,
    documents: str | Path | DocumentTokens | None = None,
    prompt_tokens: int = 0,
    max_input_tokens: int | None = None,
    max_output_tokens: int | None = None,
    price_book: str | Path | PriceBook = "current",
    provider: str | None = None,
    at: Moment | None = None,
    monthly_budget_usd: float | None = None,
    seed: int = 0,
) -> Estimate:
    """Estimate what a request of a feature costs, and what its users cost a month.

    Parameters
    ----------
    model : str
        Name in the price book.
    input_tokens, output_tokens : number, str, pair or mapping
        Of a call: one number, ``(p10, p90)``, or two quantiles ``"p50=2000,p90=50000"``, of a
        lognormal. Input includes cached tokens, output includes reasoning.
    users, calls_per_user_day : number, str or pair, optional
        One number, or low and high. Requests on an average day of 30 a month, weekends included;
        of those who use it and of those who do not.
    cached_share : number, str or pair
        Share of the input read from the provider's cache, 0 to 1.
    passes : int
        Calls that one request makes, 1 to 100, each with the tokens above.
    documents : path or DocumentTokens, optional
        A folder; each request sends one of its documents, in place of `input_tokens`.
    prompt_tokens : int
        Tokens of the prompt around each document.
    max_input_tokens, max_output_tokens : int, optional
        Caps that the product sets: calls are cut there.
    price_book, provider, at
        As :meth:`PriceBook.load` and :meth:`PriceBook.unit`; `at` may be left out where prices
        never changed.
    monthly_budget_usd : float, optional
        To compare with.
    seed : int
        Of the sample's scrambling.

    Raises
    ------
    PriceError
        The model has no price (close names are listed).
    SettingError, DataError
        A number is not allowed, or the folder holds no text.

    Notes
    -----
    Quantiles come from 32,768 scrambled Sobol points, means from closed forms. Assumptions are
    independent; users, calls and the cached share are uniform between low and high.

    A user's month and the month of all take the *average* request to be as little known as one
    request: before launch nobody knows where in the range the mean will lie, and in traces most of
    the spread lies between users. The row "at mean tokens" is the other extreme, the law being
    exactly right, so that requests average out. Writing to the cache, failed calls and retries are
    left out.

    Examples
    --------
    >>> found = estimate_cost("gpt-4o", "2000,50000", "500,2000", users=900,
    ...                       calls_per_user_day=1.05, price_book="list-2024")
    >>> round(found.usd("request"), 3), round(found.usd("request", "median_usd"), 3)
    (0.127, 0.068)
    >>> found.swings[0].assumption
    'input tokens'
    """
    import numpy as np

    book = price_book if isinstance(price_book, PriceBook) else PriceBook.load(price_book)
    unit = book.unit(model, at=at, provider=provider)
    if isinstance(passes, bool) or not isinstance(passes, int) or not 1 <= passes <= MOST_PASSES:
        raise SettingError(f"passes must be an integer from 1 to {MOST_PASSES}; got {passes!r}")
    if monthly_budget_usd is not None and not 0 < monthly_budget_usd < float("inf"):
        raise SettingError(f"monthly_budget_usd must be above 0; got {monthly_budget_usd!r}")
    if users is not None and calls_per_user_day is None:
        raise SettingError("users needs calls_per_user_day; got only users")
    counted, law = _input_law(model, input_tokens, documents, prompt_tokens, max_input_tokens)
    assumed = Assumptions(
        law,
        read_tokens(output_tokens, "output_tokens", max_output_tokens),
        read_span(cached_share, "cached_share", least=0, most=1),
        _span(calls_per_user_day, "calls_per_user_day", MOST_CALLS),
        _span(users, "users", MOST_USERS),
    )
    cost = RequestCost(unit, passes)
    cost.at(1, 1 if assumed.output_tokens.mean else 0)  # a kind without a price is an error
    drawn = assumed.sample(seed)
    request = cost.usd(drawn["input_tokens"], drawn["output_tokens"], drawn["cached_share"])
    samples, means = _levels(assumed, cost, drawn, request)
    window = _window(model, provider or unit.provider)
    whole = drawn["input_tokens"] + drawn["output_tokens"]
    month = samples.get("month")
    return Estimate(
        model=model,
        price_book=book.name,
        at=str(at) if at is not None else None,
        cost=cost,
        assumptions=assumed,
        summary=_summary(samples, means),
        swings=tuple(assumed.swings(cost)),
        window=window,
        not_fitting=None if window is None else float(np.mean(whole > window)),
        worst=_worst(cost, window, max_input_tokens, _most_output(assumed.output_tokens)),
        monthly_budget_usd=monthly_budget_usd,
        over_budget=(
            float(np.mean(month > monthly_budget_usd))
            if monthly_budget_usd is not None and month is not None
            else None
        ),
        documents=counted,
    )


def _span(value: Range | None, name: str, most: float) -> Span | None:
    return None if value is None else read_span(value, name, least=0, most=most, above=True)


def _input_law(
    model: str,
    input_tokens: TokenRange | None,
    documents: str | Path | DocumentTokens | None,
    prompt_tokens: int,
    most: int | None,
) -> tuple[DocumentTokens | None, TokenLaw]:
    from costsim.prices.documents import DocumentTokens, count_documents

    if (input_tokens is None) == (documents is None):
        got = "neither" if documents is None else "both"
        raise SettingError(f"give input_tokens or documents; got {got}")
    if documents is None:
        if prompt_tokens:
            raise SettingError("prompt_tokens needs documents; add it to input_tokens instead")
        assert input_tokens is not None
        return None, read_tokens(input_tokens, "input_tokens", most)
    overhead = read_tokens(prompt_tokens, "prompt_tokens")
    read_tokens(0, "input_tokens", most)  # the same bounds of the cap
    counted = (
        documents if isinstance(documents, DocumentTokens) else count_documents(documents, model)
    )
    return counted, CountedTokens(tuple(counted.tokens), round(overhead.median), most)


def _levels(
    assumed: Assumptions, cost: RequestCost, drawn: dict[str, Any], request: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """Sampled dollars and closed-form means, from a request up to the month of all users."""
    mean = cost.expected(assumed.input_tokens, assumed.output_tokens, assumed.cached_share.mean)
    samples, means = {"request": request}, {"request": mean}
    if assumed.calls is None:
        return samples, means
    samples["user day"] = request * drawn["calls"]
    means["user day"] = mean * assumed.calls.mean
    samples["user month"] = samples["user day"] * DAYS_A_MONTH
    means["user month"] = means["user day"] * DAYS_A_MONTH
    if assumed.users is None:
        return samples, means
    calls = drawn["calls"] * drawn["users"] * DAYS_A_MONTH
    samples["month"] = request * calls
    # linear in the cached share: two points give all
    none, all_ = (cost.expected(assumed.input_tokens, assumed.output_tokens, c) for c in (0, 1))
    samples["month at mean tokens"] = calls * (none + (all_ - none) * drawn["cached_share"])
    means["month"] = means["month at mean tokens"] = assumed.expected(cost)
    return samples, means


def _summary(samples: dict[str, Any], means: dict[str, float]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = []
    for of, usd in samples.items():
        p10, median, p90, p99 = np.quantile(usd, [0.1, 0.5, 0.9, 0.99])
        rows.append((of, p10, median, means[of], p90, p99))
    columns = ["of", "p10_usd", "median_usd", "mean_usd", "p90_usd", "p99_usd"]
    return pd.DataFrame(rows, columns=columns)


def _window(model: str, provider: str | None) -> int | None:
    from costsim.prices.windows import context_window

    found = context_window(model, provider)
    return found if found is not None else context_window(model)


def _most_output(law: TokenLaw) -> int | None:
    """The cap, or the one number that the output always is."""
    return law.most if law.varies or law.most is not None else round(law.mean)


def _worst(
    cost: RequestCost, window: int | None, most_in: int | None, most_out: int | None
) -> tuple[float, str] | None:
    """Most that a request can cost, and what holds it there."""
    if most_in is not None and most_out is not None:
        return cost.at(most_in, most_out), f"{most_in:,} in + {most_out:,} out, its caps"
    if window is None:
        return None
    if most_out is not None:
        room = max(window - most_out, 0)
        out = min(most_out, window)
        return cost.at(room, out), f"{room:,} in + {out:,} out fill the model's window"
    usd = cost.dearest_token(window) * window
    return usd, f"if all {window:,} tokens of the window were of the dearest kind"
