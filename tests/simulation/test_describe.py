"""A scenario in words: everything that it states is said."""

from __future__ import annotations

import pytest

from costsim.simulation import load_scenario, parse_scenario, scenario_names
from costsim.simulation.describe import WIDTH, describe

EVERYTHING = {
    "population": {
        "activity": {"law": "lognormal", "log_sd": 1.3},
        "growth_per_week": 0.02,
        "churn_per_month": 0.05,
    },
    "reactions": {"hammer": {"max_retries": 8, "base_seconds": 0, "retries_errors": True}},
    "surges": {
        "campaign": {
            "starts": "2024-03-01T08:00:00",
            "ends": "2024-03-02T08:00:00",
            "calls_scale": 1.6,
            "features": ["chat"],
            "account": "A mailing.",
        }
    },
    "holidays": [{"day": "2024-03-03", "calls_scale": 0.2, "name": "Founders' day"}],
    "price_changes": [
        {"at": "2024-03-02T00:00:00", "model": "gpt-4o", "input": 4.0, "output": 12.0}
    ],
    "provider_limits": {"openai": {"calls_per_minute": 5000, "tokens_per_minute": 900_000}},
    "operations": {
        "detectors": ["z_score"],
        "thresholds": {"z_score": 4},
        "reaction_minutes": 45,
        "action": "downgrade",
        "model": "gpt-3.5-turbo",
    },
}
CHAT = {
    "provider": "openai",
    "service_tier": "batch",
    "cache": {"share": 0.5, "hit_rate": 0.8},
    "errors": {"rate": 0.03, "billed": "input"},
    "truncated_rate": 0.1,
    "reaction": "hammer",
    "cheaper": "batch",
    "prompt_version": "v7",
    "cohorts": {
        "farm": {
            "users": 5,
            "calls_per_day": 40,
            "activity_log_sd": 0.3,
            "profile": "flat",
            "ends": "2024-03-03T00:00:00",
            "reaction": "script",
            "input_tokens": {"median": 700, "log_sd": 0.2},
        }
    },
}
INCIDENT = {
    "feature": "batch",
    "cause": "tokens",
    "starts": "2024-03-02T10:00:00",
    "ends": "2024-03-02T16:00:00",
    "effect": {"input_tokens_scale": 3, "prompt_version": "2", "error_rate": 0.4},
    "movable": True,
    "account": "A deploy.",
    "detect": "Watch the tokens.",
}
WORDS = [
    "log-sd 1.3",
    "traffic grows 2.0% a week",
    "5.0% leave within 30 days",
    "gpt-4o of openai, batch",
    "14,000 calls a week in sessions of 3 calls, 60 s apart",
    "50% of the input cached in 80% of the calls",
    "3.0% of attempts fail, their input billed",
    "Callers (hammer) retry refusals and errors at once, up to 8 times",
    "10% run into the limit",
    "prompt version v7",
    "Some move to batch when refused",
    "Cohort farm: 5 users, 40 calls each a day (log-sd 0.3 between them); hours of flat",
    "until Sun 2024-03-03 00:00",
    "input 714 tokens on average",
    "Callers (script) retry refusals and errors up to 6 times, waiting up to 60 s",
    "Surge campaign, Fri 2024-03-01 08:00 to Sat 2024-03-02 08:00: 1.6 times the calls of chat",
    "Holiday Sun 2024-03-03 (Founders' day): 0.2 times the calls",
    "Price of gpt-4o from Sat 2024-03-02 00:00: input $4.00, output $12.00 a million tokens",
    "openai admits 5,000 calls and 900,000 tokens a minute",
    "On duty: z_score at 4; records arrive 5 min late; 45 min after an alarm",
    "is answered by gpt-3.5-turbo",
    "Incident bloat (tokens, may start at any time), batch from Sat 2024-03-02 10:00 to",
    "Changes: input tokens times 3; prompt version 2; 40% of attempts fail",
    "A good detector: Watch the tokens.",
]


BOOK = """
name = "with-batch"
description = "gpt-4o in batches"
base = "list-2024"

[[price]]
model = "gpt-4o"
providers = ["openai"]
input_usd_per_million = "5"
output_usd_per_million = "15"
source = "a test"
[price.service_tier.batch]
factor = 0.5
"""


def test_everything_that_is_stated_is_said(small_data, tmp_path):
    (tmp_path / "book.toml").write_text(BOOK)
    data = small_data | EVERYTHING | {"population": small_data["population"]}
    data["price_book"] = str(tmp_path / "book.toml")
    data["population"] |= EVERYTHING["population"]
    data["features"]["chat"] |= CHAT
    data["incidents"] = {"bloat": INCIDENT}
    text = " ".join(describe(parse_scenario(data)).split())
    for words in WORDS:
        assert words in text


@pytest.mark.parametrize("name", scenario_names())
def test_what_is_not_stated_is_not_said(name):
    scenario = load_scenario(name)
    text = describe(scenario)
    lines = text.splitlines()
    assert lines[0] == f"{scenario.title} ({name}, hash {scenario.hash})"
    assert all(len(line) <= WIDTH for line in lines)
    flat = " ".join(lines)
    for words in ("nan", "None", "Holiday", "Price of", "On duty", "admits", "  ;", "()"):
        assert words not in flat
    for feature in scenario.features:
        assert f"Feature {feature}: {scenario.features[feature].model}" in text
    for incident in scenario.incidents.values():
        assert " ".join(incident.detect.split()) in " ".join(text.split())
