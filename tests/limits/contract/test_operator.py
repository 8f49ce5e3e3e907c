"""An operator's orders, on every ledger: what holds from the next decision on, and until when."""

from __future__ import annotations

import pytest

from costsim.errors import SettingError
from costsim.limits import Control, Scopes, Target, parse_limits

USD = 10**9
HOUR = 3_600_000_000
ANN = Scopes("ann", "free", "chat")
BOB = Scopes("bob", "pro", "search")
CAPS = {
    "user": {"hour_usd": 1, "day_usd": 2, "by_tier": {"pro": {"hour_usd": 3}}},
    "feature": {"chat": {"day_calls": 100}},
    "organisation": {"month_usd": 50, "alert_at": [0.02, 0.5]},
}


@pytest.fixture
def ledger(maker, clock):
    return maker(parse_limits({"name": "t"} | CAPS), clock)


def order(ledger, what, target, **keys):
    return ledger.operate(Control(what, target, "max", "an incident", **keys))


def ask(ledger, call, usd=0.25, who=ANN):
    return ledger.reserve(call, who, [("m", round(usd * USD))])


def limit(ledger, who=ANN, cap=("user", "hour_usd")):
    return ledger.usage(who)[cap][2] / USD


def test_a_set_holds_at_once_keeps_what_was_counted_and_ends_by_itself(ledger, clock):
    assert ask(ledger, "a", 0.8)
    assert not ask(ledger, "b", 0.5)
    order(ledger, "set", Target("user"), cap="hour_usd", value=1.5)
    assert ask(ledger, "b", 0.5)
    assert ledger.usage(ANN)["user", "hour_usd"] == (0, 1.3 * USD, 1.5 * USD)
    assert limit(ledger, BOB) == 3  # the tier's own cap stands before the general one
    order(ledger, "set", Target("user", "ann"), cap="hour_usd", value=0.5, lasts_us=HOUR // 2)
    denied = ask(ledger, "c", 0.1)
    assert (denied.scope, denied.window, denied.cap) == ("user", "hour", "hour_usd")
    assert limit(ledger, BOB) == 3
    clock.now += HOUR // 2 - 1
    assert limit(ledger) == 0.5
    clock.now += 1
    assert limit(ledger) == 1.5  # the order before it, not the file
    order(ledger, "set", Target("user"), cap="hour_usd", value="file")
    assert limit(ledger) == 1
    order(ledger, "set", Target("user", tier="free"), cap="hour_usd", value="none")
    assert ask(ledger, "d", 0.5)
    assert sum(ledger.usage(ANN)["user", "hour_usd"][:2]) == 1.8 * USD  # counted on


@pytest.mark.parametrize("ends", ["settle", "release"])
def test_a_level_that_an_orders_end_brings_down_is_told_as_the_next_call_ends(maker, clock, ends):
    caps = {"lease_seconds": 120, "organisation": {"month_usd": 2, "alert_at": [0.5]}}
    ledger = maker(parse_limits({"name": "t", "enforce_organisation": False} | caps), clock)
    order(ledger, "grant", Target("organisation"), add_usd=0.7, lasts_us=HOUR)
    assert ask(ledger, "a", 1.0)
    clock.now += 9 * HOUR  # the lease is over, and the grant: half of $2 is reached, not of $2.70
    assert ask(ledger, "b", 0.0)
    assert ledger.alerts == []
    assert ledger.settle("b", 0) if ends == "settle" else ledger.release("b")
    assert [(alert.share, alert.at_us) for alert in ledger.alerts] == [(0.5, clock.now)]


def test_a_cap_that_no_file_had_counts_from_its_order_on_and_is_found_again(ledger, clock):
    target = Target("feature", "search")
    ask(ledger, "before", 0.2, BOB)
    assert ("feature", "hour_usd") not in ledger.usage(BOB)
    order(ledger, "set", target, cap="hour_usd", value=0.5, lasts_us=HOUR // 4)
    assert ask(ledger, "a", 0.4, BOB)
    assert not ask(ledger, "b", 0.2, BOB)
    assert ("feature", "hour_usd") not in ledger.usage(ANN)
    clock.now += HOUR // 4
    assert ask(ledger, "b", 0.2, BOB)
    ledger.settle("a", USD // 10)  # after the order's end, into the slots of its reservation
    order(ledger, "set", target, cap="hour_usd", value=0.6)
    assert ledger.usage(BOB)["feature", "hour_usd"] == (USD // 10, 0, 0.6 * USD)
    clock.now += HOUR
    assert ledger.usage(BOB)["feature", "hour_usd"] == (0, 0, 0.6 * USD)


def test_an_order_brings_a_window_that_no_cap_had(maker, clock):
    ledger = maker(parse_limits({"name": "m", "user": {"month_usd": 50}}), clock)
    ask(ledger, "a", 1)
    clock.now += 5 * HOUR // 2
    order(ledger, "set", Target("user"), cap="hour_usd", value=1.0)
    assert ask(ledger, "b", 0.9)
    denied = ask(ledger, "c", 0.2)
    assert denied.retry_at_us == clock.now + HOUR // 2
    clock.now = denied.retry_at_us
    assert ask(ledger, "c", 0.2)
    assert sum(ledger.usage(ANN)["user", "hour_usd"][:2]) == USD // 5


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_stop_refuses_all_calls_of_a_feature_also_where_a_ledger_observes(maker, clock, mode):
    ledger = maker(parse_limits({"name": "t"} | CAPS), clock, mode=mode)
    held = ask(ledger, "held")
    order(ledger, "stop", Target("feature", "chat"), lasts_us=2 * HOUR)
    order(ledger, "start", Target("feature", "chat"), lasts_us=HOUR)  # a look in between
    assert ask(ledger, "looked")
    clock.now += HOUR
    denied = ask(ledger, "a")
    assert (denied.scope, denied.window, denied.retry_after_seconds) == ("feature", "stopped", 3600)
    assert ask(ledger, "held") == held  # a call under way is what it was
    assert ledger.settle("held", 1)
    assert ask(ledger, "other", who=BOB)
    order(ledger, "stop", Target("user", "bob"))
    assert ask(ledger, "b", who=BOB)[:4] == ("user", "stopped", None, None)
    clock.now += HOUR
    assert ask(ledger, "a")  # the moment that it named
    order(ledger, "stop", Target("organisation"))
    assert ask(ledger, "c").scope == "organisation"
    order(ledger, "start", Target("organisation"))
    assert ask(ledger, "c")
    assert not list(ledger.observed)


def test_an_order_given_elsewhere_holds_from_the_very_next_decision(maker, clock):
    ledger, beside = maker.pair(parse_limits({"name": "t"} | CAPS), clock)
    chat, user = Target("feature", "chat"), Target("user")
    for n in range(3):
        assert ask(ledger, f"{n} a", 0.01)
        order(beside, "stop", chat)
        assert ask(ledger, f"{n} b", 0.01).window == "stopped"
        order(beside, "start", chat)
        assert ask(ledger, f"{n} c", 0.01)
        order(ledger, "set", user, cap="hour_usd", value=0.5)
        assert not ask(beside, f"{n} d", 0.6)
        assert limit(beside) == 0.5
        order(beside, "set", user, cap="hour_usd", value="file")
    assert ledger.standing() == beside.standing()
    assert [each.number for each in ledger.standing().controls] == list(range(1, 13))


def test_grants_add_up_and_end(ledger, clock):
    ann = Target("user", "ann")
    order(ledger, "grant", ann, add_usd=10.0, lasts_us=2 * HOUR)
    order(ledger, "grant", ann, factor=1.5, lasts_us=HOUR)
    assert limit(ledger) == 11.5
    assert limit(ledger, cap=("user", "day_usd")) == 13
    assert limit(ledger, Scopes("eve", "free", "chat")) == 1
    assert ask(ledger, "a", 11)
    clock.now += HOUR
    assert limit(ledger) == 11
    order(ledger, "revoke", ann)
    assert limit(ledger) == 1
    assert not ask(ledger, "b", 0.1)  # what was granted is spent
    order(ledger, "grant", Target("user", tier="pro"), factor=2.0, lasts_us=HOUR)
    assert (limit(ledger, BOB), limit(ledger)) == (6, 1)


def test_the_audit_trail_says_who_when_what_and_why(ledger, clock):
    first = order(ledger, "stop", Target("feature", "chat"))
    clock.now += HOUR
    second = ledger.operate(
        Control("start", Target("feature", "chat"), "Zo\u00eb", "repaired", lasts_us=HOUR)
    )
    assert ledger.standing().controls == (first, second)
    assert (second.who, second.why, second.at_us, second.until_us) == (
        "Zo\u00eb", "repaired", clock.now, clock.now + HOUR,
    )  # fmt: skip
    assert ledger.standing().active == ()
    clock.now += HOUR
    assert ledger.standing().active == (first,)


def test_a_budget_that_is_moved_takes_its_alerts_along(ledger):
    order(ledger, "set", Target("organisation"), cap="month_usd", value=25.0)
    ask(ledger, "a", 0.6)
    ledger.settle("a", 6 * USD // 10)
    assert [alert.level_nano for alert in ledger.alerts] == [USD // 2]


def test_a_budget_that_is_granted_more_or_lifted_alerts_later_or_not_at_all(ledger, clock):
    budget, keys = Target("organisation"), {"cap": "month_usd", "lasts_us": HOUR}
    order(ledger, "grant", budget, add_usd=100.0, lasts_us=HOUR)
    for n, usd in enumerate((1.1, 2.0)):
        ask(ledger, f"{n}", 0.1, BOB)
        ledger.settle(f"{n}", round(usd * USD))
    assert [alert.level_nano for alert in ledger.alerts] == [3 * USD]  # 2% of 150
    order(ledger, "set", budget, value="none", **keys)
    ask(ledger, "c", 0.1)
    ledger.settle("c", 60 * USD)
    clock.now += HOUR - 60_000_000
    assert ask(ledger, "d", 0.1, Scopes("eve"))
    assert len(ledger.alerts) == 1
    clock.now += 60_000_000
    denied = ask(ledger, "e", 0.1, Scopes("fay"))
    assert (denied.scope, denied.window) == ("organisation", "month")
    ledger.settle("d", 1)
    assert [alert.level_nano for alert in ledger.alerts] == [3 * USD, 25 * USD]


@pytest.mark.parametrize(
    ("what", "target", "keys", "words"),
    [
        ("halt", ("user", "ann"), {}, "what must be one of"),
        ("stop", ("model", "m"), {}, "scope must be one of"),
        ("stop", ("user",), {}, "stop must name a user, a tier"),
        ("stop", ("feature",), {}, "a feature must be named"),
        ("stop", ("user", "a\n"), {}, "name must not hold control characters"),
        ("stop", ("user", "ann", "pro"), {}, "tier must be given for every user"),
        ("stop", ("organisation", "us"), {}, "the organisation is one"),
        ("stop", ("feature", "chat"), {"lasts_us": -HOUR}, "must last above 0"),
        ("stop", ("feature", "chat"), {"lasts_us": 10_000 * HOUR}, "at most 366 days; got 10000"),
        ("stop", ("feature", "chat"), {"value": 3.0}, "value must not be given with 'stop'"),
        ("set", ("user",), {"cap": "week_usd", "value": 3.0}, "cap must be one of"),
        ("set", ("user",), {"cap": "day_usd", "value": -3.0}, "day_usd must be greater than 0"),
        ("set", ("user",), {"cap": "day_usd", "value": float("nan")}, "day_usd must be a finite"),
        ("set", ("user",), {"cap": "day_usd", "value": 1e7}, r"must be at most \$9,007,199"),
        ("set", ("user",), {"cap": "day_usd", "value": 1e-12}, "at least a nano-dollar"),
        ("set", ("user",), {"cap": "day_usd", "value": True}, "day_usd must be a number"),
        ("set", ("user",), {"cap": "day_usd"}, "day_usd must be a number, 'none' or 'file'"),
        ("set", ("user",), {"cap": "day_calls", "value": 2.5}, "day_calls must be a valid integer"),
        ("set", ("user",), {"cap": "day_calls", "value": 2**54}, "day_calls must be less than"),
        ("grant", ("user", "ann"), {"add_usd": 3.0}, "a grant must have an end"),
        ("grant", ("user", "ann"), {"lasts_us": HOUR}, "one of both"),
        ("grant", ("user",), {"factor": 2.0, "lasts_us": HOUR}, "the users of a tier"),
        ("grant", ("user", "ann"), {"factor": 0.5, "lasts_us": HOUR}, "factor must be above 1"),
        ("grant", ("user", "ann"), {"add_usd": float("inf"), "lasts_us": HOUR}, "must be above 0"),
    ],
)
def test_what_is_not_allowed_is_no_order(what, target, keys, words):
    with pytest.raises(SettingError, match=words):
        Control(what, Target(*target), "max", "why not", **keys)


@pytest.mark.parametrize("words", ["", "  ", "x" * 501, "two\nlines", None])
def test_an_order_says_why(words):
    with pytest.raises(SettingError, match="why must"):
        Control("stop", Target("feature", "chat"), "max", words)
