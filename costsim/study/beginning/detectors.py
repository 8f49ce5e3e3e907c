"""The first suite of detectors: the bundled one, its dollars scaled to the budget."""

from __future__ import annotations

from dataclasses import replace

from costsim.detect.members import NEW_FEATURE_SHARE
from costsim.detect.rules import FixedThreshold, NewFeature, NewUser
from costsim.detect.series_detector import SeriesDetector
from costsim.detect.suite import Suite, load_suite
from costsim.show.formats import usd
from costsim.simulation import load_scenario
from costsim.study.beginning.plan import ALARM_SHARE, Plan, rounded

_TEACHER = "quiet"  # whose ordinary life the bundled thresholds are calibrated on
_WHY = {
    "total": "All spend together.",
    "feature": "Each feature: a new one that grows is seen before the total moves.",
    "tier": "Each tier of users: free ones that behave unlike themselves, or a plan that sells.",
    "top_feature": "The hour's dearest feature.",
    "top_user": "The hour's dearest user: scripts, shared keys, agents that loop.",
    "unit_cost": "Dollars of a call: another model, longer prompts, a cache that broke.",
}

_KEYS = {
    "kind, name": "which detector, and how alarms call it",
    "channel": "the series that it hears; the total where none is named",
    "baseline": "what an hour is held against: the same hour of the last weeks",
    "slack_hours": "or the dearest of so many hours around it",
    "chart": "Shewhart judges each hour alone, CUSUM adds up what lasts",
    "limit, h": "when it alarms, in scatters of ordinary hours; higher is quieter",
    "k": "what of an hour a CUSUM takes as ordinary, in scatters",
    "head_start_share": "a CUSUM begins at so much of h, to hear early what is there already",
    "gate_ratio": "no alarm below so many times what was expected,",
    "gate_usd": "and so many dollars more,",
    "gate_hours": "over so many hours; one where none is said",
    "usd_per_hour": "of rules: the dollars that an hour may cost",
    "least_usd": "what a later calibration does not go under",
}

_PLANNED = """
# A campaign that you know of is no news. Detectors hear what is beside the plan, so it rings
# nobody, and an incident in it does. Local times; features = ["chat"] for some of them only.
#
# [[planned]]
# starts = 2026-03-02T00:00:00
# ends = 2026-03-05T00:00:00
# calls_scale = 1.6
# account = "the mailing of Monday morning"
"""


def first_suite(plan: Plan) -> Suite:
    """The detectors of the bundled suite, and an alarm on an hour's dollars that needs no past."""
    default = load_suite("default")
    scale = plan.monthly_budget_usd / load_scenario(_TEACHER).monthly_budget_usd
    guard = FixedThreshold(usd_per_hour=plan.alarm_usd, name="hour over the guard", channel="total")
    launch = rounded(NEW_FEATURE_SHARE * plan.monthly_budget_usd / 30)
    new = (
        NewFeature(usd_per_hour=launch, least_usd=launch),
        NewUser(usd_per_hour=max(caps["hour_usd"] for caps in plan.user_caps.values())),
    )
    scaled = tuple(_scaled(detector, scale) for detector in default.detectors)
    return Suite("first-suite", (guard, *new, *scaled))


def _scaled(detector: SeriesDetector, scale: float) -> SeriesDetector:
    gate = getattr(detector, "gate_usd", 0.0)
    if not gate:
        return detector
    return replace(detector, gate_usd=rounded(gate * scale))  # type: ignore[type-var]


def suite_text(plan: Plan) -> str:
    """The suite's file, with what each detector is for."""
    suite = first_suite(plan)
    scale = plan.monthly_budget_usd / load_scenario(_TEACHER).monthly_budget_usd
    head = [
        "# Who notices. Thresholds are those of the suite that comes with costsim, calibrated on",
        "# simulated traffic that is not yours; amounts in dollars are scaled to your budget,",
        f"# times {scale:.3g}. After some weeks of records, calibrate on your own noise:",
        "#   costsim tune runs/mine --false-alarms-per-month 1 --save tuned.toml",
        "# Seasonal detectors learn from eight weeks of the same hour; the first three need none.",
        "# What the keys say:",
        *(f"#   {key:<17} {words}" for key, words in _KEYS.items()),
        "",
    ]
    body = suite.to_toml()
    first, *tables = body[body.index("name = ") :].split("[[detectors]]\n")
    parts = [first.rstrip() + "\n"]
    for detector, table in zip(suite.detectors, tables, strict=True):
        if isinstance(detector, FixedThreshold):
            why = f"{ALARM_SHARE:.1%} of the month's budget in one hour, {usd(plan.alarm_usd)}."
        elif isinstance(detector, NewFeature):
            why = f"A feature's first days: {NEW_FEATURE_SHARE:.0%} of a day's budget in an hour."
        elif isinstance(detector, NewUser):
            why = "A user's first days: what limits.toml lets one user spend in an hour."
        else:
            why = _WHY.get(detector.channel, "")
        parts.append(f"\n# {why}\n# {detector.describe()}\n[[detectors]]\n{table.rstrip()}\n")
    return "\n".join(head) + "".join(parts) + _PLANNED
