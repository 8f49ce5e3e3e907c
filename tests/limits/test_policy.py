"""Limits files: what they say, what is refused and in which words."""

from __future__ import annotations

import pytest

from costsim.errors import SettingError, UnknownNameError
from costsim.limits import MemoryLedger, Policy, Scopes, limit_names, load_limits, parse_limits
from costsim.limits.core import NO_LIMIT
from costsim.limits.policy import nano
from costsim.limits.rules import rules_of, watches_of


def test_the_bundled_files_are_whole():
    assert limit_names() == ["flat-caps", "ladder", "per-tier", "strict"]
    for name in limit_names():
        policy = load_limits(name)
        assert policy.name == name
        assert policy.account.endswith(".")
        assert "costsim.simulate(scenario, limits=policy)" in repr(policy)


def test_flat_caps_are_those_of_the_account():
    policy = load_limits("flat-caps")
    user = policy.user
    assert (user.hour_usd, user.day_usd, user.month_usd) == (1, 5, 50)
    assert policy.request.max_input_tokens == 32_000
    assert policy.request.max_output_tokens == 4096
    assert policy.organisation.alert_at[0] == 0.8
    assert not policy.enforce_organisation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"user": {"hour_usd": -1}}, "user.hour_usd must be greater than 0; got -1"),
        ({"user": {"hour_usd": float("nan")}}, "user.hour_usd must be a finite number"),
        ({"user": {"hour_usd": 1e9}}, "user.hour_usd must be at most $9,007,199; got 1000000000.0"),
        ({"user": {"hour_dollars": 1}}, "user.hour_dollars is not a key of a limits file"),
        ({"user": {"hour_calls": 1.5}}, "user.hour_calls must be a valid integer"),
        ({"time_zone": "Mars"}, "time_zone must be an IANA name"),
        ({"accounting": "hope"}, "accounting must be 'reserve' or 'check'; got 'hope'"),
        ({"lease_seconds": 0}, "lease_seconds must be greater than or equal to 1"),
        ({"recording_delay_seconds": 5}, "recording_delay_seconds needs accounting = 'check'"),
        ({"organisation": {"alert_at": [0.8]}}, "alert_at needs month_usd"),
        ({"name": None}, "name must be a valid string"),
        ({"user": {"hour_usd": True}}, "user.hour_usd must be a number; got True"),
        ({"user": {"hour_usd": "5"}}, "user.hour_usd must be a number; got '5'"),
        ({"user": {"hour_calls": True}}, "user.hour_calls must be a number; got True"),
        ({"user": {"hour_usd": 1e-10}}, "user.hour_usd must be at least a nano-dollar"),
        ({"lease_seconds": "60"}, "lease_seconds must be a number; got '60'"),
        ({"burst": {"minute_calls": True}}, "burst.minute_calls must be a number; got True"),
        ({"enforce_organisation": "no"}, "enforce_organisation must be a valid boolean"),
        (
            {"outage": {"user": 2}},
            "outage.user must be 'deny' or a share above 0 and at most 1; got 2",
        ),
        ({"outage": {"tier": "allow"}}, "outage.tier must be 'deny' or a share above 0"),
        (
            {"user": {"by_user": {"alice\n": {"hour_usd": 1}}}},
            "by_user is wrong: a name in it must",
        ),
        (
            {"user": {"by_tier": {"": {"hour_usd": 1}}}},
            "by_tier is wrong: a name in it must have 1",
        ),
        ({"user": {"by_user": {"Zo\u00eb": {}, "Zoe\u0308": {}}}}, "twice, in two Unicode forms"),
    ],
)
def test_a_wrong_key_is_one_line_with_what_is_allowed(change, words):
    with pytest.raises(SettingError) as caught:
        parse_limits({"name": "mine"} | change, source="mine.toml")
    text = str(caught.value)
    assert text.startswith("mine.toml: ")
    assert words in text
    assert "\n" not in text


