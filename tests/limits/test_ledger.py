"""The in-process ledger by its contract: holds, settles, leases, windows, identities, threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from costsim.errors import LedgerError, SettingError
from costsim.limits import MemoryLedger, Scopes, parse_limits

USD = 10**9
HOUR = 3_600_000_000
ANN = Scopes("ann", "free", "chat")


class Clock:
    def __init__(self):
        self.now = 1_700_000_000_000_000 // HOUR * HOUR

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger_of(clock):
    def make(**keys):
        return MemoryLedger(
            parse_limits({"name": "t", "user": {"hour_usd": 1}} | keys), clock=clock
        )

    return make


def ask(ledger, call, usd=0.25, who=ANN, **keys):
    return ledger.reserve(call, who, [("m", round(usd * USD))], **keys)


def used(ledger, who=ANN, cap=("user", "hour_usd")):
    return ledger.usage(who)[cap][:2]


def test_a_hold_is_replaced_by_what_the_call_cost(ledger_of):
    ledger = ledger_of()
    assert ask(ledger, "a", 0.6)
    assert used(ledger) == (0, 600_000_000)
    assert ledger.settle("a", 200_000_000)
    assert used(ledger) == (200_000_000, 0)
    assert not ledger.settle("a", 200_000_000)  # once, however often
    assert not ledger.release("a")
    assert used(ledger) == (200_000_000, 0)


def test_a_denial_changes_nothing_and_says_whose_limit_and_when(ledger_of, clock):
    ledger = ledger_of(lease_seconds=3600)
    ask(ledger, "a", 0.9)
    clock.now += HOUR // 4
    before = used(ledger)
    denied = ask(ledger, "b", 0.2)
    assert not denied
    assert (denied.scope, denied.window, denied.cap) == ("user", "hour", "hour_usd")
    assert denied.by_holds
    assert denied.retry_after_seconds == 2700
    assert used(ledger) == before
    clock.now = denied.retry_at_us
    assert ask(ledger, "b", 0.2)  # the moment that it names admits
    too_large = ask(ledger, "c", 1.5)
    assert too_large.retry_at_us is None


def test_a_released_hold_is_gone(ledger_of):
    ledger = ledger_of()
    ask(ledger, "a", 1.0)
    assert not ask(ledger, "b", 0.1)
    assert ledger.release("a")
    assert ask(ledger, "b", 1.0)


def test_the_same_call_again_gets_the_same_answer_and_another_under_its_id_an_error(ledger_of):
    ledger = ledger_of()
    one = ask(ledger, "a", 0.5)
    assert ask(ledger, "a", 0.5) == one
    assert used(ledger) == (0, 500_000_000)
    with pytest.raises(LedgerError, match="was used for another call"):
        ask(ledger, "a", 0.6)
    with pytest.raises(LedgerError, match="is not known"):
        ledger.settle("never", 1)


def test_a_settle_after_the_hour_charges_the_hour_of_the_reservation(ledger_of, clock):
    ledger = ledger_of(user={"hour_usd": 1, "day_usd": 5})
    ask(ledger, "a", 0.5)
    clock.now += HOUR
    ledger.settle("a", USD // 2)
    assert used(ledger) == (0, 0)  # the new hour owes nothing
    assert used(ledger, cap=("user", "day_usd")) == (USD // 2, 0)


def test_a_lease_that_runs_out_charges_the_hold_and_a_late_settle_corrects_it(ledger_of, clock):
    ledger = ledger_of(lease_seconds=60)
    ask(ledger, "a", 0.8)
    clock.now += 59_999_999
    assert used(ledger) == (0, 800_000_000)
    clock.now += 1
    assert used(ledger) == (800_000_000, 0)
    assert not ask(ledger, "b", 0.3)
    assert ledger.settle("a", 100_000_000)
    assert used(ledger) == (100_000_000, 0)
    assert ask(ledger, "b", 0.3)


def test_all_windows_of_all_scopes_or_none(ledger_of):
    ledger = ledger_of(
        user={"hour_usd": 1, "day_calls": 5},
        tier={"free": {"hour_usd": 10}},
        feature={"chat": {"day_tokens": 1000}},
        organisation={"month_usd": 0.1},
    )
    denied = ask(ledger, "a", 0.2, input_tokens=10, max_output_tokens=10)
    assert (denied.scope, denied.window) == ("organisation", "month")
    assert all(entry[:2] == (0, 0) for entry in ledger.usage(ANN).values())
    assert ask(ledger, "b", 0.05, input_tokens=10, max_output_tokens=10)
    assert {cap: held for cap, (_, held, _) in ledger.usage(ANN).items()} == {
        ("user", "hour_usd"): 50_000_000,
        ("user", "day_calls"): 1,
        ("tier", "hour_usd"): 50_000_000,
        ("feature", "day_tokens"): 20,
        ("organisation", "month_usd"): 50_000_000,
    }


def test_candidates_in_order_the_first_that_fits_is_held(ledger_of):
    ledger = ledger_of()
    models = [("dear", 2 * USD), ("middle", USD // 2), ("cheap", USD // 10)]
    granted = ledger.reserve("a", ANN, models)
    assert (granted.candidate, granted.model, granted.held_nano) == (1, "middle", USD // 2)
    assert ledger.reserve("b", ANN, models).model == "middle"
    ledger.settle("a", USD // 2)
    assert not ledger.reserve("c", ANN, models)


def test_calls_in_flight_and_request_caps(ledger_of):
    ledger = ledger_of(
        user={"open_calls": 2}, request={"max_input_tokens": 100, "max_output_tokens": 50}
    )
    assert ask(ledger, "a")
    assert ask(ledger, "b")
    denied = ask(ledger, "c")
    assert (denied.cap, denied.by_holds, denied.retry_after_seconds) == ("open_calls", False, 1.0)
    ledger.settle("a", 1)
    assert ask(ledger, "c")
    large = ask(ledger, "d", input_tokens=101)
    assert (large.scope, large.window, large.retry_at_us) == ("request", "input_tokens", None)


def test_nobody_is_a_user_of_its_own(ledger_of):
    ledger = ledger_of()
    nobody = Scopes(None)
    assert ask(ledger, "a", 1.0, nobody)
    assert not ask(ledger, "b", 0.1, nobody)
    assert ask(ledger, "c", 1.0, ANN)
    assert ask(ledger, "d", 1.0, Scopes("None"))


def test_the_same_name_in_two_unicode_forms_is_one_user(ledger_of):
    ledger = ledger_of()
    assert ask(ledger, "a", 1.0, Scopes("Zo\u00eb"))
    assert not ask(ledger, "b", 0.1, Scopes("Zoe\u0308"))


@pytest.mark.parametrize(
    ("call", "who", "bound", "words"),
    [
        ("a", Scopes(""), 1, "user must have 1 to 512 characters"),
        ("a", Scopes("ann\n"), 1, "user must not hold control characters"),
        ("a", Scopes(7), 1, "user must be text; got 7"),
        ("a", Scopes("x" * 513), 1, "user must have 1 to 512 characters; got 513"),
        ("", ANN, 1, "call_id must have"),
        (None, ANN, 1, "call_id must be text; got None"),
        ("a", ANN, -1, "upper bound of m"),
        ("a", ANN, True, "upper bound of m"),
        ("a", ANN, 0.5, "upper bound of m"),
        ("a", ANN, float("nan"), "upper bound of m"),
        ("a", ANN, 2**60, "upper bound of m"),
        ("a", "ann", 1, "scopes must be Scopes"),
    ],
)
def test_bad_input_is_refused_before_anything_is_held(ledger_of, call, who, bound, words):
    ledger = ledger_of()
    with pytest.raises(SettingError, match=words):
        ledger.reserve(call, who, [("m", bound)])
    assert used(ledger) == (0, 0)
    ask(ledger, "good")
    for cost in (-1, None, 0.1, True):
        with pytest.raises(SettingError, match="cost_nano"):
            ledger.settle("good", cost)
    assert used(ledger) == (0, 250_000_000)


def test_alerts_once_a_month_in_rising_order(ledger_of, clock):
    ledger = ledger_of(
        user={}, enforce_organisation=False,
        organisation={"month_usd": 1, "alert_at": [0.5, 0.8, 1.0]},
    )  # fmt: skip
    for n in range(20):
        ask(ledger, f"{n}", 0.3)
        ledger.settle(f"{n}", 3 * USD // 10)
    assert [alert.share for alert in ledger.alerts] == [0.5, 0.8, 1.0]
    clock.now += 40 * 24 * HOUR
    ask(ledger, "next", 0.6)
    ledger.settle("next", 6 * USD // 10)
    assert [alert.share for alert in ledger.alerts] == [0.5, 0.8, 1.0, 0.5]


def test_looking_first_and_recording_later_overshoots(ledger_of):
    ledger = ledger_of(accounting="check")
    assert all(ask(ledger, f"{n}") for n in range(50))
    for n in range(50):
        ledger.settle(f"{n}", USD // 4)
    assert used(ledger) == (50 * USD // 4, 0)  # $12.50 of a $1 limit, as the account's code
    assert not ask(ledger, "after")


@pytest.mark.parametrize("calls", [50, 200])
def test_many_at_once_never_pass_the_limit(ledger_of, calls):
    ledger = ledger_of()
    with ThreadPoolExecutor(50) as pool:
        granted = sum(map(bool, pool.map(lambda n: ask(ledger, f"{n}"), range(calls))))
    assert granted == 4
    assert used(ledger) == (0, USD)
    other = ledger_of()

    async def one(n):
        answer = ask(other, f"{n}")
        await asyncio.sleep(0)
        return bool(answer)

    async def every():
        return await asyncio.gather(*(one(n) for n in range(calls)))

    assert sum(asyncio.run(every())) == 4


def test_a_resolved_call_is_forgotten_after_its_retention(ledger_of, clock):
    ledger = ledger_of()
    ask(ledger, "a")
    ledger.settle("a", 1)
    clock.now += 47 * HOUR
    assert not ledger.settle("a", 1)
    clock.now += HOUR
    with pytest.raises(LedgerError, match="is not known"):
        ledger.settle("a", 1)
