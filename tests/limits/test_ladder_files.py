"""Ladders, bursts, evaluated routes and prices as files say them; what is refused, and why."""

from __future__ import annotations

import tomllib

import pytest

from costsim.errors import SettingError
from costsim.limits import Policy, parse_limits
from costsim.limits.core import NO_LIMIT
from costsim.limits.ladder import gate_of
from costsim.limits.rules import refusers_of, rules_of, watches_of

SPARE = {"search": {"critical": False, "downgrade_to": ["mini"]}, "chat": {}}


def made(ladder, feature=SPARE, **keys):
    return parse_limits(
        {"name": "m", "feature": feature, "organisation": {"month_usd": 100, "ladder": ladder}}
        | keys
    )


def gate(policy, feature):
    rules = rules_of(policy)
    watches = watches_of(policy, rules)
    cap = rules[watches[0].rule].limit_of("", None)
    found = gate_of(watches, feature, cap)
    return found and (found.asked_limit, found.limit)


@pytest.mark.parametrize(
    ("ladder", "feature", "words"),
    [
        ([{"at": 0.9, "do": "downgrade", "features": ["chat"]}], SPARE,
         "organisation.ladder.0 (downgrade at 90%) needs somewhere to go: feature.chat has no "
         "downgrade_to"),
        ([{"at": 0.9, "do": "downgrade"}], {"chat": {"downgrade_to": ["mini"]}},
         "concerns nobody: name features, or no feature has critical = false and has a"),
        ([{"at": 0.7, "do": "warn"}, {"at": 0.95, "do": "shut"}], {"chat": {}},
         "organisation.ladder.1 (shut at 95%) concerns nobody"),
        ([{"at": 1.2, "do": "deny"}], SPARE, "is never reached: month_usd refuses at 100%"),
        ([{"at": 0, "do": "deny"}], SPARE, "organisation.ladder.0.at must be greater than 0"),
        ([{"at": 0.5, "do": "panic"}], SPARE,
         "do must be 'notify', 'warn', 'downgrade', 'shut' or 'deny'; got 'panic'"),
        ([{"at": 0.5, "do": "warn", "features": ["chat"]}], SPARE,
         "features has no meaning where do = 'warn'"),
    ],
)  # fmt: skip
def test_a_level_that_could_not_do_what_it_says_is_refused(ladder, feature, words):
    with pytest.raises(SettingError) as caught:
        made(ladder, feature)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_ladder_needs_a_budget_and_features_that_are_there():
    with pytest.raises(SettingError, match="ladder needs month_usd, of which it is a share"):
        parse_limits({"name": "m", "organisation": {"ladder": [{"at": 0.5, "do": "warn"}]}})
    policy = made([{"at": 0.5, "do": "shut", "features": ["gone"]}])
    with pytest.raises(SettingError, match=r"ladder\.0\.features must name some of \['chat'"):
        policy.check_names(tiers=set(), features={"chat", "search"})


def test_what_a_level_acts_on():
    policy = made(
        [
            {"at": 0.9, "do": "downgrade"},
            {"at": 0.95, "do": "shut"},
            {"at": 0.97, "do": "shut", "features": ["chat"]},
            {"at": 0.99, "do": "deny"},
        ]
    )
    usd = 10**9
    assert gate(policy, "search") == (90 * usd, 95 * usd)
    assert gate(policy, "chat") == (97 * usd, 97 * usd)
    assert gate(policy, None) == (99 * usd, 99 * usd)
    only = made([{"at": 0.9, "do": "downgrade"}], enforce_organisation=False)
    assert gate(only, "search") == (90 * usd, NO_LIMIT)
    assert gate(only, "chat") is None
    soft = made([{"at": 1.2, "do": "deny"}], enforce_organisation=False)
    assert gate(soft, "chat") == (120 * usd, 120 * usd)
    full = made([{"at": 1.0, "do": "deny"}])
    rules = rules_of(full)
    assert gate_of(watches_of(full, rules), "chat", 100 * usd).level == 0  # named, and stays on
    levels = [each.level for each in refusers_of(policy) if each.level]
    assert levels == ["downgrade at 90%", "shut at 95%", "shut at 97%", "deny at 99%"]


def test_alert_at_is_short_for_levels_that_notify():
    short = {"month_usd": 100, "alert_at": [0.9, 0.7]}
    long = {"month_usd": 100, "ladder": [{"at": 0.7, "do": "notify"}, {"at": 0.9, "do": "notify"}]}
    both = {"month_usd": 100, "alert_at": [0.9], "ladder": long["ladder"]}
    found = [parse_limits({"name": "m", "organisation": o}) for o in (short, long, both)]
    levels = [watches_of(policy, rules_of(policy)) for policy in found]
    assert levels[0] == levels[1] == levels[2]
    assert [watch.name for watch in levels[0]] == ["notify at 70%", "notify at 90%"]


