"""The first scenario: the bundled $10,000 product, its traffic scaled to the budget."""

from __future__ import annotations

from costsim.show.formats import usd
from costsim.simulation import load_scenario
from costsim.study.beginning.plan import Plan
from costsim.toml_writing import toml_key, toml_value

_MODEL = "startup-10k"


def traffic_text(plan: Plan) -> str:
    """A scenario to rehearse with, until one is fitted to real calls."""
    like = load_scenario(_MODEL)
    budget = plan.monthly_budget_usd
    scale = budget / like.monthly_budget_usd
    lines = [
        f"# Traffic to rehearse with: the bundled scenario {_MODEL}, users and calls times",
        f"# {scale:.4g}, so that an ordinary month costs a little less than",
        f"# {usd(budget)}. Its month is {like.start:%B %Y}, at the list prices of then.",
        "# It is not your product. Learn yours from its calls, or write it down:",
        "#   costsim import litellm logs.csv --out runs/mine",
        "#   costsim fit runs/mine --out launch.toml",
        "# All keys: docs/scenario.md.",
        "",
        "# What is not said here is as there: days, prices, profiles, tokens.",
        f"extends = {toml_value(_MODEL)}",
        "# How reports call it.",
        'name = "launch"',
        "# In words.",
        f"title = {toml_value(f'A product with {usd(budget)} a month')}",
        "# Hours of the day, days and months are those of this zone.",
        f"time_zone = {toml_value(plan.time_zone)}",
        "# What the month is held against.",
        f"monthly_budget_usd = {toml_value(float(budget))}",
        "",
        "# Who calls.",
        "[population]",
        "# Users of the month; a few of them call much more than the others.",
        f"users = {plan.people}",
    ]
    if plan.tiers:
        lines += [
            "# Four in five users are of the first tier, and so on; a guess of ours.",
            "tiers = [",
            *(
                f"  {{ name = {toml_value(name)}, share = {toml_value(share)} }},"
                for name, share in zip(plan.tiers, _shares(len(plan.tiers)), strict=True)
            ),
            "]",
        ]
    for name, feature in like.features.items():
        calls = max(1, round((feature.calls_per_week or 0) * scale))
        mean = calls / plan.people
        lines += [
            "",
            f"# {feature.model}, about {feature.input_tokens.expected:,.0f} tokens in and "
            f"{feature.output_tokens.expected:,.0f} out.",
            f"[features.{toml_key(name)}]",
            f"# Of all users together, {mean:.2g} of each on average.",
            f"calls_per_week = {calls}",
        ]
    return "\n".join(lines) + "\n"


def _shares(count: int) -> list[float]:
    """Four fifths, four fifths of the rest, ..., and what is left; they add up to 1."""
    found, left = [], 1.0
    for _ in range(count - 1):
        found.append(round(left * 0.8, 6))
        left = round(left - found[-1], 6)
    return [*found, left]
