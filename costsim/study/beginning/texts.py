"""The first limits, gate, traffic and workflow as files, explained line by line."""

from __future__ import annotations

from costsim.show.formats import usd
from costsim.study.beginning.plan import (
    ALERT_AT,
    DAY_SHARE,
    HOUR_SHARE,
    TIER_STEP,
    USER_DAY_SHARE,
    USER_HOUR_SHARE,
    Plan,
)
from costsim.toml_writing import toml_key, toml_value

NAME = "first-limits"


def limits_text(plan: Plan) -> str:
    """The limits file."""
    budget = plan.monthly_budget_usd
    caps = plan.user_caps[""]
    times = f"{plan.user_share * plan.people:.3g} times the mean user's part"
    said = "what you said" if plan.users else "assumed (--users says)"
    full = budget / caps["month_usd"]
    lines = [
        f"# Limits to start from, made from a budget of {usd(budget)} a month. Each amount is a",
        "# share of it, said beside it: change the shares to what you know of your product.",
        "# Try every change first: costsim limits check launch.toml --limits limits.toml",
        "",
        "# How reports call these limits.",
        f"name = {toml_value(NAME)}",
        "# In words.",
        f"title = {toml_value(f'First limits for {usd(budget)} a month')}",
        "# Days and months begin at midnight here.",
        f"time_zone = {toml_value(plan.time_zone)}",
        "# A bound of each call's cost is held before the call, and replaced by what it cost.",
        'accounting = "reserve"',
        "# A call that nobody reports back is charged its upper bound after so many seconds.",
        "lease_seconds = 600",
        "",
        "# One request.",
        "[request]",
        "# A longer prompt is refused: most loops and pasted archives end here.",
        "max_input_tokens = 128_000",
        "# What a call may answer at most; it bounds what is held for it.",
        "max_output_tokens = 4096",
        "",
        "# Each user alone.",
        "[user]",
        f"# {plan.user_share:.2%} of the budget, {times}; {plan.people:,} users are",
        f"# {said}. It takes {full:,.0f} at their cap to spend it all, which",
        "# [organisation] refuses.",
        f"month_usd = {toml_value(caps['month_usd'])}",
        f"# {USER_DAY_SHARE:.0%} of the user's month: an intense day passes, four use it up.",
        f"day_usd = {toml_value(caps['day_usd'])}",
        f"# {USER_HOUR_SHARE:.0%} of the user's day: a script that runs away is held soon.",
        f"hour_usd = {toml_value(caps['hour_usd'])}",
        "# Calls of a user at one time: a person has one or two, a script that went wild hundreds.",
        "open_calls = 8",
        "",
    ]
    if plan.tiers:
        lines += [
            "# By what users are worth, from the least to the most: each tier has",
            f"# {TIER_STEP} times the caps of the one before it, the first those of [user].",
        ]
        for name in plan.tiers:
            lines += [f"[user.by_tier.{toml_key(name)}]"]
            lines += [f"{cap} = {toml_value(plan.user_caps[name][cap])}"
                      for cap in ("month_usd", "day_usd", "hour_usd")]  # fmt: skip
            lines += [""]
    lines += [
        "# A feature of its own budget. Uncomment, with the feature's name and what it may cost.",
        "# [feature.deep_analysis]",
        f"# day_usd = {toml_value(plan.part(DAY_SHARE / 4))}  # a quarter of the day's cap",
        '# downgrade_to = ["gpt-4o-mini"]  # tried, where offered, before a refusal',
        "# A route says when and how it was tried that it does the work, or the check fails.",
        '# evaluated."gpt-4o-mini" = { on = 2026-10-01, how = "200 graded replies, 96% as good" }',
        "",
        "# Everything together.",
        "[organisation]",
        "# The budget itself: what would pass it is refused.",
        f"month_usd = {toml_value(float(budget))}",
        f"# {DAY_SHARE:.0%} of the budget, three times a mean day: a bad day cannot eat the month.",
        f"day_usd = {toml_value(plan.day_usd)}",
        f"# {HOUR_SHARE:.0%} of the budget, the whole of a mean day, in one hour.",
        f"hour_usd = {toml_value(plan.hour_usd)}",
        "# Told once each, when so much of the month's budget is spent: "
        + ", ".join(usd(budget * share) for share in ALERT_AT)
        + ".",
        f"alert_at = {toml_value(list(ALERT_AT))}",
        "# What can wait may be shut, or sent to its downgrade_to, before everything is refused.",
        '# ladder = [{ at = 0.95, do = "shut", features = ["deep_analysis"] }]',
        "",
        "# How fast one user may call, whatever it costs: uncomment against scripts.",
        "# [burst]",
        "# minute_calls = 60",
        "# at_once = 20  # after a pause",
        "",
        "# Of a ledger in Redis: what holds while Redis is away.",
        "[outage]",
        "# Calls with a cap of the user are refused. A number, such as 0.05, lets each process",
        "# pass that part of each cap by itself; the worst overspend is processes x part x cap.",
        'user = "deny"',
        "# The same for the caps of everything together, which concern every call.",
        'organisation = "deny"',
    ]
    return "\n".join(lines) + "\n"