def test_an_unknown_name_is_told_the_near_one(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'strict'"):
        load_limits("stricct")
    with pytest.raises(SettingError, match="limits file does not exist"):
        load_limits(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(SettingError, match=r"bad\.toml is not valid TOML"):
        load_limits(tmp_path / "bad.toml")


def test_names_that_the_product_does_not_have_are_refused():
    policy = parse_limits({"name": "m", "user": {"by_tier": {"gold": {"hour_usd": 1}}}})
    policy.check_names(tiers={"gold"}, features=set())
    with pytest.raises(SettingError, match=r"user\.by_tier\.gold must name one of \['free'\]"):
        policy.check_names(tiers={"free"}, features=set())


def test_more_special_limits_win_key_by_key():
    caps = {"hour_usd": 1, "day_usd": 5, "by_tier": {"pro": {"hour_usd": 3}},
            "by_user": {"ann": {"hour_usd": 7}}}  # fmt: skip
    hour, day = rules_of(parse_limits({"name": "m", "user": caps}))
    assert (hour.cap, day.cap) == ("hour_usd", "day_usd")
    assert [hour.limit_of(u, t) for u, t in (("bob", None), ("bob", "pro"), ("ann", "pro"))] == [
        nano(1), nano(3), nano(7)
    ]  # fmt: skip
    assert day.limit_of("ann", "pro") == nano(5)


@pytest.mark.parametrize("written", ["Zo\u00eb", "Zoe\u0308"])
@pytest.mark.parametrize("called", ["Zo\u00eb", "Zoe\u0308"])
def test_a_name_matches_in_whichever_unicode_form_it_is_written(written, called):
    cents = {"hour_usd": 0.01}
    for scopes, table in (
        (Scopes(called), {"user": {"by_user": {written: cents}}}),
        (Scopes("ann", called), {"user": {"by_tier": {written: cents}}}),
        (Scopes("ann", called), {"tier": {written: cents}}),
        (Scopes("ann", None, called), {"feature": {written: cents}}),
        (Scopes(called), {"burst": {"minute_calls": 600,
                                    "by_user": {written: {"minute_calls": 1}}}}),
        (Scopes("ann", None, called), {
            "feature": {written: {"critical": False}},
            "organisation": {"month_usd": 1, "ladder": [
                {"at": 0.01, "do": "shut", "features": [written]}]}}),
    ):  # fmt: skip
        ledger = MemoryLedger(parse_limits({"name": "m"} | table), clock=lambda: 0)
        assert ledger.reserve("1", scopes, [("m", nano(0.01))])
        assert not ledger.reserve("2", scopes, [("m", nano(0.01))])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"time_zone": "X"}, "time_zone must be an IANA name such as 'Europe/Berlin'; got 'X'"),
        ({"name": ""}, "name is wrong: String should have at least 1 character; got ''"),
        ({"users": 10**9}, "organisation.month_usd must be at most \\$9,007,199"),
        ({"price_usd_per_month": {1: 20}}, "a tier of price_usd_per_month must be text; got 1"),
        ({"price_usd_per_month": {"a": 20}, "users": {1: 2}}, "a tier of users must be text"),
    ],
)
def test_a_price_that_makes_no_limits_is_one_line(keys, words):
    with pytest.raises(SettingError, match=words) as caught:
        Policy.from_unit_economics(**keys)
    assert "\n" not in str(caught.value)


def test_a_budget_that_only_alerts_refuses_nothing_and_is_watched_in_rising_order():
    policy = parse_limits({"name": "m", "enforce_organisation": False,
                           "organisation": {"month_usd": 10, "alert_at": [1.0, 0.5]}})  # fmt: skip
    (rule,) = rules = rules_of(policy)
    assert rule.limit_of("", None) == NO_LIMIT
    assert [(w.share, w.level_nano) for w in watches_of(policy, rules)] == [
        (0.5, nano(5)), (1.0, nano(10))
    ]  # fmt: skip


def test_a_hold_is_at_most_what_may_come_and_needs_reservations():
    request = {"max_output_tokens": 1000, "hold_output_tokens": 1001}
    with pytest.raises(SettingError, match="at most max_output_tokens, 1,000; got 1,001"):
        parse_limits({"name": "t", "request": request})
    with pytest.raises(SettingError, match="hold_output_tokens needs accounting = 'reserve'"):
        parse_limits({"name": "t", "request": {"hold_output_tokens": 9}, "accounting": "check"})


def test_tokens_are_held_as_the_hold_says_and_settled_as_they_were():
    policy = parse_limits(
        {"name": "t", "request": {"hold_output_tokens": 100}, "user": {"hour_tokens": 1000}}
    )
    ledger, ann = MemoryLedger(policy, clock=lambda: 0), Scopes("ann")
    assert ledger.reserve("1", ann, [("m", 0)], input_tokens=50, max_output_tokens=4000)
    assert ledger.usage(ann)["user", "hour_tokens"][:2] == (0, 150)
    ledger.settle("1", 0, 850)
    assert ledger.usage(ann)["user", "hour_tokens"][:2] == (850, 0)
    assert not ledger.reserve("2", ann, [("m", 0)], input_tokens=51, max_output_tokens=4000)
