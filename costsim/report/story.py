"""What does not add up in the account of the $40k week, computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.prices import load_price_book

if TYPE_CHECKING:
    import pandas as pd

TOLD_USD, TOLD_CALLS = 2200, 847
SENT_TOKENS, MAX_OUTPUT_TOKENS, USUAL_OUTPUT_TOKENS = 50_000, 2048, 1400
WINDOWS = {"gpt-4": 8192, "gpt-4-32k": 32_768, "gpt-4-turbo": 128_000}


def told_per_call() -> float:
    """Dollars a call that the account's own figures give: $2,200 over 847 calls."""
    return TOLD_USD / TOLD_CALLS


def arithmetic() -> pd.DataFrame:
    """What the account's calls would cost on each GPT-4 of 2024, against what it says.

    Returns
    -------
    pandas.DataFrame
        model; context_tokens; call_usd (50,000 tokens in, 2,048 out); times_847_usd; most_usd (a
        call that fills the context window, 2,048 of it out); tokens_for_told (input that makes a
        call cost $2.597 with 1,400 out); fits (whether that is inside the window).

    Examples
    --------
    >>> arithmetic().set_index("model").loc["gpt-4-32k", "times_847_usd"].round()
    np.float64(2749.0)
    """
    import pandas as pd

    book = load_price_book("list-2024")
    rows = []
    for model, window in WINDOWS.items():
        prices = book.unit(model, at="2024-08-12").usd_per_million
        price_in, price_out = (float(prices[kind]) / 1e6 for kind in ("input", "output"))
        call = SENT_TOKENS * price_in + MAX_OUTPUT_TOKENS * price_out
        needed = (told_per_call() - USUAL_OUTPUT_TOKENS * price_out) / price_in
        rows.append(
            {
                "model": model,
                "context_tokens": window,
                "call_usd": call,
                "times_847_usd": call * TOLD_CALLS,
                "most_usd": (window - MAX_OUTPUT_TOKENS) * price_in + MAX_OUTPUT_TOKENS * price_out,
                "tokens_for_told": round(needed),
                "fits": needed + USUAL_OUTPUT_TOKENS <= window,
            }
        )
    return pd.DataFrame(rows)


def other_claims() -> pd.DataFrame:
    """The account's other ratios, computed: claim, told, computed, holds_for."""
    import pandas as pd

    book = load_price_book("list-2024")

    def cost(model: str, tokens_in: int, tokens_out: int) -> float:
        prices = book.unit(model, at="2024-08-12").usd_per_million
        usd = tokens_in * float(prices["input"]) + tokens_out * float(prices["output"])
        return usd / 1e6

    model = "gpt-4-turbo"
    rows = [
        (
            "a 50,000-token call against a 200-token call",
            "250x",
            cost(model, 50_000, 0) / cost(model, 200, 0),
            "input alone",
        ),
        (
            "the same with a 500-token answer to both",
            "250x",
            cost(model, 50_000, 500) / cost(model, 200, 500),
            model,
        ),
        (
            "1,000 tokens of one model against another",
            "20x",
            cost("gpt-4-turbo", 1000, 0) / cost("gpt-3.5-turbo", 1000, 0),
            "gpt-4-turbo against gpt-3.5-turbo",
        ),
        (
            "the same against the other GPT-4 of the table",
            "20x",
            cost("gpt-4-turbo", 1000, 0) / cost("gpt-4o", 1000, 0),
            "gpt-4-turbo against gpt-4o",
        ),
    ]
    return pd.DataFrame(rows, columns=["claim", "told", "computed", "holds_for"])
