"""The threshold ladder and the burst guard, on every ledger, against their definitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.limits import (
    AsyncGlobalBudgetGuard,
    Control,
    GlobalBudgetGuard,
    Scopes,
    Target,
    parse_limits,
)
from costsim.limits.windows import instant_us

USD = 10**9
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
CHAT, SUMS = Scopes("ann", feature="chat"), Scopes("ann", feature="sums")
NOBODY = Scopes(None)
MODELS = ["gpt-4o", "mini"]
LADDER = [
    {"at": 0.7, "do": "notify"},
    {"at": 0.9, "do": "warn"},
    {"at": 0.5, "do": "downgrade", "features": ["chat"]},
    {"at": 0.6, "do": "shut"},
    {"at": 0.8, "do": "deny", "features": ["chat"]},
]
POLICY = {
    "name": "t",
    "lease_seconds": 120,
    "feature": {"chat": {"downgrade_to": ["mini"]}, "sums": {"critical": False}},
    "organisation": {"month_usd": 10, "ladder": LADDER},
}


@pytest.fixture
def ledger(maker, clock):
    return maker(parse_limits(POLICY), clock)


def ask(ledger, call, usd, who=CHAT, models=MODELS):
    return ledger.reserve(call, who, [(model, round(usd * USD)) for model in models])


def spend(ledger, call, usd, who=NOBODY):
    assert ask(ledger, call, usd, who)
    ledger.settle(call, round(usd * USD))


def look(ledger, maker):
    if not maker.asynchronous:
        return GlobalBudgetGuard(ledger).look()
    return ledger._runner.run(AsyncGlobalBudgetGuard(ledger.asynchronous).look())


def test_the_ladder_is_climbed_step_by_step_and_left_at_the_months_end(ledger, maker, clock):
    spend(ledger, "a", 4.9)
    assert ask(ledger, "b", 0.1).model == "gpt-4o"  # up to $5, the level's own dollar
    assert ask(ledger, "c", 0.1).model == "mini"
    assert ask(ledger, "d", 0.1, models=["mini"])  # asks for the cheap model itself
    only = ask(ledger, "e", 0.1, models=["gpt-4o"])
    assert (only.scope, only.window, only.level) == ("organisation", "month", "downgrade at 50%")
    assert ask(ledger, "f", 0.7, SUMS)
    denied = ask(ledger, "g", 0.2, SUMS)
    assert (denied.cap, denied.level) == ("month_usd", "shut at 60%")
    assert denied.by_holds
    spend(ledger, "h", 1.9)
    denied = ask(ledger, "i", 0.5)
    assert denied.level == "deny at 80%"  # not the downgrade: a cheaper route was there
    spend(ledger, "j", 1.2)  # others may still call
    last = ask(ledger, "k", 2, NOBODY)
    assert (last.cap, last.level) == ("month_usd", "")  # the cap itself
    told = [(alert.action, alert.share) for alert in ledger.alerts]
    assert told == [("downgrade", 0.5), ("shut", 0.6), ("notify", 0.7), ("deny", 0.8)]
    state = look(ledger, maker)
    assert [watch.name for watch in state.on] == [
        "downgrade at 50%", "shut at 60%", "notify at 70%", "deny at 80%",
    ]  # fmt: skip
    assert (state.level.action, state.spent_nano, state.held_nano) == ("deny", 8 * USD, USD)
    assert [state.action_for(f) for f in ("chat", "sums", None)] == ["deny", "shut", "allow"]
    assert "to warn at 90%" in state.words
    assert instant_us(state.released_at) == denied.retry_at_us
    clock.now = denied.retry_at_us
    assert ask(ledger, "l", 1).model == "gpt-4o"
    assert ask(ledger, "m", 1, SUMS)
    assert look(ledger, maker).on == ()


def test_a_level_stays_on_when_a_late_settle_brings_the_spend_below_it(ledger, maker, clock):
    assert ask(ledger, "a", 6.5, NOBODY)
    clock.now += 120 * 1_000_000  # the lease runs out, and charges the hold
    denied = ask(ledger, "b", 0.1, SUMS)
    assert (denied.level, denied.by_holds) == ("shut at 60%", False)
    ledger.settle("a", USD)
    state = look(ledger, maker)
    assert (state.spent_nano, state.level.name) == (USD, "shut at 60%")
    denied = ask(ledger, "b", 0, SUMS)  # even what costs nothing
    assert denied.level == "shut at 60%"
    assert instant_us(state.released_at) == denied.retry_at_us
    assert ask(ledger, "c", 0.1).model == "mini"
    spend(ledger, "d", 5.5)
    assert [alert.action for alert in ledger.alerts] == ["downgrade", "shut"]  # once a month
    clock.now = denied.retry_at_us
    assert ask(ledger, "b", 0.1, SUMS)


def test_a_budget_that_operators_move_takes_its_ladder_along(ledger, maker, clock):
    spend(ledger, "a", 6.2)
    assert ask(ledger, "b", 0.1, SUMS).level == "shut at 60%"
    organisation = Target("organisation")
    hour = 60 * MINUTE
    ledger.operate(Control("grant", organisation, "ann", "demo", factor=2.0, lasts_us=hour))
    assert ask(ledger, "b", 5.8, SUMS)  # to 60% of $20
    assert ask(ledger, "c", 0.1, SUMS).level == "shut at 60%"
    state = look(ledger, maker)
    assert (state.on, state.budget_nano) == ((), 20 * USD)
    assert ask(ledger, "d", 0.1).model == "mini"  # above 50%, with what is held
    ledger.release("b")
    ledger.release("d")
    assert ask(ledger, "e", 0.1).model == "gpt-4o"
    clock.now += hour  # the grant has ended: what was reached is on again
    assert ask(ledger, "f", 0.1, SUMS).level == "shut at 60%"
    assert look(ledger, maker).level.name == "shut at 60%"
    ledger.operate(Control("set", organisation, "ann", "no end", "month_usd", "none"))
    assert ask(ledger, "g", 50, SUMS)
    assert (look(ledger, maker).on, look(ledger, maker).budget_nano) == ((), None)
    assert "the budget is lifted" in look(ledger, maker).words


def test_many_at_once_never_pass_a_level(maker, ledger):
    if maker.asynchronous:
        pytest.skip("threads, of the blocking ones")
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda n: ask(ledger, f"{n}", 0.25), range(60)))
    models = [answer.model for answer in said if answer]
    assert (models.count("gpt-4o"), models.count("mini")) == (20, 12)  # to $5, and on to $8
    assert {answer.level for answer in said if not answer} == {"deny at 80%"}


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"), st.sampled_from([CHAT, SUMS, NOBODY]),
            st.lists(st.tuples(st.sampled_from(["gpt-4o", "mini", "tiny"]),
                               st.integers(0, 2 * USD)), min_size=1, max_size=3),
        ),
        st.tuples(st.just("settle"), st.integers(0, 40), st.floats(0, 1)),
        st.tuples(st.just("wait"), st.sampled_from([MINUTE, 2 * MINUTE, 40 * DAY])),
    ),
    max_size=40,
)  # fmt: skip


def test_each_decision_is_the_sum_of_what_its_levels_say(maker, clock):
    """A model that knows no smallest limit: it asks every level, one by one."""

    @settings(max_examples={"memory": 150, "fake": 15}.get(maker.kind, 25), deadline=None)
    @given(events=EVENTS)
    def holds(events):
        now = [instant_us(datetime(2024, 3, 1, tzinfo=UTC))]
        ledger = maker(parse_limits(POLICY), lambda: now[0], retention_seconds=10**8)
        calls, fired, month = {}, set(), 0

        def taken(kind):
            return sum(c[1] for c in calls.values() if c[3] == month and c[0] == kind)

        def fire():
            fired.update(n for n, one in enumerate(LADDER) if taken("settled") >= limit(one))

        def limit(level):
            return round(level["at"] * 10 * USD)

        def fits(who, model, bound):
            sums = taken("settled") + taken("held") + bound
            acting = {"downgrade": ["chat"], "shut": ["sums"], "deny": ["chat"]}
            for number, level in enumerate(LADDER):
                if who.feature not in acting.get(level["do"], []):
                    continue
                if level["do"] == "downgrade" and model == "mini":
                    continue
                if number in fired or sums > limit(level):
                    return False
            return sums <= 10 * USD

        for number, (verb, *rest) in enumerate(events):
            if verb == "wait":
                now[0] += rest[0]
                if rest[0] > DAY:
                    month, fired = month + 1, set()
                for call in calls.values():
                    if call[0] == "held" and call[2] + 2 * MINUTE <= now[0]:
                        call[0] = "settled"  # its lease ran out
                        call[4] = True
                        fire()
            elif verb == "ask":
                who, candidates = rest
                said = ledger.reserve(f"{number}", who, candidates)
                wanted = next((m for m in candidates if fits(who, *m)), None)
                assert (said and candidates[said.candidate]) == (wanted or said)
                assert bool(said) == (wanted is not None)
                if wanted:
                    calls[f"{number}"] = ["held", wanted[1], now[0], month, False]
            elif calls:
                name = list(calls)[rest[0] % len(calls)]
                call = calls[name]
                if call[0] == "held" or call[4]:
                    cost = int(call[1] * rest[1])
                    assert ledger.settle(name, cost)
                    call[0], call[1], call[4] = "settled", cost, False
                    if call[3] == month:
                        fire()

    holds()


def test_the_burst_guard_is_a_token_bucket_to_the_microsecond(maker, clock):
    @settings(max_examples={"memory": 100, "fake": 10}.get(maker.kind, 15), deadline=None)
    @given(
        rate=st.sampled_from([1, 7, 60, 977]),
        at_once=st.integers(1, 6),
        waits=st.lists(st.integers(0, 3), max_size=30),
        jitter=st.integers(-1, 1),
    )
    def same(rate, at_once, waits, jitter):
        guard = {"minute_calls": rate, "at_once": at_once}
        policy = parse_limits({"name": "b", "burst": guard, "user": {"day_usd": 10**6}})
        now = [instant_us(datetime(2024, 3, 1, tzinfo=UTC))]
        ledger = maker(policy, lambda: now[0])
        interval = -(-MINUTE // rate)
        tokens, since = Fraction(at_once), now[0]
        for number, steps in enumerate(waits):
            now[0] += max(steps * interval // 2 + jitter, 0)
            tokens = min(Fraction(at_once), tokens + Fraction(now[0] - since, interval))
            since = now[0]
            said = ask(ledger, f"{number}", 0.1, Scopes("ann"), ["m"])
            assert bool(said) == (tokens >= 1)
            if said:
                tokens -= 1
            else:
                assert (said.scope, said.window, said.cap) == ("user", "minute", "minute_calls")
                ready = now[0] + -((tokens - 1) * interval // 1)  # the first whole microsecond
                assert said.retry_at_us == ready
            assert ask(ledger, f"other {number}", 0, Scopes(f"u{number}"), ["m"])

    same()


def test_a_refused_call_takes_no_token_and_a_retried_one_takes_one(maker, clock):
    guard = {"minute_calls": 1, "at_once": 2, "by_tier": {"pro": {"minute_calls": 60}}}
    user = {"hour_usd": 1}
    ledger = maker(parse_limits({"name": "b", "burst": guard, "user": user}), clock)
    assert not ask(ledger, "too dear", 2)
    assert ask(ledger, "a", 0.1)
    assert ask(ledger, "a", 0.1)  # its reply was lost
    assert ask(ledger, "b", 0.1)
    denied = ask(ledger, "c", 0.1)
    assert denied.retry_after_seconds == 60
    both = ask(ledger, "d", 0.9)  # the hour's end is later than the bucket's
    assert (both.cap, both.retry_after_seconds) == ("hour_usd", 3600)
    assert all(ask(ledger, f"{n}", 0.01, Scopes("bob", "pro")) for n in range(60))
    clock.now += 60 * 1_000_000
    assert ask(ledger, "c", 0.1)