def gate_text(plan: Plan) -> str:
    """The gate: what must hold before a launch."""
    lines = [
        "# What must hold before a launch. Each line passes, fails, or is undecided when too few",
        "# months were simulated to say: costsim limits check launch.toml --limits limits.toml",
        "# --gate gate.toml --replicates 100. All keys: docs/check-limits.md.",
        "",
        "# 95 of 100 simulated months cost at most the budget. It takes 72 months to say.",
        f'month_spend_p95_usd = "<= {plan.monthly_budget_usd!r}"',
        "# At most one in fifty users who did nothing unusual is refused even once in the month.",
        'ordinary_blocked_share = "<= 0.02"',
        "# At most one attempt in a hundred is refused only because other calls are on their way.",
        'hold_denied_share = "<= 0.01"',
        "# The dearest user of a month costs at most what one user may.",
        f'worst_user_p95_usd = "<= {plan.dearest_user_usd!r}"',
    ]
    if plan.tiers:
        lines += [
            "",
            "# Those who are worth the most are refused least: one in two hundred.",
            f"[tier.{toml_key(plan.tiers[-1])}]",
            'ordinary_blocked_share = "<= 0.005"',
        ]
    return "\n".join(lines) + "\n"


def workflow_text(folder: str) -> str:
    """A GitHub workflow that rehearses each change of these files."""
    at = "." if folder == "." else folder
    place = "" if folder == "." else f"{folder}/"
    return f"""\
# Rehearses a month under the limits whenever they, the gate or the traffic change.
# Copy it to .github/workflows/costsim.yml of your repository.
name: costsim

on:
  pull_request:
    # Only changes of these files run it.
    paths: ["{place}*.toml"]
  # And by hand.
  workflow_dispatch:

# It reads the repository and changes nothing.
permissions:
  contents: read

jobs:
  limits:
    runs-on: ubuntu-latest
    # 100 months of a product of $10,000 a month take some minutes.
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      # Or from where you keep it: a wheel, a repository.
      - run: pip install costsim
      # Exit code 0 passes, 1 fails, 3 is undecided (more --replicates decide), 2 is bad input.
      - name: Rehearse a month under the limits
        working-directory: {at}
        run: >-
          costsim limits check launch.toml --limits limits.toml --gate gate.toml
          --replicates 100 --junit limits.xml --markdown limits.md
      # The verdict, line by line, on the page of the run.
      - name: Show the verdict
        if: always()
        working-directory: {at}
        run: test ! -f limits.md || cat limits.md >> "$GITHUB_STEP_SUMMARY"
      - name: Keep it
        if: always()
        uses: actions/upload-artifact@v4
        with:
          name: limits
          path: {place}limits.xml
          if-no-files-found: ignore
"""
