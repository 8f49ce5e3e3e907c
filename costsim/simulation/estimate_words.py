"""An estimate in words: headline, the lines below it, and its card."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import exp
from typing import TYPE_CHECKING, Final

from costsim.show.cards import Card, Level, Ribbon
from costsim.show.formats import count, ratio, share, trimmed, usd
from costsim.show.tables import Format
from costsim.simulation.assumptions import DAYS_A_MONTH, Swing
from costsim.simulation.request_tokens import CountedTokens, LognormalTokens, TokenLaw

if TYPE_CHECKING:
    from costsim.simulation.estimate_result import Estimate

UNITS: Final = {
    "request": "a request",
    "user_month": "a user's month",
    "month": "a month",
}
FORMATS: Final[dict[str, Format]] = dict.fromkeys(
    ("p10_usd", "median_usd", "mean_usd", "p90_usd", "p99_usd"), usd
)
LABELS: Final = {"of": "cost of"}
SWING_FORMATS: Final[dict[str, Format]] = {
    "low": trimmed,
    "high": trimmed,
    "low_usd": usd,
    "high_usd": usd,
    "swing_usd": usd,
}
SWING_LABELS: Final = {"low_usd": "at low", "high_usd": "at high", "swing_usd": "swing"}


def headline(found: Estimate) -> str:
    """The answer in one sentence."""
    request = usd(found.usd("request"))
    quantity = found.assumptions.quantity
    if quantity == "request":
        if not found.swings:
            return f"{request} a request."
        middle = usd(found.usd("request", "median_usd"))
        return f"{request} a request on average, half of them below {middle}."
    if quantity == "user_month":
        return (
            f"A user's month costs {usd(found.usd('user month'))} on average, a request {request}."
        )
    of_budget = found.budget_share
    budget = f", {share(of_budget)} of the budget" if of_budget is not None else ""
    low, high = (usd(found.usd("month", q)) for q in ("p10_usd", "p90_usd"))
    between = "" if low == high else f" (80%: {low} to {high})"
    return f"{usd(found.usd('month'))} a month on average{between}{budget}; {request} a request."


def lines(found: Estimate) -> list[str]:
    """What the numbers stand on and mean, a sentence or two each."""
    return [
        line for part in (_moves, _budget, _tokens, _most, _month, _prices) for line in part(found)
    ]


def most_moving(swings: tuple[Swing, ...], unit: str) -> str:
    """Which assumption moves the answer most."""
    if not swings:
        return "No assumption is a range: nothing says how far off this may be."
    first = swings[0]
    said = (
        f"{_capital(first.assumption)} {_verb(first.assumption, 'move')} the answer most: "
        f"{unit} costs {usd(first.low_usd)} at {trimmed(first.low)}, {usd(first.high_usd)} at "
        f"{trimmed(first.high)}"
    )
    if len(swings) > 1:
        second = swings[1]
        times = first.swing_usd / second.swing_usd if second.swing_usd else None
        far = f", {ratio(times)} as far as {second.assumption}" if times and times < 1000 else ""
        said += far
    return said + "."


def range_text(law: TokenLaw) -> str:
    """Tokens as a command line takes them: one number, or p10,p90.

    Examples
    --------
    >>> range_text(CountedTokens((100, 200, 300), overhead=50)), range_text(LognormalTokens(500))
    ('150,350', '500')
    """
    from statistics import NormalDist

    import numpy as np

    if isinstance(law, LognormalTokens):  # its own quantiles, not those below the cap
        z = NormalDist().inv_cdf(0.9) * law.log_sd
        low, high = law.median * exp(-z), law.median * exp(z)
    else:
        low, high = law.quantiles(np.array([0.1, 0.9])).tolist()
    return f"{low:.0f}" if round(low) == round(high) else f"{max(low, 1):.0f},{high:.0f}"


def ribbon(found: Estimate) -> Ribbon:
    """That these are assumptions, and which prices they were multiplied by."""
    notes = [] if found.documents is None else [f"tokens {_method(found)}"]
    dated = f" of {found.at}" if found.at else ""
    text = f"{found.model}, prices {found.price_book}{dated}"
    return Ribbon("ESTIMATED", text, notes=tuple(notes))


def card(found: Estimate) -> Card:
    """Headline, lines and ribbon."""
    level: Level = "info"
    if found.over_budget is not None and found.budget_share is not None:
        level = "bad" if found.budget_share > 1 else "warn" if found.over_budget > 0.1 else "ok"
    return Card(
        headline(found),
        tuple(lines(found)),
        ribbon(found),
        level,
        "costsim scenario add-feature quiet-2026 --name ... (costsim estimate prints it whole)",
    )


def _prices(found: Estimate) -> Iterator[str]:
    rates = found.cost.unit.usd_per_million
    said = (
        [f"{_usd(rates['input'])} in", f"{_usd(rates['output'])} out"]
        if "output" in rates
        else [f"{_usd(rates['input'])} in"]
    )
    if found.assumptions.cached_share.mean:
        cached = rates["cache_read"]
        said.append(
            f"{_usd(cached)} cached"
            if cached != rates["input"]
            else "no price for cached tokens, which cost what others do"
        )
    steps = (
        "; dearer above "
        + " and ".join(f"{above:,} input tokens" for above, _ in found.cost.unit.long_input)
        if found.cost.unit.long_input
        else ""
    )
    passes = f" A request makes {found.cost.passes} calls." if found.cost.passes > 1 else ""
    provider = found.cost.unit.provider
    by = f" of {provider}" if provider else ""
    yield f"{found.model}{by}, a million tokens: {', '.join(said)}{steps}.{passes}"


def _tokens(found: Estimate) -> Iterator[str]:
    for name, law in (
        ("Input", found.assumptions.input_tokens),
        ("Output", found.assumptions.output_tokens),
    ):
        if isinstance(law, CountedTokens) and found.documents is not None:
            yield _counted(found, law)
        elif isinstance(law, LognormalTokens) and law.varies:
            middle = law.median
            yield (
                f"{name} tokens: lognormal, median {count(middle)}, log-sd {law.log_sd:.2f}; mean "
                f"{count(law.mean)}, {ratio(law.mean / middle)} the median: the mean is not the "
                "middle, and bills add up means."
            )
        elif isinstance(law, LognormalTokens):
            yield f"{name} tokens: {count(law.mean)}, always."


def _counted(found: Estimate, law: CountedTokens) -> str:
    documents = found.documents
    assert documents is not None
    low, middle, high = documents.quantiles()
    skipped = f", {len(documents.skipped)} skipped" if documents.skipped else ""
    around = f", beside {count(law.overhead)} of the prompt" if law.overhead else ""
    return (
        f"Input tokens: {len(documents)} documents of {documents.folder}{skipped}, each as likely; "
        f"median {count(middle)}, 80% from {count(low)} to {count(high)}{around}; mean "
        f"{count(law.mean)}; {_method(found)}."
    )


def _method(found: Estimate) -> str:
    documents = found.documents
    assert documents is not None
    return documents.method if documents.estimated else f"counted: {documents.method}"


def _most(found: Estimate) -> Iterator[str]:
    if found.worst is not None:
        yield f"A request can cost at most {usd(found.worst[0])}: {found.worst[1]}."
    if found.not_fitting:
        assert found.window is not None
        yield (
            f"{share(found.not_fitting)} of the requests do not fit the model's window of "
            f"{count(found.window)} tokens: a provider refuses them, or they are cut."
        )


def _budget(found: Estimate) -> Iterator[str]:
    budget = found.monthly_budget_usd
    if budget is None:
        return
    what = "requests" if found.assumptions.calls is None else "users"
    carried = [found.carried(column) for column in ("mean_usd", "p90_usd")]
    if carried[0] is None or carried[1] is None:
        yield f"The budget of {usd(budget)} a month carries any number of {what}: they are free."
        return
    yield (
        f"The budget of {usd(budget)} a month carries {count(carried[0])} {what} at their mean, "
        f"{count(carried[1])} if all cost what the p90 does."
    )
    if found.over_budget is not None and found.budget_share is not None:
        yield (
            f"The mean month is {share(found.budget_share)} of it; "
            f"{share(found.over_budget)} of the sampled months exceed it."
        )


def _month(found: Estimate) -> Iterator[str]:
    if found.assumptions.quantity == "request":
        return
    yield (
        f"A month is {DAYS_A_MONTH} days. Its average request is taken to be as little known as "
        "one request; users, calls and cached share are anything from low to high."
    )
    if found.assumptions.quantity == "month" and _any_tokens_vary(found):
        name = "month at mean tokens"
        low, high = (usd(found.usd(name, q)) for q in ("p10_usd", "p90_usd"))
        narrowed = "" if low == high else f" (80%: {low} to {high})"
        yield (
            f"Were its mean tokens known, as after a week of staging, it would be "
            f"{usd(found.usd(name))}{narrowed}."
        )


def _moves(found: Estimate) -> Iterator[str]:
    yield most_moving(found.swings, UNITS[found.assumptions.quantity])


def _any_tokens_vary(found: Estimate) -> bool:
    laws: tuple[TokenLaw, ...] = (found.assumptions.input_tokens, found.assumptions.output_tokens)
    return any(law.varies for law in laws)


def _usd(price: Decimal) -> str:
    text = f"{price.normalize():f}"
    return f"${text}0" if len(text.partition(".")[2]) == 1 else f"${text}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _verb(noun: str, verb: str) -> str:
    return verb + "s" if noun == "cached share" else verb