def test_a_file_with_everything_reads_back_as_it_was():
    tried = {"mini": {"on": "2026-10-01", "how": "200 graded replies, 96% as good"}}
    policy = made(
        [{"at": 0.9, "do": "downgrade"}, {"at": 0.95, "do": "shut", "features": ["chat"]}],
        {"search": SPARE["search"] | {"evaluated": tried}, "chat": {}},
        burst={"minute_calls": 30, "at_once": 5, "by_tier": {"pro": {"minute_calls": 90}}},
    )
    assert parse_limits(tomllib.loads(policy.to_toml())) == policy


@pytest.mark.parametrize(
    ("burst", "words"),
    [
        ({}, "burst.minute_calls is required"),
        ({"minute_calls": 0}, "burst.minute_calls must be greater than 0"),
        ({"minute_calls": 1, "at_once": 1442}, "must refill within a day: at 1 a minute, at most"),
        ({"minute_calls": 10**8}, "minute_calls must be at most 60000000"),
    ],
)
def test_a_burst_guard_that_could_not_hold_is_refused(burst, words):
    with pytest.raises(SettingError, match=r"^t\.toml: burst") as caught:
        parse_limits({"name": "m", "burst": burst}, source="t.toml")
    assert words in str(caught.value)
    parse_limits({"name": "m", "burst": {"minute_calls": 1, "at_once": 1441}})


def test_a_route_says_when_and_how_it_was_tried_or_why_not():
    def routed(**tried):
        return made([], {"chat": {"downgrade_to": ["mini", "nano"], "evaluated": tried}})

    assert routed().unevaluated == (("chat", "mini"), ("chat", "nano"))
    tried = {"on": "2026-10-01", "how": "200 replies"}
    assert routed(mini=tried).unevaluated == (("chat", "nano"),)
    assert routed(mini=tried, nano={"waived": "only titles"}).unevaluated == ()
    for wrong in ({}, {"on": "2026-10-01"}, {"how": "by eye"}, {"waived": " "}):
        with pytest.raises(SettingError, match=r"must say on \(a day\) and how, or waived"):
            routed(mini=wrong)
    with pytest.raises(SettingError, match="evaluated names 'mico', which is not one of"):
        routed(mico=tried)


def test_limits_of_a_price_keep_what_the_price_leaves():
    price, users = {"free": 0, "pro": 20, "big": 200}, {"free": 900, "pro": 90, "big": 10}
    policy = Policy.from_unit_economics(
        price, 0.6, users=users, free_usd_per_month=0.25, cap_over_mean=4, name="mine"
    )
    revenue = sum(price[tier] * n for tier, n in users.items())
    assert policy.organisation.month_usd == pytest.approx(revenue * 0.4)
    means = {tier: caps.month_usd / 4 for tier, caps in policy.user.by_tier.items()}
    # at those averages the month costs what is left of the revenue: the margin is kept
    assert sum(means[t] * n for t, n in users.items()) == pytest.approx(revenue * (1 - 0.6))
    assert means["big"] / means["pro"] == pytest.approx(10)
    assert means["free"] == 0.25
    assert policy.user.month_usd == policy.user.by_tier["free"].month_usd  # of unknown tiers
    assert "leaves" in policy.account
    assert parse_limits(tomllib.loads(policy.to_toml())) == policy


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"target_margin": 1}, "target_margin must be from 0 to below 1; got 1"),
        ({"target_margin": -0.1}, "target_margin must be from 0 to below 1; got -0.1"),
        ({"cap_over_mean": 0.5}, "cap_over_mean must be from 1 to 10000; got 0.5"),
        ({"price_usd_per_month": float("nan")}, "price_usd_per_month must be from 0 to"),
        ({"price_usd_per_month": 0}, "free_usd_per_month is required: price_usd_per_month is 0"),
        ({"users": {"pro": 3}}, "users must be a number where there is one price"),
        ({"users": 0}, "users must be an integer of at least 1; got 0"),
        ({"price_usd_per_month": {"free": 0, "pro": 1}, "users": {"free": 100, "pro": 1},
          "free_usd_per_month": 1}, "free users would take"),
    ],
)  # fmt: skip
def test_a_price_that_cannot_be_kept_is_refused(keys, words):
    with pytest.raises(SettingError) as caught:
        Policy.from_unit_economics(**keys)
    assert words in str(caught.value)
