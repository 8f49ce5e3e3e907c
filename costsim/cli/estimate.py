"""costsim estimate: what a request of a feature costs, before there is one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costsim.cli.feature_options import (
    InputTokens,
    MaxInputTokens,
    MaxOutputTokens,
    Passes,
    Provider,
)

if TYPE_CHECKING:
    from costsim.simulation.estimate import Estimate

# A bundled scenario whose prices are the book's, and a Friday that lies in it.
_SCENARIOS = {"list-2024": ("quiet", "2024-08-02T14:00")}
_SCENARIO = ("quiet-2026", "2026-10-02T14:00")


def estimate(
    model: Annotated[str, typer.Option(help="Name in the price book: costsim prices lists them.")],
    input_tokens: InputTokens = None,
    output_tokens: Annotated[str, typer.Option(help="Likewise.")] = "0",
    users: Annotated[
        str | None, typer.Option(help="900, or low,high as 500,900.", show_default=False)
    ] = None,
    calls_per_user_day: Annotated[
        str | None,
        typer.Option(help="On an average day, weekends included; 1 or 0.5,3.", show_default=False),
    ] = None,
    cached_share: Annotated[
        str, typer.Option(help="Share of the input read from the provider's cache; 0.3 or 0.2,0.5.")
    ] = "0",
    passes: Passes = 1,
    documents: Annotated[
        Path | None,
        typer.Option(help="Folder; each request sends one of its texts.", show_default=False),
    ] = None,
    prompt_tokens: Annotated[int, typer.Option(help="Of the prompt around each document.")] = 0,
    max_input_tokens: MaxInputTokens = None,
    max_output_tokens: MaxOutputTokens = None,
    price_book: Annotated[str, typer.Option(help="Bundled name or TOML file.")] = "current",
    provider: Provider = None,
    at: Annotated[
        str | None,
        typer.Option(help="Day of the prices, 2024-08-09; today by default.", show_default=False),
    ] = None,
    monthly_budget: Annotated[
        float | None, typer.Option(help="In US$.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """What a request costs, a user, a month; and what moves it most.

    Ranges in, ranges out. Two numbers of tokens are p10 and p90 of a lognormal; two numbers of
    anything else are a low and a high one.
    """
    from costsim.cli.output import day, next_step, print_json
    from costsim.simulation.estimate import estimate_cost

    moment = day(at, "--at")
    if moment is None:
        from datetime import UTC, datetime

        moment = datetime.now(UTC).date()
    found = estimate_cost(
        model,
        input_tokens,
        output_tokens,
        users=users,
        calls_per_user_day=calls_per_user_day,
        cached_share=cached_share,
        passes=passes,
        documents=documents,
        prompt_tokens=prompt_tokens,
        max_input_tokens=max_input_tokens,
        max_output_tokens=max_output_tokens,
        price_book=price_book,
        provider=provider,
        at=moment,
        monthly_budget_usd=monthly_budget,
    )
    if as_json:
        print_json({"at": moment, **_plain(found)})
        return
    _print(found)
    next_step(_add_feature(found, output_tokens, provider))


def _print(found: Estimate) -> None:
    from costsim.cli.output import print_wrapped
    from costsim.show.tables import table_text
    from costsim.simulation.estimate_words import (
        FORMATS,
        LABELS,
        SWING_FORMATS,
        SWING_LABELS,
        headline,
        lines,
        ribbon,
    )

    print_wrapped(headline(found))
    print()
    print(table_text(found.to_frame(), FORMATS, labels=LABELS))
    print()
    if found.swings:
        print(table_text(found.swings_frame(), SWING_FORMATS, labels=SWING_LABELS))
        print()
    for line in lines(found):
        print_wrapped(line)
    if found.documents is not None and found.documents.skipped:
        print(table_text(found.documents.skipped_frame(), max_width=60))
    print(ribbon(found))


def _plain(found: Estimate) -> dict[str, Any]:
    from costsim.cli.output import rows
    from costsim.simulation.estimate_words import lines

    documents = found.documents
    return {
        "model": found.model,
        "price_book": found.price_book,
        "usd_per_million": {k: float(v) for k, v in found.cost.unit.usd_per_million.items()},
        "passes": found.cost.passes,
        "costs": rows(found.to_frame()),
        "swings": rows(found.swings_frame()),
        "worst_usd": found.worst[0] if found.worst else None,
        "window_tokens": found.window,
        "not_fitting_share": found.not_fitting,
        "monthly_budget_usd": found.monthly_budget_usd,
        "budget_share": found.budget_share,
        "over_budget_share": found.over_budget,
        "carried_at_mean": found.carried(),
        "carried_at_p90": found.carried("p90_usd"),
        "documents": None
        if documents is None
        else {
            "folder": documents.folder,
            "method": documents.method,
            "estimated": documents.estimated,
            "tokens": {name: tokens for name, _, tokens in documents.rows},
            "skipped": dict(documents.skipped),
        },
        "lines": lines(found),
    }


def _add_feature(found: Estimate, output_tokens: str, provider: str | None) -> str:
    """The command that puts the feature into a bundled scenario with the same prices."""
    from costsim.simulation import load_scenario
    from costsim.simulation.estimate_words import range_text
    from costsim.simulation.new_feature import average_day_weight

    scenario, launch = _SCENARIOS.get(found.price_book, _SCENARIO)
    assumed = found.assumptions
    words = ["costsim", "scenario", "add-feature", scenario, "--name", "new_feature"]
    words += ["--model", found.model, *(["--provider", provider] if provider else [])]
    words += ["--input-tokens", range_text(assumed.input_tokens)]
    words += ["--output-tokens", range_text(assumed.output_tokens)]
    if assumed.cached_share.mean:
        words += ["--cached-share", f"{assumed.cached_share.mean:g}"]
    if found.cost.passes > 1:
        words += ["--passes", str(found.cost.passes)]
    for name, law in (("input", assumed.input_tokens), ("output", assumed.output_tokens)):
        if law.most is not None:
            words += [f"--max-{name}-tokens", str(law.most)]
    users = round(assumed.users.mean) if assumed.users else 100
    calls = 1.0
    if assumed.calls:
        # ours are of an average day, a scenario's of a day of weight 1
        calls = assumed.calls.mean / average_day_weight(load_scenario(scenario).profiles["office"])
    words += ["--users", str(max(users, 1)), "--calls-per-user-day", f"{calls:.4g}"]
    return shlex.join([*words, "--launch", launch])
